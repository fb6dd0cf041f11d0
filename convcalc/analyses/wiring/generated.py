"""`kernel_reads`: what the kernel of an output is made from, where a layer makes its kernels from its input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convcalc import ops
from convcalc.analyses.wiring.wires import element_marks, followed, read_by, wires

if TYPE_CHECKING:
    from convcalc.analyses.wiring.scene import Scene
    from convcalc.graph import Graph, Node


def kernel_reads(scene: Scene, output: int, element: int) -> Any:
    """Return which elements of the first input make the kernel of an output: a boolean array (channels, *positions).

    None for layers whose kernels are learned, or that have none. Raises LimitError as `wires` does.
    """
    graph = scene.subject.graph
    made = _contraction(graph)
    if made is None:
        return None
    node, operand = made
    value = scene.outputs[output]
    at_node = followed(graph, value, element_marks(value, [element])).get(node.output.index)
    if at_node is None:
        return None
    carried = [True] * len(node.inputs)
    arrived = [found for number, found in read_by(node, at_node, carried) if number == operand]
    if not arrived:
        return None
    source = graph.inputs[0]
    found = wires(graph, node.inputs[operand], arrived[0]).get(source.index)
    return None if found is None else found[0].reshape(scene.shape(source))


def _contraction(graph: Graph) -> tuple[Node, int] | None:
    """The step that multiplies the input by a kernel made from it, and which operand that kernel is."""
    depends = graph.dependent()
    makers = {node.output.index: node for node in graph.nodes}
    for node in graph.nodes:
        if isinstance(node.op, ops.CONVOLUTIONS) and node.inputs[1].index in depends:
            return node, 1
        if isinstance(node.op, ops.Einsum) and all(value.index in depends for value in node.inputs):
            taps = [isinstance(makers[value.index].op, (ops.Unfold, ops.Sample)) for value in node.inputs]
            behind = [_behind(graph, value.index) for value in node.inputs]
            for number in (0, 1):
                others = behind[1 - number]
                if taps[1 - number] or any(isinstance(makers[index].op, ops.Unfold) for index in others):
                    return node, number
    return None


def _behind(graph: Graph, index: int) -> set[int]:
    """The values that one is made of."""
    found = {index}
    for node in reversed(graph.nodes[: index + 1]):
        if node.output.index in found:
            found.update(value.index for value in node.inputs)
    return found
