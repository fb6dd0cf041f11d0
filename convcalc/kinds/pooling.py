"""Pooling: by windows, to a given size, and over the whole map."""

from convcalc.builder import Builder
from convcalc.errors import ShapeError
from convcalc.graph import Value
from convcalc.registry import kind
from convcalc.sizes import OutputSizes, Sizes


@kind(source="torch.nn.MaxPool2d", channels="", torch="MaxPool", ranks=(1, 2, 3))
def max_pool(
    b: Builder,
    x: Value,
    *,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    return_indices: bool = False,
    ceil_mode: bool = False,
) -> Value:
    """Keep the greatest value under each window; the stride is the kernel where none is given."""
    return b.pool("max", x, kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)


@kind(source="torch.nn.AvgPool2d", channels="", torch="AvgPool", ranks=(1, 2, 3))
def avg_pool(
    b: Builder,
    x: Value,
    *,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Value:
    """Average each window; `divisor_override` (not in 1-D, as in torch) changes values only."""
    if divisor_override is not None and (len(x.spatial) == 1 or divisor_override == 0):
        raise ShapeError("divisor_override is for 2 or 3 spatial axes, and not 0")
    return b.pool(
        "avg",
        x,
        kernel_size,
        stride=stride,
        padding=padding,
        ceil_mode=ceil_mode,
        count_padding=count_include_pad,
    )


@kind(source="torch.nn.AdaptiveMaxPool2d", channels="", torch="AdaptiveMaxPool", ranks=(1, 2, 3))
def adaptive_max_pool(b: Builder, x: Value, *, output_size: OutputSizes, return_indices: bool = False) -> Value:
    """Keep the greatest value of each of the uneven windows that tile the input into `output_size`."""
    return b.adaptive_pool("max", x, output_size)


@kind(source="torch.nn.AdaptiveAvgPool2d", channels="", torch="AdaptiveAvgPool", ranks=(1, 2, 3))
def adaptive_avg_pool(b: Builder, x: Value, *, output_size: OutputSizes) -> Value:
    """Average each of the uneven windows that tile the input: floor(j i/o) .. ceil((j+1) i/o) - 1."""
    return b.adaptive_pool("avg", x, output_size)


@kind(source="arXiv:1312.4400", channels="")
def global_max_pool(b: Builder, x: Value) -> Value:
    """Keep one value per channel: the greatest of the whole map."""
    return b.adaptive_pool("max", x, 1)


@kind(source="arXiv:1312.4400", channels="")
def global_avg_pool(b: Builder, x: Value) -> Value:
    """Keep one value per channel: the average of the whole map."""
    return b.adaptive_pool("avg", x, 1)
