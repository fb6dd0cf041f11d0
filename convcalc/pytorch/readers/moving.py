"""What moves, joins, cuts, pads, resizes and reshapes tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convcalc.errors import ShapeError, UnsupportedError
from convcalc.graph import Value
from convcalc.kinds.shaping import upsample
from convcalc.padding import windows
from convcalc.pytorch.readers.registry import axes_of, reads
from convcalc.shapes import axis_in
from convcalc.sizes import ceil_div, product
from convcalc.window import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.builder import Builder


@reads("cat", "concat", "concatenate")
def cat(b: Builder, tensors: Sequence[Value], dim: int = 0) -> Value:
    return b.concat(*(x for x in tensors if x.shape != (0,)), axis=dim)


@reads("stack")
def stack(b: Builder, tensors: Sequence[Value], dim: int = 0) -> Value:
    axis = axis_in(dim, len(tensors[0].shape) + 1)
    lifted = [reshape(b, x, (*x.shape[:axis], 1, *x.shape[axis:])) for x in tensors]
    return b.concat(*lifted, axis=axis)


@reads("chunk")
def chunk(b: Builder, input: Value, chunks: int, dim: int = 0) -> tuple[Value, ...]:
    size = input.shape[axis_in(dim, len(input.shape))]
    return split(b, input, ceil_div(size, chunks), dim)


@reads("split", "split_with_sizes")
def split(b: Builder, tensor: Value, split_size_or_sections: Any, dim: int = 0) -> tuple[Value, ...]:
    axis = axis_in(dim, len(tensor.shape))
    size = tensor.shape[axis]
    step = split_size_or_sections
    sizes = step if isinstance(step, (list, tuple)) else [min(step, size - at) for at in range(0, size, step)]
    if sum(sizes) != size:
        raise ShapeError(f"a split into {sizes} of {size}")
    parts, start = [], 0
    for width in sizes:
        parts.append(b.slice(tensor, axis, start, start + width))
        start += width
    return tuple(parts)


@reads("narrow")
def narrow(b: Builder, input: Value, dim: int, start: int, length: int) -> Value:
    return b.slice(input, dim, start, start + length)


@reads("__getitem__")
def getitem(b: Builder, input: Value, key: Any) -> Value:
    """Slices, ints, None and `...`; anything else (masks, index tensors) is not a rule of sizes."""
    keys = list(key) if isinstance(key, tuple) else [key]
    if not all(
        part is None or part is Ellipsis or (isinstance(part, (int, slice)) and not isinstance(part, bool))
        for part in keys
    ):
        raise UnsupportedError("indexing with tensors depends on values")
    real = [part for part in keys if part is not None and part is not Ellipsis]
    fill = [slice(None)] * (len(input.shape) - len(real))
    if Ellipsis in keys:
        at = keys.index(Ellipsis)
        keys[at : at + 1] = fill
    else:
        keys += fill
    x, axis, shape = input, 0, []
    for part in keys:
        if part is None:
            shape.append(1)
            continue
        size = x.shape[axis]
        if isinstance(part, int):
            place = axis_in(part, size)
            x = b.slice(x, axis, place, place + 1)
        else:
            start, stop, step = part.indices(size)
            if (start, stop, step) != (0, size, 1):
                x = b.slice(x, axis, start, stop, step)
            shape.append(x.shape[axis])
        axis += 1
    return reshape(b, x, tuple(shape))


@reads("pad")
def pad(b: Builder, input: Value, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Value:
    sides = [(pad[place], pad[place + 1]) for place in reversed(range(0, len(pad), 2))]
    return b.pad(input, sides, mode=mode, value=value or 0.0)


@reads("interpolate")
def interpolate(
    b: Builder,
    input: Value,
    size: Any = None,
    scale_factor: Any = None,
    mode: Any = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Value:
    if antialias:
        raise UnsupportedError("antialiased interpolation reads more taps the more it shrinks")
    rank = len(input.spatial)
    return upsample(
        b,
        input,
        size=axes_of(size, rank),
        scale_factor=axes_of(scale_factor, rank),
        mode=mode,
        align_corners=align_corners,
        recompute_scale_factor=recompute_scale_factor,
    )


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


@reads("__setitem__")
def setitem(b: Builder, input: Value, key: Any, value: Any) -> Value:
    """A write into part of a tensor: the whole tensor from then on, seen through what was written."""
    return b.elementwise("put", input, *([value] if isinstance(value, Value) else []))


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
        raise ShapeError(f"{order} is no order of {len(input.shape)} axes")
    if places == tuple(range(len(places))):
        return input
    return b.permute(input, tuple((size,) for size in input.shape), places, tuple(1 for _ in places))


@reads("transpose", "swapaxes", "swapdims")
def transpose(b: Builder, input: Value, dim0: int, dim1: int) -> Value:
    order = list(range(len(input.shape)))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return permute(b, input, order)


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
