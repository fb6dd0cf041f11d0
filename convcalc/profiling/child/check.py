"""`check`: is the answer right? Each timed configuration's output against double precision, once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from convcalc import ops
from convcalc.analyses.counts.macs import macs, macs_of
from convcalc.analyses.counts.memory import memory
from convcalc.ops import SOURCES
from convcalc.profiling.child.calls import CallList
from convcalc.profiling.child.devices import DTYPES, free_bytes
from convcalc.profiling.child.prepare import Prepared, outputs
from convcalc.profiling.observation import Check
from convcalc.pytorch.module import GraphModule
from convcalc.units import ITEMSIZES

if TYPE_CHECKING:
    from collections.abc import Callable

    from convcalc.graph import Graph, Node
    from convcalc.profiling.plan import Setup

WHOLE_MACS, GPU_MACS = 2 * 10**8, 10**11
"""Multiply-adds up to which the whole graph is computed again in double precision, by the CPU or a GPU that can."""
POSITIONS = 64
"""How many outputs of a larger convolution are computed by hand, at places drawn by chance."""
ALLOWED = {"fp32": 2e-4, "tf32": 5e-3, "fp16": 5e-3, "bf16": 4e-2}
"""How far one output may be off, as a share of the reference's root mean square and of itself, for one contraction."""
ALLOWED_GRADIENTS = {"fp32": 2e-3, "tf32": 3e-2, "fp16": 3e-2, "bf16": 0.15}
"""How far gradients may be off in the root mean square: where a ReLU's input rounds across zero one is all wrong."""


def check(prepared: Prepared, graph: Graph, setup: Setup) -> Check:
    """Compare what the timed call gives with a reference in double precision.

    Small graphs are computed again whole, forward and gradients; of a larger convolution some outputs are, tap by
    tap; larger rows of several steps are not, which is said.
    """
    if setup.dtype != "fp32" and any(isinstance(node.op, ops.Sample) for node in graph.nodes):
        return Check("unchecked", f"the places it samples are rounded in {setup.dtype}")
    work = macs(graph) * {"forward": 1, "backward": 3, "both": 3}[setup.direction]
    place = home(setup)
    have, doubles = free_bytes(place), memory(graph, ITEMSIZES["fp64"]).needed(backward=setup.direction != "forward")
    if work <= (GPU_MACS if place.type == "cuda" else WHOLE_MACS) and (have is None or doubles <= have):
        return _compare(outputs(prepared.call()), _reference(prepared, setup), graph, setup, "float64")
    steps = [node for node in graph.nodes if not isinstance(node.op, SOURCES)]
    if setup.direction == "forward" and len(steps) == 1 and isinstance(steps[0].op, (ops.Conv, ops.ConvTranspose)):
        return _sampled(prepared, steps[0], graph, setup)
    return Check("unchecked", "too large to be computed again in double precision")


def home(setup: Setup) -> torch.device:
    """Return where double precision is computed: a GPU with CUDA for its own rows, else the CPU."""
    return torch.device("cuda" if setup.device == "cuda" else "cpu")


def _reference(prepared: Prepared, setup: Setup) -> list[Tensor | None]:
    """The same weights and inputs in double precision, plainly laid out, one step after another.

    In half precision each step's result is rounded as torch rounds it: else a ReLU or a maximum would choose otherwise.
    """
    place = home(setup)
    twin = GraphModule(prepared.module.graph, dtype=torch.float64, device=place.type).eval()
    state = prepared.module.state_dict()
    twin.load_state_dict(
        {name: value.to(place, torch.float64) if value.is_floating_point() else value for name, value in state.items()}
    )
    inputs = [tensor.detach().to(place, torch.float64).contiguous() for tensor in prepared.inputs]
    for parameter in twin.parameters():
        parameter.data = parameter.data.contiguous()
    calls = CallList(twin)
    if setup.dtype != "fp32":
        calls.steps = [(_rounded(step[0], DTYPES[setup.dtype]), *step[1:]) for step in calls.steps]
    if setup.direction == "forward":
        with torch.no_grad():
            return list(outputs(calls(*inputs)))
    leaves = [tensor.requires_grad_() for tensor in inputs]
    trainable = [*leaves, *(p for p in twin.parameters() if p.requires_grad)]
    output_gradients = [value.detach().to(place, torch.float64) for value in prepared.gradients]
    return list(torch.autograd.grad(outputs(calls(*leaves)), trainable, output_gradients, allow_unused=True))


def _rounded(call: Callable[..., Tensor], dtype: torch.dtype) -> Callable[..., Tensor]:
    return lambda *inputs: call(*inputs).to(dtype).double()


def _compare(got: Any, references: list[Tensor | None], graph: Graph, setup: Setup, against: str) -> Check:
    contractions = sum(bool(macs_of(node)) for node in graph.nodes)
    forward = setup.direction == "forward"
    allowed = (ALLOWED if forward else ALLOWED_GRADIENTS)[_numbers(setup)] * math.sqrt(max(1, contractions))
    error = _largest if forward else _mean
    worst = 0.0
    for output, reference in zip(got, references, strict=True):
        if output is None and reference is None:
            continue
        if output is None or reference is None:  # a gradient that is missing
            worst = math.inf
            continue
        worst = max(worst, error(output.detach().to(reference.device, torch.float64), reference))
    verdict = "agrees" if worst <= allowed else "differs"  # not a number is no agreement
    return Check(verdict, f"{against}'s root mean square", worst if math.isfinite(worst) else None, allowed)


def _mean(output: Tensor, reference: Tensor) -> float:
    """The root mean square of the difference, as a share of that of the reference."""
    scale = reference.square().mean().sqrt() + torch.finfo(torch.float64).tiny
    error = ((output - reference).square().mean().sqrt() / scale).item() if reference.numel() else 0.0
    return math.inf if math.isnan(error) else error


def _largest(output: Tensor, reference: Tensor) -> float:
    """The largest difference, as a share of the reference's root mean square and of the value itself."""
    scale = reference.abs() + reference.square().mean().sqrt() + torch.finfo(torch.float64).tiny
    error = ((output - reference).abs() / scale).max().item() if reference.numel() else 0.0
    return math.inf if math.isnan(error) else error


def _numbers(setup: Setup) -> str:
    if setup.dtype == "fp32" and setup.device == "cuda" and torch.backends.cudnn.allow_tf32:
        return "tf32"
    return setup.dtype


def _sampled(prepared: Prepared, node: Node, graph: Graph, setup: Setup) -> Check:
    """Some outputs of a convolution, each the sum over its taps in double precision."""
    weights = [tensor.detach().cpu() for tensor in prepared.module.state_dict().values()]
    y = outputs(prepared.call())[0].detach().cpu()
    x = prepared.inputs[0].detach().cpu()
    weight = next(parameter for parameter in weights if parameter.dim() == x.dim())
    bias = next((parameter for parameter in weights if parameter.dim() == 1), None)
    generator = torch.Generator().manual_seed(0)
    places = [torch.randint(size, (POSITIONS,), generator=generator) for size in (y.shape[0], *y.shape[2:])]
    reference = by_hand(node, x, weight, places)
    if bias is not None:
        reference = reference + bias.double()
    got = y.movedim(1, -1)[tuple(places)]
    return _compare([got], [reference], graph, setup, f"{POSITIONS} outputs by hand in float64")


def by_hand(node: Node, x: Tensor, weight: Tensor, places: list[Tensor]) -> Tensor:
    """Return a convolution's outputs (places, channels) at some places, without its bias, in double precision.

    `places` are the samples, then the positions along each axis. Output o, tap t of a convolution reads input
    s o + d t - p; of a transposed one i where s i + d t - p = o. What lies outside adds nothing.
    """
    op = node.op
    assert isinstance(op, (ops.Conv, ops.ConvTranspose))
    transposed = isinstance(op, ops.ConvTranspose)
    samples, *spots = places
    rank, count = len(op.windows), len(samples)
    index: list[Tensor] = []
    inside = torch.ones((count, *(1 for _ in op.windows)), dtype=torch.bool)
    for axis, (window, spot) in enumerate(zip(op.windows, spots, strict=True)):
        taps = torch.arange(window.kernel) * window.dilation
        if transposed:
            reach = spot[:, None] + window.before - taps
            valid, read = reach % window.stride == 0, torch.div(reach, window.stride, rounding_mode="floor")
        else:
            read = spot[:, None] * window.stride + taps - window.before
            valid = torch.ones_like(read, dtype=torch.bool)
        valid = valid & (read >= 0) & (read < x.shape[2 + axis])
        shape = [count, *(window.kernel if other == axis else 1 for other in range(rank))]
        index.append(read.clamp(0, x.shape[2 + axis] - 1).reshape(shape))
        inside = inside & valid.reshape(shape)
    whole = samples.reshape(count, *(1 for _ in op.windows))
    read = x.movedim(1, -1)[(whole, *index)].double() * inside[..., None]  # (places, *taps, channels)
    groups = op.groups
    columns = read.reshape(count, -1, groups, x.shape[1] // groups)
    if transposed:
        kernels = weight.double().reshape(groups, x.shape[1] // groups, weight.shape[1], -1)
        return torch.einsum("ptgc,gcot->pgo", columns, kernels).reshape(count, -1)
    kernels = weight.double().reshape(groups, weight.shape[0] // groups, weight.shape[1], -1)
    return torch.einsum("ptgc,goct->pgo", columns, kernels).reshape(count, -1)
