"""`memory`: how many bytes a run needs: parameters, buffers, and the values alive at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convcalc import ops
from convcalc.equations import linear_equation
from convcalc.sizes import Size, is_one, product

if TYPE_CHECKING:
    from convcalc.graph import Graph, Node, Value


PLACE = 16
"""Bytes that say where one entry of a sparse matrix stands: two 64-bit numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Bytes: parameters and buffers, the most values alive at once in inference, and all of them.

    `alive` is what is alive while each step runs, by the index of its output. `workspace` is what a kernel may take
    besides: the columns of the largest convolution, for one sample.
    """

    held: Size
    peak: Size
    everything: Size
    workspace: Size
    alive: dict[int, Size]

    def needed(self, *, backward: bool) -> Size:
        """Return the bytes a run takes at most; backward keeps every value and has a gradient for each."""
        tensors = self.held * 2 + self.everything * 2 if backward else self.held + self.peak
        return tensors + self.workspace


def bytes_of(value: Value, itemsize: int) -> Size:
    """Return the bytes of one tensor; a sparse one holds its entries and their places."""
    if value.nonzeros is not None:
        return value.nonzeros * (itemsize + PLACE)
    return product(value.shape) * itemsize


def storages(graph: Graph, *, training: bool = False) -> dict[int, int]:
    """Return for each value the one whose memory it is laid over: a slice or a reshape is a view, not a copy."""
    roots: dict[int, int] = {}
    for node in graph.nodes:
        index = node.output.index
        laid_over = _view(node, training=training) or _is_linear_bias(node, graph)
        roots[index] = roots[node.inputs[0].index] if laid_over else index
    return roots


def _is_linear_bias(node: Node, graph: Graph) -> bool:
    """Whether a step adds the bias of a linear layer, which torch does in the product's own memory (addmm)."""
    if not isinstance(node.op, ops.Elementwise) or node.op.function != "add_bias" or len(node.inputs) < 2:
        return False
    product_node, bias = (graph.nodes[value.index] for value in node.inputs[:2])
    return (
        isinstance(product_node.op, ops.Einsum)
        and isinstance(bias.op, ops.Parameter)
        and product_node.op.equation == linear_equation(len(product_node.inputs[0].shape))
    )


def _view(node: Node, *, training: bool) -> bool:
    match node.op:
        case ops.Slice():
            return True
        case ops.Rearrange(split=split, order=order):
            sizes = [size for factors in split for size in factors]
            places = [place for place in order if not is_one(sizes[place])]
            return places == sorted(places)
        case ops.Elementwise() as op:
            return op.about.view or (op.about.saves == "mask" and not training)
        case _:
            return False


def last_reader(graph: Graph, roots: dict[int, int]) -> dict[int, int]:
    """Return for each storage the last step that reads it, by itself or through a view."""
    last: dict[int, int] = {}
    for index, reader in graph.last_reader().items():
        last[roots[index]] = max(last.get(roots[index], 0), reader)
    return last


def is_stored(node: Node) -> bool:
    """Whether a step is a tensor that is there from the start: a parameter or a buffer."""
    return isinstance(node.op, ops.STORED)


def memory(graph: Graph, itemsize: int) -> Memory:
    """Return the bytes a graph needs with elements of `itemsize` bytes, by one pass over who reads what last."""
    roots = storages(graph)
    last = last_reader(graph, roots)
    stored = alive = peak = everything = workspace = 0
    while_it_runs: dict[int, Size] = {}
    leaving: dict[int, int] = {}
    for node in graph.nodes:
        index = node.output.index
        size = bytes_of(node.output, itemsize)
        if is_stored(node):
            stored += size
            continue
        workspace = max(workspace, columns(node) * itemsize)
        if roots[index] == index:
            everything += size
            alive += size
            leaving[last[index]] = leaving.get(last[index], 0) + size
        peak = max(peak, alive)
        while_it_runs[index] = alive
        alive -= leaving.pop(index, 0)
    return Memory(held=stored, peak=peak, everything=everything, workspace=workspace, alive=while_it_runs)


def columns(node: Node) -> Size:
    """Return the elements of a convolution's columns (im2col) for one sample: Cin prod(k) prod(out)."""
    match node.op:
        case ops.Conv():
            x, weight = node.inputs[:2]
            return product((x.channels, *weight.shape[2:], *node.output.spatial))
        case ops.ConvTranspose():
            x, weight = node.inputs[:2]
            return product((node.output.channels, *weight.shape[2:], *x.spatial))
        case _:
            return 0
