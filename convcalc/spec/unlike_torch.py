"""`LOOSER`, `STRICTER`: where a layer is read less strictly than torch.nn reads it, or more so, with examples."""

from __future__ import annotations

from typing import Final, NamedTuple


class Difference(NamedTuple):
    """What is read otherwise, and a call with an input of which torch and we do not say the same.

    `words` are what is typed here instead of the call.
    """

    about: str
    call: str
    input: str
    words: str = ""


LOOSER: Final = (
    Difference("a list of numbers is a tuple", "Upsample(scale_factor=[1, 2])", "3x8x8"),
    Difference("an argument of the class in other ranks may be None", "AvgPool1d(4, divisor_override=None)", "3x8"),
    Difference(
        "words after = are read in any case", "Conv2d(3, 8, 3, padding='SAME')", "3x8x8", "conv2d c=8 k=3 padding=SAME"
    ),
)
"""Taken here, refused by torch."""
STRICTER: Final = (
    Difference("one number in a tuple does not stand for several axes", "MaxPool2d((2,))", "3x8x8"),
    Difference("so for strides as well", "Conv2d(3, 8, 3, stride=(2,))", "3x8x8"),
    Difference("Dropout1d, Dropout2d and Dropout3d keep to their axes", "Dropout2d()", "3x1x5x4x2"),
    Difference("a stated num_features is compared, whatever is learned", "InstanceNorm2d(5)", "3x8x8"),
    Difference("and so is num_channels", "GroupNorm(1, 2, affine=False)", "6x4x4"),
    Difference("PixelShuffle takes two spatial axes", "PixelShuffle(1)", "2x4x5x6x7"),
    Difference("a flat tuple of pads has two numbers for each axis", "ZeroPad2d((0, 1))", "3x8x8"),
    Difference("circular padding cuts nothing away from where it wraps", "CircularPad1d((-1, 3))", "2x3"),
    Difference("Upsample has no mode='area' (adaptive_avg_pool is that)", "Upsample(size=5, mode='area')", "3x8x8"),
)
"""Taken by torch, refused here."""
