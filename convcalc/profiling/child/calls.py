"""`CallList`: a graph as calls in a row, with as little of ours around the kernels as can be; `packed` convolutions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from convcalc import ops
from convcalc.errors import UnsupportedError
from convcalc.ops import SOURCES
from convcalc.profiling.plan import packable
from convcalc.pytorch.lower import bind

if TYPE_CHECKING:
    from collections.abc import Callable

    from convcalc.graph import Node
    from convcalc.pytorch.module import GraphModule


class CallList:
    """A module's graph as calls in a row; the tensors are the module's own, so that gradients reach them.

    `tensors` are the weights and buffers by slot: another list of the same length may stand in its place, with copies
    that lie elsewhere in memory. `replace` may give another function for a step whose weights are known.
    """

    def __init__(
        self, module: GraphModule, replace: Callable[[Node, list[Any]], Callable[..., Any] | None] | None = None
    ) -> None:
        graph = module.graph
        slots = {node.output.index: place for place, node in enumerate(graph.nodes)}
        self.tensors: list[Any] = [None] * len(graph.nodes)
        for index, tensor in module.stored_tensors().items():
            self.tensors[slots[index]] = tensor
        self.input_slots = [slots[value.index] for value in graph.inputs]
        self.output_slots = [slots[value.index] for value in graph.outputs]
        self.steps: list[tuple[Callable[..., Any], tuple[int, ...], int, tuple[int, ...]]] = []
        for node in graph.nodes:
            if isinstance(node.op, SOURCES):
                continue
            inputs = tuple(slots[value.index] for value in node.inputs)
            other = replace(node, [self.tensors[place] for place in inputs]) if replace is not None else None
            call, read = (other, inputs[:1]) if other is not None else (bind(node.op), inputs)
            done = tuple({slots[v.index] for v in node.inputs if module.last[v.index] == node.output.index})
            self.steps.append((call, read, slots[node.output.index], done))

    def __call__(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Run the steps on one tensor per Input."""
        values = self.tensors.copy()
        for place, tensor in zip(self.input_slots, inputs, strict=True):
            values[place] = tensor
        for call, read, slot, done in self.steps:
            values[slot] = call(*[values[place] for place in read])
            for place in done:
                values[place] = None
        if len(self.output_slots) == 1:
            first: Tensor = values[self.output_slots[0]]
            return first
        return tuple(values[place] for place in self.output_slots)


def packed(node: Node, tensors: list[Any]) -> Callable[..., Any] | None:
    """Return a convolution as a function of its input only, or None for a step that has no packed form.

    `tensors` are the step's inputs where they are known. It is what torch's own compiler does when it freezes, by calls
    that are private to torch: raises UnsupportedError where this torch has them not.
    """
    op = node.op
    if not isinstance(op, ops.Conv) or not packable(op) or not isinstance(tensors[1], Tensor):
        return None
    try:
        reorder = getattr(torch._C._nn, f"mkldnn_reorder_conv{len(op.windows)}d_weight")
        run: Any = torch.ops.mkldnn._convolution_pointwise.default
    except (AttributeError, RuntimeError):
        raise UnsupportedError(
            "this torch has no call that packs weights for oneDNN: use --layout channels_last"
        ) from None
    padding = [window.before for window in op.windows]
    stride = [window.stride for window in op.windows]
    dilation = [window.dilation for window in op.windows]
    groups = op.groups
    weight = tensors[1].detach().contiguous().to_mkldnn()
    ready = reorder(weight, padding, stride, dilation, groups, list(node.inputs[0].shape))
    bias = tensors[2].detach() if len(tensors) > 2 else None
    return lambda x: run(x, ready, bias, padding, stride, dilation, groups, "none", [], "")
