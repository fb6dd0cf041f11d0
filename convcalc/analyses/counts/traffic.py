"""`compulsory`: the bytes a pass must move at the least: everything it reads, once, and everything it makes, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcalc import ops
from convcalc.analyses.counts.memory import bytes_of
from convcalc.sizes import total

if TYPE_CHECKING:
    from convcalc.graph import Graph, Node
    from convcalc.sizes import Size


def compulsory(graph: Graph, itemsize: int, direction: str = "forward") -> Size:
    """Return the compulsory bytes of a pass over a graph with elements of `itemsize` bytes.

    The forward reads inputs, parameters and buffers and writes the outputs: x + w + y. The backward reads them and the
    gradient of the outputs and writes the gradients of inputs and parameters: 2x + 2w + y, buffers once. `both` is the
    sum. What lies between the steps of a row is not counted: a fused kernel would not move it.
    Source: the compulsory misses of Williams, Waterman and Patterson, "Roofline", CACM 2009.
    """
    read = {value.index for node in graph.nodes for value in node.inputs}
    read |= {value.index for value in graph.outputs}
    given = total(bytes_of(value, itemsize) for value in graph.inputs)
    used = [node for node in graph.nodes if node.output.index in read]
    learned = total(bytes_of(node.output, itemsize) for node in used if isinstance(node.op, ops.Parameter))
    buffers = total(bytes_of(node.output, itemsize) for node in used if isinstance(node.op, ops.Constant))
    written = total(bytes_of(value, itemsize) for value in {v.index: v for v in graph.outputs}.values())
    forward = given + learned + buffers + written
    backward = 2 * (given + learned) + buffers + written
    return {"forward": forward, "backward": backward, "both": forward + backward}[direction]


def step_bytes(node: Node, itemsize: int) -> Size:
    """Return the compulsory bytes of one step by itself: what it reads and what it makes."""
    return total(bytes_of(value, itemsize) for value in (*node.inputs, node.output))


def intensity(macs: Size, bytes_moved: Size) -> float:
    """Return FLOPs per byte: 2 x MACs over the bytes moved."""
    return 2 * float(macs) / float(bytes_moved) if bytes_moved else 0.0
