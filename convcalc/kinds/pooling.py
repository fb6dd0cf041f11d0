"""Pooling: by windows, to a given size, and over the whole map."""

from convcalc import ops
from convcalc.builder import Builder
from convcalc.errors import ShapeError
from convcalc.graph import Value
from convcalc.padding import Padding, windows
from convcalc.registry import kind
from convcalc.sizes import Factors, OutputSizes, Sizes, per_axis, product, scaled
from convcalc.window import Window


@kind(source="torch.nn.MaxPool2d", channels="", torch="MaxPool", ranks=(1, 2, 3))
def max_pool(
    b: Builder,
    x: Value,
    *,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
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
    padding: Padding = 0,
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


@kind(source="torch.nn.LPPool2d", channels="", torch="LPPool", ranks=(1, 2, 3))
def lp_pool(
    b: Builder, x: Value, *, norm_type: float, kernel_size: Sizes, stride: Sizes | None = None, ceil_mode: bool = False
) -> Value:
    """Take the p-norm of each window: (sum of x^p)^(1/p), p = norm_type."""
    b.require(norm_type != 0, "norm_type must not be 0")
    powers = b.elementwise("power", x, exponent=float(norm_type))
    means = b.pool("avg", powers, kernel_size, stride=stride, ceil_mode=ceil_mode)
    count = product(per_axis(kernel_size, len(x.spatial), "kernel_size"))
    taps = b.constant("taps", (1,) * len(x.shape), float(count) if isinstance(count, int) else 1.0)
    return b.elementwise("power", b.multiply(means, taps), exponent=1 / norm_type)


@kind(source="arXiv:1412.6071", channels="", torch="FractionalMaxPool", ranks=(2, 3))
def fractional_max_pool(
    b: Builder,
    x: Value,
    *,
    kernel_size: Sizes,
    output_size: Sizes | None = None,
    output_ratio: Factors | None = None,
    return_indices: bool = False,
) -> Value:
    """Keep the greatest value of windows at random places, `output_size` of them, or `output_ratio` times the size."""
    rank = len(x.spatial)
    if (output_size is None) == (output_ratio is None):
        raise ShapeError("fractional_max_pool takes either output_size or output_ratio")
    if output_size is not None:
        sizes = per_axis(output_size, rank, "output_size")
    else:
        ratios = per_axis(output_ratio, rank, "output_ratio")
        for ratio in ratios:
            b.require(0 < ratio < 1, "output_ratio ({r}) must lie between 0 and 1", r=ratio)
        sizes = tuple(scaled(size, ratio) for size, ratio in zip(x.spatial, ratios, strict=True))
    kernels = per_axis(kernel_size, rank, "kernel_size")
    return b.write(ops.Pool("max", tuple(Window(kernel=kernel) for kernel in kernels), sizes), x)


@kind(source="arXiv:1311.2901 (unpooling)", channels="", torch="MaxUnpool", ranks=(1, 2, 3))
def max_unpool(b: Builder, x: Value, *, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> Value:
    """Put each value back where a max pool took it from, zeros elsewhere: (i - 1) s - 2 p + k per axis.

    The indices come from the pool and do not change any size: the first tap of each window stands for them.
    """
    walks = windows(x.spatial, kernel_size, kernel_size if stride is None else stride, padding, 1)
    kernels = tuple(walk.kernel for walk in walks)
    sizes = tuple(walk.size_in(size) for walk, size in zip(walks, x.spatial, strict=True))
    for size in sizes:
        b.require(size >= 1, "the output would have {n} positions", n=size)
    letters = " ".join(f"s{axis}" for axis in range(len(kernels)))
    single = b.rearrange(x, f"b c {letters} -> b c {'1 ' * len(kernels)}{letters}")
    first = b.pad(single, [*((0, kernel - 1) for kernel in kernels), *((0, 0) for _ in kernels)])
    return b.write(ops.Fold(walks, sizes), first)
