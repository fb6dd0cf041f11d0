"""Activations, dropout and identity: one function per element, no parameters but PReLU's."""

from functools import partial
from typing import Literal

from convcalc.builder import Builder
from convcalc.graph import Value
from convcalc.registry import kind
from convcalc.shapes import axis_in, divided
from convcalc.sizes import Size, equal

activation = partial(kind, channels="", any_shape=True)
"""Registers a kind that takes any shape and keeps it."""


@activation(source="torch.nn.ReLU", torch="ReLU")
def relu(b: Builder, x: Value, *, inplace: bool = False) -> Value:
    """max(x, 0)."""
    return b.relu(x)


@activation(source="torch.nn.ReLU6", torch="ReLU6")
def relu6(b: Builder, x: Value, *, inplace: bool = False) -> Value:
    """min(max(x, 0), 6)."""
    return b.elementwise("relu6", x)


@activation(source="torch.nn.LeakyReLU", torch="LeakyReLU")
def leaky_relu(b: Builder, x: Value, *, negative_slope: float = 0.01, inplace: bool = False) -> Value:
    """x where positive, else a small slope times x."""
    return b.elementwise("leaky_relu", x, negative_slope=negative_slope)


@activation(source="arXiv:1502.01852", torch="PReLU")
def prelu(b: Builder, x: Value, *, num_parameters: Size = 1, init: float = 0.25) -> Value:
    """x where positive, else a learned slope (one, or one per channel) times x."""
    if not b.decide(equal(num_parameters, 1)):
        channels = x.channels if len(x.shape) > 1 else 1
        b.require(
            equal(num_parameters, channels), "num_parameters is {n}, but the input has {c} channels",
            n=num_parameters, c=channels,
        )  # fmt: skip
    with b.scope("prelu"):
        return b.elementwise("prelu", x, b.parameter("weight", (num_parameters,)))


@activation(source="arXiv:1511.07289", torch="ELU")
def elu(b: Builder, x: Value, *, alpha: float = 1.0, inplace: bool = False) -> Value:
    """x where positive, else alpha (exp(x) - 1)."""
    return b.elementwise("elu", x, alpha=alpha)


@activation(source="arXiv:1706.02515", torch="SELU")
def selu(b: Builder, x: Value, *, inplace: bool = False) -> Value:
    """ELU with the constants that keep mean and variance."""
    return b.elementwise("selu", x)


@activation(source="arXiv:1704.07483", torch="CELU")
def celu(b: Builder, x: Value, *, alpha: float = 1.0, inplace: bool = False) -> Value:
    """ELU made continuously differentiable for every alpha."""
    b.require(alpha != 0, "alpha must not be 0")
    return b.elementwise("celu", x, alpha=alpha)


@activation(source="arXiv:1606.08415", torch="GELU")
def gelu(b: Builder, x: Value, *, approximate: Literal["none", "tanh"] = "none") -> Value:
    """x times the normal distribution function of x."""
    return b.elementwise("gelu", x, approximate=approximate)


@activation(source="arXiv:1702.03118", torch="SiLU")
def silu(b: Builder, x: Value, *, inplace: bool = False) -> Value:
    """x sigmoid(x), also called swish."""
    return b.elementwise("silu", x)


@activation(source="arXiv:1908.08681", torch="Mish")
def mish(b: Builder, x: Value, *, inplace: bool = False) -> Value:
    """x tanh(softplus(x))."""
    return b.elementwise("mish", x)


@activation(source="torch.nn.Sigmoid", torch="Sigmoid")
def sigmoid(b: Builder, x: Value) -> Value:
    """1 / (1 + exp(-x))."""
    return b.elementwise("sigmoid", x)


@activation(source="torch.nn.Tanh", torch="Tanh")
def tanh(b: Builder, x: Value) -> Value:
    """The hyperbolic tangent."""
    return b.elementwise("tanh", x)


@activation(source="arXiv:1905.02244", torch="Hardswish")
def hardswish(b: Builder, x: Value, *, inplace: bool = False) -> Value:
    """x relu6(x + 3) / 6."""
    return b.elementwise("hardswish", x)


@activation(source="arXiv:1905.02244", torch="Hardsigmoid")
def hardsigmoid(b: Builder, x: Value, *, inplace: bool = False) -> Value:
    """relu6(x + 3) / 6."""
    return b.elementwise("hardsigmoid", x)


@activation(source="torch.nn.Hardtanh", torch="Hardtanh", order=("min_val", "max_val", "inplace"))
def hardtanh(b: Builder, x: Value, *, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Value:
    """x held between two values."""
    b.require(max_val > min_val, "max_val ({m}) must be greater than min_val ({n})", m=max_val, n=min_val)
    return b.elementwise("hardtanh", x, min_val=min_val, max_val=max_val)


@activation(source="torch.nn.Softplus", torch="Softplus")
def softplus(b: Builder, x: Value, *, beta: float = 1.0, threshold: float = 20.0) -> Value:
    """log(1 + exp(x))."""
    return b.elementwise("softplus", x, beta=beta, threshold=threshold)


@activation(source="torch.nn.Softsign", torch="Softsign")
def softsign(b: Builder, x: Value) -> Value:
    """x / (1 + |x|)."""
    return b.elementwise("softsign", x)


@activation(source="arXiv:1505.00853", torch="RReLU")
def rrelu(b: Builder, x: Value, *, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False) -> Value:
    """x where positive, else a slope times x: drawn in training, the middle of the two in inference."""
    b.require(lower <= upper, "lower ({n}) must be at most upper ({m})", n=lower, m=upper)
    return b.elementwise("rrelu", x, lower=lower, upper=upper)


@activation(source="torch.nn.Threshold", torch="Threshold")
def threshold(b: Builder, x: Value, *, threshold: float, value: float, inplace: bool = False) -> Value:
    """x above a threshold, else a value."""
    return b.elementwise("threshold", x, threshold=threshold, value=value)


@activation(source="torch.nn.Hardshrink", torch="Hardshrink")
def hardshrink(b: Builder, x: Value, *, lambd: float = 0.5) -> Value:
    """x where it is further from 0 than lambd, else 0."""
    return b.elementwise("hardshrink", x, lambd=lambd)


@activation(source="torch.nn.Softshrink", torch="Softshrink")
def softshrink(b: Builder, x: Value, *, lambd: float = 0.5) -> Value:
    """x moved towards 0 by lambd, and 0 within it."""
    b.require(lambd >= 0, "lambd ({n}) must not be negative", n=lambd)
    return b.elementwise("softshrink", x, lambd=lambd)


@activation(source="torch.nn.Tanhshrink", torch="Tanhshrink")
def tanhshrink(b: Builder, x: Value) -> Value:
    """x - tanh(x)."""
    return b.elementwise("tanhshrink", x)


@activation(source="torch.nn.LogSigmoid", torch="LogSigmoid")
def logsigmoid(b: Builder, x: Value) -> Value:
    """log(sigmoid(x))."""
    return b.elementwise("logsigmoid", x)


def _along(b: Builder, function: str, x: Value, dim: int | None) -> Value:
    """Torch's old default axis is 0 for 0, 1 and 3 axes, else 1."""
    axis = (0 if len(x.shape) in (0, 1, 3) else 1) if dim is None else dim
    b.require(-len(x.shape) <= axis < len(x.shape), "dim ({dim}) is not an axis of the input", dim=axis)
    return b.elementwise(function, x, axes=(axis % len(x.shape),), dim=axis)


@activation(source="torch.nn.Softmax", torch="Softmax")
def softmax(b: Builder, x: Value, *, dim: int | None = None) -> Value:
    """exp(x), scaled to sum to 1 along one axis."""
    return _along(b, "softmax", x, dim)


@activation(source="torch.nn.LogSoftmax", torch="LogSoftmax")
def log_softmax(b: Builder, x: Value, *, dim: int | None = None) -> Value:
    """The logarithm of softmax."""
    return _along(b, "log_softmax", x, dim)


@activation(source="torch.nn.Softmin", torch="Softmin")
def softmin(b: Builder, x: Value, *, dim: int | None = None) -> Value:
    """exp(-x), scaled to sum to 1 along one axis."""
    return _along(b, "softmax", b.elementwise("negative", x), dim)


@kind(source="arXiv:1612.08083", channels="", torch="GLU")
def glu(b: Builder, x: Value, *, dim: int = -1) -> Value:
    """The first half of an axis times the sigmoid of the second: half as large along it."""
    axis = axis_in(dim, len(x.shape))
    half = divided(x.shape[axis], 2, b.require, f"axis {dim}", "2")
    gate = b.elementwise("sigmoid", b.slice(x, axis, half, x.shape[axis]))
    return b.multiply(b.slice(x, axis, 0, half), gate)


@activation(source="Srivastava et al. 2014", torch="Dropout")
def dropout(b: Builder, x: Value, *, p: float = 0.5, inplace: bool = False) -> Value:
    """Drop values at random in training; nothing in inference."""
    return _dropped(b, x, p)


@activation(source="arXiv:1706.02515", torch="AlphaDropout")
def alpha_dropout(b: Builder, x: Value, *, p: float = 0.5, inplace: bool = False) -> Value:
    """Dropout that keeps mean and variance under SELU; nothing in inference."""
    return _dropped(b, x, p)


@activation(source="arXiv:1706.02515", torch="FeatureAlphaDropout")
def feature_alpha_dropout(b: Builder, x: Value, *, p: float = 0.5, inplace: bool = False) -> Value:
    """Alpha dropout of whole channels; nothing in inference."""
    return _dropped(b, x, p)


def _dropped(b: Builder, x: Value, p: float) -> Value:
    b.require(0 <= p <= 1, "p ({p}) must lie between 0 and 1", p=p)
    return b.elementwise("dropout", x, p=p)


@activation(source="torch.nn.Identity", torch="Identity")
def identity(b: Builder, x: Value) -> Value:
    """Pass the input on."""
    return b.elementwise("identity", x)
