"""`Grid`, `Box`: every combination of the values that a spec's settings and sizes may have, and a part of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any, cast

import numpy

from convcalc.errors import LimitError
from convcalc.limits import MAX_COMBINATIONS
from convcalc.sizes import AXIS_NAMES
from convcalc.spec.ranges import Alternatives
from convcalc.spec.ranks import spatial_rank
from convcalc.subject import Block, Layer, Tensor

PARTS = ("trainable", "weights", "biases", "norm")
COUNTED = ("params", *PARTS, "macs", "flops", "other")
FIELD = ("rf", "jump")
BYTES = ("peak_memory", "training_memory")
COLUMNS = (*COUNTED, *FIELD, *BYTES)
"""What a row may say, beside its settings, input and output; in base units. The last four are worked out row by row."""
PLACE = "place"
"""Which combination of the grid a row is: no column of a table."""
SPEC = "spec"
TAKEN = frozenset({*COLUMNS, PLACE, SPEC, "input", "output", "batch", "channels", "height", "width", "depth", "length"})
"""Names of columns that no setting may have."""
SIZED = frozenset({"size", "sizes", "output sizes", "padding"})
"""Sorts of arguments that may be arrays; others are tried one by one."""
MOST_ROWS = 2**18
"""Of one box, so that memory is the same however many rows there are."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A setting of a layer, a size of an input, or (with `size` None) the whole input, and the values it may have.

    `column` is its name; `layer` or `tensor` says whose it is; a `looped` one has one value in a box.
    """

    column: str
    values: Sequence[Any]
    looped: bool
    layer: int | None = None
    argument: str = ""
    tensor: int | None = None
    size: int | None = None

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Grid:
    """A block with several values for some of its settings: every combination is a row, the last axis the fastest."""

    written: Block
    axes: tuple[Axis, ...]

    @cached_property
    def rows(self) -> int:
        """How many combinations there are."""
        return prod(len(axis) for axis in self.axes)

    @property
    def settings(self) -> list[str]:
        """The columns of the layers' settings, as they are written, and of the sizes that are not the same in all."""
        own = sorted((axis for axis in self.axes if axis.layer is not None), key=lambda axis: axis.layer or 0)
        return [axis.column for axis in (*own, *(axis for axis in self.axes if axis.size is not None))]

    @property
    def sizes(self) -> set[str]:
        """The columns of sizes of inputs, which `input` has as well."""
        return {axis.column for axis in self.axes if axis.size is not None}

    def row(self, place: int) -> Box:
        """Return one row, by its number, as a box."""
        where = numpy.unravel_index(place, [len(axis) for axis in self.axes]) if self.axes else ()
        return Box(self, tuple((int(at), int(at) + 1) for at in where))

    def looping(self, columns: frozenset[str]) -> Grid:
        """Return the same grid with more axes that have one value in a box, those first."""
        axes = tuple(replace(axis, looped=axis.looped or axis.column in columns) for axis in self.axes)
        return replace(self, axes=tuple(sorted(axes, key=lambda axis: not axis.looped)))

    def boxes(self, most: int = MOST_ROWS) -> Iterator[Box]:
        """Yield boxes of at most so many rows that together are the whole grid, in order."""
        steps: list[int] = []
        room = most
        for axis in reversed(self.axes):
            step = 1 if axis.looped else max(min(len(axis), room), 1)
            steps.append(step)
            room = room // step if step == len(axis) else 1
        steps.reverse()

        def walk(spans: tuple[tuple[int, int], ...]) -> Iterator[Box]:
            place = len(spans)
            if place == len(self.axes):
                yield Box(self, spans)
                return
            for start in range(0, len(self.axes[place]), steps[place]):
                yield from walk((*spans, (start, min(start + steps[place], len(self.axes[place])))))

        yield from walk(())


@dataclass(frozen=True)
class Box:
    """A part of a grid: for each axis from which place to which."""

    grid: Grid
    spans: tuple[tuple[int, int], ...]

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """How many values of each axis it has."""
        return tuple(stop - start for start, stop in self.spans)

    @cached_property
    def rows(self) -> int:
        """How many rows it has."""
        return prod(self.shape)

    def places(self, flat: Any) -> Any:
        """Return the numbers that some of its rows have in the whole grid."""
        if not self.spans:
            return flat
        local = numpy.unravel_index(flat, self.shape)
        whole = [at + start for at, (start, _) in zip(local, self.spans, strict=True)]
        return numpy.ravel_multi_index(whole, [len(axis) for axis in self.grid.axes])

    def halves(self, place: int) -> tuple[Box, Box]:
        """Return its two halves along one axis."""
        start, stop = self.spans[place]
        middle = (start + stop) // 2
        return self._with(place, (start, middle)), self._with(place, (middle, stop))

    def _with(self, place: int, span: tuple[int, int]) -> Box:
        return Box(self.grid, (*self.spans[:place], span, *self.spans[place + 1 :]))

    def first(self) -> Box:
        """Return its first row as a box."""
        return Box(self.grid, tuple((start, start + 1) for start, _ in self.spans))

    def flat(self, place: int) -> Any:
        """Return the value of one axis for each row, as an array."""
        start, stop = self.spans[place]
        array = _array(self.grid.axes[place].values[start:stop])
        shaped = array.reshape([-1 if axis == place else 1 for axis in range(len(self.spans))])
        return numpy.broadcast_to(shaped, self.shape).ravel()

    def value(self, place: int) -> Any:
        """Return what stands for one axis in the block: its value, or an array along this axis."""
        start, stop = self.spans[place]
        values = self.grid.axes[place].values[start:stop]
        if len(values) == 1:
            return values[0]
        shape = [-1 if axis == place else 1 for axis in range(len(self.spans))]
        return _array(values).reshape(shape)

    def block(self) -> Block:
        """Return the block with these values, arrays of which broadcast against one another."""
        layers = list(self.grid.written.layers)
        tensors = list(self.grid.written.inputs)
        for place, axis in enumerate(self.grid.axes):
            value = self.value(place)
            if axis.layer is not None:
                layer = layers[axis.layer]
                layers[axis.layer] = layer._replace(arguments={**layer.arguments, axis.argument: value})
            elif axis.tensor is not None:
                given = tensors[axis.tensor]
                if axis.size is None:
                    sizes = tuple(value)
                else:
                    sizes = (*given.sizes[: axis.size], value, *given.sizes[axis.size + 1 :])
                tensors[axis.tensor] = given._replace(sizes=sizes, shapes=())
        return self.grid.written._replace(layers=tuple(layers), inputs=tuple(tensors))


def _array(values: Sequence[Any]) -> Any:
    """Values as an array: of whole numbers, or of objects."""
    if isinstance(values, range):
        return numpy.arange(values.start, values.stop, values.step, dtype=numpy.int64)
    if all(type(value) is int for value in values):
        return numpy.asarray(values, dtype=numpy.int64)
    if all(type(value) in (int, float) for value in values):
        return numpy.asarray(values, dtype=float)
    array = numpy.empty(len(values), dtype=object)
    array[:] = list(values)
    return array


def grid_of(block: Block, layout: str = "chw") -> Grid:
    """Return the grid of a block's alternatives; one row where it has none. Raises LimitError past what is swept.

    `layout` is the order of an input's sizes, chw or hwc.
    """
    rank, _ = spatial_rank(block.layers, block.inputs)
    axes = [axis for place, given in enumerate(block.inputs) for axis in _input_axes(place, given, rank, layout)]
    names: dict[str, int] = {}
    for layer in block.layers:
        for name, value in layer.arguments.items():
            names[name] = names.get(name, 0) + isinstance(value, Alternatives)
    for place, layer in enumerate(block.layers):
        axes += _setting_axes(place, layer, names)
    grid = Grid(block, tuple(axes)).looping(frozenset())
    if grid.rows > MAX_COMBINATIONS:
        raise LimitError(f"these ranges have {grid.rows:,} combinations (the limit is {MAX_COMBINATIONS:,})")
    return grid


def _input_axes(place: int, given: Tensor, rank: int | None, layout: str) -> list[Axis]:
    """The sizes of an input: batch, channels, height and width, of inputs after the first with its name before."""
    own = given.name or (f"input_{place}" if place else "")
    if given.shapes:
        return [Axis(own or "input", given.shapes, looped=True, tensor=place)]
    count = len(given.sizes)
    spatial = AXIS_NAMES.get(rank if rank is not None else max(min(count - 1, 2), 0), ())
    places = ("batch", *spatial, "channels") if layout == "hwc" else ("batch", "channels", *spatial)
    names = places[-count:] if count <= len(spatial) + 2 else ()
    axes = []
    for size, value in enumerate(cast("tuple[Any, ...]", given.sizes)):
        if isinstance(value, Alternatives):
            name = names[size] if names else f"size_{size}"
            axes.append(Axis(f"{own}_{name}" if own else name, value.values, looped=False, tensor=place, size=size))
    return axes


def _setting_axes(place: int, layer: Layer, names: dict[str, int]) -> list[Axis]:
    """The settings of one layer; a name that several layers sweep, or a count has, has the layer's number behind it."""
    axes = []
    for name, value in layer.arguments.items():
        if isinstance(value, Alternatives):
            column = name if names[name] == 1 and name not in TAKEN else f"{name}_{place}"
            plain = all(type(each) is int for each in ([] if isinstance(value.values, range) else value.values))
            sized = SIZED & set(layer.kind.arguments[name].takes) and name not in layer.kind.as_structure
            looped = not plain or not sized
            axes.append(Axis(column, value.values, looped, layer=place, argument=name))
    return axes
