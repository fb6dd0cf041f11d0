"""Convolution, its transpose, and the forms that differ by kernel, dilation and groups."""

from typing import Literal

from convcalc.builder import Builder
from convcalc.graph import Value
from convcalc.padding import Padding, Pairs
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
    padding: Pairs = 0,
    output_padding: Sizes = 0,
    groups: Size = 1,
    bias: bool = True,
    dilation: Sizes = 1,
    padding_mode: Literal["zeros"] = "zeros",
) -> Value:
    """Spread each input over the outputs its kernel reaches: a convolution read backwards.

    Shape o = (i-1)s - 2p + d(k-1) + a + 1 per axis; weights Cin (Cout/g) prod(k); MACs B prod(i) times that: the
    work is done once per input position. `padding` removes positions here.
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
