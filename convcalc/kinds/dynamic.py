"""Kernels that depend on the input: mixtures of experts, attention over kernels, a kernel per position."""

from typing import Literal

from convcalc.builder import Builder
from convcalc.graph import Value
from convcalc.kinds.parts import is_unit
from convcalc.padding import Padding, windows
from convcalc.registry import kind
from convcalc.shapes import divided
from convcalc.sizes import Size, Sizes, divides, equal, part_of, per_axis, product


def _mixed(b: Builder, shares: Value, experts: Value) -> Value:
    """Sum kernels by their shares, one sum per sample: (B, n) and (n, ...) to (B, ...)."""
    names = {f"k{number}": size for number, size in enumerate(experts.shape[1:])}
    taps = " ".join(names)
    flat = b.rearrange(experts, f"n {taps} -> n ({taps})")
    mixed = b.contract("bn,nk->bk", shares, flat)
    return b.rearrange(mixed, f"b ({taps}) -> b {taps}", **names)


def _per_sample(
    b: Builder, x: Value, weight: Value, bias: Value | None, *, kernel_size: Sizes, stride: Sizes, padding: Padding,
    dilation: Sizes, groups: Size,
) -> Value:  # fmt: skip
    """Convolve each sample with its own weight (B, out, C/g, *k): the batch folded into the groups, as torch code does.

    A bias is (B, out).
    """
    batch, out_channels = weight.shape[:2]
    walks = windows(x.spatial, kernel_size, stride, padding, dilation)
    wide = b.rearrange(x, "(1 b) c ... -> 1 (b c) ...", b=batch)
    kernels = b.rearrange(weight, "b o ... -> (b o) ...")
    flat = () if bias is None else (b.rearrange(bias, "b o -> (b o)"),)
    y = b.convolve(wide, kernels, *flat, walks=walks, groups=batch * groups)
    return b.rearrange(y, "1 (b o) ... -> (1 b) o ...", b=batch, o=out_channels)


def _pooled(b: Builder, x: Value) -> Value:
    """The mean of the whole map, as (B, C)."""
    pooled = b.adaptive_pool("avg", x, 1)
    return b.flatten(pooled)


def _experts(b: Builder, x: Value, count: Size, out_channels: Size, kernel_size: Sizes, groups: Size) -> Value:
    b.require(out_channels >= 1, "out_channels ({o}) must be at least 1", o=out_channels)
    reads = divided(x.channels, groups, b.require, "in_channels", "groups")
    divided(out_channels, groups, b.require, "out_channels", "groups")
    return b.parameter("weight", (count, out_channels, reads, *per_axis(kernel_size, len(x.spatial), "kernel_size")))


@kind(source="arXiv:1904.04971 (tensorflow/tpu, timm)", input_ranks=(("routing", 0),))
def condconv(
    b: Builder,
    x: Value,
    routing: Value | None = None,
    *,
    out_channels: Size,
    kernel_size: Sizes = 3,
    num_experts: Size = 4,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: Size = 1,
    bias: bool = True,
    shared_bias: bool = False,
    routing_bias: bool = True,
) -> Value:
    """Mix num_experts kernels for each sample by sigmoid weights of its pooled map, and convolve once.

    The mixing is num_experts |W| MACs per sample; the routing layer reads the pooled channels (routing_bias: its
    bias). A second input gives the routing weights (B, num_experts) instead, as timm's layer takes them. Every expert
    has a bias, unless shared_bias.

    Used for: CondConv-EfficientNet.
    Gains: the capacity of n kernels for one convolution: each parameter added costs one MAC.
    Costs: n times the parameters; a kernel per sample, which batches run as groups; mixing dominates on small maps.
    Split: none. Transform: experts' kernels are summed per sample. Merge: one convolution.
    """
    b.require(num_experts >= 1, "num_experts ({n}) must be at least 1", n=num_experts)
    if routing is None:
        with b.scope("routing"):
            routing = b.elementwise("sigmoid", b.linear(_pooled(b, x), num_experts, bias=routing_bias))
    else:
        b.require(equal(routing.shape[1], num_experts), "routing gives {r} weights for {n} experts",
                  r=routing.shape[1], n=num_experts)  # fmt: skip
    weight = _mixed(b, routing, _experts(b, x, num_experts, out_channels, kernel_size, groups))
    shift = None
    if bias and not shared_bias:
        shift = _mixed(b, routing, b.parameter("bias", (num_experts, out_channels), "bias"))
    y = _per_sample(
        b, x, weight, shift, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    if not (bias and shared_bias):
        return y
    return b.add_bias(y, b.parameter("bias", (out_channels,), "bias"))


@kind(source="arXiv:1912.03458 (kaijieshi7/Dynamic-convolution-Pytorch)")
def dynamic(
    b: Builder,
    x: Value,
    *,
    out_channels: Size,
    kernel_size: Sizes = 3,
    num_kernels: Size = 4,
    ratio: float = 0.25,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: Size = 1,
    bias: bool = True,
    attention: Literal["common", "paper"] = "common",
) -> Value:
    """Mix num_kernels kernels for each sample by softmax attention over its pooled map, and convolve once.

    Attention is pool, 1x1 to h, ReLU, 1x1 to num_kernels, softmax (with a temperature). common is the code most use:
    h = floor(C ratio) + 1 (num_kernels for 3 channels) and a bias on the second layer, but in 3-D; paper has
    h = floor(C ratio) and no biases.

    Used for: small networks that cannot grow in width.
    Gains: more capacity for about 4 % more MACs (MobileNetV3-Small).
    Costs: num_kernels times the parameters; a kernel per sample.
    Split: none. Transform: kernels are summed per sample. Merge: one convolution.
    """
    b.require(num_kernels >= 1, "num_kernels ({n}) must be at least 1", n=num_kernels)
    common = attention == "common"
    hidden = part_of(ratio, x.channels) + (1 if common else 0)
    if common and b.decide(equal(x.channels, 3)):
        hidden = num_kernels
    b.require(hidden >= 1, "ratio leaves {h} hidden channels", h=hidden)
    with b.scope("attention"):
        narrow = b.relu(b.linear(_pooled(b, x), hidden, bias=False))
        shares = b.linear(narrow, num_kernels, bias=common and len(x.spatial) < 3)
        shares = b.elementwise("softmax", shares, axes=(1,), dim=1)
    weight = _mixed(b, shares, _experts(b, x, num_kernels, out_channels, kernel_size, groups))
    shift = _mixed(b, shares, b.parameter("bias", (num_kernels, out_channels), "bias")) if bias else None
    return _per_sample(
        b, x, weight, shift, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, groups=groups
    )


@kind(source="arXiv:2103.06255 (d-li14/involution)", spatial=2)
def involution(
    b: Builder,
    x: Value,
    *,
    out_channels: Size | None = None,
    kernel_size: Sizes = 7,
    stride: Sizes = 1,
    reduction: Size = 4,
    group_channels: Size = 16,
    groups: Size | None = None,
    bias: bool = True,
) -> Value:
    """Make a kernel for every position from that position, shared by the channels of a group, and apply it there.

    The input (pooled by the stride) is reduced by 1x1 to C/reduction, normed, and spread by 1x1 (bias) to k^2 G; the
    kernel weighs the k x k neighbourhood. G = C/group_channels unless groups is given. Another out_channels puts a 1x1
    in front. Odd kernels; sizes divisible by the stride.

    Used for: RedNet.
    Gains: large kernels at a cost linear in C for the sum itself.
    Costs: generating the kernels is (C + k^2 G)/(r k^2) of applying them: 10.6 times at 512 channels; the
    unfolded map has k^2 times the elements.
    Split: the channels, in groups. Transform: a generated kernel per position. Merge: the weighted sum over taps.
    Limit: HW(C^2 + k^2 G C)/r to generate, HW k^2 C to apply, against HW k^2 C^2 of a convolution.
    """
    rank = 2
    for size in per_axis(kernel_size, rank):
        b.require(equal(size % 2, 1), "an even kernel ({k}) has no centre", k=size)
    for size, step in zip(x.spatial, per_axis(stride, rank), strict=True):
        b.require(step >= 1, "stride ({s}) must be at least 1", s=step)
        b.require(divides(step, size), "the map ({size}) must be divisible by the stride ({s})", size=size, s=step)
    outer: Size = x.channels if out_channels is None else out_channels
    mapped = x
    if not b.decide(equal(outer, x.channels)):
        with b.scope("initial"):
            mapped = b.conv(x, outer, 1)
    if groups is None:
        groups = divided(outer, group_channels, b.require, "channels", "group_channels")
    each = divided(outer, groups, b.require, "channels", "groups")
    taps = product(per_axis(kernel_size, rank))
    pooled = x if is_unit(b, stride, rank) else b.pool("avg", x, stride)
    with b.scope("reduce"):
        narrow = b.conv(pooled, divided(outer, reduction, b.require, "channels", "reduction"), 1)
        narrow = b.relu(b.batch_norm(narrow))
    with b.scope("span"):
        kernels = b.conv(narrow, taps * groups, 1, bias=bias)
    laid = b.unfold(mapped, windows(x.spatial, kernel_size, stride, kernel_size // 2, 1))
    kernels = b.rearrange(kernels, "b (g k) h w -> b g k h w", g=groups, k=taps)
    columns = b.rearrange(laid, "b (g c) k1 k2 h w -> b g c (k1 k2) h w", g=groups, c=each)
    y = b.contract("bgckhw,bgkhw->bgchw", columns, kernels)
    return b.rearrange(y, "b g c h w -> b (g c) h w")
