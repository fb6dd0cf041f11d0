"""Normalisation layers. Batch norm is read as in inference: a scale and a shift per channel."""

from convcalc.builder import Builder
from convcalc.errors import ShapeError
from convcalc.graph import Value
from convcalc.registry import kind
from convcalc.shapes import divided, show
from convcalc.sizes import PerAxis, Shape, Size, equal, product


@kind(source="arXiv:1502.03167", channels="num_features", torch="BatchNorm", ranks=(1, 2, 3), takes_features=True)
def batch_norm(
    b: Builder,
    x: Value,
    *,
    eps: float = 1e-5,
    momentum: float | None = 0.1,
    affine: bool = True,
    track_running_stats: bool = True,
    bias: bool = True,
) -> Value:
    """Scale and shift each channel; 2 C parameters when affine, its running statistics are buffers.

    Without running statistics it normalises by the batch itself, in inference too, and reads the whole map.
    """
    _channels(x)
    if track_running_stats:
        return b.batch_norm(x, affine=affine, bias=bias, eps=eps)
    _several(b, product((x.batch, *x.spatial)))
    b.require(eps > 0, "eps ({eps}) must be positive without running statistics", eps=eps)
    axes = (0, *range(2, len(x.shape)))
    return b.norm("batch_norm", x, (x.channels,), affine=affine, bias=bias, axes=axes, eps=eps)


@kind(
    source="arXiv:1607.06450",
    channels="",
    torch="LayerNorm",
    order=("normalized_shape", "eps", "elementwise_affine", "bias"),
)
def layer_norm(
    b: Builder,
    x: Value,
    *,
    normalized_shape: tuple[int, ...] | Size,
    eps: float = 1e-5,
    elementwise_affine: bool = True,
    bias: bool = True,
) -> Value:
    """Normalise over the last axes, whose sizes are `normalized_shape`, with a scale and shift of that shape."""
    features, axes = _last_axes(b, x, normalized_shape)
    return b.norm("layer_norm", x, features, affine=elementwise_affine, bias=bias, axes=axes, eps=eps)


@kind(
    source="arXiv:1910.07467",
    channels="",
    torch="RMSNorm",
    order=("normalized_shape", "eps", "elementwise_affine"),
)
def rms_norm(
    b: Builder,
    x: Value,
    *,
    normalized_shape: tuple[int, ...] | Size,
    eps: float | None = None,
    elementwise_affine: bool = True,
) -> Value:
    """Divide by the root of the mean square over the last axes, with a scale of their shape and no shift."""
    features, axes = _last_axes(b, x, normalized_shape)
    return b.norm("rms_norm", x, features, affine=elementwise_affine, bias=False, axes=axes, eps=eps)


@kind(source="Krizhevsky et al. 2012 (AlexNet)", channels="", torch="LocalResponseNorm")
def local_response_norm(
    b: Builder, x: Value, *, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Value:
    """Divide by (k + alpha times the mean square over `size` neighbouring channels) to the power beta."""
    if len(x.shape) < 3:
        raise ShapeError(f"local_response_norm needs channels and positions, but its input is {show(x.shape[1:])}")
    b.require(size >= 1, "size ({n}) must be at least 1", n=size)
    return b.elementwise("local_response_norm", x, axes=(1,), size=size, alpha=alpha, beta=beta, k=k)


@kind(
    source="arXiv:1803.08494",
    channels="num_channels",
    torch="GroupNorm",
    order=("num_groups", "num_channels", "eps", "affine", "bias"),
)
def group_norm(
    b: Builder, x: Value, *, num_groups: Size, eps: float = 1e-5, affine: bool = True, bias: bool = True
) -> Value:
    """Normalise over the channels of a group and the whole map, with a scale and shift per channel."""
    each = divided(_channels(x), num_groups, b.require, "num_channels", "num_groups")
    _several(b, product((x.batch, each, *x.spatial)))
    axes = tuple(range(1, len(x.shape)))
    return b.norm("group_norm", x, (x.channels,), affine=affine, bias=bias, axes=axes, eps=eps, num_groups=num_groups)


@kind(source="arXiv:1607.08022", channels="num_features", torch="InstanceNorm", ranks=(1, 2, 3))
def instance_norm(
    b: Builder,
    x: Value,
    *,
    eps: float = 1e-5,
    momentum: float | None = 0.1,
    affine: bool = False,
    track_running_stats: bool = False,
    bias: bool = True,
) -> Value:
    """Normalise each channel over the whole map; no parameters unless affine."""
    axes = () if track_running_stats else tuple(range(2, len(x.shape)))
    _channels(x)
    running = track_running_stats
    if not running:
        _several(b, product(x.spatial))
    return b.norm("instance_norm", x, (x.channels,), affine=affine, bias=bias, axes=axes, eps=eps, running=running)


def _last_axes(b: Builder, x: Value, normalized_shape: tuple[int, ...] | Size) -> tuple[Shape, tuple[int, ...]]:
    """The sizes of the last axes, checked against the input's, and which they are."""
    features = tuple(normalized_shape) if isinstance(normalized_shape, (tuple, PerAxis)) else (normalized_shape,)
    start = len(x.shape) - len(features)
    if start < 0:
        raise ShapeError(f"normalized_shape {show(features)} has more axes than the input {show(x.shape)}")
    for have, expected in zip(x.shape[start:], features, strict=True):
        b.require(equal(have, expected), "normalized_shape has {w} where the input has {h}", w=expected, h=have)
    return features, tuple(range(start, len(x.shape)))


def _channels(x: Value) -> Size:
    if len(x.shape) < 2:
        raise ShapeError(f"this norm needs a batch and channels, but its input is {show(x.shape)}")
    return x.channels


def _several(b: Builder, values: Size) -> None:
    """Statistics of one value are refused, as torch refuses them."""
    b.require(values > 1, "statistics need more than {n} value", n=values)
