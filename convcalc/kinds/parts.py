"""What recipes share: a convolution with its norm and activation, a gate per channel, a shortcut."""

from fractions import Fraction
from typing import Any, Literal, TypeAlias

from convcalc.builder import Builder
from convcalc.errors import ShapeError
from convcalc.graph import Value
from convcalc.padding import Padding, windows
from convcalc.shapes import show
from convcalc.sizes import Size, Sizes, equal, largest, per_axis

Form: TypeAlias = Literal["train", "folded"]
"""As it is trained, or deployed: norms and parallel branches merged into the convolution before them."""
Norm: TypeAlias = tuple[Value, Value]
"""What a batch norm does in inference: a factor and a shift per channel."""
EPS = 1e-5
MOST_LAYERS = 1000
SEQUENCE: dict[str, Any] = {"spatial": 1, "axis": -1, "layout": ("N", "L", "F")}
"""What kinds over sequences of features say of themselves."""


def check_sequence(layer: str, *tensors: Value) -> None:
    """Raise ShapeError where a tensor is not a batch of sequences of features."""
    for tensor in tensors:
        if len(tensor.shape) != 3:
            have = show(tensor.shape[1:])
            raise ShapeError(f"{layer} takes a sequence of features, LxF, but its input is {have}")


def conv_norm(
    b: Builder,
    x: Value,
    out_channels: Size,
    kernel_size: Sizes = 1,
    *,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: Size = 1,
    bias: bool = False,
    norm: bool = True,
    act: str = "relu",
    form: Form = "train",
) -> Value:
    """Convolve, batch norm and activate; in the folded form the norm is part of the convolution's own weights."""
    if norm and form == "folded":
        walks = windows(x.spatial, kernel_size, stride, padding, dilation)
        with b.scope("conv"):
            weights = b.kernel(x, out_channels, kernel_size, groups=groups, bias=bias)
        y = b.convolve(x, *merged(b, weights, folded_norm(b, out_channels)), walks=walks, groups=groups)
    else:
        y = b.conv(
            x, out_channels, kernel_size, stride=stride, padding=padding, dilation=dilation, groups=groups, bias=bias
        )
        y = b.batch_norm(y) if norm else y
    return b.elementwise(act, y) if act else y


def folded_norm(b: Builder, channels: Size, *, affine: bool = True) -> Norm:
    """Write a batch norm's statistics, and parameters unless it has none; return what it does in inference."""
    with b.scope("norm"):
        values = norm_values(b, channels, affine=affine)
    return factor_and_shift(b, *values)


def norm_values(b: Builder, channels: Size, *, affine: bool = True) -> tuple[Value, Value, Value, Value]:
    """Write what a batch norm reads: running mean and variance, and its weight and bias, fixed unless it is affine."""
    mean = b.constant("running_mean", (channels,))
    variance = b.constant("running_var", (channels,), 1.0)
    if affine:
        return mean, variance, b.parameter("weight", (channels,), "norm"), b.parameter("bias", (channels,), "norm")
    return mean, variance, b.constant("one", (channels,), 1.0), b.constant("zero", (channels,))


def factor_and_shift(b: Builder, mean: Value, variance: Value, weight: Value, bias: Value) -> Norm:
    """Return gamma / sqrt(var + eps) and beta - mean times that."""
    factor = b.elementwise("divide", weight, b.elementwise("sqrt", b.elementwise("add", variance, other=EPS)))
    return factor, b.elementwise("subtract", bias, b.multiply(mean, factor))


def merged(b: Builder, weights: tuple[Value, ...], norm: Norm) -> tuple[Value, Value]:
    """Merge a norm into the convolution before it: W gamma/sigma, and bias gamma/sigma + shift."""
    weight, *bias = weights
    factor, shift = norm
    column = b.rearrange(factor, f"c -> c{' 1' * (len(weight.shape) - 1)}")
    scaled = b.multiply(weight, column)
    return scaled, b.add(b.multiply(bias[0], factor), shift) if bias else shift


def depthwise_norm(b: Builder, x: Value, kernel_size: Sizes, *, multiplier: Size = 1, **settings: Any) -> Value:
    """Convolve each channel by itself with `multiplier` kernels; batch norm and activate."""
    return conv_norm(b, x, x.channels * multiplier, kernel_size, groups=x.channels, **settings)


def gate(
    b: Builder, x: Value, squeeze: Size, *, bias: bool = True, inner: str = "relu", outer: str = "sigmoid"
) -> Value:
    """Weigh each channel by a function of all of them: pool, squeeze, expand, multiply (arXiv:1709.01507)."""
    b.require(squeeze >= 1, "the squeezed width is {q}: use a smaller reduction", q=squeeze)
    with b.scope("squeeze"):
        pooled = b.adaptive_pool("avg", x, 1)
        narrow = b.elementwise(inner, b.conv(pooled, squeeze, 1, bias=bias))
    with b.scope("excite"):
        weights = b.elementwise(outer, b.conv(narrow, x.channels, 1, bias=bias))
    return b.multiply(x, weights)


def is_unit(b: Builder, sizes: Sizes, rank: int) -> bool:
    """Decide whether a stride (or a kernel) is 1 along every axis."""
    return all(b.decide(equal(size, 1)) for size in dict.fromkeys(per_axis(sizes, rank)))


def squeezed(b: Builder, channels: Size, reduction: Size) -> Size:
    """Return channels // reduction. Raises ShapeError where reduction is below 1."""
    b.require(reduction >= 1, "reduction ({r}) must be at least 1", r=reduction)
    return channels // largest(reduction, 1)


def divisible(b: Builder, share: float, size: Size, divisor: int) -> Size:
    """Round share * size to a multiple of `divisor`, at least `divisor`, and never below 9/10 of it.

    Source: make_divisible in MobileNet's own code; the share is taken in exact decimals, before any rounding.
    """
    part = Fraction(str(share))
    above, below = part.numerator, part.denominator
    rounded = largest(divisor, (2 * above * size + divisor * below) // (2 * below) // divisor * divisor)
    return rounded + divisor if b.decide(rounded * 10 * below < 9 * above * size) else rounded


def layers_in(name: str, number: int) -> range:
    """Return a range over so many layers. Raises ShapeError where there are none, or more than any network has."""
    if not 1 <= number <= MOST_LAYERS:
        raise ShapeError(f"{name} ({number}) must be between 1 and {MOST_LAYERS:,}")
    return range(number)
