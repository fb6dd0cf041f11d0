"""Running a graph's layers and timing each: what the kernels do on this machine."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from convcalc.analyses.macs import macs
from convcalc.analyses.memory import memory
from convcalc.analyses.report import Row, rows
from convcalc.analyses.steps import SILENT
from convcalc.builder import Builder
from convcalc.errors import ShapeError
from convcalc.render.units import size_of
from convcalc.runtime.machine import free_bytes
from convcalc.runtime.measure import Measurement, Task, interleaved, measure
from convcalc.runtime.module import GraphModule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from convcalc.graph import Graph, Value
    from convcalc.sizes import Size

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
PASSES = {"forward": 1, "backward": 2, "both": 3}
"""MACs of a pass over those of the forward: the backward has one contraction per operand, input and weight."""
WHOLE = "whole"
CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}
"""Memory formats by the number of axes; 1-D tensors have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The circumstances of a run."""

    device: torch.device
    dtype: torch.dtype = torch.float32
    threads: int = 1
    channels_last: bool = False
    direction: str = "forward"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """One row: its name and text, the multiply-adds of its forward, and what was measured."""

    name: str
    text: str
    times: int
    macs: Size
    measured: Measurement

    direction: str = "forward"

    @property
    def flops_per_s(self) -> float | None:
        """2 x MACs of the pass over the median; None for a row without MACs."""
        return 2.0 * PASSES[self.direction] * float(self.macs) / self.measured.median if self.macs else None


def needed(graph: Graph, setup: Setup) -> Size:
    """Return the bytes a run takes: tensors, gradients, and the columns of the largest convolution."""
    found = memory(graph, setup.dtype.itemsize)
    return found.needed(backward=setup.direction != "forward")


def check_memory(graph: Graph, setup: Setup) -> Size:
    """Return the bytes a run takes. Raises ShapeError where that does not fit, before anything is allocated."""
    bytes_needed, have = needed(graph, setup), free_bytes(setup.device)
    if have is not None and bytes_needed > have:
        raise ShapeError(
            f"this run needs about {size_of(bytes_needed)} but {setup.device.type} has {size_of(have)} free:"
            " use a smaller input or batch, or a smaller --dtype"
        )
    return bytes_needed


def standalone(row: Row) -> Graph:
    """Return one row as a graph of its own: what it reads from outside becomes its inputs (weights stay weights)."""
    b = Builder()
    moved: dict[int, Value] = {}
    inside = {node.output.index for node in row.nodes}
    for node in row.nodes:
        for value in node.inputs:
            if value.index not in inside and value.index not in moved:
                moved[value.index] = b.input(value.shape, f"input_{len(moved)}" if moved else "input")
    for node in row.nodes:
        with b.inside(node.scope):
            moved[node.output.index] = b.write(node.op, *(moved[value.index] for value in node.inputs))
    return b.graph(*(moved[value.index] for value in row.outputs))


def work(graph: Graph) -> bool:
    """Whether a row computes anything at all (a row of parameters only does not)."""
    return any(not isinstance(node.op, SILENT) for node in graph.nodes)


def tasks(graph: Graph, depth: int = 1) -> list[tuple[Row, Graph]]:
    """Return the rows that compute something, each with its own graph."""
    pairs = [(row, standalone(row)) for row in rows(graph, depth)]
    return [(row, own) for row, own in pairs if work(own)]


def run(
    graph: Graph,
    name: str,
    text: str,
    times: int,
    setup: Setup,
    task: Task,
    tick: Callable[[], None] = lambda: None,
) -> Timed:
    """Time one graph. Raises ShapeError where it does not fit into memory."""
    check_memory(graph, setup)
    with threads(setup.threads), _explained(text or name):
        call = prepared(graph, setup)
        measured = measure(call, task, synchronise=synchroniser(setup.device), tick=tick)
    return Timed(name=name, text=text, times=times, macs=macs(graph), measured=measured, direction=setup.direction)


def run_in_turn(
    graphs: Sequence[Graph], names: Sequence[str], setup: Setup, task: Task, tick: Callable[[], None] = lambda: None
) -> list[Measurement]:
    """Time several graphs, their blocks interleaved. Raises ShapeError where they do not fit into memory together."""
    for graph in graphs:
        check_memory(graph, setup)
    with threads(setup.threads):
        calls = []
        for graph, name in zip(graphs, names, strict=True):
            with _explained(name):
                calls.append(prepared(graph, setup))
        with _explained(" beside ".join(names)):
            return interleaved(calls, task, synchronise=synchroniser(setup.device), tick=tick)


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turn what torch raises into one line about this row."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError):
        raise ShapeError(f"{name} does not fit into memory: use a smaller input or batch") from None
    except RuntimeError as error:
        if "can't allocate memory" in str(error):
            raise ShapeError(f"{name} does not fit into memory: use a smaller input or batch") from None
        raise ShapeError(f"torch refuses {name}: {str(error).splitlines()[0]}") from None


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Compute with this many threads, and put the number back."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def synchroniser(device: torch.device) -> Callable[[], None]:
    """Return what waits until the device has done all it was given."""
    if device.type == "cuda":
        return lambda: torch.cuda.synchronize(device)
    return lambda: None


def prepared(graph: Graph, setup: Setup) -> Callable[[], object]:
    """Return the callable to time: the forward without gradients, the backward of a kept forward, or both."""
    module = GraphModule(graph, device=setup.device, dtype=setup.dtype).eval()
    inputs = [_input(value, setup) for value in graph.inputs]
    if setup.channels_last:
        for parameter in module.parameters():
            if parameter.dim() in CHANNELS_LAST:
                parameter.data = parameter.data.contiguous(memory_format=CHANNELS_LAST[parameter.dim()])
    if setup.direction == "forward":
        return _forward(module, inputs)
    leaves = [tensor.requires_grad_() for tensor in inputs]
    wanted: list[Tensor] = [*leaves, *(p for p in module.parameters() if p.requires_grad)]
    gradients = [torch.randn_like(part) for part in _outputs(module(*leaves))]
    if setup.direction == "both":
        return lambda: torch.autograd.grad(_outputs(module(*leaves)), wanted, gradients, allow_unused=True)
    kept = _outputs(module(*leaves))
    return lambda: torch.autograd.grad(kept, wanted, gradients, retain_graph=True, allow_unused=True)


def _forward(module: GraphModule, inputs: list[Tensor]) -> Callable[[], object]:
    def call() -> object:
        with torch.inference_mode():
            return module(*inputs)

    return call


def _outputs(result: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return result if isinstance(result, tuple) else (result,)


def _input(value: Value, setup: Setup) -> Tensor:
    """Standard normal data: zeros and denormals time differently."""
    shape: tuple[int, ...] = value.shape
    tensor = torch.randn(shape, device=setup.device, dtype=setup.dtype)
    if setup.channels_last and len(shape) in CHANNELS_LAST:
        return tensor.contiguous(memory_format=CHANNELS_LAST[len(shape)])
    return tensor
