"""`frame`, `spots`: the picture of one output and what it reads, as panels of cells; all other files draw these."""

from __future__ import annotations

from itertools import groupby, islice, product
from math import prod
from typing import TYPE_CHECKING, Final

import numpy

from convcalc.analyses.wiring.generated import kernel_reads
from convcalc.analyses.wiring.links import place
from convcalc.errors import ShapeError
from convcalc.render.show.cells import MAX_SHEETS, Cell, Frame, Mark, Panel, Spot, channels_text
from convcalc.render.show.offsets import offset_panels
from convcalc.render.show.sums import inputs_of, sums
from convcalc.render.show.unravelled import path_panels
from convcalc.render.show.window_panels import canvas_panels, kernel_panels
from convcalc.shapes import show
from convcalc.units import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convcalc.analyses.wiring.scene import Scene
    from convcalc.analyses.wiring.wires import Marks

MAX_LAYERS: Final = 6
"""Layers on the way whose outputs are drawn, the last ones."""
MAX_FRAMES: Final = 256
"""Outputs that are drawn one after the other."""
MAX_CELLS: Final = 64
"""Cells along one axis of a grid: more are cut off."""


def spots(scene: Scene) -> Iterator[Spot]:
    """Yield the outputs in the order in which a picture walks over them.

    Of a single window the first channel; of all else the first of the channels that read alike.
    """
    for output, value in enumerate(scene.outputs):
        shape = scene.shape(value)
        for channels in [[0]] if scene.walk is not None else scene.alike(output):
            for position in product(*map(range, shape[1:])):
                yield Spot(output, channels[0], position)


def chosen_spots(scene: Scene, at: Sequence[int] | None) -> list[Spot]:
    """Return the one output that a place names (its position, or its channel and position), or the first ones.

    Raises ShapeError for a place that is none.
    """
    if at is None:
        return list(islice(spots(scene), MAX_FRAMES))
    shape = scene.shape(scene.outputs[0])
    named = tuple(at) if len(at) == len(shape) else (0, *at)
    note = f"; it is {scene.note}" if scene.note else ""
    if len(named) != len(shape):
        raise ShapeError(f"--unit is a position per axis of {show(shape)}, or a channel and a position{note}")
    for axis, (each, size) in enumerate(zip(named, shape, strict=True)):
        if each >= size:
            what = "channel" if axis == 0 and len(at) == len(shape) else "output at"
            raise ShapeError(f"there is no {what} {each}: the picture has 0..{size - 1} along that axis{note}")
    return [Spot(0, named[0], named[1:])]


def frame(scene: Scene, spot: Spot, *, numbers: bool = False) -> Frame:
    """Return the picture of one output; with `numbers` small whole numbers and the sum they give.

    Raises LimitError where what it reads cannot be followed one by one.
    """
    shape = scene.shape(scene.outputs[spot.output])
    element = place((spot.channel, *spot.position), shape)
    (reads,) = scene.reads(spot.output, [element])
    head = [_title(scene), _sentence(scene, spot, [read.source for read in reads])]
    values = inputs_of(scene) if numbers else None
    if scene.walk is not None:
        columns = [canvas_panels(scene.walk, spot, values), kernel_panels(scene.walk, spot, numbers=numbers)]
        head += scene.walk.cropping
    else:
        between = scene.between(spot.output, element)
        columns = [_maps(scene, [(read.source, read.element) for read in reads])]
        columns += [_sheets(layer.name, layer.read, scene) for layer in between[-MAX_LAYERS:]]
        columns += [[panel] for panel in (*offset_panels(scene, spot), *path_panels(scene))]
        made = kernel_reads(scene, spot.output, element)
        columns += [_sheets("makes its kernel: input", made, scene)] if made is not None else []
        if len(between) > MAX_LAYERS:
            head.append(f"{plural(len(between) - MAX_LAYERS, 'layer')} between the input and the next grid not drawn")
        head += scene.nominal
    columns.append(_outputs(scene, spot))
    foot = sums(scene, element, reads, values)
    return Frame(tuple(head), tuple(tuple(column) for column in columns if column), tuple(foot))


def _title(scene: Scene) -> str:
    texts = [layer.text for layer in scene.subject.block.layers]
    title = " | ".join(texts) if len(texts) <= MAX_LAYERS else f"{texts[0]} ... {texts[-1]}, {len(texts)} layers"
    return f"{title}; {scene.note}" if scene.note else f"{title}; {scene.subject.reading}"


def _sentence(scene: Scene, spot: Spot, sources: Sequence[int]) -> str:
    counts = [sources.count(source) for source in range(len(scene.inputs))]
    if len(counts) == 1:
        what = f"{plural(counts[0], 'element')} of the input"
    else:
        what = " and ".join(f"{n} of {name}" for n, name in zip(counts, scene.subject.input_names, strict=True))
    name = scene.subject.names.get(scene.outputs[spot.output].index, "")
    channel = "" if scene.words else f"channel {spot.channel}"
    at = f"at {','.join(map(str, spot.position))}" if spot.position else ""
    return f"{' '.join(filter(None, ['output', name, channel, at]))} reads {what}"


def _maps(scene: Scene, reads: Sequence[tuple[int, int]]) -> list[Panel]:
    """Every input as sheets, the elements that are read lit; channels whose sheets are alike are one panel."""
    panels: list[Panel] = []
    for source, value in enumerate(scene.inputs):
        shape = scene.shape(value)
        lit = numpy.zeros(prod(shape), bool)
        lit[[element for of, element in reads if of == source]] = True
        name = scene.subject.input_names[source] if len(scene.inputs) > 1 else "input"
        panels += _sheets(name, lit.reshape(shape), scene)
    return panels


def _sheets(name: str, lit: Marks, scene: Scene) -> list[Panel]:
    if scene.words:
        title = f"{name}: {' by '.join(scene.words[-min(lit.ndim - 1, 2) :])}"
        return [Panel(title, rows_of(lit[0].reshape(-1, lit.shape[-1])))]
    if lit.ndim == 1:
        return [Panel(name, rows_of(lit[None]))]
    panels = []
    runs = groupby(range(len(lit)), key=lambda channel: lit[channel].tobytes())
    alike = [list(channels) for _, channels in runs]
    for channels in alike[:MAX_SHEETS]:
        sheet = lit[channels[0]]
        title = channels_text(name, range(channels[0], channels[-1] + 1))
        slices = [(title, sheet)]
        if sheet.ndim > 2:
            slices = [(f"{title}, slice {depth}", each) for depth, each in enumerate(sheet) if each.any()]
        panels += [Panel(text, rows_of(each.reshape(-1, each.shape[-1] if each.ndim else 1))) for text, each in slices]
    left = sum(map(len, alike[MAX_SHEETS:]))
    if left:
        panels.append(Panel(f"{name}: {plural(left, 'more channel')}", ()))
    return panels


def rows_of(lit: Marks) -> tuple[tuple[Cell, ...], ...]:
    """Return a grid whose marked cells are lit, cut off where it is too large to be looked at."""
    return tuple(tuple(Cell(Mark.read if each else Mark.idle) for each in row[:MAX_CELLS]) for row in lit[:MAX_CELLS])


def _outputs(scene: Scene, spot: Spot) -> list[Panel]:
    value = scene.outputs[spot.output]
    shape = scene.shape(value)
    sizes = shape[1:]
    name = scene.subject.names.get(value.index, "output")
    lead, flat = spot.position[: max(len(sizes) - 2, 0)], spot.position[max(len(sizes) - 2, 0) :]
    high, wide = ([1, 1, *sizes])[-2:] if sizes else (1, 1)
    at = ([0, 0, *flat])[-2:]
    rows = tuple(
        tuple(Cell(Mark.unit if [y, z] == at else Mark.idle) for z in range(min(wide, MAX_CELLS)))
        for y in range(min(high, MAX_CELLS))
    )
    where = f", slice {','.join(map(str, lead))}" if lead else ""
    channel = "" if scene.words else f" channel {spot.channel} of {shape[0]}"
    return [Panel(f"{name}{channel}{where}", rows)]
