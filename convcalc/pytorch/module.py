"""`GraphModule`: a graph as an nn.Module: one submodule per scope, so that names, hooks and rows survive."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from convcalc import ops
from convcalc.errors import ShapeError
from convcalc.graph import shared_depth
from convcalc.pytorch.lower import Sparse, compute
from convcalc.units import plural

if TYPE_CHECKING:
    from convcalc.graph import Graph, Node, Path


PLACES, ROWS = "_places", "_rows"
"""What the row and column of each entry of a sparse constant, and its number of rows, are called beside it."""
MAX_PERMUTED = 10**8
"""Up to so many places the entries of a sparse constant are drawn without repetition."""


@dataclass(frozen=True, slots=True)
class Call:
    """A stretch of steps written in one child scope: run it for the `turn`-th time."""

    child: str
    turn: int


class ScopeModule(nn.Module):
    """The steps of one scope; its parameters and buffers carry the names the graph gives them."""

    def __init__(self) -> None:
        super().__init__()
        self.turns: list[list[Node | Call]] = []
        self.tensors: dict[int, str] = {}

    def forward(self, values: dict[int, Tensor], last: dict[int, int], turn: int) -> None:
        """Run one stretch of steps."""
        run(self, self.turns[turn], self.tensors, values, last)


def run(
    module: nn.Module,
    steps: list[Node | Call],
    tensors: dict[int, str],
    values: dict[int, Any],
    last: dict[int, int],
) -> None:
    """Run steps in order: read and write `values`, and forget what no later step reads."""
    for item in steps:
        if isinstance(item, Call):
            module.get_submodule(item.child)(values, last, item.turn)
            continue
        index = item.output.index
        if index in tensors:
            values[index] = _stored(module, tensors[index])
            continue
        inputs = [values[value.index] for value in item.inputs]
        for value in item.inputs:
            if last[value.index] == index:
                values.pop(value.index, None)
        values[index] = compute(item.op, inputs, training=module.training)


class GraphModule(nn.Module):
    """A graph that runs, trains, moves and exports as any module does.

    Called with one tensor per Input, in order; returns a tensor, or a tuple for several outputs. Submodules and
    parameters are named after the scopes. Raises ShapeError on a graph with sizes that are not plain numbers.
    """

    def __init__(self, graph: Graph, *, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.graph = graph
        self.last = graph.last_reader()
        self.expected = [value.index for value in graph.inputs]  # plain numbers, which a compiler follows
        self.results = [value.index for value in graph.outputs]
        self.steps: list[Node | Call] = []
        self.tensors: dict[int, str] = {}
        scopes: dict[Path, ScopeModule] = {}
        for scope in sorted(graph.scopes, key=lambda scope: len(scope.path)):
            parent = scopes[scope.path[:-1]] if len(scope.path) > 1 else self
            scopes[scope.path] = ScopeModule()
            parent.add_module(scope.path[-1], scopes[scope.path])
        self._write_turns(scopes)
        for node in graph.nodes:
            holder = scopes[node.scope] if node.scope else self
            _hold(node, holder, holder.tensors, device, dtype)

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Run the steps on one tensor per Input."""
        if len(inputs) != len(self.expected):
            raise ShapeError(f"this graph has {plural(len(self.expected), 'input')}, not {len(inputs)}")
        values = dict(zip(self.expected, inputs, strict=True))
        run(self, self.steps, self.tensors, values, self.last)
        outputs = tuple(values[index] for index in self.results)
        return outputs[0] if len(outputs) == 1 else outputs

    def stored_tensors(self) -> dict[int, Any]:
        """Return the parameters and buffers as steps read them, by the index of their value."""
        tensors = {index: _stored(self, name) for index, name in self.tensors.items()}
        for module in self.modules():
            if isinstance(module, ScopeModule):
                tensors |= {index: _stored(module, name) for index, name in module.tensors.items()}
        return tensors

    def _write_turns(self, scopes: dict[Path, ScopeModule]) -> None:
        """Cut the steps into stretches: entering a child scope is one call of its module."""
        here: Path = ()
        for node in self.graph.nodes:
            if isinstance(node.op, ops.Input):
                continue
            shared = shared_depth(here, node.scope)
            here = here[:shared]
            for name in node.scope[shared:]:
                steps = scopes[here].turns[-1] if here else self.steps
                here = (*here, name)
                scopes[here].turns.append([])
                steps.append(Call(name, len(scopes[here].turns) - 1))
            (scopes[here].turns[-1] if here else self.steps).append(node)


def _hold(
    node: Node, scope: nn.Module, tensors: dict[int, str], device: str | torch.device, dtype: torch.dtype
) -> None:
    """Register a Parameter or Constant step on the module of its scope."""
    op = node.op
    if not isinstance(op, (ops.Parameter, ops.Constant)):
        return
    if not all(isinstance(size, int) for size in op.shape):
        raise ShapeError("only a graph whose sizes are plain numbers can run")
    name = op.name
    while hasattr(scope, name):
        name += "_"
    tensors[node.output.index] = name
    if isinstance(op, ops.Constant):
        _hold_constant(name, op, scope, device, dtype)
        return
    data = torch.empty(op.shape, device=device, dtype=dtype)
    scope.register_parameter(name, nn.Parameter(_filled(data, op), requires_grad=op.trained))


def _hold_constant(
    name: str, op: ops.Constant, scope: nn.Module, device: str | torch.device, dtype: torch.dtype
) -> None:
    """A sparse one is held as its entries and their places, drawn without repetition while there is room."""
    if op.nonzeros is None:
        full = torch.full(op.shape, op.value, device=device, dtype=dtype)
        scope.register_buffer(
            name, full + torch.eye(*op.shape[-2:], device=device, dtype=dtype) if op.identity else full
        )
        return
    rows, columns = op.shape
    room = rows * columns
    flat = (
        torch.randperm(room)[: op.nonzeros]
        if op.nonzeros <= room < MAX_PERMUTED
        else torch.randint(room, (op.nonzeros,))
    )
    places = torch.stack((flat // columns, flat % columns)).to(device)
    scope.register_buffer(name, torch.full((op.nonzeros,), op.value, device=device, dtype=dtype))
    scope.register_buffer(name + PLACES, places)
    setattr(scope, name + ROWS, rows)


def _stored(module: nn.Module, name: str) -> Any:
    """Return a parameter or buffer as steps read it."""
    tensor = getattr(module, name)
    places = getattr(module, name + PLACES, None)
    return tensor if places is None else Sparse(places, tensor, getattr(module, name + ROWS))


def _filled(data: Tensor, op: ops.Parameter) -> Tensor:
    """Weights normal with variance 1/fan_in, so that activations neither vanish nor explode; norms 1 and 0."""
    if op.role == "norm":
        return data.fill_(0.0 if op.name == "bias" else 1.0)
    if op.role == "bias" or data.dim() < 2:
        return data.fill_(0.25 if op.role == "weight" else 0.0)
    fan_in = math.prod(data.shape[1:])
    return data.normal_(0.0, 1.0 / math.sqrt(fan_in))
