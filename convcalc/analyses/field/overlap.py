"""`written` and `read`: how often each output is written and each input read: the checkerboard of strides.

Counted on `Ways`, so that stacks, branches, resizing and borders are exact. Source: Odena, Dumoulin, Olah,
"Deconvolution and checkerboard artifacts", Distill 2016, doi:10.23915/distill.00003.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING, TypeAlias

from convcalc import ops
from convcalc.analyses.field.fields import fields
from convcalc.analyses.field.reach import Reach
from convcalc.analyses.field.ways import WayCount, Ways, ways_from, ways_to
from convcalc.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convcalc.graph import Graph

Counts: TypeAlias = tuple[int, ...]
SEEN = 64
"""So many positions in the middle of each axis are enough to see a pattern."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """How many ways lead to each position.

    `inside` are the positions of each axis that no border cuts short.
    """

    ways: Ways
    inside: tuple[Counts, ...]

    @property
    def sizes(self) -> Counts:
        """How many positions each axis has."""
        return self.ways.sizes

    def interior(self) -> Iterator[int]:
        """Yield the counts away from the borders (of at most `SEEN` positions in the middle of each axis)."""
        return (self.ways.at(position) for position in product(*map(_central, self.inside)))

    def pattern(self, axis: int) -> Counts:
        """Return one period of the counts away from the borders; all of them where nothing repeats."""
        counts = self.ways.line(axis)
        middle = tuple(counts[n] for n in _central(self.inside[axis]))
        for period in range(1, len(middle) // 2 + 1):
            if all(middle[n] == middle[n - period] for n in range(period, len(middle))):
                return middle[:period]
        return middle

    @property
    def uniform(self) -> bool:
        """Whether every position away from the borders has as many ways (also where there is none)."""
        return len(set(self.interior())) <= 1

    @property
    def judged(self) -> bool:
        """Whether some position is away from the borders."""
        return all(self.inside)

    @property
    def ratio(self) -> Fraction | None:
        """The most ways over the fewest in the interior; None where some position has none."""
        interior = set(self.interior()) or {1}
        return Fraction(max(interior), min(interior)) if min(interior) else None

    def never(self, axis: int) -> Counts:
        """Return the positions of one axis that no way leads to."""
        return tuple(n for n, count in enumerate(self.ways.line(axis)) if count == 0)


def _central(places: Counts) -> Counts:
    start = max(len(places) - SEEN, 0) // 2
    return places[start : start + SEEN]


def written(graph: Graph) -> Overlap:
    """Return how many ways lead to each output of a graph with one input.

    Raises UnsupportedError where the ways depend on data, or an output sees a whole axis.
    """
    value = graph.outputs[0]
    ways, _ = _forward(graph)
    field = fields(graph)[value.index]
    inside = []
    for axis, size in enumerate(value.spatial, start=2):
        reaches = [(key[1], reach) for key, reach in field.items() if key[2] == axis and isinstance(reach, Reach)]
        whole = [
            n for n in range(size) if all(_inside(reach.at(n), graph.inputs[0].shape[of]) for of, reach in reaches)
        ]
        inside.append(tuple(whole) or (_third(size) if _widens(graph) else ()))
    return Overlap(ways, tuple(inside))


def _widens(graph: Graph) -> bool:
    """Whether some step writes more positions than it reads: a small map is then judged by its middle."""
    return any(isinstance(node.op, (ops.ConvTranspose, ops.Resample)) for node in graph.nodes)


def _inside(span: tuple[int, int] | None, size: int) -> bool:
    return span is None or (span[0] >= 0 and span[1] < size)


def _third(size: int) -> Counts:
    """Where everything is cut short by a border: the middle third."""
    return tuple(range(size // 3, size - size // 3))


def read(graph: Graph) -> Overlap:
    """Return how many ways lead from each input to any output: the pattern in the gradient. Raises as `written`."""
    _, counted = _forward(graph)
    return Overlap(ways_from(graph, counted), tuple(map(_third, graph.inputs[0].spatial)))


def _forward(graph: Graph) -> tuple[Ways, WayCount]:
    """The ways to the output. Raises UnsupportedError where they have no pattern."""
    counted = ways_to(graph)
    ways = counted.ways
    if ways is None or not ways.along:
        raise UnsupportedError("without spatial axes there is no overlap to count")
    if ways.whole:
        raise UnsupportedError("an output that sees a whole axis at once has no overlap pattern")
    if list(ways.along) != list(range(2, len(graph.outputs[0].shape))):
        raise UnsupportedError("an output whose axes are not those of the input has no overlap pattern")
    return ways, counted
