"""`windows`: from the arguments of a layer to one window per axis: what `padding` may be, and what it means."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from convcalc.errors import ShapeError
from convcalc.sizes import Shape, Size, Sizes, ceil_div, largest, per_axis
from convcalc.window import Window

Padding: TypeAlias = Annotated[int | str, "padding"]
"""A number, one per axis, a (before, after) pair per axis, or a word: `same`, `valid`, `tf_same`."""
Pairs: TypeAlias = Annotated[int, "pairs"]
"""A number, one per axis, or a (before, after) pair per axis."""
WORDS = ("same", "valid", "tf_same")


def windows(spatial: Shape, kernel_size: Sizes, stride: Sizes, padding: Padding, dilation: Sizes) -> tuple[Window, ...]:
    """Return one window per spatial axis of an input with these sizes.

    `same` is torch's: d(k-1) positions, the odd one after. `tf_same` is TensorFlow's: as many as give
    ceil(size / stride) outputs, the odd one after. Raises ShapeError for tuples of the wrong length, an unknown
    word, and `same` with a stride, which torch refuses too.
    """
    rank = len(spatial)
    if rank < 1:
        raise ShapeError("this layer needs spatial axes, but its input has none")
    kernels = per_axis(kernel_size, rank, "kernel_size")
    strides = per_axis(stride, rank, "stride")
    dilations = per_axis(dilation, rank, "dilation")
    if isinstance(padding, str):
        sides = [_word(padding, *axis) for axis in zip(spatial, kernels, strides, dilations, strict=True)]
    else:
        sides = [_pair(side) for side in per_axis(padding, rank, "padding")]
    return tuple(
        Window(kernel=k, stride=s, dilation=d, before=before, after=after)
        for k, s, d, (before, after) in zip(kernels, strides, dilations, sides, strict=True)
    )


def torch_pools(window: Window) -> bool:
    """Whether torch has a pool with this padding: as much before as after, and at most half of the kernel."""
    numbers = isinstance(window.before, int) and isinstance(window.kernel, int)
    return window.symmetric and not (numbers and window.before * 2 > window.kernel)


def transposed_windows(
    spatial: Shape, kernel_size: Sizes, stride: Sizes, word: str, dilation: Sizes
) -> tuple[tuple[Window, ...], tuple[Size, ...]]:
    """Return the windows and output_padding of Keras's transposed layers; their `padding` is `tf_same` or `valid`.

    `tf_same` gives size x stride outputs: what is more is cropped, the odd position at the end, and what is less is
    added there. `valid` gives size x stride + max(k^ - stride, 0). Raises ShapeError for another word.
    """
    if word not in ("valid", "tf_same"):
        raise ShapeError(f"a transposed convolution takes no padding={word!r}: give a number, tf_same or valid")
    walks = windows(spatial, kernel_size, stride, 0, dilation)
    extra = tuple(largest(walk.stride - walk.span, 0) for walk in walks)
    if word == "tf_same":
        cuts = [largest(walk.span - walk.stride, 0) for walk in walks]
        walks = tuple(
            walk._replace(before=cut // 2, after=cut - cut // 2) for walk, cut in zip(walks, cuts, strict=True)
        )
    return walks, extra


def _pair(side: Any) -> tuple[Size, Size]:
    return side if isinstance(side, tuple) else (side, side)


def tensorflow_same(size: Size, span: Size, stride: Size) -> Size:
    """Return how many positions TensorFlow's SAME adds: what makes ceil(size/stride) outputs of windows this wide."""
    return largest((ceil_div(size, stride) - 1) * stride + span - size, 0)


def _word(word: str, size: Size, kernel: Size, stride: Size, dilation: Size) -> tuple[Size, Size]:
    if word == "valid":
        return 0, 0
    if word == "same":
        if not (isinstance(stride, int) and stride == 1):
            raise ShapeError(
                f"padding='same' needs stride 1, not {stride}: torch has no such layer"
                " (padding='tf_same' is TensorFlow's, or give a number)"
            )
        spread = dilation * (kernel - 1)
    elif word == "tf_same":
        spread = tensorflow_same(size, dilation * (kernel - 1) + 1, largest(stride, 1))
    else:
        raise ShapeError(f"padding is a number, {', '.join(WORDS)}, not {word!r}")
    before = spread // 2
    return before, spread - before
