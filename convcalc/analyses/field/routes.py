"""`routes`: how many ways lead through a graph from its inputs to its output, and over how many weighted layers each.

Source: Veit, Wilber, Belongie, "Residual networks behave like ensembles of relatively shallow networks",
arXiv:1605.06431: n residual blocks are 2^n ways.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from convcalc import ops
from convcalc.analyses.pass_through import spread_out
from convcalc.digits import check_digits

if TYPE_CHECKING:
    from convcalc.graph import Graph, Node, Value


class Routes(NamedTuple):
    """How many ways there are of each length: weighted layers passed -> ways; and direct connections of joined maps."""

    by_length: dict[int, int]
    connections: int = 0

    @property
    def total(self) -> int:
        """All ways."""
        return sum(self.by_length.values())

    @property
    def mean(self) -> float:
        """Weighted layers on a way, on average over the ways."""
        return sum(length * count for length, count in self.by_length.items()) / self.total if self.total else 0.0


def routes(graph: Graph) -> Routes:
    """Return the ways from any input to the last output; a gate that scales whole maps is no way through."""
    by_value: dict[int, dict[int, int]] = {}
    for node in graph.nodes:
        if isinstance(node.op, ops.Input):
            by_value[node.output.index] = {0: 1}
            continue
        longer = int(isinstance(node.op, ops.CONTRACTIONS))
        sums: dict[int, int] = {}
        for value in node.inputs:
            if _gates(node, value):
                continue
            for length, count in by_value.get(value.index, {}).items():
                sums[length + longer] = sums.get(length + longer, 0) + count
        check_digits(max(sums.values(), default=0), "the ways through these layers")
        by_value[node.output.index] = sums
    return Routes(dict(sorted(by_value[graph.outputs[-1].index].items())), connections(graph))


def connections(graph: Graph) -> int:
    """Return how many maps the parts of a graph read, each of a join by itself: L(L+1)/2 of a dense block of L layers.

    0 where nothing that is joined is joined again. Source: arXiv:1608.06993.
    """
    makers: dict[int, frozenset[int]] = {}
    read: dict[tuple[str, ...], set[int]] = {}
    rejoined = False
    for node in graph.nodes:
        origins = frozenset().union(*(makers.get(value.index, frozenset()) for value in node.inputs))
        if isinstance(node.op, ops.Concat):
            rejoined = rejoined or any(len(makers.get(value.index, ())) > 1 for value in node.inputs)
        elif isinstance(node.op, (ops.Input, *ops.CONTRACTIONS)):
            here = {index for index in origins if graph.nodes[index].scope[:-1] != node.scope[:-1]}
            read.setdefault(node.scope[:-1], set()).update(here)
            origins = frozenset({node.output.index})
        makers[node.output.index] = origins
    return sum(map(len, read.values())) if rejoined else 0


def _gates(node: Node, value: Value) -> bool:
    """Whether a value only scales the others: one position per channel where the result has more."""
    multiplies = isinstance(node.op, ops.Elementwise) and node.op.about.scales
    return multiplies and not spread_out(value, node.output)
