"""`boxes_seen`: which positions of the inputs one output position sees: boxes of runs, one for each branch.

Followed upwards from the output, so that the cost is that of what is seen, not of the whole map.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from convcalc import ops
from convcalc.analyses.boxes import Runs
from convcalc.analyses.field.moves import moves
from convcalc.analyses.field.reach import within
from convcalc.errors import LimitError
from convcalc.limits import MAX_SEEN_BOXES, MAX_SEEN_RUNS
from convcalc.sizes import ceil_div

if TYPE_CHECKING:
    from collections.abc import Iterable

    from convcalc.analyses.field.moves import Move
    from convcalc.graph import Graph, Value
    from convcalc.window import Window

Run: TypeAlias = tuple[int, int]
"""The first and the last of positions without a gap."""
Box: TypeAlias = tuple[Runs, ...]
"""Runs of each spatial axis: every combination of their positions."""


def boxes_seen(graph: Graph, value: Value, position: tuple[int, ...]) -> dict[int, list[Box]]:
    """Return for each input (by its value's index) the boxes that one position of a value sees.

    Raises UnsupportedError where they depend on the data, LimitError past what is followed.
    """
    depends = graph.dependent()
    seen: dict[int, list[Box]] = {value.index: [tuple(((place, place),) for place in position)]}
    for node in reversed(graph.nodes[: value.index + 1]):
        if node.output.index not in seen or isinstance(node.op, ops.Input):
            continue
        boxes = seen.pop(node.output.index)
        for number, follow in moves(node, [read.index in depends for read in node.inputs]):
            read = node.inputs[number]
            if read.index not in depends:
                continue
            axes = [follow(axis) for axis in range(2, len(read.shape))]
            for box in boxes:
                pairs = zip(axes, read.spatial, strict=True)
                _take(seen.setdefault(read.index, []), tuple(_through(box, move, size) for move, size in pairs))
    return seen


def _take(boxes: list[Box], new: Box) -> None:
    """Put a box among others, where none of them holds it; those that it holds are dropped."""
    if any(not runs for runs in new) or any(_holds(box, new) for box in boxes):
        return
    boxes[:] = [*(box for box in boxes if not _holds(new, box)), new]
    if len(boxes) > MAX_SEEN_BOXES:
        raise LimitError(f"over {MAX_SEEN_BOXES:,} branches see different positions: they are not followed further")


def _holds(outer: Box, inner: Box) -> bool:
    return all(_covers(a, b) for a, b in zip(outer, inner, strict=True))


def _covers(outer: Runs, inner: Runs) -> bool:
    """Whether every position of `inner` is one of `outer`."""
    place = 0
    for first, last in inner:
        while place < len(outer) and outer[place][1] < first:
            place += 1
        if place == len(outer) or outer[place][0] > first or outer[place][1] < last:
            return False
    return True


def _through(box: Box, move: Move, size: int) -> Runs:
    """The positions of an axis with so many that the outputs of a box see."""
    if move.along is None or move.along < 2:
        return ((0, size - 1),)
    runs = box[move.along - 2]
    if move.window is not None:
        follow = _writers if move.transposed else _sources
        return union_of(follow(runs, move.window, size), size)
    if move.reads is None:
        return runs
    _check(sum(last - first + 1 for first, last in runs))
    places = {place for first, last in runs for i in range(first, last + 1) for place in move.reads(i)}
    return union_of(((place, place) for place in places), size)


def _sources(runs: Runs, window: Window, size: int) -> Iterable[Run]:
    """What outputs of a window read: stride*i + dilation*tap - before."""
    stride, dilation, spread = window.stride, window.dilation, window.dilation * (window.kernel - 1)
    for first, last in runs:
        low, high = stride * first - window.before, stride * last - window.before
        count = last - first + 1
        touching = window.kernel >= stride or count == 1 if dilation == 1 else stride == 1 and count >= dilation
        if touching or (window.kernel == 1 and stride == 1):
            yield low, high + spread
        elif stride == 1 or count == 1:
            starts = range(low, low + spread + 1, dilation)
            yield from ((at, at + high - low) for at in _near(starts, high - low, size))
        elif dilation == 1:
            yield from ((at, at + spread) for at in _near(range(low, high + 1, stride), spread, size))
        else:
            _check(count)
            for i in range(first, last + 1):
                yield from ((at, at) for at in _near(window.reads(i), 0, size))


def _writers(runs: Runs, window: Window, size: int) -> Iterable[Run]:
    """What outputs of a transposed window were written by: i with stride*i + dilation*tap - before among them."""
    stride, dilation, spread = window.stride, window.dilation, window.dilation * (window.kernel - 1)
    for first, last in runs:
        low, high = first + window.before, last + window.before
        if last - first + 1 >= dilation:
            yield ceil_div(low - spread, stride), high // stride
        elif last == first:
            yield from ((at, at) for at in _near(window.written_by(first), 0, size))
        else:
            least = max(0, (low - stride * (size - 1)) // dilation)
            most = min(window.kernel - 1, high // dilation)
            _check(most - least + 1)
            for tap in range(least, most + 1):
                yield ceil_div(low - dilation * tap, stride), (high - dilation * tap) // stride


def _near(starts: range, length: int, size: int) -> range:
    """Those of some starts whose runs, so much longer than one position, touch 0..size-1."""
    moved = range(starts.start + length, starts.stop + length, starts.step)
    reach = within(moved, size + length)
    near = range(reach.start - length, reach.stop - length, reach.step) if len(reach) else range(0)
    _check(len(near))
    return near


def union_of(runs: Iterable[Run], size: int) -> Runs:
    """Return runs clipped to 0..size-1, in order, those that touch as one."""
    clipped = ((max(first, 0), min(last, size - 1)) for first, last in runs)
    inside = sorted(run for run in clipped if run[0] <= run[1])
    joined: list[Run] = []
    for first, last in inside:
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = joined[-1][0], max(joined[-1][1], last)
        else:
            joined.append((first, last))
    return tuple(joined)


def _check(count: int) -> None:
    if count > MAX_SEEN_RUNS:
        raise LimitError(
            f"one output sees {count:,} runs of positions: they are followed up to {MAX_SEEN_RUNS:,} along one axis"
        )
