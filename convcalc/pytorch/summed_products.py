"""`with_contractions`: `(a * b).sum(axis)` is a contraction where one factor is a weight, or the taps of an unfold.

Involution and mixtures of kernels are written so. Gates and attention, whose weights are a softmax, stay other work, as
in papers and in every counter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcalc import ops
from convcalc.builder import Builder
from convcalc.pytorch.readers.contractions import contracted
from convcalc.pytorch.readers.moving import reshape

if TYPE_CHECKING:
    from convcalc.graph import Graph, Node, Value


def with_contractions(graph: Graph) -> Graph:
    """Return a graph in which such pairs of steps are one contraction each; the same graph where there is none."""
    pairs = _pairs(graph)
    if not pairs:
        return graph
    products = {product.output.index for product in pairs.values()}
    b = Builder()
    for scope in graph.scopes:
        with b.inside(scope.path, kind=scope.kind, text=scope.text, times=scope.times):
            pass
    values: dict[int, Value] = {}
    for node in graph.nodes:
        index = node.output.index
        if index in products:
            continue
        b.path = node.scope
        if index in pairs:
            values[index] = _contracted(b, node, pairs[index], values)
        else:
            values[index] = b.write(node.op, *(values[value.index] for value in node.inputs))
    b.path = ()
    return b.graph(*(values[value.index] for value in graph.outputs))


def _pairs(graph: Graph) -> dict[int, Node]:
    """The product under each sum that is a contraction."""
    nodes, readers = graph.nodes, graph.readers()
    results = {value.index for value in graph.outputs}
    fixed = _fixed(graph)
    pairs: dict[int, Node] = {}
    for node in nodes:
        if not (isinstance(node.op, ops.Reduce) and node.op.function == "sum"):
            continue
        product = nodes[node.inputs[0].index]
        index = product.output.index
        if not (isinstance(product.op, ops.Elementwise) and product.op.function == "multiply") or index in results:
            continue
        if len(product.inputs) != 2 or len(readers[index]) != 1:
            continue
        sources = [_source(graph, value) for value in product.inputs]
        weighs = any(source.output.index in fixed or isinstance(source.op, ops.Unfold) for source in sources)
        attends = any(isinstance(source.op, ops.Elementwise) and source.op.function == "softmax" for source in sources)
        if weighs and not attends and all(_fills(product, axis) for axis in node.op.axes):
            pairs[node.output.index] = product
    return pairs


def _fixed(graph: Graph) -> set[int]:
    """Values that parameters alone decide."""
    fixed: set[int] = set()
    for node in graph.nodes:
        learned = isinstance(node.op, ops.Parameter)
        if learned or (node.inputs and all(value.index in fixed for value in node.inputs)):
            fixed.add(node.output.index)
    return fixed


def _source(graph: Graph, value: Value) -> Node:
    """The step that made a value, before it was laid out anew."""
    node = graph.nodes[value.index]
    while isinstance(node.op, ops.Rearrange) or (isinstance(node.op, ops.Elementwise) and node.op.about.view):
        node = graph.nodes[node.inputs[0].index]
    return node


def _fills(product: Node, axis: int) -> bool:
    """Whether both factors have the whole of an axis of their product."""
    rank, size = len(product.output.shape), product.output.shape[axis]
    for value in product.inputs:
        own = axis - rank + len(value.shape)
        if own < 0 or value.shape[own] != size:
            return False
    return True


def _contracted(b: Builder, node: Node, product: Node, values: dict[int, Value]) -> Value:
    """Write the two steps as one."""
    assert isinstance(node.op, ops.Reduce)
    rank = len(product.output.shape)
    letters = "abcdefghijklmnopqrstuvwxyz"[:rank]
    left, right = (letters[rank - len(value.shape) :] for value in product.inputs)
    result = "".join(letter for axis, letter in enumerate(letters) if axis not in node.op.axes)
    y = contracted(b, f"{left},{right}->{result}", *(values[value.index] for value in product.inputs))
    return reshape(b, y, node.output.shape)
