"""`matrix`: a linear layer, or a product of them, as the sparse matrix it is: vec(out) = C vec(in).

Of a convolution C is (Cout prod(out)) x (Cin prod(in)), doubly block Toeplitz; its non-zeros are the multiply-adds on
real input, its transpose is the matrix of the transposed layer. Of pools, shuffles, pads and resizes the entries are
numbers, of several layers sums of products of their weights.
Source: Dumoulin and Visin, arXiv:1603.07285, section 4.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from convcalc import ops
from convcalc.analyses.wiring.links import is_added, links
from convcalc.errors import LimitError, ShapeError
from convcalc.folding import folded
from convcalc.graph import Graph
from convcalc.limits import MAX_MATRIX_ENTRIES, MAX_MATRIX_LINES
from convcalc.sizes import known

if TYPE_CHECKING:
    from convcalc.graph import Node

Monomial: TypeAlias = tuple[int, ...]
"""The places of the weights that are multiplied; none for a number."""
Polynomial: TypeAlias = dict[Monomial, Fraction]
RANK_LIMIT = 512
"""The most rows or columns of a matrix that is decomposed in passing."""


class Entry(NamedTuple):
    """One entry that is not zero: its row, its column, and the sum of products of weights that it is."""

    row: int
    column: int
    terms: tuple[tuple[Monomial, Fraction], ...]

    @property
    def weight(self) -> int | None:
        """The place of the weight that the entry is; None where it is something else."""
        if len(self.terms) == 1:
            monomial, factor = self.terms[0]
            if factor == 1 and len(monomial) == 1:
                return monomial[0]
        return None

    @property
    def text(self) -> str:
        """The entry as a sum of products: `1/9`, `w3`, `w0 w12 + 1/2 w4`."""
        return " + ".join(map(_term, self.terms)).replace("+ -", "- ")


def _term(term: tuple[Monomial, Fraction]) -> str:
    monomial, factor = term
    weights = " ".join(f"w{place}" for place in monomial)
    if not monomial:
        return str(factor)
    return weights if factor == 1 else f"-{weights}" if factor == -1 else f"{factor} {weights}"


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """The entries of C in order of rows; two entries with one weight share it.

    Weights are numbered through the tensors of a stack in order; several inputs or outputs lie one after the other.
    """

    rows: int
    columns: int
    entries: tuple[Entry, ...]
    weights: int

    @property
    def density(self) -> float:
        """The share of places that are not zero."""
        return len(self.entries) / (self.rows * self.columns)

    @cached_property
    def rank(self) -> int | None:
        """The rank for weights in general position; None for a matrix past RANK_LIMIT."""
        if max(self.rows, self.columns) > RANK_LIMIT:
            return None
        import numpy

        weights = numpy.random.default_rng(0).standard_normal(self.weights)
        dense = numpy.zeros((self.rows, self.columns))
        for entry in self.entries:
            dense[entry.row, entry.column] = sum(
                float(factor) * prod(weights[place] for place in monomial) for monomial, factor in entry.terms
            )
        return int(numpy.linalg.matrix_rank(dense))

    @property
    def transposed(self) -> Matrix:
        """The matrix of the transposed layer: the same weights."""
        turned = tuple(sorted(Entry(column, row, terms) for row, column, terms in self.entries))
        return Matrix(rows=self.columns, columns=self.rows, entries=turned, weights=self.weights)


def matrix(graph: Graph) -> Matrix:
    """Return the matrix of a graph of linear steps, for one sample; what is added to it (a bias) is left out.

    Raises UnsupportedError for a step that is not linear, ShapeError without sizes, LimitError where there are more
    entries than can be listed.
    """
    nodes, moved = folded(graph.nodes, 0)
    outputs = tuple(moved[value.index] for value in graph.outputs)
    graph = Graph(tuple(nodes), outputs)
    for value in (*graph.inputs, *outputs):
        if not known(*value.shape):
            raise ShapeError("a matrix needs the input's size: give it with -i")
        if value.shape[0] != 1:
            raise ShapeError("a matrix is that of one sample: give -i without a batch")
    rows, columns = (sum(prod(value.shape) for value in values) for values in (outputs, graph.inputs))
    if rows + columns > MAX_MATRIX_LINES:
        raise LimitError(
            f"{rows + columns:,} rows and columns are past what is listed ({MAX_MATRIX_LINES:,}): use a smaller input"
        )
    starts, weights = weight_starts(graph)
    entries = _entries(graph, starts)
    return Matrix(rows=rows, columns=columns, entries=entries, weights=weights)


def weight_starts(graph: Graph) -> tuple[dict[int, int], int]:
    """Return where the weights of each stored tensor begin that multiplies something, and how many there are."""
    starts: dict[int, int] = {}
    total = 0
    for node in graph.nodes:
        for number, value in enumerate(node.inputs):
            stored = isinstance(graph.nodes[value.index].op, ops.STORED)
            if stored and value.index not in starts and not is_added(node, number):
                starts[value.index] = total
                total += prod(value.shape)
    return starts, total


def _entries(graph: Graph, starts: dict[int, int]) -> tuple[Entry, ...]:
    """Rows are followed from the outputs to the inputs: each link multiplies, and what meets is added."""
    arrived: dict[int, dict[tuple[int, int], Polynomial]] = {value.index: {} for value in graph.outputs}
    before = 0
    for value in graph.outputs:
        arrived[value.index] |= {(before + at, at): {(): Fraction(1)} for at in range(prod(value.shape))}
        before += prod(value.shape)
    depends = graph.dependent()
    for node in reversed(graph.nodes):
        if isinstance(node.op, ops.SOURCES) or node.output.index not in depends:
            continue
        rows = arrived.pop(node.output.index, {})
        by_output: dict[int, list[tuple[int, Polynomial]]] = {}
        for (row, element), polynomial in rows.items():
            by_output.setdefault(element, []).append((row, polynomial))
        _check_count(node)
        work = 0
        for link in links(node, [value.index not in depends for value in node.inputs]):
            if not link.factor:
                continue
            weight = () if link.weight is None else (starts[node.inputs[link.of].index] + link.weight,)
            onto = arrived.setdefault(node.inputs[link.operand].index, {})
            for row, polynomial in by_output.get(link.output, ()):
                _add(onto.setdefault((row, link.element), {}), polynomial, link.factor, weight)
                work += len(polynomial)
            if work > MAX_MATRIX_ENTRIES:
                raise LimitError(
                    f"its entries are sums of over {MAX_MATRIX_ENTRIES:,} products of weights in all: use a smaller"
                    " input or fewer channels"
                )
    return _sorted(graph, arrived)


def _sorted(graph: Graph, arrived: dict[int, dict[tuple[int, int], Polynomial]]) -> tuple[Entry, ...]:
    entries = []
    start = 0
    for value in graph.inputs:
        for (row, element), polynomial in arrived.get(value.index, {}).items():
            terms = tuple(sorted((monomial, factor) for monomial, factor in polynomial.items() if factor))
            if terms:
                entries.append(Entry(row, start + element, terms))
        start += prod(value.shape)
    return tuple(sorted(entries))


def _add(onto: Polynomial, polynomial: Polynomial, factor: Fraction, weight: Monomial) -> None:
    for monomial, share in polynomial.items():
        product = tuple(sorted((*monomial, *weight)))
        onto[product] = onto.get(product, Fraction(0)) + share * factor


def _check_count(node: Node) -> None:
    """Raise LimitError before the links of a convolution or a linear layer are walked that has too many."""
    op = node.op
    if isinstance(op, (*ops.CONVOLUTIONS, ops.Einsum)):
        positions = node.output if isinstance(op, ops.Conv) else node.inputs[0]
        sizes = positions.spatial if isinstance(op, ops.CONVOLUTIONS) else positions.shape[:-1]
        at_most = prod(node.inputs[1].shape) * prod(sizes)
        if at_most > MAX_MATRIX_ENTRIES:
            raise LimitError(
                f"{at_most:,} entries are past what is listed ({MAX_MATRIX_ENTRIES:,}): use a smaller input"
            )


def window_step(graph: Graph) -> Node | None:
    """Return the only step of a graph that computes, where it is a convolution; None for any other graph."""
    steps = [node for node in graph.nodes if not isinstance(node.op, ops.SOURCES)]
    return steps[0] if len(steps) == 1 and isinstance(steps[0].op, ops.CONVOLUTIONS) else None
