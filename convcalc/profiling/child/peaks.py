"""`measure_peaks`: what this machine can do at most: matrix products and memory traffic, as a run would do them."""

from __future__ import annotations

import datetime
import statistics
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from convcalc.profiling import cache, noise
from convcalc.profiling.child.devices import DTYPES, describe, free_bytes, versions
from convcalc.profiling.fields import to_json
from convcalc.profiling.intervals import half_width
from convcalc.profiling.plan import Task
from convcalc.profiling.roofline import FILE, Circumstances, Peaks, fewer_threads_give_more, key, read_peaks
from convcalc.profiling.sampling import measure
from convcalc.profiling.status import MAX_RUN_QUEUE_DELAY, MAX_STEAL
from convcalc.units import percent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convcalc.profiling.child.backends.cpu import Backend
    from convcalc.profiling.plan import Setup

SIDES, GPU_SIDES = (512, 1024, 2048, 4096), (2048, 4096, 8192)
"""Sides of the square products tried, until the next would take longer than LONGEST seconds."""
LONGEST = 0.2
SECONDS = 0.25
"""For each product and each traffic."""
BURST_CALLS, REST_S = 20, 0.5
"""How many products a device that has rested makes before its power limit sets in, one by one."""
LEAST_BYTES, MOST_BYTES = 256 * 2**20, 512 * 2**20
GPU_BYTES = 2**30
"""Bounds on an array that is to miss every cache; a virtual machine's cache sizes can lie."""
NEAR_PARTS = (6, 12, 24)
"""Three arrays of such parts of the last cache are in it."""
ALIKE = 0.05
"""Two measurements so near to one another are right, whatever ran beside them; a median known worse is provisional."""
CALMER, IDLE = 0.75, 0.5
"""Provisional roofs are measured again when the load is below so much of what it was, or nothing runs at all."""


class Product(NamedTuple):
    """The fastest square product: FLOP/s sustained and in a burst, its side, its library, and half its interval."""

    flops_per_s: float = 0.0
    burst_flops_per_s: float = 0.0
    side: int = 0
    library: str = ""
    half_width: float = 0.0


def measure_peaks(setup: Setup, backend: Backend) -> Peaks:
    """Measure both roofs with tensors of the setup's device and dtype, so many SECONDS for each array and matrix.

    The threads are those torch has now. Of fp32 on a GPU the product is also measured with TF32.
    """
    task = Task().within(SECONDS)
    counters, load = noise.read(), noise.conditions()["load"]
    with _tf32(allowed=False):
        product = _product(setup, task, backend)
    tf32 = None
    if setup.device == "cuda" and setup.dtype == "fp32":
        with _tf32(allowed=True):
            tf32 = _product(setup, task, backend)
    size = backend.cache_bytes()
    bandwidth = _traffic(_far(setup, size), setup, task, backend)
    near = None
    if size:
        near = max(_traffic(size // part, setup, task.within(SECONDS / 3), backend) for part in NEAR_PARTS)
    during = noise.between(counters, noise.read(), setup.threads)
    return Peaks(
        flops_per_s=product.flops_per_s,
        burst_flops_per_s=product.burst_flops_per_s,
        tf32_flops_per_s=tf32.flops_per_s if tf32 else None,
        tf32_burst_flops_per_s=tf32.burst_flops_per_s if tf32 else None,
        bytes_per_s=bandwidth,
        near_bytes_per_s=near,
        near_bytes=size // 2 if near and size else 0,
        gemm_side=product.side,
        gemm_in=product.library,
        circumstances=Circumstances(
            date=datetime.datetime.now(datetime.UTC).date().isoformat(),
            load=load,
            interval=product.half_width,
            clock_mhz=backend.clock_mhz(),
            provisional=_provisional(product, during if setup.device == "cpu" else None, backend),
        ),
    )


def _provisional(product: Product, during: noise.SystemNoise | None, backend: Backend) -> str:
    """Why a measurement is to be repeated; nothing where the machine was calm. An accelerator's times are its own."""
    if during is not None and (during.run_queue_delay or 0.0) > MAX_RUN_QUEUE_DELAY:
        return f"its threads waited for a core {percent(during.run_queue_delay)} of the time"
    if during is not None and (during.steal or 0.0) > MAX_STEAL:
        return f"another machine took {percent(during.steal)} of a core"
    if product.half_width > ALIKE:
        return f"the product is known to {percent(product.half_width)} only"
    return backend.throttled()


@contextmanager
def _tf32(*, allowed: bool) -> Iterator[None]:
    """Products of single precision with TF32 or without."""
    matmul = torch.backends.cuda.matmul
    before = matmul.allow_tf32
    matmul.allow_tf32 = allowed
    try:
        yield
    finally:
        matmul.allow_tf32 = before


def _far(setup: Setup, cache: int | None) -> int:
    """The bytes of an array that is in no cache, three of which fit into memory with room to spare."""
    size = max(LEAST_BYTES, min(4 * (cache or 0), MOST_BYTES)) if setup.device == "cpu" else GPU_BYTES
    free = free_bytes(torch.device(setup.device))
    return size if free is None else min(size, free // 8)


def _product(setup: Setup, task: Task, backend: Backend) -> Product:
    """The best of several square products, 2 n^3 operations each."""
    best, seconds = Product(), 0.0
    for side in SIDES if setup.device == "cpu" else GPU_SIDES:
        if best.side and seconds * (side / best.side) ** 3 > LONGEST:
            break
        left, right = (torch.randn(side, side, device=setup.device).to(DTYPES[setup.dtype]) for _ in range(2))
        for library, work in libraries(left, right).items():
            block = backend.block(work)
            measurement = measure(block, task)
            rate = 2 * side**3 / measurement.median
            if rate > best.flops_per_s:
                most = 2 * side**3 / _burst(block, measurement.times, setup)
                best, seconds = Product(rate, most, side, library, half_width(measurement.times)), measurement.median
    return best


def _burst(block: Callable[[int], float], times: tuple[float, ...], setup: Setup) -> float:
    """Seconds of a product before a power limit sets in: of a few after a rest; a CPU's is the least of those seen."""
    if setup.device == "cpu":
        return min(times)
    time.sleep(REST_S)
    return statistics.median(block(1) for _ in range(BURST_CALLS))


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


def _traffic(size: int, setup: Setup, task: Task, backend: Backend) -> float:
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
        measurement = measure(backend.block(work), task)
        best = max(best, tensors * count * setup.itemsize / measurement.median)
    return best


def send_peaks(setup: Setup, refresh: bool, backend: Backend, send: Callable[..., None]) -> None:
    """Send the machine's roofs: kept ones, or measured now, outside of the plan's time.

    Provisional ones are measured again once the machine is calmer; the higher of two that differ is kept, and two that
    agree are right.
    """
    torch.set_num_threads(setup.threads)
    place = describe(backend.device), str(versions(backend.device)["torch"]), setup.threads, setup.dtype
    stored = None if refresh else read_peaks(cache.read(FILE, key(*place)))
    peaks, took, unkept = stored, None, ""
    if stored is None or _due(stored.circumstances, setup):
        send("outside", what="measuring this machine's peak speeds")
        start = time.perf_counter()
        peaks = _better(stored, measure_peaks(setup, backend))
        took, unkept = time.perf_counter() - start, cache.write(FILE, key(*place), to_json(peaks))
    assert peaks is not None
    doubt = fewer_threads_give_more(peaks, *place) if setup.device == "cpu" else ""
    send(
        "peaks", dtype=setup.dtype, threads=setup.threads, peaks=to_json(peaks), took_s=took, unkept=unkept, doubt=doubt
    )


def _due(circumstances: Circumstances, setup: Setup) -> bool:
    """Whether provisional roofs may be bettered now: an accelerator's always, a CPU's where less runs than did."""
    load, before = noise.conditions()["load"], circumstances.load
    calmer = load is None or before is None or load < max(CALMER * before, IDLE)
    return bool(circumstances.provisional) and (calmer or setup.device != "cpu")


def _better(stored: Peaks | None, measured: Peaks) -> Peaks:
    """Of two measurements the one that found more; a load can only lower a roof, and what is found twice is right."""
    if stored is None or not measured.circumstances.provisional:
        return measured
    best = max(stored, measured, key=lambda peaks: peaks.flops_per_s)
    if min(stored.flops_per_s, measured.flops_per_s) * (1 + ALIKE) < best.flops_per_s:
        return best
    return replace(best, circumstances=replace(best.circumstances, provisional=""))
