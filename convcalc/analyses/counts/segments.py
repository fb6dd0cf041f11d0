"""`segments`: a graph cut by scope, one segment per layer, with what each reads and makes."""

from __future__ import annotations

from typing import NamedTuple

from convcalc.builder import Builder
from convcalc.graph import Graph, Node, Path, Scope, Value
from convcalc.ops import STORED, Input


class Segment(NamedTuple):
    """One layer: its steps, the values it reads from outside and those read outside it (or given by the graph).

    `borrowed` are learned tensors and buffers of other layers that it works with: no inputs, and no outputs of theirs.
    """

    scope: Scope
    nodes: tuple[Node, ...]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    borrowed: tuple[Node, ...] = ()

    @property
    def name(self) -> str:
        """The scope joined with dots, as torch names a module."""
        return self.scope.name


def segments(graph: Graph, depth: int = 1) -> list[Segment]:
    """Return one segment per scope at `depth` (or less deep, where it has none), in the order of writing.

    Every step but the inputs is in exactly one segment, so that they add up to the total.
    """
    scopes = {scope.path: scope for scope in graph.scopes}
    groups: dict[Path, list[Node]] = {}
    for scope in graph.scopes:
        if len(scope.path) <= depth:
            groups[scope.path] = []
    for node in graph.nodes:
        if not isinstance(node.op, Input):
            groups.setdefault(node.scope[:depth], []).append(node)
    readers = graph.readers()
    results = {value.index for value in graph.outputs}
    parts = []
    for path, nodes in groups.items():
        if not nodes:
            continue
        inside = {node.output.index for node in nodes}
        outside = {v.index: v for node in nodes for v in node.inputs if v.index not in inside}
        borrowed = tuple(graph.nodes[index] for index in sorted(outside) if isinstance(graph.nodes[index].op, STORED))
        inputs = {index: v for index, v in outside.items() if not isinstance(graph.nodes[index].op, STORED)}
        outputs = tuple(
            node.output
            for node in nodes
            if node.output.index in results
            or (
                not isinstance(node.op, STORED)
                and any(path != reader.scope[:depth] for reader in readers.get(node.output.index, ()))
            )
        )
        if not outputs:
            outputs = (nodes[-1].output,)
        parts.append(Segment(scopes.get(path, Scope(path)), tuple(nodes), tuple(inputs.values()), outputs, borrowed))
    return parts


def standalone(segment: Segment) -> Graph:
    """Return a segment as a graph of its own: what it reads from outside becomes its inputs, weights stay weights."""
    b = Builder()
    values: dict[int, Value] = {}
    for node in segment.borrowed:
        with b.inside(segment.nodes[0].scope):
            values[node.output.index] = b.write(node.op)
    inside = {node.output.index for node in (*segment.nodes, *segment.borrowed)}
    for node in segment.nodes:
        for value in node.inputs:
            if value.index not in inside and value.index not in values:
                values[value.index] = b.input(value.shape, f"input_{len(values)}" if values else "input")
    for node in segment.nodes:
        with b.inside(node.scope):
            values[node.output.index] = b.write(node.op, *(values[value.index] for value in node.inputs))
    return b.graph(*(values[value.index] for value in segment.outputs))
