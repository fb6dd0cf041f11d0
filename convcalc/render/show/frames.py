"""`Frame`, `frame`: a picture of one output and what it reads, as panels of cells; all other files draw these."""

from __future__ import annotations

from enum import StrEnum
from itertools import groupby, islice, product
from math import prod
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy

from convcalc.analyses.wiring.generated import kernel_reads
from convcalc.analyses.wiring.links import place
from convcalc.analyses.wiring.scene import sample_shape
from convcalc.errors import ShapeError
from convcalc.render.show.sums import inputs_of, sums, weight_number
from convcalc.shapes import show
from convcalc.units import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convcalc.analyses.wiring.scene import Read, Scene, Walk

MAX_SHEETS: Final = 3
"""Sheets of channels that differ are drawn so many of each map."""
MAX_LAYERS: Final = 6
"""Layers on the way whose outputs are drawn, the last ones."""
MAX_FRAMES: Final = 64
"""Outputs that are drawn one after the other."""


class Mark(StrEnum):
    """What a cell of a grid is."""

    idle = "idle"
    """A position that this output does not read, or an output that is not asked about."""
    read = "read"
    """A position that is read."""
    zero = "zero"
    """Padding, or a zero put between positions, that is not read."""
    read_zero = "read zero"
    """The same under a tap of the kernel."""
    tap = "tap"
    """A weight of the kernel, or a place of a pool's window."""
    unit = "unit"
    """The output that is asked about."""


class Cell(NamedTuple):
    """One cell: what it is, the tap that falls on it, and the number in it where numbers are shown."""

    mark: Mark
    tap: int | None = None
    number: int | None = None


class Panel(NamedTuple):
    """A grid with its title; `points` are places between cells, row and column, each with its tap."""

    title: str
    rows: tuple[tuple[Cell, ...], ...]
    points: tuple[tuple[float, float, int], ...] = ()


class Frame(NamedTuple):
    """One output lit: columns of panels from left to right, the sentences above and below."""

    head: tuple[str, ...]
    columns: tuple[tuple[Panel, ...], ...]
    foot: tuple[str, ...]


class Spot(NamedTuple):
    """Which output a frame shows: the number of the map, the channel, the position."""

    output: int
    channel: int
    position: tuple[int, ...]


def spots(scene: Scene) -> Iterator[Spot]:
    """Yield the outputs in the order in which a picture walks over them.

    Of a single window the first channel; of all else the first of the channels that read alike.
    """
    for output, value in enumerate(scene.outputs):
        shape = sample_shape(value)
        for channels in [[0]] if scene.walk is not None else scene.alike(output):
            for position in product(*map(range, shape[1:])):
                yield Spot(output, channels[0], position)


def chosen_spots(scene: Scene, place: Sequence[int] | None) -> list[Spot]:
    """Return the one output that a place names (its position, or its channel and position), or the first ones.

    Raises ShapeError for a place that is none.
    """
    if place is None:
        return list(islice(spots(scene), MAX_FRAMES))
    shape = sample_shape(scene.outputs[0])
    at = tuple(place) if len(place) == len(shape) else (0, *place)
    if len(at) != len(shape):
        raise ShapeError(f"--unit is a position per axis of {show(shape)}, or a channel and a position")
    for each, size in zip(at, shape, strict=True):
        if each >= size:
            raise ShapeError(f"there is no output at {each}: places of that axis are 0..{size - 1}")
    return [Spot(0, at[0], at[1:])]


def frame(scene: Scene, spot: Spot, *, numbers: bool = False) -> Frame:
    """Return the picture of one output; with `numbers` small whole numbers and the sum they give.

    Raises LimitError where what it reads cannot be followed one by one.
    """
    value = scene.outputs[spot.output]
    shape = sample_shape(value)
    element = place((spot.channel, *spot.position), shape)
    (reads,) = scene.reads(spot.output, [element])
    values = inputs_of(scene) if numbers else None
    walk = scene.walk
    left = _canvas(scene, walk, spot, values) if walk is not None else _maps(scene, reads)
    if walk is not None:
        middle = [_kernel(walk, spot, numbers=numbers)]
    else:
        from convcalc.render.show.offsets import offset_panels  # what draws panels as well
        from convcalc.render.show.unravelled import path_panels

        middle = [_sheets(layer.name, layer.read) for layer in scene.between(spot.output, element)[-MAX_LAYERS:]]
        middle += [[panel] for panel in (*offset_panels(scene, spot), *path_panels(scene))]
        made = kernel_reads(scene, spot.output, element)
        middle += [_sheets("makes its kernel: input", made)] if made is not None else []
    columns = [column for column in (left, *middle, _outputs(scene, spot)) if column]
    return Frame(tuple(_head(scene, spot, reads)), tuple(map(tuple, columns)), tuple(sums(scene, reads, values)))


def _head(scene: Scene, spot: Spot, reads: list[Read]) -> list[str]:
    texts = " | ".join(layer.text for layer in scene.subject.block.layers) or "layers"
    where = f"output {_called(scene, spot)}"
    by_input = [sum(read.source == source for read in reads) for source in range(len(scene.inputs))]
    names = scene.subject.input_names
    what = (
        f"reads {plural(by_input[0], 'element')} of the input"
        if len(by_input) == 1
        else "reads " + " and ".join(f"{n} of {name}" for n, name in zip(by_input, names, strict=True))
    )
    return [f"{texts}; {scene.note}" if scene.note else f"{texts}; {scene.subject.reading}", f"{where} {what}"]


def _called(scene: Scene, spot: Spot) -> str:
    name = scene.subject.names.get(scene.outputs[spot.output].index, "")
    at = ",".join(map(str, spot.position))
    return " ".join(filter(None, [name, f"channel {spot.channel}", f"at {at}" if at else ""]))


def _canvas(scene: Scene, walk: Walk, spot: Spot, values: list[list[int]] | None) -> list[Panel]:
    """The input under the kernel: one panel for each channel that differs; of a 3-D one those slices it covers."""
    x = walk.node.inputs[0]
    covers = [dict(each.covers(at)) for each, at in zip(walk.planes, spot.position, strict=True)]
    channels = walk.channels_of(spot.channel)
    shown = list(channels)[: MAX_SHEETS if values is not None else 1]
    title = _channels("input", channels if values is None else range(shown[0], shown[-1] + 1))
    others = "" if len(channels) == x.channels else " (other groups are not read)"
    panels = []
    flat = [walk.planes[-2], walk.planes[-1]] if len(walk.planes) > 1 else [None, walk.planes[-1]]
    slices = sorted(covers[0]) if len(walk.planes) > 2 else [None]
    for channel in shown:
        for depth in slices:
            rows = []
            for y in range(flat[0].length if flat[0] is not None else 1):
                cells = []
                for z in range(walk.planes[-1].length):
                    at = tuple(each for each in (depth, y if flat[0] is not None else None, z) if each is not None)
                    cells.append(_cell(walk, covers, at, channel, None if values is None else values[0]))
                rows.append(tuple(cells))
            name = title if values is None else f"input channel {channel}"
            where = "" if depth is None else f", slice {_place(walk, depth)}"
            panels.append(Panel(f"{name}{where}{others}", tuple(rows)))
    return panels


def _place(walk: Walk, depth: int) -> str:
    position = walk.planes[0].position(depth)
    return "of zeros" if position is None else str(position)


def _cell(
    walk: Walk, covers: list[dict[int, int]], at: tuple[int, ...], channel: int, values: list[int] | None
) -> Cell:
    under = all(cell in cover for cell, cover in zip(at, covers, strict=True))
    position = [each.position(cell) for each, cell in zip(walk.planes, at, strict=True)]
    tap = place([cover[cell] for cell, cover in zip(at, covers, strict=True)], walk.kernel) if under else None
    if None in position:
        return Cell(Mark.read_zero if under else Mark.zero, tap, None if values is None else 0)
    shape = walk.node.inputs[0].shape[1:]
    number = None if values is None else values[place((channel, *(p for p in position if p is not None)), shape)]
    return Cell(Mark.read if under else Mark.idle, tap, number)


def _kernel(walk: Walk, spot: Spot, *, numbers: bool) -> list[Panel]:
    """The taps, turned as a transposed layer's are over its stretched input; with numbers one panel per channel."""
    channels = list(walk.channels_of(spot.channel))
    shown = channels[: MAX_SHEETS if numbers else 1]
    turned = ", turned" if walk.transposed and prod(walk.kernel) > 1 else ""
    panels = []
    orders = [range(n - 1, -1, -1) if walk.transposed else range(n) for n in walk.kernel]
    rows_axis = orders[-2] if len(orders) > 1 else [None]
    for channel in shown:
        for depth in orders[0] if len(orders) > 2 else [None]:
            rows = []
            for y in rows_axis:
                taps = [tuple(t for t in (depth, y, z) if t is not None) for z in orders[-1]]
                numbered = numbers and walk.weighted
                rows.append(
                    tuple(
                        Cell(
                            Mark.tap,
                            place(tap, walk.kernel),
                            weight_number(walk.weight(spot.channel, channel, tap)) if numbered else None,
                        )
                        for tap in taps
                    )
                )
            of = f" {spot.channel},{channel}" if numbers and walk.weighted else ""
            where = "" if depth is None else f", slice {depth}"
            panels.append(Panel(f"{'kernel' if walk.weighted else 'window'}{of}{turned}{where}", tuple(rows)))
    return panels


def _maps(scene: Scene, reads: list[Read]) -> list[Panel]:
    """Every input as sheets, the elements that are read lit; channels whose sheets are alike are one panel."""
    panels: list[Panel] = []
    for source, value in enumerate(scene.inputs):
        shape = sample_shape(value)
        lit = numpy.zeros(prod(shape), bool)
        lit[[read.element for read in reads if read.source == source]] = True
        name = scene.subject.input_names[source] if len(scene.inputs) > 1 else "input"
        panels += _sheets(name, lit.reshape(shape))
    return panels


def _sheets(name: str, lit: numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.bool_]]) -> list[Panel]:
    if lit.ndim == 1:
        return [Panel(name, (row_of(lit),))]
    panels = []
    runs = groupby(range(len(lit)), key=lambda channel: lit[channel].tobytes())
    alike = [list(channels) for _, channels in runs]
    for channels in alike[:MAX_SHEETS]:
        sheet = lit[channels[0]]
        title = _channels(name, range(channels[0], channels[-1] + 1))
        slices = [(title, sheet)] if sheet.ndim < 3 else [
            (f"{title}, slice {depth}", each) for depth, each in enumerate(sheet) if each.any()
        ]  # fmt: skip
        for text, each in slices:
            grid = (
                each.reshape(1, -1) if each.ndim < 2 else each.reshape(each.shape[-2:]) if each.ndim == 2 else each[0]
            )
            panels.append(Panel(text, tuple(map(row_of, grid))))
    left = sum(map(len, alike[MAX_SHEETS:]))
    if left:
        panels.append(Panel(f"{name}: {plural(left, 'more channel')}", ()))
    return panels


def row_of(lit: numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.bool_]]) -> tuple[Cell, ...]:
    """Return a line of cells, those that are marked lit."""
    return tuple(Cell(Mark.read if each else Mark.idle) for each in lit.reshape(-1))


def _channels(name: str, channels: range) -> str:
    if len(channels) == 1:
        return f"{name} channel {channels[0]}"
    return f"{name} channels {channels[0]}..{channels[-1]}, all alike"


def _outputs(scene: Scene, spot: Spot) -> list[Panel]:
    value = scene.outputs[spot.output]
    sizes = sample_shape(value)[1:]
    name = scene.subject.names.get(value.index, "output")
    lead, flat = spot.position[: max(len(sizes) - 2, 0)], spot.position[max(len(sizes) - 2, 0) :]
    high, wide = ([1, 1, *sizes])[-2:] if sizes else (1, 1)
    at = ([0, 0, *flat])[-2:]
    rows = tuple(tuple(Cell(Mark.unit if [y, z] == at else Mark.idle) for z in range(wide)) for y in range(high))
    where = f", slice {','.join(map(str, lead))}" if lead else ""
    channels = sample_shape(value)[0]
    return [Panel(f"{name} channel {spot.channel} of {channels}{where}", rows)]
