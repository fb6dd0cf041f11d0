"""`unit`, `whole`: what an output sees, clipped at the borders, hole by hole; where a stack first sees everything."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Final, NamedTuple

from convcalc.analyses.boxes import union_of_runs
from convcalc.analyses.field.seen import boxes_seen, union_of
from convcalc.errors import ShapeError, UnsupportedError
from convcalc.sizes import known

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.analyses.field.reach import Reach
    from convcalc.analyses.field.receptive import Receptive
    from convcalc.graph import Graph, Value

Span = tuple[int, int]
FAR: Final = 2**80
"""Past any position."""


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
    try:
        boxes = boxes_seen(graph, value, position).get(source_value.index, [])
    except UnsupportedError:  # it depends on the data
        return Unit(position, region, clipped, inside, None, receptive.everything)
    axes = [
        union_of((run for runs in each for run in runs), size)
        for each, size in zip(zip(*boxes, strict=True), source_value.spatial, strict=False)
    ]
    reads = [_turned(list(runs), span) for runs, span in zip(axes, region, strict=True)] if boxes else None
    return Unit(position, region, clipped, inside, union_of_runs(boxes), receptive.everything, reads)


def _turned(runs: list[Span], region: Span | None) -> list[Span]:
    """Runs in the order of a region: those that lie before position 0 first."""
    if region is not None and region[0] < 0 and len(runs) > 1 and runs[-1][0] > region[1]:
        return [*runs[1:], runs[0]]
    return runs


def _clip(span: Span | None, size: int) -> Span | None:
    if span is None or span[1] < 0 or span[0] >= size:
        return None
    return max(span[0], 0), min(span[1], size - 1)


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
        covering = reach.outputs_seeing((-FAR, 0), (size - 1, FAR), count)
        some, every = some and covering > 0, every and covering == count
    return Whole(some, every)


def uncut(reach: Reach, size: int, outputs: int) -> int:
    """Return how many outputs see a field that lies wholly inside the input."""
    return reach.outputs_seeing((0, FAR), (-FAR, size - 1), outputs)
