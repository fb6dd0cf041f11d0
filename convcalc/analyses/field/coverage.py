"""`unit`, `whole`: what an output sees, clipped at the borders, hole by hole; where a stack first sees everything."""

from __future__ import annotations

from functools import reduce
from math import prod
from operator import or_
from typing import TYPE_CHECKING, NamedTuple

from convcalc.analyses.boxes import union_of_boxes
from convcalc.analyses.field.path_counts import bits, places
from convcalc.analyses.field.paths import paths
from convcalc.errors import ShapeError, UnsupportedError
from convcalc.sizes import known

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.analyses.field.reach import Reach
    from convcalc.analyses.field.receptive import Receptive
    from convcalc.graph import Graph, Value

Span = tuple[int, int]


class Unit(NamedTuple):
    """The region one output sees, per axis (None: all of it or nothing): as it is, and inside the input.

    `reached` is how many positions of the input lead to it, out of `inside`; None where that depends on the data or
    on sizes that are not given. With `everything`, the reason why all of the input is seen besides, that is all.
    `reads` are those positions as runs per axis, of any output: padding that wraps around or mirrors reads others than
    the region's.
    """

    position: tuple[int, ...]
    region: list[Span | None]
    clipped: list[Span | None]
    inside: int | None
    reached: int | None
    everything: str | None
    reads: list[list[Span]] | None = None

    @property
    def wraps(self) -> bool:
        """Whether it reads positions outside its region, as circular padding does."""
        pairs = zip(self.reads or (), self.clipped, strict=False)
        return not self.everything and any(
            bool(runs) if span is None else any(first < span[0] or last > span[1] for first, last in runs)
            for runs, span in pairs
        )


def unit(graph: Graph, value: Value, source: int, receptive: Receptive, position: tuple[int, ...]) -> Unit:
    """Return what one output position sees of input number `source`.

    Raises ShapeError for a position the output does not have.
    """
    sizes = value.spatial
    if len(position) != len(sizes):
        raise ShapeError(
            f"--unit names {len(position)} axes, but the output has {len(sizes)}: give a position for each"
        )
    for place, size in zip(position, sizes, strict=True):
        if place < 0 or (known(size) and place >= size):
            last = f"0..{size - 1}" if known(size) else "0.."
            raise ShapeError(f"there is no output at {place}: positions of that axis are {last}")
    region = [
        None if axis is None or along is None else axis.at(position[along - 2])
        for axis, along in zip(receptive.axes, receptive.along, strict=True)
    ]
    source_value = graph.inputs[source]
    if not known(*source_value.spatial, *sizes):
        return Unit(position, region, [None] * len(region), None, None, receptive.everything)
    clipped = [_clip(span, size) for span, size in zip(region, source_value.spatial, strict=True)]
    inside = 1
    for span, size, axis in zip(clipped, source_value.spatial, receptive.axes, strict=True):
        inside *= size if axis is None else 0 if span is None else span[1] - span[0] + 1
    if receptive.everything:
        inside = prod(source_value.spatial)
    boxes = _boxes(graph, value, source, position)
    if boxes is None:
        return Unit(position, region, clipped, inside, None, receptive.everything)
    masks = [reduce(or_, masks) for masks in zip(*boxes, strict=True)]
    reads = [_runs(mask, span) for mask, span in zip(masks, region, strict=True)] if boxes else None
    return Unit(position, region, clipped, inside, union_of_boxes(boxes), receptive.everything, reads)


def _runs(mask: int, region: Span | None) -> list[Span]:
    """The positions of a mask as runs, those that lie before position 0 of a region first."""
    runs: list[Span] = []
    for place in sorted(places(mask)):
        if runs and runs[-1][1] == place - 1:
            runs[-1] = (runs[-1][0], place)
        else:
            runs.append((place, place))
    if region is not None and region[0] < 0 and len(runs) > 1 and runs[-1][0] > region[1]:
        return [*runs[1:], runs[0]]
    return runs


def _clip(span: Span | None, size: int) -> Span | None:
    if span is None or span[1] < 0 or span[0] >= size:
        return None
    return max(span[0], 0), min(span[1], size - 1)


def _boxes(graph: Graph, value: Value, source: int, position: tuple[int, ...]) -> list[tuple[int, ...]] | None:
    """What is reached as boxes, a bit mask per axis; None where it depends on the data."""
    try:
        terms = paths(graph, reached_only=True)[value.index]
    except UnsupportedError:
        return None
    boxes = []
    for which, axes in terms:
        if which == source:
            rows = [axis.rows[0] if axis.along is None else axis.rows[position[axis.along - 2]] for axis in axes]
            boxes.append(tuple(map(bits, rows)))
    return boxes


class Whole(NamedTuple):
    """Whether some output, and every output, sees the whole of an input."""

    some: bool
    every: bool


def whole(receptive: Receptive, sizes: Sequence[int], outputs: Sequence[int]) -> Whole:
    """Return whether outputs of these sizes see all `sizes` positions of each axis of the input."""
    if receptive.everything and not receptive.by_data:
        return Whole(True, True)
    some = every = True
    for reach, size, count in zip(receptive.axes, sizes, outputs, strict=True):
        if reach is None:  # seen whole
            continue
        if reach.sizes[1] < size:
            return Whole(False, False)
        covers = [_holds(reach, place, size) for place in range(count)]
        some, every = some and any(covers), every and all(covers)
    return Whole(some, every)


def _holds(reach: Reach, output: int, size: int) -> bool:
    span = reach.at(output)
    return span is not None and span[0] <= 0 and span[1] >= size - 1


def uncut(reach: Reach, size: int, outputs: int) -> int:
    """Return how many outputs see a field that lies wholly inside the input."""
    spans = (reach.at(place) for place in range(outputs))
    return sum(span is not None and span[0] >= 0 and span[1] < size for span in spans)
