"""Convolutions taken apart: one axis at a time, space and channels apart, one kernel as several small ones."""

from typing import Literal

from convcalc.builder import Builder
from convcalc.errors import ShapeError
from convcalc.graph import Value
from convcalc.kinds.parts import layers_in
from convcalc.padding import Padding
from convcalc.registry import kind
from convcalc.sizes import Size, Sizes, axes, equal, exact, per_axis, total


def _along(axis: int, value: Sizes, rest: int) -> Sizes:
    """The part of a per-axis setting that belongs to one of two axes; the other axis gets `rest`."""
    parts = [rest, rest]
    parts[axis] = per_axis(value, 2)[axis]
    return axes(*parts)


def _sides(axis: int, padding: Padding) -> Padding:
    return padding if isinstance(padding, str) else _along(axis, padding, 0)


@kind(source="arXiv:1512.00567; the Sobel operator", spatial=2)
def spatially_separable(
    b: Builder,
    x: Value,
    *,
    out_channels: Size,
    mid_channels: Size | None = None,
    kernel_size: Sizes = 3,
    stride: Sizes = 1,
    padding: Padding = 0,
    order: Literal["vertical_first", "horizontal_first"] = "vertical_first",
    sharing: Literal["full", "depthwise", "per_pair"] = "full",
    bias: bool = False,
) -> Value:
    """Convolve with a k x 1 kernel and then with a 1 x k kernel instead of one k x k kernel.

    Each stage strides and pads its own axis. `full` mixes channels in both stages (mid_channels: out_channels unless
    given); `depthwise` keeps every channel by itself; `per_pair` gives each (input, output) pair a kernel of rank 1,
    which is the (K+K) Cin Cout of the texts.

    Used for: image filters of rank 1 (Sobel, Gaussian), the 1x7 and 7x1 pairs of Inception v3.
    Gains: 2/k of the weights at equal widths; MACs 2/k with same padding, a little more with none.
    Costs: kernels of rank above 1 cannot be written; two dependent steps where one was; never pays for k = 2.
    Split: none. Transform: along one axis, then along the other. Merge: the second stage sums.
    Limit: 2/k of the dense cost for N >> k; 2/m + (m-1)/(m(N-m+1)) for an m x m kernel on N x N without padding.
    """
    first, second = (0, 1) if order == "vertical_first" else (1, 0)
    inner: Size = out_channels if mid_channels is None else mid_channels
    groups: tuple[Size, Size] = (1, 1)
    if sharing != "full":
        inner = x.channels if sharing == "depthwise" else x.channels * out_channels
        groups = (x.channels, out_channels)
        if mid_channels is not None:
            raise ShapeError(f"sharing={sharing} fixes mid_channels: leave it out")
    if sharing == "depthwise":
        b.require(
            equal(out_channels, x.channels), "depthwise keeps {c} channels, not {o}", c=x.channels, o=out_channels
        )
        groups = (x.channels, x.channels)
    for stage, axis in enumerate((first, second)):
        with b.scope(("vertical", "horizontal")[axis]):
            if stage == 1 and sharing == "per_pair":
                x = b.channel_shuffle(x, groups[0])
            x = b.conv(
                x,
                inner if stage == 0 else out_channels,
                _along(axis, kernel_size, 1),
                stride=_along(axis, stride, 1),
                padding=_sides(axis, padding),
                groups=groups[stage],
                bias=bias,
            )
    return x


@kind(source="arXiv:1412.5474 (jhjin/flattened-cnn)", spatial=2)
def flattened(
    b: Builder,
    x: Value,
    *,
    out_channels: Size,
    kernel_size: Sizes = 3,
    num_layers: int = 1,
    padding: Padding = 0,
    bias: bool = True,
) -> Value:
    """Replace a kernel by three one-dimensional ones: across channels, down the columns, along the rows.

    One layer is lateral 1x1 (full), vertical kh x 1 and horizontal 1 x kw (one per channel), nothing between them;
    the paper's layer cascades num_layers=2 of them. Each filter is the product of three vectors.

    Used for: feedforward acceleration of trained-from-scratch networks.
    Gains: C + kh + kw weights per filter instead of C kh kw.
    Costs: only filters of rank 1 in all three unfoldings; three dependent steps; biases after each.
    Split: none. Transform: one axis of the kernel at a time. Merge: the lateral stage sums over channels.
    """
    for _ in layers_in("num_layers", num_layers):
        with b.scope("lateral"):
            x = b.conv(x, out_channels, 1, bias=bias)
        with b.scope("vertical"):
            x = b.depthwise(x, _along(0, kernel_size, 1), padding=_sides(0, padding), bias=bias)
        with b.scope("horizontal"):
            x = b.depthwise(x, _along(1, kernel_size, 1), padding=_sides(1, padding), bias=bias)
    return x


@kind(source="arXiv:1409.1556 (VGG)")
def stacked(
    b: Builder,
    x: Value,
    *,
    out_channels: Size,
    kernel_size: Sizes = 3,
    num_layers: int = 2,
    padding: Padding = "same",
    bias: bool = True,
) -> Value:
    """Stack small kernels to see as far as one large one: n layers of k see n(k-1)+1.

    Every layer gives out_channels and is followed by ReLU, as in VGG.

    Used for: VGG and nearly every network after it; factorising a 5x5 into two 3x3.
    Gains: two 3x3 for a 5x5 keep 18/25 of the weights, three for a 7x7 27/49; a nonlinearity after each.
    Costs: n dependent steps and n maps in memory; without padding the inner maps are larger, so fewer MACs are saved
    than weights (0.773 instead of 0.72 for two 3x3 on 32x32).
    Split: none. Transform: n times the same. Merge: none.
    Limit: n k^2 / (n(k-1)+1)^2 of the weights of one large kernel at equal widths.
    """
    for _ in layers_in("num_layers", num_layers):
        x = b.relu(b.conv(x, out_channels, kernel_size, padding=padding, bias=bias))
    return x


@kind(source="arXiv:1610.02357 figs. 2-4; arXiv:1512.00567", as_structure=("cardinality",))
def spatial_cross_channel(
    b: Builder,
    x: Value,
    *,
    out_channels: Size | None = None,
    mid_channels: Size | None = None,
    kernel_size: Sizes = 3,
    cardinality: Size = 3,
    arrangement: Literal["towers", "merged", "extreme"] = "towers",
    tower_mid: tuple[int, ...] | None = None,
    tower_out: tuple[int, ...] | None = None,
    bias: bool = False,
) -> Value:
    """Map channels first, by 1x1, then space, by k x k, in separate towers.

    `towers` runs `cardinality` towers of 1x1 and k x k side by side and joins them (tower_mid and tower_out give
    each its own width); `merged` is one 1x1 and one grouped k x k, exactly the same numbers; `extreme` has one k x k
    per channel. mid_channels and out_channels are totals; both default to in_channels. Same padding.

    Used for: the argument that leads from Inception to Xception: space and channels can be mapped apart.
    Gains: the k x k stage costs 1/cardinality of a dense one.
    Costs: towers never exchange channels after the 1x1; many small kernels run slower than one grouped one.
    Split: by the 1x1 of each tower. Transform: k x k inside a tower. Merge: concatenation.
    """
    inner: Size = x.channels if mid_channels is None else mid_channels
    outer: Size = inner if out_channels is None else out_channels
    if arrangement == "towers":
        return _towers(b, x, inner, outer, kernel_size, cardinality, tower_mid, tower_out, bias)
    if tower_mid is not None or tower_out is not None:
        raise ShapeError("tower_mid and tower_out go with arrangement=towers")
    groups = inner if arrangement == "extreme" else cardinality
    with b.scope("pointwise"):
        mixed = b.conv(x, inner, 1, bias=bias)
    with b.scope("spatial"):
        return b.conv(mixed, outer, kernel_size, padding="same", groups=groups, bias=bias)


def _towers(
    b: Builder,
    x: Value,
    inner: Size,
    outer: Size,
    kernel_size: Sizes,
    cardinality: Size,
    tower_mid: tuple[int, ...] | None,
    tower_out: tuple[int, ...] | None,
    bias: bool,
) -> Value:
    mids, outs = tuple(tower_mid or ()), tuple(tower_out or tower_mid or ())
    if not mids:
        if not isinstance(cardinality, int) or cardinality < 1:
            raise ShapeError(f"towers need a number of towers: cardinality ({cardinality}) must be at least 1")
        for name, size in (("mid_channels", inner), ("out_channels", outer)):
            b.require(
                equal(size % cardinality, 0),
                "{name} ({size}) must be divisible by cardinality ({n}): give a multiple of {n} as {name}, or another"
                " cardinality",
                name=name, size=size, n=cardinality,
            )  # fmt: skip
        mids, outs = (exact(inner, cardinality),) * cardinality, (exact(outer, cardinality),) * cardinality
    elif len(mids) != len(outs):
        raise ShapeError(f"tower_mid names {len(mids)} towers, tower_out {len(outs)}")
    towers = []
    for mid, out in zip(mids, outs, strict=True):
        with b.scope("tower"):
            towers.append(b.conv(b.conv(x, mid, 1, bias=bias), out, kernel_size, padding="same", bias=bias))
    joined = b.concat(*towers)
    b.require(equal(joined.channels, total(outs)), "the towers give {n} channels", n=joined.channels)
    return joined


@kind(source="arXiv:1512.03385")
def bottleneck(
    b: Builder,
    x: Value,
    *,
    out_channels: Size | None = None,
    mid_channels: Size | None = None,
    kernel_size: Sizes = 3,
    stride: Sizes = 1,
    bias: bool = False,
) -> Value:
    """Squeeze the channels by 1x1, convolve the few, and expand them again by 1x1.

    The plain three convolutions, without norms or shortcut (resnet_bottleneck has both). out_channels defaults to
    in_channels, mid_channels to a quarter of them; padding k//2.

    Used for: deep residual networks; any k x k on wide maps.
    Gains: at m = C/4 and k = 3 1/8.47 of the dense weights.
    Costs: three dependent steps; the 1x1s read the wide map at full size.
    Split: 1x1 to m channels. Transform: k x k on m. Merge: 1x1 back to C.
    Limit: (2 C m + k^2 m^2) / (k^2 C^2) of the dense convolution.
    """
    inner: Size = x.channels // 4 if mid_channels is None else mid_channels
    outer: Size = x.channels if out_channels is None else out_channels
    b.require(inner >= 1, "mid_channels ({m}) must be at least 1", m=inner)
    with b.scope("reduce"):
        narrow = b.conv(x, inner, 1, bias=bias)
    with b.scope("spatial"):
        narrow = b.conv(narrow, inner, kernel_size, stride=stride, padding=kernel_size // 2, bias=bias)
    with b.scope("expand"):
        return b.conv(narrow, outer, 1, bias=bias)
