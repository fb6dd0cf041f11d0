"""Residual blocks: ResNet's two, their gated form, and the inverted ones of mobile networks."""

from typing import Literal, TypeAlias

from convcalc.builder import Builder
from convcalc.errors import ShapeError
from convcalc.graph import Value
from convcalc.kinds.parts import Form, conv_norm, depthwise_norm, gate, is_unit, squeezed
from convcalc.registry import kind
from convcalc.shapes import divided
from convcalc.sizes import Size, Sizes, equal, largest, per_axis

Shortcut: TypeAlias = Literal["auto", "identity", "pad", "projection"]
Activation: TypeAlias = Literal["relu", "relu6", "silu", "hardswish"]


def shortcut_of(b: Builder, x: Value, out_channels: Size, stride: Sizes, how: Shortcut, form: Form) -> Value:
    """Write the way around a residual block: nothing, a strided slice with zero channels (A), or a 1x1 (B)."""
    keeps = how == "identity" or (
        how == "auto" and is_unit(b, stride, len(x.spatial)) and b.decide(equal(out_channels, x.channels))
    )
    if keeps:
        return x
    with b.scope("shortcut"):
        if how != "pad":
            return conv_norm(b, x, out_channels, 1, stride=stride, act="", form=form)
        for axis, step in enumerate(per_axis(stride, len(x.spatial)), start=2):
            x = b.slice(x, axis, 0, x.shape[axis], step)
        more = out_channels - x.channels
        b.require(more >= 0, "a zero-padded shortcut cannot drop channels: {c} to {o}", c=x.channels, o=out_channels)
        return b.pad(x, [(more // 2, more - more // 2), *((0, 0) for _ in x.spatial)])


@kind(source="arXiv:1512.03385 (torchvision)")
def resnet_basic(
    b: Builder,
    x: Value,
    *,
    out_channels: Size | None = None,
    stride: Sizes = 1,
    shortcut: Shortcut = "auto",
    form: Form = "train",
) -> Value:
    """Two 3x3 convolutions and a way around them, added before the last ReLU.

    The shortcut is the identity where the shape stays, else a strided 1x1 with norm (B); `pad` is option A: a strided
    slice with zero channels, no parameters. out_channels defaults to in_channels.

    Used for: ResNet-18 and -34, CIFAR ResNets.
    Gains: gradients pass the block unchanged: depth without degradation.
    Costs: the input stays in memory until the addition.
    Split: none. Transform: 3x3, 3x3. Merge: addition.
    Paths: n blocks in a row have 2^n ways through, each layer taken or skipped.
    """
    outer: Size = x.channels if out_channels is None else out_channels
    with b.scope("first"):
        y = conv_norm(b, x, outer, 3, stride=stride, padding=1, form=form)
    with b.scope("second"):
        y = conv_norm(b, y, outer, 3, padding=1, act="", form=form)
    return b.relu(b.add(y, shortcut_of(b, x, outer, stride, shortcut, form)))


def _bottleneck(
    b: Builder,
    x: Value,
    out_channels: Size | None,
    stride: Sizes,
    expansion: Size,
    groups: Size,
    base_width: Size,
    dilation: Sizes,
    stride_at: str,
    form: Form,
) -> Value:
    """The branch both bottlenecks share: 1x1, 3x3, 1x1, each with its norm, the last without activation."""
    outer: Size = x.channels if out_channels is None else out_channels
    planes = divided(outer, expansion, b.require, "out_channels", "expansion")
    width = planes * base_width // 64 * groups
    b.require(width >= 1, "the middle convolution would have {w} channels", w=width)
    early = stride_at == "1x1"
    with b.scope("reduce"):
        y = conv_norm(b, x, width, 1, stride=stride if early else 1, form=form)
    with b.scope("spatial"):
        y = conv_norm(
            b, y, width, 3, stride=1 if early else stride, padding=dilation, dilation=dilation, groups=groups, form=form
        )
    with b.scope("expand"):
        return conv_norm(b, y, outer, 1, act="", form=form)


@kind(source="arXiv:1512.03385; arXiv:1611.05431 (torchvision)")
def resnet_bottleneck(
    b: Builder,
    x: Value,
    *,
    out_channels: Size | None = None,
    stride: Sizes = 1,
    expansion: Size = 4,
    groups: Size = 1,
    base_width: Size = 64,
    dilation: Sizes = 1,
    stride_at: Literal["3x3", "1x1"] = "3x3",
    shortcut: Shortcut = "auto",
    form: Form = "train",
) -> Value:
    """Squeeze by 1x1, convolve 3x3, expand by 1x1 to `expansion` times as many, and add a way around.

    Planes p = out_channels/expansion; the middle has p base_width/64 groups channels (ResNeXt: groups=32
    base_width=4). stride_at=3x3 is torchvision's v1.5, 1x1 the paper's and Caffe's. The shortcut is a 1x1 with norm
    where the shape changes.

    Used for: ResNet-50 and deeper, ResNeXt.
    Gains: 69,632 weights for 256 channels where two 3x3 would take 1,179,648.
    Costs: the stride at the 3x3 costs more than at the 1x1 (ResNet-50: 4.089 against 3.858 GMACs), and keeps
    the positions the strided 1x1 would skip.
    Split: 1x1 to p channels. Transform: 3x3. Merge: 1x1 to 4p, and addition.
    Paths: n blocks in a row have 2^n ways through, each taken or skipped.
    """
    outer: Size = x.channels if out_channels is None else out_channels
    y = _bottleneck(b, x, out_channels, stride, expansion, groups, base_width, dilation, stride_at, form)
    return b.relu(b.add(y, shortcut_of(b, x, outer, stride, shortcut, form)))


@kind(source="arXiv:1709.01507 (hujie-frank/SENet)")
def se_resnet_bottleneck(
    b: Builder,
    x: Value,
    *,
    out_channels: Size | None = None,
    stride: Sizes = 1,
    expansion: Size = 4,
    groups: Size = 1,
    base_width: Size = 64,
    reduction: Size = 16,
    bias: bool = True,
    stride_at: Literal["3x3", "1x1"] = "1x1",
    shortcut: Shortcut = "auto",
    form: Form = "train",
) -> Value:
    """A ResNet bottleneck whose branch is weighed, channel by channel, before the addition.

    The gate squeezes 4p channels to 4p/reduction, with biases as the authors have it. The stride sits at the first
    1x1 (Caffe), unless stride_at=3x3.

    Used for: SE-ResNet-50.
    Gains: accuracy for 0.004 % more MACs (256 channels at 56x56).
    Costs: 12 % more parameters; two more dependent steps that wait for the whole map.
    Split: 1x1. Transform: 3x3, then a gate per channel. Merge: 1x1, and addition.
    """
    outer: Size = x.channels if out_channels is None else out_channels
    y = _bottleneck(b, x, out_channels, stride, expansion, groups, base_width, 1, stride_at, form)
    y = gate(b, y, squeezed(b, outer, reduction), bias=bias)
    return b.relu(b.add(y, shortcut_of(b, x, outer, stride, shortcut, form)))


def _with_shortcut(b: Builder, x: Value, y: Value, stride: Sizes) -> Value:
    """Add the input where the block keeps the shape."""
    same = is_unit(b, stride, len(x.spatial)) and b.decide(equal(x.channels, y.channels))
    return b.add(y, x) if same else y


@kind(source="arXiv:1801.04381; arXiv:1905.11946; arXiv:1905.02244 (torchvision)", as_structure=("mid_channels",))
def inverted_residual(
    b: Builder,
    x: Value,
    *,
    out_channels: Size | None = None,
    mid_channels: Size | None = None,
    kernel_size: Sizes = 3,
    stride: Sizes = 1,
    expansion: Size = 6,
    reduction: Size | None = None,
    squeeze_channels: Size | None = None,
    activation: Activation = "relu6",
    hard_gate: bool = False,
    form: Form = "train",
) -> Value:
    """Expand by 1x1, convolve each channel by itself, project by 1x1; add the input where the shape stays.

    The middle has in_channels expansion channels, or mid_channels (which MobileNetV3 lists, and EfficientNet rounds to
    a multiple of 8); nothing is expanded where that is in_channels. MobileNetV2 has ReLU6 and no gate; EfficientNet's
    MBConv is activation=silu reduction=4: the gate's inner width is in_channels/reduction (of the block's input, at
    least 1); MobileNetV3's is squeeze_channels with hard_gate=true. No activation follows the projection.
    out_channels defaults to in_channels; padding (k-1)//2.

    Used for: MobileNetV2 and V3, EfficientNet, MnasNet.
    Gains: the k x k step costs k^2 per channel instead of k^2 C; the shortcut joins the narrow ends.
    Costs: the wide middle map dominates memory; the depthwise step is bound by memory, not by arithmetic.
    Split: 1x1 to t C channels. Transform: depthwise k x k, optionally a gate. Merge: linear 1x1, and addition.
    Limit: for wide C the 1x1s are everything: t C (C + C_out) of t C (C + k^2 + C_out) weights.
    """
    outer: Size = x.channels if out_channels is None else out_channels
    b.require(expansion >= 1, "expansion ({t}) must be at least 1", t=expansion)
    width: Size = x.channels * expansion if mid_channels is None else mid_channels
    wide = x
    if not b.decide(equal(width, x.channels)):
        with b.scope("expand"):
            wide = conv_norm(b, x, width, 1, act=activation, form=form)
    with b.scope("depthwise"):
        y = depthwise_norm(
            b, wide, kernel_size, stride=stride, padding=(kernel_size - 1) // 2, act=activation, form=form
        )
    if squeeze_channels is None and reduction is not None:
        squeeze_channels = largest(squeezed(b, x.channels, reduction), 1)
    if squeeze_channels is not None:
        outer_gate = "hardsigmoid" if hard_gate else "sigmoid"
        y = gate(b, y, squeeze_channels, inner="silu" if activation == "silu" else "relu", outer=outer_gate)
    with b.scope("project"):
        y = conv_norm(b, y, outer, 1, act="", form=form)
    return _with_shortcut(b, x, y, stride)


@kind(source="arXiv:2104.00298 (torchvision)")
def fused_mbconv(
    b: Builder,
    x: Value,
    *,
    out_channels: Size | None = None,
    kernel_size: Sizes = 3,
    stride: Sizes = 1,
    expansion: Size = 4,
    reduction: Size | None = None,
    activation: Activation = "silu",
    form: Form = "train",
) -> Value:
    """Expand by a full k x k convolution instead of a 1x1 and a depthwise one, then project by 1x1.

    EfficientNetV2's block: for expansion=1 it is a single k x k convolution. reduction adds a gate of
    in_channels/reduction (none in the released models). Padding (k-1)//2; the input is added where the shape stays.

    Used for: the first stages of EfficientNetV2.
    Gains: one dense kernel instead of a depthwise step: more MACs, and yet faster where arithmetic is idle.
    Costs: k^2 times the weights of the 1x1 it replaces.
    Split: k x k to t C channels. Transform: the same step. Merge: linear 1x1, and addition.
    """
    outer: Size = x.channels if out_channels is None else out_channels
    b.require(expansion >= 1, "expansion ({t}) must be at least 1", t=expansion)
    single = b.decide(equal(expansion, 1))
    if single and reduction is not None:
        raise ShapeError("a fused_mbconv of expansion=1 is one convolution: it takes no reduction")
    with b.scope("expand"):
        width = outer if single else x.channels * expansion
        y = conv_norm(
            b, x, width, kernel_size, stride=stride, padding=(kernel_size - 1) // 2, act=activation, form=form
        )
    if reduction is not None:
        y = gate(b, y, largest(squeezed(b, x.channels, reduction), 1), inner=activation)
    if not single:
        with b.scope("project"):
            y = conv_norm(b, y, outer, 1, act="", form=form)
    return _with_shortcut(b, x, y, stride)
