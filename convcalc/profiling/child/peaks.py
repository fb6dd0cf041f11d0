"""`measure_peaks`: what this machine can do at most: matrix products and memory traffic, as a run would do them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from convcalc.profiling import cache
from convcalc.profiling.child.devices import DTYPES, describe, free_bytes, synchronise, versions
from convcalc.profiling.fields import to_json
from convcalc.profiling.machine import cache_bytes
from convcalc.profiling.plan import Task
from convcalc.profiling.roofline import FILE, Peaks, key, read_peaks
from convcalc.profiling.sampling import measure, stopwatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from convcalc.profiling.plan import Setup

SIDES = (512, 1024, 2048, 4096)
"""Sides of the square products tried, until one takes longer than LONGEST seconds."""
LONGEST = 0.2
SECONDS = 0.5
LEAST_BYTES, MOST_BYTES = 256 * 2**20, 512 * 2**20
GPU_BYTES = 2**30
"""Bounds on an array that is to miss every cache; a virtual machine's cache sizes can lie."""


def measure_peaks(setup: Setup, *, synchronise: Callable[[], None] = lambda: None) -> Peaks:
    """Measure both roofs with tensors of the setup's device and dtype, so many SECONDS for each array and matrix.

    The threads are those torch has now; `synchronise` waits for the device.
    """
    task = Task().within(SECONDS)
    flops, side, library = _products(setup, task, synchronise)
    cache = cache_bytes()
    bandwidth = _traffic(_far(setup, cache), setup, task, synchronise)
    near = _traffic(cache // 6, setup, task, synchronise) if cache and setup.device == "cpu" else None
    return Peaks(
        flops_per_s=flops, bytes_per_s=bandwidth, near_bytes_per_s=near, near_bytes=cache // 2 if near and cache else 0,
        gemm_side=side, gemm_in=library,
    )  # fmt: skip


def _far(setup: Setup, cache: int | None) -> int:
    """The bytes of an array that is in no cache, three of which fit into memory with room to spare."""
    size = max(LEAST_BYTES, min(4 * (cache or 0), MOST_BYTES)) if setup.device == "cpu" else GPU_BYTES
    free = free_bytes(torch.device(setup.device))
    return size if free is None else min(size, free // 8)


def _products(setup: Setup, task: Task, synchronise: Callable[[], None]) -> tuple[float, int, str]:
    """The best of several square products, 2 n^3 operations each: FLOP/s, n, and the library that made it."""
    best, best_side, best_in = 0.0, 0, ""
    for side in SIDES if setup.device == "cpu" else (4096, 8192):
        left, right = (torch.randn(side, side, device=setup.device).to(DTYPES[setup.dtype]) for _ in range(2))
        slow = False
        for library, work in libraries(left, right).items():
            measurement = measure(stopwatch(work, synchronise=synchronise), task)
            rate = 2 * side**3 / measurement.median
            slow = slow or measurement.median > LONGEST
            if rate > best:
                best, best_side, best_in = rate, side, library
        if slow:
            break
    return best, best_side, best_in


def libraries(left: Tensor, right: Tensor) -> dict[str, Callable[[], object]]:
    """The product as torch calls it, and on the CPU as oneDNN does for tensors in its own layout.

    torch.mm asks MKL, which is half as fast as oneDNN on processors it does not know: a convolution would be above
    such a roof.
    """
    out = torch.empty_like(left)
    calls: dict[str, Callable[[], object]] = {"torch.mm": lambda: torch.mm(left, right, out=out)}
    if left.device.type != "cpu":
        return calls
    try:
        with torch.inference_mode():
            blocked, weight = left.to_mkldnn(), right.to_mkldnn()
            F.linear(blocked, weight)
    except RuntimeError:  # a torch without oneDNN, or a dtype it has no kernel for
        return calls

    def product() -> object:
        with torch.inference_mode():
            return F.linear(blocked, weight)

    return {**calls, "oneDNN": product}


def _traffic(size: int, setup: Setup, task: Task, synchronise: Callable[[], None]) -> float:
    """The best of copy, triad and read over arrays of `size` bytes each, in bytes per second."""
    count = max(size // setup.itemsize, 1024)
    target, first, second = (
        torch.full((count,), 1.5, device=setup.device, dtype=DTYPES[setup.dtype]) for _ in range(3)
    )
    works: tuple[tuple[int, Callable[[], object]], ...] = (
        (2, lambda: second.copy_(target)),
        (3, lambda: torch.add(target, first, alpha=3, out=second)),
        (1, target.sum),
    )
    best = 0.0
    for tensors, work in works:
        measurement = measure(stopwatch(work, synchronise=synchronise), task)
        best = max(best, tensors * count * setup.itemsize / measurement.median)
    return best


def send_peaks(setup: Setup, refresh: bool, send: Callable[..., None]) -> None:
    """Send the machine's roofs: kept ones, or measured now, outside of the plan's time."""
    device = torch.device(setup.device)
    torch.set_num_threads(setup.threads)
    tf32 = device.type == "cuda" and torch.backends.cuda.matmul.allow_tf32
    name = key(describe(device), str(versions(device)["torch"]), setup.threads, setup.dtype, tf32)
    stored = None if refresh else read_peaks(cache.read(FILE, name))
    if stored is not None:
        send("peaks", dtype=setup.dtype, threads=setup.threads, peaks=to_json(stored), took_s=None, unkept="")
        return
    send("outside", what="measuring this machine's peaks")
    start = time.perf_counter()
    peaks = measure_peaks(setup, synchronise=lambda: synchronise(device))
    unkept = cache.write(FILE, name, to_json(peaks))
    send(
        "peaks",
        dtype=setup.dtype,
        threads=setup.threads,
        peaks=to_json(peaks),
        took_s=time.perf_counter() - start,
        unkept=unkept,
    )
