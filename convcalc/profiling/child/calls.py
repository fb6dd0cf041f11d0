"""A graph as a straight list of calls: what is timed, with as little of ours around the kernels as can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convcalc.analyses.steps import SILENT
from convcalc.pytorch.lower import bind

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from convcalc.graph import Node
    from convcalc.pytorch.module import GraphModule


class Straight:
    """A module's graph as calls in a row; the tensors are the module's own, so that gradients reach them.

    `held` are the weights and buffers by slot: another list of the same length may stand in its place, with copies
    that lie elsewhere in memory. `replace` may give another function for a step whose weights are known.
    """

    def __init__(
        self, module: GraphModule, replace: Callable[[Node, list[Any]], Callable[..., Any] | None] | None = None
    ) -> None:
        graph = module.graph
        slots = {node.output.index: place for place, node in enumerate(graph.nodes)}
        self.held: list[Any] = [None] * len(graph.nodes)
        for index, tensor in module.tensors_held().items():
            self.held[slots[index]] = tensor
        self.given = [slots[value.index] for value in graph.inputs]
        self.made = [slots[value.index] for value in graph.outputs]
        self.steps: list[tuple[Callable[..., Any], tuple[int, ...], int, tuple[int, ...]]] = []
        for node in graph.nodes:
            if isinstance(node.op, SILENT):
                continue
            inputs = tuple(slots[value.index] for value in node.inputs)
            other = replace(node, [self.held[place] for place in inputs]) if replace is not None else None
            call, read = (other, inputs[:1]) if other is not None else (bind(node.op), inputs)
            done = tuple({slots[v.index] for v in node.inputs if module.last[v.index] == node.output.index})
            self.steps.append((call, read, slots[node.output.index], done))

    def __call__(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Run the steps on one tensor per Input."""
        values = self.held.copy()
        for place, tensor in zip(self.given, inputs, strict=True):
            values[place] = tensor
        for call, read, made, done in self.steps:
            values[made] = call(*[values[place] for place in read])
            for place in done:
                values[place] = None
        if len(self.made) == 1:
            first: Tensor = values[self.made[0]]
            return first
        return tuple(values[place] for place in self.made)
