"""What picks positions: indices, slices, gathers, and samples of a map."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from convcalc import ops
from convcalc.errors import ShapeError, UnsupportedError
from convcalc.graph import Value
from convcalc.kinds.shaping import upsample
from convcalc.pytorch.readers.moving import reshape
from convcalc.pytorch.readers.registry import axes_of, reads
from convcalc.shapes import axis_in, broadcast
from convcalc.sizes import ceil_div, per_axis, product

if TYPE_CHECKING:
    from convcalc.builder import Builder


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
    """Slices, ints, None, `...` and index tensors; masks that depend on an input are not a rule of sizes."""
    keys = list(key) if isinstance(key, tuple) else [key]
    if any(isinstance(part, (Value, list)) for part in keys):
        return _gathered(b, input, keys)
    if not all(
        part is None or part is Ellipsis or (isinstance(part, (int, slice)) and not isinstance(part, bool))
        for part in keys
    ):
        raise UnsupportedError("an index that is not a number, slice or tensor of numbers")
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


def _gathered(b: Builder, x: Value, keys: list[Any]) -> Value:
    """Index tensors: those that stand side by side read one axis, merged of theirs; the rest is sliced before."""
    if Ellipsis in keys:
        at = keys.index(Ellipsis)
        keys[at : at + 1] = [slice(None)] * (len(x.shape) - sum(part is not None for part in keys) + 1)
    indexed = [place for place, part in enumerate(keys) if isinstance(part, (Value, list))]
    if None in keys[: indexed[-1]] or indexed != list(range(indexed[0], indexed[-1] + 1)):
        raise UnsupportedError("index tensors with other axes between them")
    if any(isinstance(part, int) for part in keys[: indexed[0]]):
        raise UnsupportedError("index tensors after a number")
    plain = [slice(None) if place in indexed else part for place, part in enumerate(keys)]
    x = getitem(b, x, tuple(plain))
    axis, count = indexed[0], len(indexed)
    places = [
        part if isinstance(part, Value) else b.constant("index", (len(part),)) for part in keys[axis : axis + count]
    ]
    shape = broadcast(tuple(value.shape for value in places), b.require)
    place = max(places, key=lambda value: len(value.shape))
    merged = (*x.shape[:axis], product(x.shape[axis : axis + count]), *x.shape[axis + count :])
    return _picked(b, reshape(b, x, merged), axis, place, shape)


def _picked(b: Builder, x: Value, axis: int, places: Value, shape: tuple[int, ...]) -> Value:
    """What lies at places of one axis, which `shape` takes the place of."""
    count = product(shape)
    outcome = (*x.shape[:axis], count, *x.shape[axis + 1 :])
    laid = reshape(b, places, (product(places.shape),))
    picked = b.write(ops.Sample(shape=outcome, taps=1, axes=(axis,)), x, laid)
    return reshape(b, picked, (*x.shape[:axis], *shape, *x.shape[axis + 1 :]))


@reads("index_select")
def index_select(b: Builder, input: Value, dim: int, index: Value) -> Value:
    return _picked(b, input, axis_in(dim, len(input.shape)), index, (product(index.shape),))


@reads("gather", "take_along_dim")
def gather(b: Builder, input: Value, dim: int, index: Value, **_: Any) -> Value:
    return b.write(ops.Sample(shape=index.shape, taps=1, axes=(axis_in(dim, len(input.shape)),)), input, index)


@reads("select")
def select(b: Builder, input: Value, dim: int, index: int) -> Value:
    axis = axis_in(dim, len(input.shape))
    place = axis_in(index, input.shape[axis])
    part = b.slice(input, axis, place, place + 1)
    return reshape(b, part, (*input.shape[:axis], *input.shape[axis + 1 :]))


@reads("unbind", "__iter__")
def unbind(b: Builder, input: Value, dim: int = 0) -> tuple[Value, ...]:
    axis = axis_in(dim, len(input.shape))
    return tuple(select(b, input, axis, place) for place in range(input.shape[axis]))


@reads("tensor_split")
def tensor_split(b: Builder, input: Value, indices_or_sections: Any, dim: int = 0, **named: Any) -> tuple[Value, ...]:
    axis = axis_in(dim, len(input.shape))
    size = input.shape[axis]
    cut = indices_or_sections
    if isinstance(cut, Value):
        raise UnsupportedError("tensor_split at places that are a tensor")
    if isinstance(cut, int):
        each, more = divmod(size, cut)
        cut = [each * n + min(n, more) for n in range(1, cut)]
    edges = [0, *(min(place % size if place < 0 else place, size) for place in cut), size]
    return tuple(b.slice(input, axis, start, stop) for start, stop in itertools.pairwise(edges))


@reads("roll")
def roll(b: Builder, input: Value, shifts: Any, dims: Any = None) -> Value:
    if dims is None or dims == []:
        raise UnsupportedError("roll of a flattened tensor")
    by, along = ((part,) if isinstance(part, int) else part for part in (shifts, dims))
    for shift, dim in zip(by, along, strict=True):
        axis = axis_in(dim, len(input.shape))
        size = input.shape[axis]
        if shift % size:
            edge = size - shift % size
            input = b.concat(b.slice(input, axis, edge, size), b.slice(input, axis, 0, edge), axis=axis)
    return input


@reads("flip")
def flip(b: Builder, input: Value, *dims: Any) -> Value:
    """Each position reads one place of its axis, mirrored."""
    along = dims[0] if len(dims) == 1 and isinstance(dims[0], (list, tuple)) else dims
    for dim in along:
        axis = axis_in(dim, len(input.shape))
        size = input.shape[axis]
        input = _picked(b, input, axis, b.constant("index", (size,)), (size,))
    return input


@reads("repeat_interleave")
def repeat_interleave(b: Builder, input: Value, repeats: Any, dim: int | None = None, **_: Any) -> Value:
    if not isinstance(repeats, int) or dim is None:
        raise UnsupportedError("repeat_interleave by a tensor")
    axis = axis_in(dim, len(input.shape))
    lifted = reshape(b, input, (*input.shape[: axis + 1], 1, *input.shape[axis + 1 :]))
    wide = (*input.shape[: axis + 1], repeats, *input.shape[axis + 1 :])
    repeated = b.elementwise("expand", lifted, b.constant("like", wide)) if repeats > 1 else lifted
    return reshape(b, repeated, (*input.shape[:axis], input.shape[axis] * repeats, *input.shape[axis + 1 :]))


@reads("grid_sample", "grid_sampler")
def grid_sample(b: Builder, input: Value, grid: Value, mode: Any = "bilinear", *_: Any, **__: Any) -> Value:
    """(B, C, *S) read at places (B, *out, rank): two values per axis for each, or one where the nearest is taken."""
    taps = 1 if mode in ("nearest", 1) else 2 ** len(input.spatial)
    shape = (*input.shape[:2], *grid.shape[1:-1])
    return b.write(ops.Sample(shape=shape, taps=max(taps, 2)), input, grid)


@reads("max_unpool1d", "max_unpool2d", "max_unpool3d")
def max_unpool(
    b: Builder, input: Value, indices: Value, kernel_size: Any, stride: Any = None, padding: Any = 0,
    output_size: Any = None,
) -> Value:  # fmt: skip
    """Every value is written at the place its maximum came from, inside its window."""
    rank = len(input.shape) - 2
    kernel = per_axis(axes_of(kernel_size, rank), rank)
    step = kernel if stride in (None, []) else per_axis(axes_of(stride, rank), rank)
    pads = per_axis(axes_of(padding, rank), rank)
    each = zip(input.spatial, kernel, step, pads, strict=True)
    usual = tuple((size - 1) * s - 2 * p + k for size, k, s, p in each)
    size = tuple(output_size)[-rank:] if output_size else usual
    return b.resize(input, size, "unpool") if size != input.spatial else input


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


@reads("fill", "zero")
def fill(b: Builder, input: Value, value: Any = 0) -> Value:
    """The same number in every place."""
    return b.constant("constant", input.shape, 0.0 if isinstance(value, Value) else float(value))


@reads("__setitem__")
def setitem(b: Builder, input: Value, key: Any, value: Any) -> Value:
    """A write into part of a tensor: the whole tensor from then on, seen through what was written."""
    return b.elementwise("put", input, *([value] if isinstance(value, Value) else []))
