"""`on_cpu`, `on_gpu`: which kernels ran in a call: oneDNN's words on the CPU, torch's profiler for all else.

Everything here is asked in calls that are not timed.
"""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from convcalc import ops
from convcalc.profiling.gpu_kernels import is_layout_change, short_name
from convcalc.profiling.observation import Kernel
from convcalc.profiling.onednn import Execution, benchdnn, executions, middle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convcalc.graph import Graph
    from convcalc.profiling.child.prepare import Prepared
    from convcalc.profiling.plan import Setup

SMALL = 0.02
"""Kernels under this share of a call are not named one by one."""


def library(prepared: Prepared, graph: Graph, setup: Setup) -> str:
    """Return the backend torch chooses for a graph's only convolution; empty where it does not tell."""
    if setup.layout == "prepacked" or setup.mode == "compile":
        return ""  # these do not go through torch's choice
    convolutions = graph.convolutions
    if len(convolutions) != 1 or len(graph.inputs) != 1 or convolutions[0].inputs[0] != graph.inputs[0]:
        return ""
    op = convolutions[0].op
    assert isinstance(op, (ops.Conv, ops.ConvTranspose))
    transposed = isinstance(op, ops.ConvTranspose)
    select = getattr(torch._C, "_select_conv_backend", None)
    slots = {node.output.index: place for place, node in enumerate(graph.nodes)}
    weights = [prepared.calls.tensors[slots[value.index]] for value in convolutions[0].inputs[1:]]
    if select is None or not weights or weights[0] is None or not all(window.symmetric for window in op.windows):
        return ""
    extra = (op.output_padding if isinstance(op, ops.ConvTranspose) else ()) or tuple(0 for _ in op.windows)
    try:
        chosen = select(
            prepared.inputs[0], weights[0], weights[1] if len(weights) > 1 else None,
            [window.stride for window in op.windows], [window.before for window in op.windows],
            [window.dilation for window in op.windows], transposed, list(extra), op.groups,
        )  # fmt: skip
    except (RuntimeError, TypeError):
        return ""
    name = str(chosen).rpartition(".")[2]
    return "" if "?" in name else name


def onednn(call: Callable[[], Any], runs: int) -> list[Execution]:
    """Return what oneDNN ran in one of so many calls, its seconds the median; nothing where it cannot be asked."""
    verbose = getattr(getattr(torch.backends, "mkldnn", None), "verbose", None)
    if verbose is None or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return []
    with captured() as text, verbose(torch.backends.mkldnn.VERBOSE_ON):
        for _ in range(runs):
            call()
    return middle(executions(text()), runs)


@contextmanager
def captured() -> Iterator[Callable[[], str]]:
    """Catch what is written to file descriptor 1, by C code as well; the function given tells it afterwards."""
    sys.stdout.flush()
    stdout = os.dup(1)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 1)

        caught: list[str] = []
        try:
            yield lambda: "".join(caught)
        finally:
            sys.stdout.flush()
            os.dup2(stdout, 1)
            os.close(stdout)
            file.seek(0)
            caught.append(file.read().decode("utf-8", errors="replace"))


def on_cpu(call: Callable[[], Any], runs: int) -> list[Kernel]:
    """Return the kernels of one of so many calls on the CPU: oneDNN's primitives, then torch's own operators."""
    primitives = [
        Kernel(
            primitive.primitive,
            primitive.implementation,
            primitive.layouts,
            primitive.seconds,
            primitive.is_reorder,
            benchdnn(primitive) or "",
        )
        for primitive in onednn(call, runs)
    ]
    names = {primitive.name for primitive in primitives}
    return primitives + _operators(call, runs, {word for name in names for word in CALLERS.get(name, ())})


CONVOLVE = {
    "aten::convolution", "aten::_convolution", "aten::mkldnn_convolution", "mkldnn::_convolution_pointwise",
    "aten::convolution_backward", "aten::mkldnn_convolution_backward",
    *(f"aten::conv{way}{rank}d" for way in ("", "_transpose") for rank in (1, 2, 3)),
}  # fmt: skip
MULTIPLY = {
    "aten::mm",
    "aten::addmm",
    "aten::bmm",
    "aten::baddbmm",
    "aten::matmul",
    "aten::linear",
    "aten::mkldnn_linear",
}
CALLERS = {"convolution": CONVOLVE, "deconvolution": CONVOLVE, "matmul": MULTIPLY, "inner_product": MULTIPLY}
"""Operators whose own time is that of the oneDNN primitive they call."""
MOVERS = ("aten::copy_", "aten::clone", "aten::contiguous", "aten::_to_copy")
"""Operators that only lay a tensor out anew."""
VIEWS = {
    f"aten::{name}"
    for name in (
        "empty", "empty_like", "empty_strided", "resize_", "view", "reshape", "as_strided", "as_strided_", "slice",
        "select", "permute", "transpose", "t", "expand", "unsqueeze", "squeeze", "detach", "alias", "unfold",
    )
}  # fmt: skip
"""Operators that compute nothing."""
LIBRARIES = ("aten::", "mkldnn::", "torchvision::", "quantized::")
"""What operators are called; other events of the profiler are marks, not work."""


def _operators(call: Callable[[], Any], runs: int, names: set[str]) -> list[Kernel]:
    """Torch's operators by their own time in one of a few calls, without those that oneDNN has told about."""
    from torch.autograd import profiler

    try:
        with profiler.profile(use_kineto=False) as profile:
            for _ in range(runs):
                call()
    except (RuntimeError, TypeError):
        return []
    events = [
        event for event in profile.key_averages() if str(event.key).startswith(LIBRARIES) and event.key not in VIEWS
    ]
    whole = sum(event.self_cpu_time_total for event in events) or 1.0
    return [
        Kernel(str(event.key), str(event.key), "", event.self_cpu_time_total / 1e6 / runs, event.key in MOVERS)
        for event in sorted(events, key=lambda event: -event.self_cpu_time_total)
        if event.key not in names and event.self_cpu_time_total / whole >= SMALL
    ]


def on_gpu(call: Callable[[], Any]) -> list[Kernel]:
    """Return the kernels of one call on a GPU by torch's profiler: their names and device times."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as trace:
        call()
        torch.cuda.synchronize()
    kernels = []
    for event in trace.key_averages():
        device_us = getattr(event, "self_device_time_total", 0.0) or 0.0
        marks = getattr(event, "is_user_annotation", False)  # such as the compiler's, as long as all its kernels
        if device_us > 0 and not marks and "CUDA" in str(getattr(event, "device_type", "")):
            name = str(event.key)
            kernels.append(Kernel(name, short_name(name), "", device_us / 1e6, is_layout_change(name)))
    return sorted(kernels, key=lambda kernel: -kernel.seconds)
