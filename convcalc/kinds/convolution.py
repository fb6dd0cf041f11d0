"""Convolution, its transpose, and the forms that differ by kernel, dilation and groups."""

from typing import Literal

from convcalc.builder import Builder
from convcalc.graph import Value
from convcalc.padding import Padding
from convcalc.registry import kind
from convcalc.sizes import Size, Sizes

PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]


@kind(source="LeCun et al. 1989; arithmetic: arXiv:1603.07285", torch="Conv", ranks=(1, 2, 3))
def conv(
    b: Builder,
    x: Value,
    *,
    out_channels: Size,
    kernel_size: Sizes,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: Size = 1,
    bias: bool = True,
    padding_mode: PaddingMode = "zeros",
) -> Value:
    """Slide a kernel over every spatial axis and sum over all input channels of its group.

    Shape o = floor((i + 2p - d(k-1) - 1)/s) + 1 per axis; weights Cout (Cin/g) prod(k); MACs B prod(o) times that.

    Used for: everything; the layer all others are compared with.
    Gains: few weights, shared by all positions; equivariant to shifts by the jump.
    Costs: k^2 C_in/g multiply-adds per output element; sees k x k only.
    Split: none. Transform: k x k over all channels of a group. Merge: the sum over channels.
    Index map: y[i] = sum over t of w[t] x[s i + d t - p], without flipping (torch correlates; the definition
    sum over s + l t = p of F(s) k(t) is flipped).
    """
    return b.conv(
        x,
        out_channels,
        kernel_size,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        bias=bias,
        padding_mode=padding_mode,
    )


@kind(source="arXiv:1603.07285 ch. 4; arXiv:1311.2901", torch="ConvTranspose", ranks=(1, 2, 3))
def conv_transpose(
    b: Builder,
    x: Value,
    *,
    out_channels: Size,
    kernel_size: Sizes,
    stride: Sizes = 1,
    padding: Padding = 0,
    output_padding: Sizes = 0,
    groups: Size = 1,
    bias: bool = True,
    dilation: Sizes = 1,
    padding_mode: Literal["zeros"] = "zeros",
) -> Value:
    """Spread each input over the outputs its kernel reaches: a convolution read backwards.

    Shape o = (i-1)s - 2p + d(k-1) + a + 1 per axis; weights Cin (Cout/g) prod(k); MACs B prod(i) times that: the
    work is done once per input position. `padding` removes positions here; `tf_same` leaves i s, `valid` Keras's
    i s + max(k - s, 0).

    Used for: decoders, generators, the gradient of a convolution.
    Gains: learned upsampling in one step.
    Costs: a checkerboard unless the stride divides the kernel; outputs nobody writes where k < s.
    Split: none. Transform: each input spreads a k x k patch. Merge: overlapping patches add.
    Index map: y[s i + d t - p] += w[t] x[i]; the same as stretching x by s - 1 zeros, padding d(k-1) - p (and a at
    the end), and a direct convolution of stride 1 with the flipped kernel (relationships 8 to 14 of the source).
    """
    return b.conv_transpose(
        x,
        out_channels,
        kernel_size,
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        groups=groups,
        bias=bias,
        dilation=dilation,
    )


@kind(source="arXiv:1312.4400 (network in network)")
def pointwise(
    b: Builder,
    x: Value,
    *,
    out_channels: Size,
    stride: Sizes = 1,
    padding: Padding = 0,
    groups: Size = 1,
    bias: bool = True,
) -> Value:
    """Mix the channels at every position by itself: a 1x1 convolution, with torch's defaults.

    Weights Cin Cout / groups; MACs B prod(o) times that; the field does not grow.

    Used for: changing the number of channels; squeezing before an expensive kernel.
    Gains: k^2 times cheaper than k x k. Costs: sees one position.
    Split: none. Transform: one matrix at every position. Merge: the sum over channels.
    """
    return b.conv(x, out_channels, 1, stride=stride, padding=padding, groups=groups, bias=bias)


@kind(source="arXiv:1511.07122")
def dilated(
    b: Builder,
    x: Value,
    *,
    out_channels: Size,
    kernel_size: Sizes = 3,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 2,
    groups: Size = 1,
    bias: bool = True,
) -> Value:
    """Convolve with d-1 holes between the taps: a field of d(k-1)+1 for the cost of k.

    A convolution with dilation > 1: the same weights and MACs per position, with torch's defaults.

    Used for: segmentation and audio, where the field must grow and the map must not shrink.
    Gains: a stack with rates 1, 2, 4, ... sees 2^(n+1) - 1 positions with 3 taps each.
    Costs: only k of the d(k-1)+1 positions are read: stacks can leave holes (convcalc hdc-check).
    Split: none. Transform: k x k taps, d apart. Merge: the sum over channels.
    """
    return b.conv(
        x,
        out_channels,
        kernel_size,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        bias=bias,
    )


@kind(source="Krizhevsky et al. 2012; arXiv:1611.05431")
def grouped(
    b: Builder,
    x: Value,
    *,
    out_channels: Size,
    kernel_size: Sizes,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: Size = 2,
    bias: bool = True,
) -> Value:
    """Convolve each group of channels by itself: 1/groups of the weights and of the work.

    Output channel c belongs to group floor(c / (Cout/g)); weights Cout (Cin/g) prod(k), with torch's defaults.

    Used for: AlexNet on two GPUs; ResNeXt's cardinality.
    Gains: 1/g of the weights and MACs (not of the biases).
    Costs: groups do not see one another until a later layer mixes them.
    Split: the channels, in g groups. Transform: k x k in each. Merge: concatenation.
    """
    return b.conv(
        x,
        out_channels,
        kernel_size,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        bias=bias,
    )


@kind(source="Sifre 2014; arXiv:1610.02357; arXiv:1704.04861")
def depthwise(
    b: Builder,
    x: Value,
    *,
    kernel_size: Sizes,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    multiplier: Size = 1,
    bias: bool = True,
) -> Value:
    """Convolve each channel by itself, with `multiplier` kernels: groups = Cin, Cout = multiplier Cin.

    Output channel c m + q comes from input c; weights m Cin prod(k); MACs B prod(o) times that.

    Used for: the spatial half of MobileNet, Xception, EfficientNet, ConvNeXt.
    Gains: k^2 multiply-adds per output element instead of k^2 C.
    Costs: so little arithmetic per byte that memory decides: 9 times fewer MACs is rarely 9 times faster.
    Split: every channel by itself. Transform: k x k. Merge: none: a 1x1 must follow to mix channels.
    """
    return b.depthwise(
        x, kernel_size, multiplier=multiplier, stride=stride, padding=padding, dilation=dilation, bias=bias
    )


@kind(source="Sifre 2014; arXiv:1610.02357; arXiv:1704.04861")
def depthwise_separable(
    b: Builder,
    x: Value,
    *,
    out_channels: Size,
    kernel_size: Sizes = 3,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    multiplier: Size = 1,
    bias: bool = False,
) -> Value:
    """Convolve each channel by itself, then mix the channels with a 1x1 convolution.

    Weights m Cin prod(k) + m Cin Cout; against the dense convolution 1/Cout + 1/prod(k) of the work (m = 1).
    No biases, as in Xception's own class; torch's default would add m Cin + Cout.

    Used for: MobileNet, Xception.
    Gains: about k^2 times fewer MACs for wide outputs (9 times for 3x3).
    Costs: two dependent steps, the first bound by memory; the second holds nearly all MACs.
    Split: every channel by itself. Transform: k x k, then 1x1. Merge: the 1x1.
    Limit: 1/C_out + 1/k^2 of the dense convolution, 1/k^2 for large C_out.
    """
    with b.scope("depthwise"):
        spread = b.depthwise(
            x,
            kernel_size,
            multiplier=multiplier,
            stride=stride,
            padding=padding,
            dilation=dilation,
            bias=bias,
        )
    with b.scope("pointwise"):
        return b.conv(spread, out_channels, 1, bias=bias)
