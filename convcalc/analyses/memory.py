"""How many bytes a run needs: parameters, buffers, and the values alive at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convcalc import ops
from convcalc.sizes import Size, product

if TYPE_CHECKING:
    from convcalc.graph import Graph, Node


PLACE = 16
"""Bytes that say where one entry of a sparse matrix stands: two 64-bit numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Bytes: parameters and buffers, the most values alive at once in inference, and all of them (training).

    `workspace` is what a kernel may take besides: the columns of the largest convolution, for one sample.
    """

    held: Size
    peak: Size
    everything: Size
    workspace: Size

    def needed(self, *, backward: bool) -> Size:
        """Return the bytes of a run; backward keeps every value and a gradient for each parameter and value."""
        tensors = self.held * 2 + self.everything * 2 if backward else self.held + self.peak
        return tensors + self.workspace


def memory(graph: Graph, itemsize: int) -> Memory:
    """Return the bytes a graph needs with elements of `itemsize` bytes, by one pass over who reads what last."""
    last = graph.last_reader()
    held = alive = peak = everything = workspace = 0
    leaving: dict[int, int] = {}
    for node in graph.nodes:
        sparse = node.output.nonzeros
        size = product(node.output.shape) * itemsize if sparse is None else sparse * (itemsize + PLACE)
        if isinstance(node.op, (ops.Parameter, ops.Constant)):
            held += size
            continue
        everything += size
        workspace = max(workspace, columns(node) * itemsize)
        alive += size
        peak = max(peak, alive)
        end = last[node.output.index]
        leaving[end] = leaving.get(end, 0) + size
        alive -= leaving.pop(node.output.index, 0)
    return Memory(held=held, peak=peak, everything=everything, workspace=workspace)


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
