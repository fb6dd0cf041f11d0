"""What this machine can do at most: matrix products and memory traffic, measured with the threads and dtype of a run.

Source: Williams, Waterman, Patterson, "Roofline", CACM 2009; STREAM counts bytes as here (a copy reads and writes N:
2N; the traffic of write-allocate is not counted).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from convcalc.runtime.machine import describe
from convcalc.runtime.measure import Task, measure

if TYPE_CHECKING:
    from collections.abc import Callable

    from convcalc.runtime.profile import Setup

SIDES = (512, 1024, 2048, 4096)
"""Sides of the square products tried, until one takes longer than LONGEST seconds."""
LONGEST = 0.2
LEAST_BYTES, MOST_BYTES = 256 * 2**20, 512 * 2**20
"""Bounds on an array that is to miss every cache; a virtual machine's cache sizes can lie."""
MEASURED, GIVEN = "measured", "given"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peaks:
    """Floating-point operations and bytes per second; each is `measured` or `given` by hand.

    `near` is the bandwidth from half of the last-level cache, None where no cache is reported.
    """

    flops_per_s: float
    bytes_per_s: float
    near_bytes_per_s: float | None
    flops_from: str = MEASURED
    bytes_from: str = MEASURED
    gemm_side: int = 0

    @property
    def ridge(self) -> float:
        """FLOPs per byte above which the compute roof, below which the memory roof is lower."""
        return self.flops_per_s / self.bytes_per_s

    def attainable(self, intensity: float) -> float:
        """Return the FLOP/s that a kernel of this intensity (FLOPs per byte) can reach: the roof above it."""
        return min(self.flops_per_s, intensity * self.bytes_per_s)

    def given(self, flops: float | None, bandwidth: float | None) -> Peaks:
        """Return the same with figures given by hand in place of the measured ones."""
        found = self if flops is None else replace(self, flops_per_s=flops, flops_from=GIVEN)
        return found if bandwidth is None else replace(found, bytes_per_s=bandwidth, bytes_from=GIVEN)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name, as JSON holds them."""
        return asdict(self)


def key(setup: Setup) -> str:
    """Return what peaks are kept under: device, torch, threads, dtype, and whether TF32 is allowed."""
    tf32 = setup.device.type == "cuda" and torch.backends.cudnn.allow_tf32
    parts = (describe(setup.device), torch.__version__, f"{setup.threads} threads", str(setup.dtype), f"tf32 {tf32}")
    return " | ".join(parts)


def measure_peaks(setup: Setup, *, seconds: float = 0.5, synchronise: Callable[[], None] = lambda: None) -> Peaks:
    """Measure both roofs with tensors of the setup's device and dtype, `seconds` for each array and matrix.

    The threads are those torch has now.
    """
    task = Task(max_s=seconds, min_s=min(0.2, seconds))
    flops, side = _products(setup, task, synchronise)
    cache = cache_bytes()
    far = max(LEAST_BYTES, min(4 * (cache or 0), MOST_BYTES))
    bandwidth = _traffic(far, setup, task, synchronise)
    near = _traffic(cache // 2, setup, task, synchronise) if cache and setup.device.type == "cpu" else None
    return Peaks(flops_per_s=flops, bytes_per_s=bandwidth, near_bytes_per_s=near, gemm_side=side)


def _products(setup: Setup, task: Task, synchronise: Callable[[], None]) -> tuple[float, int]:
    """The best of several square products, 2 n^3 operations each."""
    best, best_side = 0.0, 0
    for side in SIDES if setup.device.type == "cpu" else (4096, 8192):
        one, two = (torch.randn(side, side, device=setup.device).to(setup.dtype) for _ in range(2))
        out = torch.empty_like(one)
        found = measure(lambda: torch.mm(one, two, out=out), task, synchronise=synchronise)
        rate = 2 * side**3 / found.median
        if rate > best:
            best, best_side = rate, side
        if found.median > LONGEST:
            break
    return best, best_side


def _traffic(size: int, setup: Setup, task: Task, synchronise: Callable[[], None]) -> float:
    """The best of copy, triad and read over arrays of `size` bytes together, in bytes per second."""
    count = max(size // 3 // setup.dtype.itemsize, 1024)
    one, two, three = (torch.full((count,), 1.5, device=setup.device, dtype=setup.dtype) for _ in range(3))
    works: tuple[tuple[int, Callable[[], object]], ...] = (
        (2, lambda: three.copy_(one)),
        (3, lambda: torch.add(one, two, alpha=3, out=three)),
        (1, one.sum),
    )
    best = 0.0
    for tensors, work in works:
        found = measure(work, task, synchronise=synchronise)
        best = max(best, tensors * count * setup.dtype.itemsize / found.median)
    return best


def cache_bytes() -> int | None:
    """Return the size of the last-level cache, or None where the system does not say."""
    sizes = []
    for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        try:
            text = path.read_text(encoding="utf-8").strip()
        except OSError:
            continue
        factor = {"K": 2**10, "M": 2**20, "G": 2**30}.get(text[-1:], 1)
        digits = text.rstrip("KMG")
        if digits.isdecimal():
            sizes.append(int(digits) * factor)
    return max(sizes, default=None)
