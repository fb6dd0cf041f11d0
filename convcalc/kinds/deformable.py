"""Convolutions that read where a second convolution tells them to."""

from convcalc.builder import Builder
from convcalc.graph import Value
from convcalc.padding import Padding, windows
from convcalc.registry import kind
from convcalc.shapes import divided
from convcalc.sizes import Size, Sizes, per_axis, product


def _deformed(
    b: Builder,
    x: Value,
    *,
    out_channels: Size,
    kernel_size: Sizes,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    groups: Size,
    offset_groups: Size,
    bias: bool,
    modulated: bool,
) -> Value:
    """Offsets (and masks) by a convolution, columns read at them, the columns times the weights."""
    walks = windows(x.spatial, kernel_size, stride, padding, dilation)
    taps = product(per_axis(kernel_size, len(walks)))
    divided(x.channels, offset_groups, b.require, "in_channels", "offset_groups")
    divided(out_channels, groups, b.require, "out_channels", "groups")
    with b.scope("offset"):
        predicted = b.conv(
            x, (3 if modulated else 2) * offset_groups * taps, kernel_size, stride=stride, padding=padding,
            dilation=dilation, bias=True,
        )  # fmt: skip
    split = 2 * offset_groups * taps
    offsets = b.take(predicted, split) if modulated else predicted
    mask = (b.elementwise("sigmoid", b.slice(predicted, 1, split, predicted.channels)),) if modulated else ()
    columns = b.sample(x, offsets, *mask, walks=walks, groups=offset_groups)
    weight, *biases = b.kernel(x, out_channels, kernel_size, groups=groups, bias=bias)
    y = b.columns_by_weight(columns, weight, groups)
    return b.add_bias(y, biases[0]) if biases else y


@kind(source="arXiv:1703.06211", spatial=2)
def deformable(
    b: Builder,
    x: Value,
    *,
    out_channels: Size,
    kernel_size: Sizes = 3,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: Size = 1,
    offset_groups: Size = 1,
    bias: bool = True,
) -> Value:
    """Convolve at places moved by offsets that a second convolution reads off the same input (DCN).

    The offset convolution has the same kernel, stride, padding and dilation, 2 k^2 offset_groups outputs (y and x per
    tap) and a bias; values between positions are bilinear, zero outside. With zero offsets it is the plain
    convolution, with offsets (d-1) times the tap it is a dilated one.

    Used for: detection and segmentation of objects whose shape a fixed grid misses.
    Gains: the field follows the object.
    Costs: four reads per tap and channel, at places no cache can foresee; the offset convolution's own weights.
    Split: none. Transform: offsets, bilinear reads. Merge: the weighted sum over taps and channels.
    """
    return _deformed(
        b, x, out_channels=out_channels, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation,
        groups=groups, offset_groups=offset_groups, bias=bias, modulated=False,
    )  # fmt: skip


@kind(source="arXiv:1811.11168", spatial=2)
def deformable_v2(
    b: Builder,
    x: Value,
    *,
    out_channels: Size,
    kernel_size: Sizes = 3,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: Size = 1,
    offset_groups: Size = 1,
    bias: bool = True,
) -> Value:
    """Deformable convolution whose taps are also weighed by a mask between 0 and 1 (DCNv2).

    One convolution gives 3 k^2 offset_groups outputs: offsets, and masks through a sigmoid.

    Used for: detection and segmentation; the layer most code means by deformable convolution.
    Gains: a tap can be switched off as well as moved.
    Costs: half as many offset weights again, and a product per column.
    Split: none. Transform: offsets and masks, bilinear reads. Merge: the weighted sum over taps and channels.
    """
    return _deformed(
        b, x, out_channels=out_channels, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation,
        groups=groups, offset_groups=offset_groups, bias=bias, modulated=True,
    )  # fmt: skip


@kind(source="felixlaumon/deform-conv (ConvOffset2D, after arXiv:1703.06211)", spatial=2)
def conv_offset(b: Builder, x: Value, *, kernel_size: Sizes = 3) -> Value:
    """Move every pixel of every channel by its own offset: a resampling layer that some code calls deformable.

    A k x k convolution to 2C channels, no bias, same padding, gives a two-dimensional offset per pixel and channel;
    the map is read there. An ordinary convolution is meant to follow. It is not the paper's layer.

    Used for: the Keras and PyTorch ports that circulate as deformable convolution.
    Gains: none over the paper's layer: it has 2 k^2 C^2 weights where the paper's has 2 k^4 C.
    Costs: 18 C^2 weights for a 3x3, twice the convolution it prepares.
    Split: the channels. Transform: each is resampled. Merge: none (left to the next layer).
    """
    with b.scope("offset"):
        offsets = b.conv(x, x.channels * 2, kernel_size, padding="same")
    walks = windows(x.spatial, 1, 1, 0, 1)
    sampled = b.sample(x, offsets, walks=walks, groups=x.channels)
    return b.rearrange(sampled, "b c k1 k2 h w -> b (c k1 k2) h w")
