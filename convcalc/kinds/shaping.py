"""Layers that move, join, resize or flatten tensors, and the linear layer that usually ends them."""

from typing import Literal

from convcalc import ops
from convcalc.builder import Builder
from convcalc.errors import ShapeError
from convcalc.graph import Value
from convcalc.ops import RANK_OF_MODE
from convcalc.padding import windows
from convcalc.registry import kind
from convcalc.shapes import axis_in, divided, show
from convcalc.sizes import Factors, Pair, Sides, Size, Sizes, equal, per_axis, product, scaled
from convcalc.units import plural

Mode = Literal["nearest", "nearest-exact", "linear", "bilinear", "trilinear", "bicubic"]


@kind(source="torch.nn.Linear", channels="in_features", torch="Linear", spatial=0, axis=-1)
def linear(b: Builder, x: Value, *, out_features: Size, bias: bool = True) -> Value:
    """Multiply the last axis by a weight (out_features, in_features)."""
    return b.linear(x, out_features, bias=bias)


@kind(source="torch.nn.Flatten", channels="", torch="Flatten", flattens=True)
def flatten(b: Builder, x: Value, *, start_dim: int = 1, end_dim: int = -1) -> Value:
    """Merge the axes start_dim..end_dim into one."""
    rank = len(x.shape)
    for dim in (start_dim, end_dim):
        b.require(-rank <= dim < rank, "axis {dim} is not one of {rank}", dim=dim, rank=rank)
    b.require(
        start_dim % rank <= end_dim % rank,
        "start_dim ({s}) comes after end_dim ({e})",
        s=start_dim,
        e=end_dim,
    )
    return b.flatten(x, start_dim % rank, end_dim)


@kind(source="torch.nn.Upsample", channels="", torch="Upsample")
def upsample(
    b: Builder,
    x: Value,
    *,
    size: Sizes | None = None,
    scale_factor: Factors | None = None,
    mode: Mode = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
) -> Value:
    """Interpolate to `size`, or by `scale_factor`: floor(i * factor)."""
    rank = len(x.spatial)
    if (size is None) == (scale_factor is None):
        raise ShapeError("upsample takes either size or scale_factor")
    if RANK_OF_MODE.get(mode, rank) != rank:
        fits = [name for name, needs in RANK_OF_MODE.items() if needs == rank]
        raise ShapeError(f"{mode} needs {RANK_OF_MODE[mode]} spatial axes, not {rank}; here use {', '.join(fits)}")
    if align_corners is not None and mode.startswith("nearest"):
        raise ShapeError("align_corners goes with linear, bilinear, trilinear and bicubic only")
    if size is not None and recompute_scale_factor:
        raise ShapeError("recompute_scale_factor goes with scale_factor, not with size")
    if size is not None:
        return b.resize(x, per_axis(size, rank, "size"), mode, align_corners=bool(align_corners))
    factors = per_axis(scale_factor, rank, "scale_factor")
    for factor in factors:
        b.require(factor > 0, "scale_factor ({f}) must be positive", f=factor)
    sizes = tuple(scaled(have, factor) for have, factor in zip(x.spatial, factors, strict=True))
    scale = None if recompute_scale_factor else factors
    return b.resize(x, sizes, mode, scale, bool(align_corners))


@kind(
    source="torch.nn.UpsamplingNearest2d",
    channels="",
    torch="UpsamplingNearest",
    ranks=(2,),
    order=("size", "scale_factor"),
)
def upsampling_nearest(
    b: Builder,
    x: Value,
    *,
    size: Sizes | None = None,
    scale_factor: Factors | None = None,
    mode: Literal["nearest"] = "nearest",
) -> Value:
    """Upsample by repeating the nearest value."""
    return upsample(b, x, size=size, scale_factor=scale_factor)


@kind(
    source="torch.nn.UpsamplingBilinear2d",
    channels="",
    torch="UpsamplingBilinear",
    ranks=(2,),
    order=("size", "scale_factor"),
)
def upsampling_bilinear(
    b: Builder,
    x: Value,
    *,
    size: Sizes | None = None,
    scale_factor: Factors | None = None,
    mode: Literal["bilinear"] = "bilinear",
) -> Value:
    """Upsample by bilinear interpolation with the corners aligned."""
    return upsample(b, x, size=size, scale_factor=scale_factor, mode="bilinear", align_corners=True)


@kind(source="arXiv:1609.05158", channels="", torch="PixelShuffle", spatial=2)
def pixel_shuffle(b: Builder, x: Value, *, upscale_factor: Size) -> Value:
    """Move channels into space: (C r^2, H, W) -> (C, rH, rW).

    Used for: the last step of sub-pixel convolution. Gains: no parameters, no MACs. Costs: one move of the map.
    """
    if len(x.spatial) != 2:
        raise ShapeError(f"pixel_shuffle needs 2 spatial axes, but its input has {len(x.spatial)}")
    return b.pixel_shuffle(x, upscale_factor)


@kind(
    source="arXiv:1609.05158 (inverse)",
    channels="",
    torch="PixelUnshuffle",
    spatial=2,
    letters={"downscale_factor": "r"},
)
def pixel_unshuffle(b: Builder, x: Value, *, downscale_factor: Size) -> Value:
    """Move space into channels: (C, H, W) -> (C r^2, H/r, W/r), the inverse of a pixel shuffle."""
    if len(x.spatial) != 2:
        raise ShapeError(f"pixel_unshuffle needs 2 spatial axes, but its input has {len(x.spatial)}")
    for size in x.spatial:
        divided(size, downscale_factor, b.require, "a spatial size", "downscale_factor")
    r = downscale_factor
    return b.rearrange(x, "b c (h r1) (w r2) -> b (c r1 r2) h w", r1=r, r2=r)


@kind(source="arXiv:1707.01083", channels="", torch="ChannelShuffle")
def channel_shuffle(b: Builder, x: Value, *, groups: Size) -> Value:
    """Interleave the channels of the groups: out[j g + i] = in[i n + j], n = C/g.

    Used for: ShuffleNet: letting groups exchange channels. Gains: no parameters, no MACs.
    Costs: the whole map is moved once. Split: the channels, by group. Transform: none. Merge: interleaving.
    Index map: out[j g + i] = in[i n + j]; the inverse is a shuffle with n groups.
    """
    return b.channel_shuffle(x, groups)


def _sides(x: Value, padding: Sides) -> list[tuple[Size, Size]]:
    """One (before, after) pair per spatial axis; a flat tuple is torch's: the last axis first."""
    rank = len(x.spatial)
    if isinstance(padding, tuple) and not isinstance(padding, Pair):
        if len(padding) != 2 * rank:
            raise ShapeError(f"padding has {plural(len(padding), 'number')}, but {rank} spatial axes need {2 * rank}")
        return [(padding[2 * axis], padding[2 * axis + 1]) for axis in reversed(range(rank))]
    return [side if isinstance(side, tuple) else (side, side) for side in per_axis(padding, rank, "padding")]


@kind(source="torch.nn.ZeroPad2d", channels="", torch="ZeroPad", ranks=(1, 2, 3))
def zero_pad(b: Builder, x: Value, *, padding: Sides) -> Value:
    """Add zeros around the map; in a call the order is torch's (left, right, top, bottom)."""
    return b.pad(x, _sides(x, padding))


@kind(source="torch.nn.ConstantPad2d", channels="", torch="ConstantPad", ranks=(1, 2, 3))
def constant_pad(b: Builder, x: Value, *, padding: Sides, value: float) -> Value:
    """Add a constant around the map."""
    return b.pad(x, _sides(x, padding), value=value)


@kind(source="torch.nn.ReflectionPad2d", channels="", torch="ReflectionPad", ranks=(1, 2, 3))
def reflection_pad(b: Builder, x: Value, *, padding: Sides) -> Value:
    """Continue the map by its mirror image."""
    return b.pad(x, _sides(x, padding), mode="reflect")


@kind(source="torch.nn.ReplicationPad2d", channels="", torch="ReplicationPad", ranks=(1, 2, 3))
def replication_pad(b: Builder, x: Value, *, padding: Sides) -> Value:
    """Continue the map by its border values."""
    return b.pad(x, _sides(x, padding), mode="replicate")


@kind(source="torch.nn.CircularPad2d", channels="", torch="CircularPad", ranks=(1, 2, 3))
def circular_pad(b: Builder, x: Value, *, padding: Sides) -> Value:
    """Continue the map by its far side: the borders join."""
    return b.pad(x, _sides(x, padding), mode="circular")


@kind(source="torch.nn.Unfold", channels="", torch="Unfold", spatial=2)
def unfold(
    b: Builder, x: Value, *, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
) -> Value:
    """Lay out every window as a column: (C, H, W) -> (C kh kw, positions)."""
    if len(x.spatial) != 2:
        raise ShapeError(f"unfold needs 2 spatial axes, but its input has {len(x.spatial)}")
    laid = b.unfold(x, windows(x.spatial, kernel_size, stride, padding, dilation))
    return b.rearrange(laid, "b c k1 k2 h w -> b (c k1 k2) (h w)")


@kind(source="torch.nn.Fold", channels="", torch="Fold", spatial=1, letters={"output_size": "H_out"})
def fold(
    b: Builder,
    x: Value,
    *,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Value:
    """Add columns up where their windows lie: (C kh kw, positions) -> (C, H, W), what unfold laid out."""
    if len(x.shape) != 3:
        raise ShapeError(f"fold takes columns x positions, but its input is {show(x.shape[1:])}")
    size = per_axis(output_size, 2, "output_size")
    walks = windows(size, kernel_size, stride, padding, dilation)
    places = tuple(walk.size_out(have) for walk, have in zip(walks, size, strict=True))
    taps = tuple(walk.kernel for walk in walks)
    channels = divided(x.channels, product(taps), b.require, "columns", "the kernel's taps")
    b.require(
        equal(x.shape[2], product(places)), "windows over {size} have {n} places, but {have} arrive",
        size=show(size), n=product(places), have=x.shape[2],
    )  # fmt: skip
    laid = b.rearrange(
        x, "b (c k1 k2) (h w) -> b c k1 k2 h w", c=channels, k1=taps[0], k2=taps[1], h=places[0], w=places[1]
    )
    return b.write(ops.Fold(walks, size), laid)


@kind(source="torch.nn.Unflatten", channels="", torch="Unflatten")
def unflatten(b: Builder, x: Value, *, dim: int, unflattened_size: tuple[int, ...]) -> Value:
    """Split one axis into several; one of their sizes may be -1."""
    axis = axis_in(dim, len(x.shape))
    if not unflattened_size or sum(size == -1 for size in unflattened_size) > 1:
        raise ShapeError("unflattened_size holds at least one size, and at most one of -1")
    rest = divided(
        x.shape[axis], product(s for s in unflattened_size if s != -1), b.require, f"axis {dim}", "the sizes"
    )
    sizes = tuple(rest if size == -1 else size for size in unflattened_size)
    b.require(
        equal(product(sizes), x.shape[axis]), "axis {dim} has {have}, which is not {sizes}",
        dim=dim, have=x.shape[axis], sizes=show(sizes),
    )  # fmt: skip
    split = tuple(sizes if place == axis else (size,) for place, size in enumerate(x.shape))
    count = sum(map(len, split))
    return b.permute(x, split, tuple(range(count)), (1,) * count)


@kind(source="join of branches", channels="", unlike_channels=True)
def concat(b: Builder, *inputs: Value, axis: int = 1) -> Value:
    """Join its inputs along the channels (axis=1), or along another axis."""
    _branches(inputs)
    return b.concat(*inputs, axis=axis)


@kind(source="arXiv:1512.03385 (residual)", channels="")
def add(b: Builder, *inputs: Value) -> Value:
    """Add its inputs: of one shape, or of 1 along an axis, which is then repeated."""
    _branches(inputs)
    return b.add(*inputs)


@kind(source="arXiv:1709.01507 (gating)", channels="")
def multiply(b: Builder, *inputs: Value) -> Value:
    """Multiply its inputs: a map by a gate of the same shape, or of 1 per spatial axis."""
    _branches(inputs)
    return b.multiply(*inputs)


def _branches(inputs: tuple[Value, ...]) -> None:
    if len(inputs) < 2:
        raise ShapeError("this joins two or more branches: name them with from=a,b (`last` is the layer before)")


@kind(source="torch indexing", channels="")
def slice_(b: Builder, x: Value, *, start: int = 0, stop: int | None = None, step: int = 1, axis: int = 1) -> Value:
    """Keep positions start, start+step, ... before stop of the channels (axis=1), or of another axis."""
    end = x.shape[axis_in(axis, len(x.shape))] if stop is None else stop
    return b.slice(x, axis, start, end, step)
