"""What moves, joins, cuts, pads, resizes and reshapes tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convcalc.errors import ShapeError, UnsupportedError
from convcalc.graph import Value
from convcalc.padding import windows
from convcalc.pytorch.readers.registry import axes_of, reads
from convcalc.shapes import axis_in
from convcalc.sizes import product
from convcalc.window import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.builder import Builder


@reads("cat", "concat", "concatenate")
def cat(b: Builder, tensors: Sequence[Value], dim: int = 0) -> Value:
    return b.concat(*(x for x in tensors if 0 not in x.shape), axis=dim)


@reads("stack")
def stack(b: Builder, tensors: Sequence[Value], dim: int = 0) -> Value:
    axis = axis_in(dim, len(tensors[0].shape) + 1)
    lifted = [reshape(b, x, (*x.shape[:axis], 1, *x.shape[axis:])) for x in tensors]
    return b.concat(*lifted, axis=axis)


@reads("repeat", "tile")
def repeat(b: Builder, input: Value, *sizes: Any) -> Value:
    times = list(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (list, tuple)) else list(sizes)
    rank = max(len(times), len(input.shape))
    times = [1] * (rank - len(times)) + times
    x = reshape(b, input, (1,) * (rank - len(input.shape)) + input.shape)
    for axis, count in enumerate(times):
        if count > 1:
            if x.shape[axis] == 1:
                shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
                x = b.elementwise("expand", x, b.constant("like", shape))
            else:
                x = b.concat(*[x] * count, axis=axis)
        elif count < 1:
            raise UnsupportedError("repeat of nothing")
    return x


@reads("movedim", "moveaxis")
def movedim(b: Builder, input: Value, source: Any, destination: Any) -> Value:
    rank = len(input.shape)
    gone, come = (
        [axis_in(a, rank) for a in ((part,) if isinstance(part, int) else part)] for part in (source, destination)
    )
    order = [axis for axis in range(rank) if axis not in gone]
    for place, axis in sorted(zip(come, gone, strict=True)):
        order.insert(place, axis)
    return permute(b, input, order)


@reads("view_as", "reshape_as")
def view_as(b: Builder, input: Value, other: Value) -> Value:
    return reshape(b, input, other.shape)


@reads("pad")
def pad(b: Builder, input: Value, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Value:
    sides = [(pad[place], pad[place + 1]) for place in reversed(range(0, len(pad), 2))]
    return b.pad(input, sides, mode=mode, value=value or 0.0)


@reads("pixel_shuffle")
def pixel_shuffle(b: Builder, input: Value, upscale_factor: int) -> Value:
    return b.pixel_shuffle(input, upscale_factor)


@reads("channel_shuffle", "native_channel_shuffle")
def channel_shuffle(b: Builder, input: Value, groups: int) -> Value:
    return b.channel_shuffle(input, groups)


@reads("unfold")
def unfold(b: Builder, input: Value, *more: Any, **named: Any) -> Value:
    """F.unfold lays windows out as columns; Tensor.unfold(dimension, size, step) is a view of one axis."""
    names = ("kernel_size", "dilation", "padding", "stride")
    if len(more) == 3 or "dimension" in named:
        arguments = {**dict(zip(("dimension", "size", "step"), more, strict=False)), **named}
        return _unfolded(
            b, input, axis_in(arguments["dimension"], len(input.shape)), arguments["size"], arguments["step"]
        )
    arguments = {"dilation": 1, "padding": 0, "stride": 1, **dict(zip(names, more, strict=False)), **named}
    walks = windows(
        input.spatial,
        axes_of(arguments["kernel_size"], 2),
        axes_of(arguments["stride"], 2),
        axes_of(arguments["padding"], 2),
        axes_of(arguments["dilation"], 2),
    )
    laid = b.unfold(input, walks)
    return b.permute(laid, tuple((size,) for size in laid.shape), tuple(range(6)), (1, 3, 2))


def _unfolded(b: Builder, x: Value, axis: int, size: int, step: int) -> Value:
    """(..., n, ...) -> (..., windows, ..., size): windows of 1 along every other spatial axis."""
    if axis < 2:
        raise UnsupportedError("unfold along the batch or the channels")
    rank = len(x.shape) - 2
    walks = [Window(kernel=1)] * rank
    walks[axis - 2] = Window(kernel=size, stride=step)
    laid = b.unfold(x, tuple(walks))
    patches = permute(b, laid, [0, 1, *range(2 + rank, 2 + 2 * rank), *range(2, 2 + rank)])
    return reshape(b, patches, (*patches.shape[: 2 + rank], size))


@reads("flatten")
def flatten(b: Builder, input: Value, start_dim: int = 0, end_dim: int = -1) -> Value:
    return b.flatten(input, start_dim, end_dim)


@reads("view", "reshape", "_unsafe_view")
def view(b: Builder, input: Value, *shape: Any) -> Value:
    sizes = list(shape[0]) if len(shape) == 1 and isinstance(shape[0], (list, tuple)) else list(shape)
    if -1 in sizes:
        rest = product(size for size in sizes if size != -1)
        sizes[sizes.index(-1)] = product(input.shape) // rest
    return reshape(b, input, tuple(sizes))


@reads("unflatten")
def unflatten(b: Builder, input: Value, dim: int, sizes: Sequence[int]) -> Value:
    axis = axis_in(dim, len(input.shape))
    known = product(size for size in sizes if size != -1)
    filled = [input.shape[axis] // known if size == -1 else size for size in sizes]
    return reshape(b, input, (*input.shape[:axis], *filled, *input.shape[axis + 1 :]))


@reads("squeeze")
def squeeze(b: Builder, input: Value, dim: Any = None) -> Value:
    rank = len(input.shape)
    chosen = (
        range(rank) if dim is None else [axis_in(d, rank) for d in (dim if isinstance(dim, (list, tuple)) else [dim])]
    )
    return reshape(b, input, tuple(s for axis, s in enumerate(input.shape) if not (axis in chosen and s == 1)))


@reads("unsqueeze")
def unsqueeze(b: Builder, input: Value, dim: int) -> Value:
    axis = axis_in(dim, len(input.shape) + 1)
    return reshape(b, input, (*input.shape[:axis], 1, *input.shape[axis:]))


def reshape(b: Builder, x: Value, shape: tuple[int, ...]) -> Value:
    """Write a reshape as a merge of neighbouring axes and a split of the result, group by group."""
    if shape == x.shape:
        return x
    groups = _groups(x.shape, shape)
    merged = x
    if any(len(old) > 1 for old, _ in groups):
        merge = tuple(len(old) for old, _ in groups)
        merged = b.permute(x, tuple((size,) for size in x.shape), tuple(range(len(x.shape))), merge)
    if all(len(new) == 1 for _, new in groups):
        return merged
    split = tuple(new for _, new in groups)
    return b.permute(merged, split, tuple(range(len(shape))), tuple(1 for _ in shape))


def _groups(old: tuple[int, ...], new: tuple[int, ...]) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Pair the shortest runs of axes with the same product; sizes of 1 join a neighbour."""
    groups: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
    i = j = 0
    while i < len(old) or j < len(new):
        a, c = i, j
        left, right = (old[i] if i < len(old) else 1), (new[j] if j < len(new) else 1)
        i, j = min(i + 1, len(old)), min(j + 1, len(new))
        while left != right or (i == a and i < len(old)) or (j == c and j < len(new)):
            if left < right or i == a:
                left, i = left * old[i], i + 1
            else:
                right, j = right * new[j], j + 1
        groups.append((old[a:i], new[c:j]))
    while len(groups) > 1 and not (groups[-1][0] and groups[-1][1]):
        last = groups.pop()
        groups[-1] = (groups[-1][0] + last[0], groups[-1][1] + last[1])
    return groups


@reads("permute")
def permute(b: Builder, input: Value, *dims: Any) -> Value:
    order = list(dims[0]) if len(dims) == 1 and isinstance(dims[0], (list, tuple)) else list(dims)
    places = tuple(axis_in(axis, len(input.shape)) for axis in order)
    if sorted(places) != list(range(len(input.shape))):
        raise ShapeError(f"{order} is not an order of {len(input.shape)} axes")
    if places == tuple(range(len(places))):
        return input
    return b.permute(input, tuple((size,) for size in input.shape), places, tuple(1 for _ in places))


@reads("transpose", "swapaxes", "swapdims")
def transpose(b: Builder, input: Value, dim0: int, dim1: int) -> Value:
    order = list(range(len(input.shape)))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return permute(b, input, order)


@reads("adjoint")
def adjoint(b: Builder, input: Value) -> Value:
    return transpose(b, input, -2, -1)


@reads("t")
def t(b: Builder, input: Value) -> Value:
    if len(input.shape) > 2:
        raise ShapeError("t() takes a matrix")
    return permute(b, input, list(reversed(range(len(input.shape)))))


@reads("expand", "expand_as")
def expand(b: Builder, input: Value, *sizes: Any) -> Value:
    like = sizes[0].shape if isinstance(sizes[0], Value) else sizes[0] if isinstance(sizes[0], (list, tuple)) else sizes
    lead = len(like) - len(input.shape)
    if lead < 0:
        raise ShapeError(f"{list(input.shape)} cannot grow to {list(like)}")
    shape = tuple(input.shape[axis - lead] if size == -1 else size for axis, size in enumerate(like))
    return input if shape == input.shape else b.elementwise("expand", input, b.constant("like", shape))
