"""Several kernel sizes in one layer, and the small network in place of a filter."""

from convcalc.builder import Builder
from convcalc.errors import ShapeError
from convcalc.graph import Value
from convcalc.registry import kind
from convcalc.shapes import divided
from convcalc.sizes import Size, Sizes, equal, total


@kind(source="arXiv:2006.11538 (PyConv)")
def multi_kernel(
    b: Builder,
    x: Value,
    *,
    out_channels: Size | None = None,
    kernel_size: tuple[int, ...] = (3, 5, 7, 9),
    groups: tuple[int, ...] = (1, 4, 8, 16),
    widths: tuple[int, ...] | None = None,
    stride: Sizes = 1,
    bias: bool = False,
) -> Value:
    """Run kernels of several sizes side by side on the whole input and join what they give.

    Each branch has its own kernel, groups and width (widths; else equal parts of out_channels, with three
    kernels a quarter, a quarter and a half, as PyConv has it; out_channels defaults to in_channels) and pads k//2.
    The defaults are PyConv with four levels; a dilation would move the branches apart, so there is none.

    Used for: pyramidal convolution; Inception-like layers.
    Gains: several scales at once; the groups pay for the larger kernels.
    Costs: as many kernels to launch as there are branches.
    Split: none (every branch reads all channels). Transform: k_i x k_i in g_i groups. Merge: concatenation.
    """
    kernels, counts = tuple(kernel_size), tuple(groups)
    if counts == (1, 4, 8, 16) and len(kernels) != 4:
        raise ShapeError(
            f"{len(kernels)} kernels need as many groups: give groups, such as {','.join('1' * len(kernels))}"
        )
    if len(counts) != len(kernels):
        raise ShapeError(f"{len(kernels)} kernels need as many groups, not {len(counts)}")
    if widths is None:
        outer: Size = x.channels if out_channels is None else out_channels
        shares = (1, 1, 2) if len(kernels) == 3 else (1,) * len(kernels)
        each = divided(outer, sum(shares), b.require, "out_channels", "the number of shares")
        outs: tuple[Size, ...] = tuple(each * part for part in shares)
    else:
        outs = tuple(widths)
        if len(outs) != len(kernels):
            raise ShapeError(f"{len(kernels)} kernels need as many widths, not {len(outs)}")
        if out_channels is not None:
            b.require(equal(total(outs), out_channels), "widths sum to {n}, not {o}", n=total(outs), o=out_channels)
    outputs = []
    for kernel, count, out in zip(kernels, counts, outs, strict=True):
        with b.scope("branch"):
            outputs.append(b.conv(x, out, kernel, stride=stride, padding=kernel // 2, groups=count, bias=bias))
    return b.concat(*outputs)


def _parts(size: Size, count: int) -> list[Size]:
    """Equal parts, the first with the remainder."""
    each = size // count
    return [size - each * (count - 1), *[each] * (count - 1)]


@kind(source="arXiv:1907.09595 (timm MixedConv2d)")
def mixconv(
    b: Builder,
    x: Value,
    *,
    out_channels: Size | None = None,
    kernel_size: tuple[int, ...] = (3, 5),
    stride: Sizes = 1,
    dilation: Sizes = 1,
    depthwise: bool = True,
    bias: bool = False,
) -> Value:
    """Split the channels between kernels of several sizes, one kernel per channel unless depthwise=false.

    Equal parts, the first takes the remainder; padding d(k-1)//2; out_channels defaults to in_channels.

    Used for: MixNet's depthwise step.
    Gains: several scales for the price of their mean k^2.
    Costs: each kernel sees its own channels only.
    Split: the channels. Transform: k_i x k_i in each part. Merge: concatenation.
    """
    kernels = tuple(kernel_size)
    if not kernels:
        raise ShapeError("kernel_size names no kernel")
    outer: Size = x.channels if out_channels is None else out_channels
    b.require(x.channels >= len(kernels), "{c} channels for {n} kernels", c=x.channels, n=len(kernels))
    b.require(outer >= len(kernels), "{o} output channels for {n} kernels", o=outer, n=len(kernels))
    outputs, start = [], 0
    for kernel, reads, out in zip(kernels, _parts(x.channels, len(kernels)), _parts(outer, len(kernels)), strict=True):
        part = b.slice(x, 1, start, start + reads)
        start += reads
        with b.scope("branch"):
            outputs.append(
                b.conv(
                    part,
                    out,
                    kernel,
                    stride=stride,
                    padding=dilation * (kernel - 1) // 2,
                    dilation=dilation,
                    groups=reads if depthwise else 1,
                    bias=bias,
                )
            )
    return b.concat(*outputs)


@kind(source="arXiv:1312.4400")
def nin_mlpconv(
    b: Builder,
    x: Value,
    *,
    widths: tuple[int, ...] = (192, 160, 96),
    kernel_size: Sizes = 5,
    stride: Sizes = 1,
    padding: Sizes = 2,
    bias: bool = True,
) -> Value:
    """Slide a small network instead of a linear filter: k x k, then 1x1 twice, each with ReLU.

    widths: of the three layers; the defaults are the paper's first CIFAR-10 stage. The 1x1s run at the output's size.

    Used for: network in network; the origin of the 1x1 convolution and of global average pooling.
    Gains: a nonlinear filter. Costs: c1 c2 + c2 c3 more weights than the k x k alone.
    Split: none. Transform: k x k, 1x1, 1x1. Merge: none.
    """
    if not widths:
        raise ShapeError("widths names no layer")
    first, *rest = widths
    y = b.relu(b.conv(x, first, kernel_size, stride=stride, padding=padding, bias=bias))
    for width in rest:
        y = b.relu(b.conv(y, width, 1, bias=bias))
    return y
