"""Layers that make part of the map cheaper: fewer positions (octave), smaller kernels (HetConv), ghosts."""

from typing import Literal

from convcalc.builder import Builder
from convcalc.errors import ShapeError
from convcalc.graph import Value
from convcalc.kinds.parts import Form, conv_norm, depthwise_norm, divisible, gate, is_unit
from convcalc.padding import Padding, windows
from convcalc.registry import kind
from convcalc.shapes import divided
from convcalc.sizes import Size, Sizes, axes, ceil_div, equal, part_of, per_axis


@kind(
    source="arXiv:1904.05049 (facebookresearch/OctConv)", outputs=("high", "low"), joint=True, as_structure=("groups",)
)
def octave(
    b: Builder,
    high: Value,
    low: Value | None = None,
    *,
    out_channels: Size,
    kernel_size: Sizes = 3,
    stride: Size = 1,
    padding: Padding = "same",
    dilation: Sizes = 1,
    groups: Size = 1,
    alpha_out: float = 0.5,
    bias: bool = False,
    bias_paths: Literal["high", "all"] = "high",
    norm: bool = False,
    ceil_mode: bool = False,
) -> Value | tuple[Value, Value]:
    """Convolve a map kept at two resolutions, with four paths between high and low; the low one has half the size.

    Inputs are high and, unless it is a first layer, low; alpha_out of the output channels (rounded down) are low, none
    for a last layer (alpha_out=0). The share of low channels read is what the inputs say. At stride 2 the high map is
    pooled first and low to high needs no upsampling. bias sits on the paths from high (official); bias_paths=all is
    the PyTorch ports'. ceil_mode rounds the pools up as the official Gluon code does. padding=same keeps the
    size. With groups = in_channels only high-high and low-low exist; norm adds one batch norm per output.

    Used for: a drop-in for the convolutions of a ResNet.
    Gains: 1/4 + 3/4 (1-a_in)(1-a_out) of the MACs at stride 1; the low half sees twice as far.
    Costs: the same weights; four kernels, a pool and an upsampling to launch (three pools at stride 2); even sizes.
    Split: the channels, by frequency. Transform: four convolutions. Merge: addition at each resolution.
    Limit: 1 - 3/4 a(2-a) at stride 1; 1 - 3/4 a_out at stride 2, whatever a_in: a stride-2 last layer saves nothing.
    """
    if not 0 <= alpha_out <= 1:
        raise ShapeError(f"alpha_out ({alpha_out}) must lie between 0 and 1")
    b.require(out_channels >= 1, "out_channels ({o}) must be at least 1", o=out_channels)
    halves = not b.decide(equal(stride, 1))
    if halves:
        b.require(equal(stride, 2), "stride ({s}) must be 1 or 2", s=stride)
    low_channels = part_of(alpha_out, out_channels)
    high_channels = out_channels - low_channels
    if alpha_out > 0:
        b.require(low_channels >= 1, "alpha_out leaves no low channel of {o}", o=out_channels)
    paths = OctavePaths(b, high, low, kernel_size, padding, dilation, groups, bias, bias_paths, ceil_mode)
    if halves:
        paths.high = paths.pooled(high)
    elif low is not None or alpha_out > 0:
        for size in high.spatial:
            b.require(equal(size % 2, 0), "the high map ({size}) must be even at stride 1", size=size)
    if low is not None:
        for size, half in zip(high.spatial, low.spatial, strict=True):
            target = ceil_div(size, 2) if ceil_mode else size // 2
            b.require(
                equal(target, half), "the low map is {half} where half of {size} is needed", half=half, size=size,
            )  # fmt: skip
    outputs = []
    if alpha_out < 1:
        outputs.append(paths.to_high(high_channels, halves))
    if alpha_out > 0:
        outputs.append(paths.to_low(low_channels, halves))
    if norm:
        outputs = [b.batch_norm(y) for y in outputs]
    return outputs[0] if len(outputs) == 1 else (outputs[0], outputs[1])


class OctavePaths:
    """The four paths of an octave convolution."""

    def __init__(
        self, b: Builder, high: Value, low: Value | None, kernel_size: Sizes, padding: Padding, dilation: Sizes,
        groups: Size, bias: bool, bias_paths: str, ceil_mode: bool,
    ) -> None:  # fmt: skip
        self.b, self.high, self.low, self.bias, self.bias_paths = b, high, low, bias, bias_paths
        self.kernel_size, self.dilation, self.groups, self.ceil_mode = kernel_size, dilation, groups, ceil_mode
        self.padding = padding
        channels = high.channels + (0 if low is None else low.channels)
        self.apart = not (isinstance(groups, int) and groups == 1) and b.decide(equal(groups, channels))

    def pooled(self, x: Value) -> Value:
        """Average over 2 positions per axis."""
        return self.b.pool("avg", x, 2, ceil_mode=self.ceil_mode)

    def path(self, name: str, x: Value, out_channels: Size) -> Value:
        """One convolution; a depthwise layer has as many groups as the path has channels."""
        bias = self.bias and (self.bias_paths == "all" or name.startswith("high"))
        with self.b.scope(name):
            return self.b.conv(
                x, out_channels, self.kernel_size, padding=self.padding, dilation=self.dilation,
                groups=x.channels if self.apart else self.groups, bias=bias,
            )  # fmt: skip

    def to_high(self, channels: Size, halves: bool) -> Value:
        """High to high, plus low to high: upsampled at stride 1, as it is at stride 2."""
        y = self.path("high_to_high", self.high, channels)
        if self.low is None or self.apart:
            return y
        z = self.path("low_to_high", self.low, channels)
        return self.b.add(y, z if halves else self.b.resize(z, tuple(s * 2 for s in z.spatial), "nearest"))

    def to_low(self, channels: Size, halves: bool) -> Value:
        """High, pooled, to low, plus low to low: pooled as well at stride 2."""
        low = None if self.low is None else self.pooled(self.low) if halves else self.low
        if self.apart:
            if low is None:
                raise ShapeError("a depthwise octave layer with a low output needs a low input")
            return self.path("low_to_low", low, channels)
        y = self.path("high_to_low", self.pooled(self.high), channels)
        return y if low is None else self.b.add(y, self.path("low_to_low", low, channels))


@kind(source="arXiv:1903.04120", spatial=2)
def hetconv(
    b: Builder,
    x: Value,
    *,
    out_channels: Size,
    part: Size,
    kernel_size: Sizes = 3,
    stride: Sizes = 1,
    variant: Literal["exact", "dense_1x1", "minus_grouped"] = "exact",
    bias: bool = False,
    bias_1x1: bool = False,
) -> Value:
    """Give each filter a k x k kernel on 1/part of the channels and a 1x1 on the rest.

    Which channels get the k x k shifts from filter to filter. dense_1x1 is the released code: a k x k convolution in
    `part` groups plus a full 1x1, whose overlapping weights are masked in training but stored and computed;
    minus_grouped subtracts a grouped 1x1 instead. bias_1x1 gives the 1x1 part a bias of its own, as one class has.
    Padding k//2.

    Used for: VGG and ResNet with fewer MACs at the same depth.
    Gains: 1/P + (1 - 1/P)/k^2 of the MACs; one step, no extra latency on paper.
    Costs: no library has the kernel: released code runs a grouped and a dense convolution.
    Split: the channels, differently for each filter. Transform: k x k on one part, 1x1 on the rest. Merge: addition.
    Limit: 1/k^2 for large P (dense_1x1: 1/P + 1/k^2, which for P = 1 costs 10/9 of the plain 3x3).
    """
    b.require(out_channels >= 1, "out_channels ({o}) must be at least 1", o=out_channels)
    reads = divided(x.channels, part, b.require, "in_channels", "part")
    for size in per_axis(kernel_size, 2):
        b.require(equal(size % 2, 1), "an even kernel ({k}) and a 1x1 give different sizes", k=size)
    half = kernel_size // 2
    if variant != "exact":
        with b.scope("grouped"):
            y = b.conv(x, out_channels, kernel_size, groups=part, bias=bias, stride=stride, padding=half)
        with b.scope("dense"):
            y = b.add(y, b.conv(x, out_channels, 1, stride=stride, bias=bias_1x1))
        if variant == "minus_grouped":
            with b.scope("overlap"):
                y = b.elementwise("subtract", y, b.conv(x, out_channels, 1, stride=stride, groups=part))
        return y
    if b.decide(equal(part, 1)):
        return b.conv(x, out_channels, kernel_size, bias=bias, stride=stride, padding=half)
    turns, rest = out_channels // part, out_channels % part
    even = b.decide(equal(rest, 0))
    outputs = []
    if even or b.decide(turns >= 1):
        outputs.append(_turns(b, x, part, reads, turns, kernel_size, stride))
    if not even:
        outputs.append(_turns(b, x, part, reads, 1, kernel_size, stride, filters=rest))
    y = outputs[0] if len(outputs) == 1 else b.concat(*outputs)
    for name in ("bias",) * bias + ("bias_1x1",) * bias_1x1:
        y = b.add_bias(y, b.parameter(name, (out_channels,), "bias"))
    return y


def _turns(
    b: Builder, x: Value, part: Size, reads: Size, turns: Size, kernel_size: Sizes, stride: Sizes,
    filters: Size | None = None,
) -> Value:  # fmt: skip
    """`turns` filters for each of the parts (or one for the first few): k x k on their own part, 1x1 on the others.

    The others of part p are the parts after it, round the end: windows of part - 1 over a circular axis.
    """
    count = part if filters is None else filters
    operand = x if filters is None else b.take(x, reads * filters)
    with b.scope("square"):
        y = b.conv(operand, count * turns, kernel_size, stride=stride, padding=kernel_size // 2, groups=count)
    parts = b.rearrange(x, "b (p i) h w -> b i p h w", p=part, i=reads)
    ring = b.pad(parts, [(0, part - 1), (0, 0), (0, 0)], mode="circular")
    ring = b.slice(ring, 2, 1, part * 2 - 1)
    steps = axes(1, *per_axis(stride, 2))
    others = b.unfold(ring, windows(ring.spatial, axes(part - 1, 1, 1), steps, 0, 1))
    others = others if filters is None else b.slice(others, 5, 0, filters)
    laid = b.rearrange(others, "b i t u v p h w -> b p (i t u v) h w")
    with b.scope("point"):
        weight = b.parameter("weight", (count, turns, reads * (part - 1)))
    z = b.contract("bpihw,poi->bpohw", laid, weight)
    z = b.rearrange(z, "b p o h w -> b (p o) h w")
    return b.add(y, z)


@kind(source="arXiv:1911.11907 (huawei-noah/ghostnet)")
def ghost(
    b: Builder,
    x: Value,
    *,
    out_channels: Size,
    kernel_size: Sizes = 1,
    ratio: Size = 2,
    cheap_kernel_size: Sizes = 3,
    stride: Sizes = 1,
    activation: bool = True,
    form: Form = "train",
) -> Value:
    """Make 1/ratio of the channels with a dense convolution and the rest from those with a depthwise one.

    m = ceil(N/ratio) channels are dense, m(ratio-1) are ghosts; both halves have a norm (and ReLU, unless
    activation=false), and the first N of the m times ratio channels are kept: those sliced off are stored and
    computed all the same. Padding k//2.

    Used for: GhostNet; YOLO variants.
    Gains: about 1/ratio of the weights and MACs of the dense convolution.
    Costs: two dependent steps; the cheap one is bound by memory.
    Split: none. Transform: dense, then depthwise on its result. Merge: concatenation of both, cut to N.
    Limit: C k^2 / (C k^2/q + (q-1)/q d^2) for ratio q and a cheap kernel d, close to q C/(q + C - 1), close to q.
    """
    b.require(ratio >= 2, "ratio ({r}) must be at least 2, or the cheap half is empty", r=ratio)
    act = "relu" if activation else ""
    with b.scope("primary"):
        primary = conv_norm(
            b, x, ceil_div(out_channels, ratio), kernel_size, stride=stride, padding=kernel_size // 2, act=act,
            form=form,
        )  # fmt: skip
    with b.scope("cheap"):
        cheap = depthwise_norm(
            b, primary, cheap_kernel_size, multiplier=ratio - 1, padding=cheap_kernel_size // 2, act=act, form=form
        )
    return b.take(b.concat(primary, cheap), out_channels)


@kind(source="arXiv:1911.11907 (huawei-noah/ghostnet)")
def ghost_bottleneck(
    b: Builder,
    x: Value,
    *,
    mid_channels: Size,
    out_channels: Size,
    kernel_size: Sizes = 3,
    stride: Sizes = 1,
    se_ratio: float = 0.0,
    squeeze_channels: Size | None = None,
    form: Form = "train",
) -> Value:
    """Two ghost modules, a depthwise step between them where it strides, an optional gate, and a shortcut.

    kernel_size is the depthwise step's. The gate squeezes to se_ratio of mid_channels, made divisible by 4 (or to
    squeeze_channels); none for 0. The shortcut is the identity where the shape stays, else depthwise and 1x1, each
    with its norm.

    Used for: GhostNet.
    Gains: an inverted residual at half the cost of its 1x1s.
    Costs: up to seven dependent steps.
    Split: none. Transform: ghost, depthwise, gate, ghost. Merge: addition.
    """
    strides = not is_unit(b, stride, len(x.spatial))
    with b.scope("expand"):
        y = ghost(b, x, out_channels=mid_channels, form=form)
    half = (kernel_size - 1) // 2
    if strides:
        with b.scope("depthwise"):
            y = depthwise_norm(b, y, kernel_size, stride=stride, padding=half, act="", form=form)
    squeeze = squeeze_channels
    if squeeze is None and se_ratio > 0:
        squeeze = divisible(b, se_ratio, mid_channels, 4)
    if squeeze is not None:
        y = gate(b, y, squeeze, outer="hardsigmoid")
    with b.scope("project"):
        y = ghost(b, y, out_channels=out_channels, activation=False, form=form)
    if not strides and b.decide(equal(x.channels, out_channels)):
        return b.add(y, x)
    with b.scope("shortcut"):
        shortcut = depthwise_norm(b, x, kernel_size, stride=stride, padding=half, act="", form=form)
        shortcut = conv_norm(b, shortcut, out_channels, 1, act="", form=form)
    return b.add(y, shortcut)
