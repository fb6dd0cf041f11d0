"""Groups and the shuffle that mixes them: pointwise grouped and shuffled convolutions, the ShuffleNet units."""

from convcalc.builder import Builder
from convcalc.graph import Value
from convcalc.kinds.parts import Form, conv_norm, depthwise_norm
from convcalc.padding import Padding
from convcalc.registry import kind
from convcalc.shapes import divided
from convcalc.sizes import Size, Sizes


@kind(source="arXiv:1707.01083")
def pointwise_grouped(
    b: Builder,
    x: Value,
    *,
    out_channels: Size,
    groups: Size,
    stride: Sizes = 1,
    padding: Padding = 0,
    bias: bool = True,
) -> Value:
    """Mix the channels of each group at every position by itself: a grouped 1x1 convolution, torch's defaults.

    Used for: the expensive 1x1s of small networks (ShuffleNet).
    Gains: 1/groups of the weights and MACs of a 1x1.
    Costs: groups never exchange channels: a shuffle or a dense layer must follow.
    Split: the channels, in groups. Transform: a 1x1 in each. Merge: concatenation.
    """
    return b.conv(x, out_channels, 1, stride=stride, padding=padding, groups=groups, bias=bias)


@kind(source="arXiv:1707.01083 fig. 1")
def shuffled_grouped(
    b: Builder,
    x: Value,
    *,
    out_channels: Size,
    groups: Size,
    mid_channels: Size | None = None,
    kernel_size: Sizes = 1,
    padding: Padding = 0,
    second_groups: Size | None = None,
    bias: bool = False,
) -> Value:
    """Convolve in groups, shuffle the channels, convolve in groups again.

    After the shuffle each group of the second convolution (second_groups: as many as the first unless given) reads
    channels of every group of the first. mid_channels defaults to out_channels.

    Used for: letting groups exchange channels without a dense 1x1.
    Gains: 1/groups of the work of two dense convolutions, and every output still sees every input channel.
    Costs: the shuffle moves the whole map (no MACs, but memory traffic).
    Split: the channels, in groups. Transform: a convolution in each. Merge: shuffle, and the second convolution.
    """
    inner: Size = out_channels if mid_channels is None else mid_channels
    with b.scope("first"):
        y = b.conv(x, inner, kernel_size, padding=padding, groups=groups, bias=bias)
    y = b.channel_shuffle(y, groups)
    with b.scope("second"):
        again = groups if second_groups is None else second_groups
        return b.conv(y, out_channels, kernel_size, padding=padding, groups=again, bias=bias)


def _branch(
    b: Builder,
    x: Value,
    out_channels: Size,
    mid_channels: Size,
    *,
    kernel_size: Sizes,
    stride: Sizes = 1,
    groups: Size,
    first_groups: Size,
    shuffles: bool,
    bias: bool,
    form: Form,
) -> Value:
    """1x1 in groups, norm, ReLU, shuffle, depthwise, norm, 1x1 in groups, norm."""
    with b.scope("compress"):
        y = conv_norm(b, x, mid_channels, 1, groups=first_groups, bias=bias, form=form)
    y = b.channel_shuffle(y, groups) if shuffles else y
    with b.scope("depthwise"):
        y = depthwise_norm(b, y, kernel_size, stride=stride, padding=kernel_size // 2, bias=bias, act="", form=form)
    with b.scope("expand"):
        return conv_norm(b, y, out_channels, 1, groups=groups, bias=bias, act="", form=form)


def _quarter(b: Builder, channels: Size, mid_channels: Size | None) -> Size:
    return divided(channels, 4, b.require, "out_channels", "the bottleneck") if mid_channels is None else mid_channels


@kind(source="arXiv:1707.01083 fig. 2a (megvii-model/ShuffleNet-Series)")
def shufflenet_unit_a(
    b: Builder,
    x: Value,
    *,
    mid_channels: Size | None = None,
    kernel_size: Sizes = 3,
    bias: bool = False,
    form: Form = "train",
) -> Value:
    """A residual bottleneck whose 3x3 is depthwise: the unit ShuffleNet starts from.

    1x1 to m = C/4, norm, ReLU; depthwise 3x3, norm; 1x1 back to C, norm; plus the input; ReLU.

    Used for: the point of comparison of ShuffleNet.
    Gains: 9m instead of 9m^2 weights in the 3x3.
    Costs: the two 1x1s hold nearly all weights and MACs (93 % in a ResNeXt unit): they are what (b) groups.
    Split: none. Transform: 1x1, depthwise 3x3, 1x1. Merge: addition.
    """
    inner = _quarter(b, x.channels, mid_channels)
    y = _branch(
        b, x, x.channels, inner, kernel_size=kernel_size, groups=1, first_groups=1, shuffles=False, bias=bias, form=form
    )  # fmt: skip
    return b.relu(b.add(y, x))


@kind(source="arXiv:1707.01083 fig. 2b (megvii-model/ShuffleNet-Series)")
def shufflenet_unit_b(
    b: Builder,
    x: Value,
    *,
    groups: Size = 3,
    mid_channels: Size | None = None,
    kernel_size: Sizes = 3,
    bias: bool = False,
    form: Form = "train",
) -> Value:
    """ShuffleNet's unit at stride 1: grouped 1x1, shuffle, depthwise 3x3, grouped 1x1, plus the input.

    No ReLU after the depthwise step and no shuffle after the second 1x1. mid_channels defaults to C/4.

    Used for: networks of 10 to 150 million MACs.
    Gains: hw(2cm/g + 9m) MACs against hw(2cm + 9m^2) of a ResNet unit.
    Costs: little arithmetic per byte: shuffles and depthwise steps are bound by memory.
    Split: the channels, in groups. Transform: 1x1, shuffle, depthwise 3x3, 1x1. Merge: addition.
    """
    inner = _quarter(b, x.channels, mid_channels)
    y = _branch(
        b, x, x.channels, inner, kernel_size=kernel_size, groups=groups, first_groups=groups, shuffles=True,
        bias=bias, form=form,
    )  # fmt: skip
    return b.relu(b.add(y, x))


@kind(source="arXiv:1707.01083 fig. 2c (megvii-model/ShuffleNet-Series)", spatial=2)
def shufflenet_unit_c(
    b: Builder,
    x: Value,
    *,
    out_channels: Size,
    groups: Size = 3,
    first_groups: Size | None = None,
    mid_channels: Size | None = None,
    kernel_size: Sizes = 3,
    stride: Sizes = 2,
    bias: bool = False,
    form: Form = "train",
) -> Value:
    """ShuffleNet's unit at stride 2: the branch makes C - c channels and joins the pooled input.

    mid_channels defaults to a quarter of the unit's output (not of the branch's). The first 1x1 runs at the input's
    resolution, as in the official code; first_groups=1 is the very first unit of stage 2.

    Used for: halving the map between stages.
    Gains: no projection: an average pool 3x3/2 passes the c input channels on.
    Costs: the first 1x1 runs at full resolution: most of the MACs where it is not grouped.
    Split: the channels, in groups, beside a pool. Transform: 1x1, shuffle, depthwise 3x3/2, 1x1. Merge: concatenation.
    """
    inner = _quarter(b, out_channels, mid_channels)
    branch_channels = out_channels - x.channels
    b.require(branch_channels >= 1, "out_channels ({o}) must exceed the input's {c}", o=out_channels, c=x.channels)
    y = _branch(
        b, x, branch_channels, inner, kernel_size=kernel_size, stride=stride, groups=groups,
        first_groups=groups if first_groups is None else first_groups, shuffles=True, bias=bias, form=form,
    )  # fmt: skip
    pooled = b.pool("avg", x, 3, stride=stride, padding=1)
    return b.concat(pooled, b.relu(y))
