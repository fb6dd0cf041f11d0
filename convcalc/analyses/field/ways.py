"""`ways_to` and `ways_from`: how many ways lead to each output of a graph, and from each position of its input.

A step is linear in the counts, so one walk down the graph with ones gives the first, and one walk up gives the
second. Without branches the counts are a product of one list per axis; where branches meet that differ along two
axes, they are a map.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import accumulate
from math import prod
from operator import add
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from convcalc import ops
from convcalc.analyses.field.moves import moves
from convcalc.digits import check_digits
from convcalc.errors import LimitError, UnsupportedError
from convcalc.limits import MAX_WAY_CELLS, MAX_WAY_POSITIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convcalc.analyses.field.moves import Move
    from convcalc.graph import Graph, Value
    from convcalc.window import Window

Product: TypeAlias = tuple[list[int], ...]
Rows: TypeAlias = list[Any]
"""Along one axis: a count, or an array over the other axes, for each position."""
FEW = 8
"""So many taps are added one by one; more are the difference of two running sums."""


@dataclass(frozen=True, slots=True)
class Ways:
    """Counts along axes that are those of the input: `along` has the own axis of each; None where one is seen whole.

    `counts` are a list per axis, whose product it is, or a numpy array of integers.
    """

    along: tuple[int | None, ...]
    counts: Any

    @property
    def is_product(self) -> bool:
        """Whether the counts are a product over axes."""
        return isinstance(self.counts, tuple)

    @property
    def whole(self) -> bool:
        """Whether some axis is seen whole by every output: there is then no pattern to count."""
        return None in self.along

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many positions each axis has."""
        return tuple(map(len, self.counts)) if self.is_product else tuple(self.counts.shape)

    def at(self, position: Sequence[int]) -> int:
        """Return the ways of one position."""
        if self.is_product:
            return prod(counts[place] for counts, place in zip(self.counts, position, strict=True))
        return int(self.counts[tuple(position)])

    def line(self, axis: int) -> tuple[int, ...]:
        """Return the counts of one axis: of that axis alone where they are a product, else through the middle."""
        if self.is_product:
            return tuple(self.counts[axis])
        middle = [size // 2 for size in self.sizes]
        return tuple(map(int, self.counts[(*middle[:axis], slice(None), *middle[axis + 1 :])]))

    def corner(self, sizes: Sequence[int]) -> list[tuple[tuple[int, ...], ...]]:
        """Return the first positions of a line or a map as a sum of products of one list per axis."""
        if self.is_product:
            return [tuple(tuple(counts[:size]) for counts, size in zip(self.counts, sizes, strict=True))]
        rows = self.counts[tuple(map(slice, sizes))]
        marks = (tuple(int(n == row) for n in range(len(rows))) for row in range(len(rows)))
        return [(mark, tuple(map(int, row))) for mark, row in zip(marks, rows, strict=True)]

    def moved(self, axis: int, onto: int | None, change: Callable[[Rows], Rows]) -> Ways:
        """Return the same with one of the input's axes changed, and carried onto another own axis."""
        along = (*self.along[:axis], onto, *self.along[axis + 1 :])
        if self.is_product:
            return Ways(along, (*self.counts[:axis], change(self.counts[axis]), *self.counts[axis + 1 :]))
        import numpy

        rows = change(list(numpy.moveaxis(self.counts, axis, 0)))
        return Ways(along, numpy.moveaxis(numpy.stack(rows), 0, axis))


class WayCount(NamedTuple):
    """The ways to an output, and for each value that depends on an input its axes that are the input's."""

    ways: Ways | None
    along: dict[int, tuple[int | None, ...]]


def ways_to(graph: Graph) -> WayCount:
    """Return how many ways lead to each position of the first output; None where it depends on no input.

    Raises UnsupportedError where they depend on the data, LimitError past what is counted.
    """
    needed, last = graph.needed(), graph.last_reader()
    output = graph.outputs[0].index
    counts: dict[int, Ways] = {}
    along: dict[int, tuple[int | None, ...]] = {}
    for node in graph.nodes:
        if node.output.index not in needed:
            continue
        parts = [_ones(node.output)] if isinstance(node.op, ops.Input) else []
        for number, follow in moves(node, [value.index in along for value in node.inputs]):
            ways = counts.get(node.inputs[number].index)
            if ways is None:
                continue
            for place, axis in enumerate(ways.along):
                if axis is not None:
                    ways = _forward(ways, place, follow(axis), node.output)
            parts.append(ways)
        if parts:
            ways = reduce(_sum, parts)
            check_digits(ways.at([size // 2 for size in ways.sizes]), "the ways to an output")
            counts[node.output.index], along[node.output.index] = ways, ways.along
        for value in node.inputs:
            if last[value.index] == node.output.index:
                counts.pop(value.index, None)
    return WayCount(counts.get(output), along)


def ways_from(graph: Graph, counted: WayCount) -> Ways:
    """Return how many ways lead from each position of the inputs to any position of the first output.

    `counted` are the ways to it: they say which axes are the input's. Raises as `ways_to` does.
    """
    output = graph.outputs[0]
    counts = {output.index: Ways(counted.along[output.index], _ones(output).counts)}
    inputs = []
    for node in reversed(graph.nodes):
        ways = counts.pop(node.output.index, None)
        if ways is None:
            continue
        if isinstance(node.op, ops.Input):
            inputs.append(ways)
        for number, follow in moves(node, [value.index in counted.along for value in node.inputs]):
            value = node.inputs[number]
            back = ways
            for place, axis in enumerate(counted.along.get(value.index, ())):
                if axis is not None:
                    back = _backward(back, place, follow(axis), axis, value.shape[axis])
            if value.index in counted.along:
                before = counts.get(value.index)
                counts[value.index] = back if before is None else _sum(before, back)
    return reduce(_sum, reversed(inputs))


def _ones(value: Value) -> Ways:
    for size in value.spatial:
        _check_positions(size)
    return Ways(tuple(range(2, len(value.shape))), tuple([1] * size for size in value.spatial))


def _forward(ways: Ways, place: int, move: Move, output: Value) -> Ways:
    if move.along is None:
        return Ways((*ways.along[:place], None, *ways.along[place + 1 :]), ways.counts)
    size, window = output.shape[move.along], move.window
    if window is not None:
        walk = _scatter if move.transposed else _gather
        return ways.moved(place, move.along, lambda rows: walk(rows, window, size))
    if move.reads is None:
        return Ways((*ways.along[:place], move.along, *ways.along[place + 1 :]), ways.counts)
    _check_positions(size)
    reads = move.reads

    def gather(rows: Rows) -> Rows:
        inside = range(len(rows))
        return [sum((rows[place] for place in reads(i) if place in inside), rows[0] * 0) for i in range(size)]

    return ways.moved(place, move.along, gather)


def _backward(ways: Ways, place: int, move: Move, axis: int, size: int) -> Ways:
    """The same upwards: what `_forward` adds up is handed to each position it came from."""
    window = move.window
    if window is not None:
        walk = _gather if move.transposed else _scatter
        return ways.moved(place, axis, lambda rows: walk(rows, window, size))
    if move.reads is None:
        return Ways((*ways.along[:place], axis, *ways.along[place + 1 :]), ways.counts)
    reads = move.reads

    def scatter(rows: Rows) -> Rows:
        result = [rows[0] * 0] * size
        for i, row in enumerate(rows):
            for at in reads(i):
                if 0 <= at < size:
                    result[at] = result[at] + row
        return result

    return ways.moved(place, axis, scatter)


def _gather(rows: Rows, window: Window, size: int) -> Rows:
    """What each of `size` outputs of a window reads: the sum of rows stride*i + dilation*tap - before."""
    extent = window.stride * (size - 1) + window.span
    _check_positions(extent)
    zero = rows[0] * 0
    padded = ([zero] * min(max(window.before, 0), extent) + rows[max(-window.before, 0) :])[:extent]
    padded += [zero] * (extent - len(padded))
    stop = window.stride * (size - 1) + 1
    if window.kernel <= FEW:
        taps = (padded[at : at + stop : window.stride] for at in range(0, window.span, window.dilation))
        return reduce(lambda total, more: list(map(add, total, more)), taps)
    sums = _running(padded, window.dilation)
    upper = sums[window.span - 1 :: window.stride]
    lower = ([zero] * window.dilation + sums)[: stop : window.stride]
    return [high - low for high, low in zip(upper, lower, strict=True)]


def _scatter(rows: Rows, window: Window, size: int) -> Rows:
    """What is written at each of `size` positions: row i at stride*i + dilation*tap - before, for each tap."""
    extent = window.stride * (len(rows) - 1) + window.span
    _check_positions(extent)
    zero = rows[0] * 0
    stop = window.stride * (len(rows) - 1) + 1
    if window.kernel <= FEW:
        whole = [zero] * extent
        for at in range(0, window.span, window.dilation):
            part = slice(at, at + stop, window.stride)
            whole[part] = map(add, whole[part], rows)
    else:
        steps = [zero] * (extent + window.dilation)
        end = window.dilation * window.kernel
        for part, signed in (
            (slice(0, stop, window.stride), rows),
            (slice(end, end + stop, window.stride), [-row for row in rows]),
        ):
            steps[part] = map(add, steps[part], signed)
        whole = _running(steps, window.dilation)[:extent]
    cut = ([zero] * min(max(-window.before, 0), size) + whole[max(window.before, 0) :])[:size]
    return cut + [zero] * (size - len(cut))


def _running(rows: Rows, step: int) -> Rows:
    """Running sums over every step-th row."""
    sums = list(rows)
    for start in range(min(step, len(rows))):
        sums[start::step] = accumulate(rows[start::step], add)
    return sums


def _sum(first: Ways, second: Ways) -> Ways:
    """The ways of two branches together."""
    if first.whole or second.whole:
        return first if first.whole else second
    if first.along != second.along:
        raise UnsupportedError("branches whose axes lie in another order have no overlap pattern together")
    if first.sizes != second.sizes:
        raise UnsupportedError("inputs of different sizes have no overlap pattern together")
    if first.is_product and second.is_product:
        apart = [n for n, (a, b) in enumerate(zip(first.counts, second.counts, strict=True)) if a != b]
        if len(apart) < 2:
            place = apart[0] if apart else 0
            return first.moved(place, first.along[place], lambda rows: list(map(add, rows, second.counts[place])))
    return Ways(first.along, _map(first) + _map(second))


def _map(ways: Ways) -> Any:
    """The counts as an array of whole numbers of any length."""
    if not ways.is_product:
        return ways.counts
    import numpy

    cells = prod(ways.sizes)
    if cells > MAX_WAY_CELLS:
        raise LimitError(
            f"branches meet on a map of {cells:,} positions: the ways to each are counted up to {MAX_WAY_CELLS:,}"
            " (give a smaller input)"
        )
    return reduce(numpy.multiply.outer, [numpy.array(counts, dtype=object) for counts in ways.counts])


def _check_positions(size: int) -> None:
    if size > MAX_WAY_POSITIONS:
        raise LimitError(
            f"the ways to {size:,} positions of one axis are not counted: the limit is {MAX_WAY_POSITIONS:,}"
            " (give a smaller input: patterns repeat)"
        )
