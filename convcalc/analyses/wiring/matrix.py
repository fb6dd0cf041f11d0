"""`matrix`: a convolution as a sparse matrix: vec(out) = C vec(in). Its transpose is that of the transposed layer.

C is (Cout prod(out)) x (Cin prod(in)), doubly block Toeplitz. Its non-zeros are the multiply-adds on real input.
Source: Dumoulin and Visin, arXiv:1603.07285, section 4.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from typing import TYPE_CHECKING, TypeAlias

from convcalc import ops
from convcalc.errors import LimitError, ShapeError, UnsupportedError
from convcalc.limits import MAX_MATRIX_ENTRIES, MAX_MATRIX_LINES
from convcalc.ops import SOURCES
from convcalc.sizes import known

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convcalc.graph import Graph, Node
    from convcalc.window import Window

Entry: TypeAlias = tuple[int, int, int]
"""Row, column, and the place of the weight in the flattened weight tensor."""
RANK_LIMIT = 512
"""The most rows or columns of a matrix that is decomposed in passing."""


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """The entries of C in order of rows; two entries with one weight share it."""

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
        for row, column, weight in self.entries:
            dense[row, column] = weights[weight]
        return int(numpy.linalg.matrix_rank(dense))

    @property
    def transposed(self) -> Matrix:
        """The matrix of the transposed layer: the same weights."""
        turned = tuple(sorted((column, row, weight) for row, column, weight in self.entries))
        return Matrix(rows=self.columns, columns=self.rows, entries=turned, weights=self.weights)


def matrix(graph: Graph) -> Matrix:
    """Return the matrix of a graph that is one convolution or transposed convolution, for one sample.

    Raises UnsupportedError for any other graph and ShapeError where there are more entries than can be listed.
    """
    node = window_step(graph)
    x, weight, out = node.inputs[0], node.inputs[1], node.output
    if not known(*x.shape[1:], *out.shape[1:]):
        raise ShapeError("a matrix needs the input's size: give it with -i")
    positions = prod(out.spatial) if isinstance(node.op, ops.Conv) else prod(x.spatial)
    at_most = prod(weight.shape) * positions
    if at_most > MAX_MATRIX_ENTRIES:
        raise LimitError(f"{at_most:,} entries are past what is listed ({MAX_MATRIX_ENTRIES:,}): use a smaller input")
    rows, columns = prod(out.shape[1:]), prod(x.shape[1:])
    if rows + columns > MAX_MATRIX_LINES:
        raise LimitError(
            f"{rows + columns:,} rows and columns are past what is listed ({MAX_MATRIX_LINES:,}): use a smaller input"
        )
    return Matrix(
        rows=rows,
        columns=columns,
        entries=tuple(sorted(_entries(node))),
        weights=prod(weight.shape),
    )


def window_step(graph: Graph) -> Node:
    """Return the only step of a graph that is no tensor. Raises UnsupportedError where there are others."""
    steps = [node for node in graph.nodes if not isinstance(node.op, SOURCES)]
    if len(steps) != 1 or not isinstance(steps[0].op, (ops.Conv, ops.ConvTranspose)):
        raise UnsupportedError(
            "a matrix is drawn of one convolution or transposed convolution with zero padding, and of nothing else"
        )
    return steps[0]


def _entries(node: Node) -> Iterator[Entry]:
    """Walk from the side that has the kernel's positions: the output, or a transposed layer's input."""
    op, weight = node.op, node.inputs[1]
    assert isinstance(op, (ops.Conv, ops.ConvTranspose))
    direct = isinstance(op, ops.Conv)
    walks, reads = (node.output, node.inputs[0]) if direct else (node.inputs[0], node.output)
    axes = [_pairs(w, i, o) for w, i, o in zip(op.windows, walks.spatial, reads.spatial, strict=True)]
    kernel = tuple(window.kernel for window in op.windows)
    per_group, partners = walks.channels // op.groups, weight.shape[1]
    for triples in product(*axes):
        positions, taps, read = zip(*triples, strict=True)
        here, tap, there = _flat(positions, walks.spatial), _flat(taps, kernel), _flat(read, reads.spatial)
        for channel in range(walks.channels):
            for partner in range(partners):
                near = channel * prod(walks.spatial) + here
                far = (channel // per_group * partners + partner) * prod(reads.spatial) + there
                place = (channel * partners + partner) * prod(kernel) + tap
                yield (near, far, place) if direct else (far, near, place)


def _pairs(window: Window, positions: int, size: int) -> list[tuple[int, int, int]]:
    """(walked position, tap, position read or written) along one axis, without those outside."""
    triples = []
    for i in range(positions):
        triples += [(i, tap, place) for tap, place in enumerate(window.reads(i)) if 0 <= place < size]
    return triples


def _flat(place: tuple[int, ...], sizes: tuple[int, ...]) -> int:
    """The place in the flattened tensor, the last axis running fastest."""
    index = 0
    for part, size in zip(place, sizes, strict=True):
        index = index * size + part
    return index
