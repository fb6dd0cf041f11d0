"""`prepare`: from a graph and a setup to the call that is timed: tensors filled and laid out, the pass chosen."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from convcalc.analyses.counts.memory import memory
from convcalc.errors import ShapeError, UnsupportedError
from convcalc.profiling.child.calls import CallList, packed
from convcalc.profiling.child.devices import DTYPES, free_bytes
from convcalc.profiling.machine import cache_bytes
from convcalc.profiling.plan import can_prepack
from convcalc.pytorch.module import GraphModule
from convcalc.sizes import ceil_div
from convcalc.units import size_of

if TYPE_CHECKING:
    from convcalc.graph import Graph, Value
    from convcalc.profiling.plan import Setup
    from convcalc.sizes import Size

CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}
"""Memory formats by the number of axes; 1-D tensors have none."""
FAR_BYTES, MOST_COPIES, ALIGNED = 512 * 2**20, 8192, 64
"""Bounds on the copies of the weights that are to miss the cache; each begins on a cache line of its own."""

Call = Callable[[], Any]


@dataclass(slots=True, kw_only=True)
class Prepared:
    """A call ready to be timed, what it runs on, and how long compiling took (None where nothing was compiled).

    `gradients` are those of the outputs, where the pass has a backward.
    """

    call: Call
    module: GraphModule
    calls: CallList
    inputs: list[Tensor]
    gradients: tuple[Tensor, ...] = ()
    compile_s: float | None = None


def needed(graph: Graph, setup: Setup) -> Size:
    """Return the bytes a run takes: tensors, gradients, and the columns of the largest convolution."""
    return memory(graph, setup.itemsize).needed(backward=setup.direction != "forward")


def check_memory(graph: Graph, setup: Setup) -> None:
    """Raise ShapeError where a run does not fit into memory, before anything is allocated."""
    bytes_needed, have = needed(graph, setup), free_bytes(torch.device(setup.device))
    if have is not None and bytes_needed > have:
        raise ShapeError(
            f"this run needs about {size_of(bytes_needed)} but {setup.device} has {size_of(have)} free:"
            " use a smaller input or batch, or a smaller --dtype"
        )


def prepare(graph: Graph, setup: Setup) -> Prepared:
    """Return the call to time: the forward without gradients, the backward of a kept forward, or both.

    Raises ShapeError where it does not fit into memory, UnsupportedError where the setup cannot be had.
    """
    check_memory(graph, setup)
    if setup.mode == "search" and setup.device != "cuda":
        raise UnsupportedError("--mode search is cuDNN's: there is nothing to search on the CPU")
    module = GraphModule(graph, device=setup.device, dtype=DTYPES[setup.dtype]).eval()
    _unlike(module)
    inputs = [_input(value, setup) for value in graph.inputs]
    if setup.layout != "nchw":
        for parameter in module.parameters():
            if parameter.dim() in CHANNELS_LAST:
                parameter.data = parameter.data.contiguous(memory_format=CHANNELS_LAST[parameter.dim()])
    if setup.layout == "prepacked" and (reason := can_prepack(graph, setup)) is not None:
        raise UnsupportedError(reason)
    calls = CallList(module, packed if setup.layout == "prepacked" else None)
    prepared = Prepared(call=lambda: calls(*inputs), module=module, calls=calls, inputs=inputs)
    start = time.perf_counter()
    run: Callable[..., Any] = calls
    if setup.mode == "compile":
        run = torch.compile(calls, dynamic=False)
        prepared.call = lambda: run(*inputs)
    if setup.direction != "forward":
        _backward(prepared, run, setup.direction)
    if setup.mode == "compile":
        prepared.call()
        prepared.compile_s = time.perf_counter() - start
    return prepared


def _unlike(module: GraphModule) -> None:
    """Biases and norms of numbers unlike one another: a kernel that drops or mixes them is to be found."""
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter), alpha=0.1)


def _backward(prepared: Prepared, run: Callable[..., Any], direction: str) -> None:
    leaves = [tensor.requires_grad_() for tensor in prepared.inputs]
    targets: list[Tensor] = [*leaves, *(p for p in prepared.module.parameters() if p.requires_grad)]
    results = outputs(run(*leaves))
    output_gradients = prepared.gradients = tuple(torch.randn_like(part) for part in results)
    if direction == "both":
        prepared.call = lambda: torch.autograd.grad(outputs(run(*leaves)), targets, output_gradients, allow_unused=True)
    else:
        prepared.call = lambda: torch.autograd.grad(
            results, targets, output_gradients, retain_graph=True, allow_unused=True
        )


def outputs(result: Any) -> tuple[Tensor, ...]:
    """Return what a module gave as a tuple of tensors."""
    return tuple(result) if isinstance(result, (tuple, list)) else (result,)


def _input(value: Value, setup: Setup) -> Tensor:
    """Standard normal data: zeros and denormals time differently."""
    shape: tuple[int, ...] = value.shape
    tensor = torch.randn(shape, device=setup.device, dtype=DTYPES[setup.dtype])
    if setup.layout != "nchw" and len(shape) in CHANNELS_LAST:
        return tensor.contiguous(memory_format=CHANNELS_LAST[len(shape)])
    return tensor


def cold(prepared: Prepared, setup: Setup) -> tuple[Call | None, str]:
    """Return the same call on weights that are in no cache, or None and why.

    Copies of all weights together three times the last cache take turns, one copy a call, as in the middle of a
    network; inputs stay where they are.
    """
    if setup.direction != "forward" or setup.mode != "eager" or setup.layout == "prepacked":
        return None, "cold weights are measured for the eager forward, unpacked"
    tensors = prepared.calls.tensors
    places = [place for place, entry in enumerate(tensors) if isinstance(entry, Tensor)]
    sizes = [ceil_div(tensors[place].numel() * tensors[place].element_size(), ALIGNED) * ALIGNED for place in places]
    each = sum(sizes)
    if not each:
        return None, "it has no weights"
    far = min(3 * (cache_bytes() or 2**25), FAR_BYTES)
    copies = max(2, ceil_div(far, each))
    if copies > MOST_COPIES:
        return None, f"{size_of(each)} of weights are soon read again"
    have = free_bytes(torch.device(setup.device))
    if have is not None and copies * each > have // 2:
        return None, "there is no memory for copies of the weights"
    turns = itertools.cycle(_copies(tensors, places, sizes, copies))

    def call() -> Any:
        prepared.calls.tensors = next(turns)
        return prepared.calls(*prepared.inputs)

    return call, ""


def _copies(tensors: list[Any], places: list[int], sizes: list[int], copies: int) -> list[list[Any]]:
    """Lists like `tensors`, whose tensors lie one copy after another in one stretch of memory."""
    first = tensors[places[0]]
    item = first.element_size()
    arena = torch.empty(copies, sum(sizes) // item, dtype=first.dtype, device=first.device)
    tensor_lists = [list(tensors) for _ in range(copies)]
    offset = 0
    for place, size in zip(places, sizes, strict=True):
        tensor = tensors[place].detach()
        count = tensor.numel()
        flat = tensor.as_strided((count,), (1,))
        arena[:, offset : offset + count] = flat
        for number, copy in enumerate(tensor_lists):
            copy[place] = arena.as_strided(tensor.shape, tensor.stride(), number * arena.shape[1] + offset)
        offset += size // item
    return tensor_lists


def subnormals(prepared: Prepared) -> int:
    """Return how many numbers in the inputs, weights and outputs are subnormal, by their bits.

    Half precision is left out: small numbers are subnormal there by nature, and cost nothing in fp32 registers.
    """
    tensors = [*prepared.inputs, *(entry for entry in prepared.calls.tensors if isinstance(entry, Tensor))]
    with torch.no_grad():
        tensors += outputs(prepared.calls(*prepared.inputs))
        return sum(_subnormal(tensor.detach()) for tensor in tensors)


def _subnormal(tensor: Tensor) -> int:
    words = {
        torch.float32: (torch.int32, 0x7F800000, 0x007FFFFF),
        torch.bfloat16: (torch.int16, 0x7F80, 0x007F),
    }
    if tensor.dtype not in words or tensor.layout != torch.strided:
        return 0
    kind, exponent, fraction = words[tensor.dtype]
    bits = tensor.view(kind)
    return int(((bits & exponent == 0) & (bits & fraction != 0)).sum())
