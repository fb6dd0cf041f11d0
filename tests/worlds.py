"""What tests share: building a drawn case, running its graph, counting by torch."""

from __future__ import annotations

import inspect
from itertools import product
from typing import Any

import torch
from hypothesis import assume
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from convcalc.analyses.field.seen import boxes_seen
from convcalc.errors import ShapeError
from convcalc.graph import Graph, Value
from convcalc.kinds import all_kinds
from convcalc.ops import Constant, Parameter
from convcalc.pytorch.lower import compute
from convcalc.pytorch.module import GraphModule
from convcalc.pytorch.verify import unfused

HAS_TF32 = "allow_tf32" in inspect.signature(torch.backends.mkldnn.flags).parameters
UNCHANGED: dict[str, Any] = {"allow_tf32": None} if HAS_TF32 else {}
"""What leaves a setting as it is that a torch before 2.9 has not."""


def built(name: str, shapes: list[tuple[int, ...]], arguments: dict[str, Any]) -> Graph:
    """The graph of a drawn case; one that does not fit together is skipped."""
    try:
        return all_kinds()[name].build(*shapes, **arguments)
    except ShapeError:
        assume(False)
        raise


def ran(module: nn.Module, shapes: list[tuple[int, ...]], *, meta: bool = False) -> tuple[tuple[int, ...], int]:
    """Output shape and MACs (FlopCounterMode / 2) of a module in eval mode."""
    device = "meta" if meta else "cpu"
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), unfused(), torch.backends.mkldnn.flags(enabled=False, **UNCHANGED), counter:
        result = module.eval()(*(torch.randn(shape, device=device) for shape in shapes))
    result = result if isinstance(result, Tensor) else result[0]
    return tuple(result.shape), counter.get_total_flops() // 2


def positive(graph: Graph) -> GraphModule:
    """The graph as a module whose weights are all positive, so that no two paths cancel."""
    module = GraphModule(graph, dtype=torch.float64).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(1.0)
    return module


def positions_seen(graph: Graph, value: Value, position: tuple[int, ...], source: int = 0) -> set[tuple[int, ...]]:
    """Return the positions of one input that one position of a value sees, one by one."""
    boxes = boxes_seen(graph, value, position).get(graph.inputs[source].index, [])
    axes = [[[at for first, last in runs for at in range(first, last + 1)] for runs in box] for box in boxes]
    return {place for box in axes for place in product(*box)}


def random_module(graph: Graph) -> GraphModule:
    """A module with small weights in general position: positive, so that no rectifier is off and no gate full."""
    generator = torch.Generator().manual_seed(0)
    module = GraphModule(graph, dtype=torch.float64).eval()
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if "offset" in name:  # zero offsets: the places read are the nominal ones
                parameter.zero_()
                continue
            parameter.copy_(0.02 + torch.rand(parameter.shape, generator=generator, dtype=torch.float64) / 20)
    return module


def fixed_values(graph: Graph, module: GraphModule) -> dict[int, torch.Tensor]:
    """What depends on no input, computed."""
    values: dict[int, torch.Tensor] = {}
    for node in graph.nodes:
        holder = module.get_submodule(".".join(node.scope))
        if isinstance(node.op, (Parameter, Constant)):
            values[node.output.index] = getattr(holder, holder.tensors[node.output.index])
        elif node.inputs and all(value.index in values for value in node.inputs):
            values[node.output.index] = compute(node.op, [values[value.index] for value in node.inputs])
    return values
