"""`Peaks` and `RooflinePoint`: what this machine can do at most, and where a kernel stands below it.

Source: Williams, Waterman, Patterson, "Roofline", CACM 2009; STREAM counts bytes as here (a copy reads and writes N:
2N; the traffic of write-allocate is not counted).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from convcalc.errors import SpecError
from convcalc.profiling import cache
from convcalc.profiling.fields import column, from_json

FILE = "peaks.json"
DOUBTFUL = 1.05
"""A row that reaches so much of its roof says that the roof is too low."""
MEASURED, GIVEN = "measured", "given"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peaks:
    """Floating-point operations and bytes per second; each is `measured` or `given` by hand.

    `near_bytes_per_s` is the bandwidth from half of the last-level cache, which is `near_bytes`; None where no cache is
    reported. `gemm_side` and `gemm_in` are the size and the library of the fastest matrix product.
    """

    flops_per_s: float = column("compute roof", "FLOP/s", positive=True)
    bytes_per_s: float = column("memory roof", "B/s", positive=True)
    near_bytes_per_s: float | None
    near_bytes: int = 0
    flops_from: str = MEASURED
    bytes_from: str = MEASURED
    gemm_side: int = 0
    gemm_in: str = ""

    @property
    def ridge(self) -> float:
        """FLOPs per byte above which the compute roof, below which the memory roof is lower."""
        return self.flops_per_s / self.bytes_per_s

    def attainable(self, intensity: float) -> float:
        """Return the FLOP/s that a kernel of this intensity (FLOPs per byte) can reach from memory."""
        return min(self.flops_per_s, intensity * self.bytes_per_s)

    def in_cache(self, bytes_moved: float) -> bool:
        """Whether a row of so many bytes stays in the last cache from call to call."""
        return self.near_bytes_per_s is not None and self.bytes_from == MEASURED and bytes_moved <= self.near_bytes

    def bandwidth(self, bytes_moved: float) -> float:
        """Return the bytes per second from where a row of so many bytes reads: the last cache, or memory."""
        near = self.near_bytes_per_s
        return near if near is not None and self.in_cache(bytes_moved) else self.bytes_per_s

    def override(self, flops: float | None, bandwidth: float | None) -> Peaks:
        """Return the same with figures given by hand in place of the measured ones."""
        peaks = self if flops is None else replace(self, flops_per_s=flops, flops_from=GIVEN)
        return peaks if bandwidth is None else replace(peaks, bytes_per_s=bandwidth, bytes_from=GIVEN)


def key(device: str, torch: str, threads: int, dtype: str, tf32: bool = False) -> str:
    """Return what peaks are kept under: the device's name, torch's version, threads, dtype, and whether TF32 is on."""
    return " | ".join((device, torch, f"{threads} threads", dtype, f"tf32 {tf32}"))


def read_peaks(document: Any) -> Peaks | None:
    """Return peaks as they were kept; None for what another version wrote, or what is not a positive number."""
    try:
        peaks = from_json(Peaks, document)
    except SpecError:
        return None
    return peaks if peaks.gemm_in else None


def stored_peaks(device: str, torch: str, threads: int, dtype: str) -> Peaks | None:
    """Return the peaks that were measured before for a device by its name, and are still kept; else None."""
    return read_peaks(cache.read(FILE, key(device, torch, threads, dtype)))


@dataclass(frozen=True, slots=True, kw_only=True)
class RooflinePoint:
    """A kernel under the roofs: what it reached, its intensity, and the roof above it."""

    flops_per_s: float | None = column("operations a second", "FLOP/s", "GFLOP/s")
    intensity: float = column("FLOPs per compulsory byte", "FLOP/B", "FLOP/B")
    attainable_flops_per_s: float | None = column("the lower of the two roofs", "FLOP/s", "roof")
    fraction_of_attainable: float | None = column("how much of it is reached", "share", "of roof")
    bound: str | None = column("compute, memory, or cache: what the row's lower roof is", heading="bound")


def point(flops: float, bytes_moved: float, seconds: float | None, peaks: Peaks | None) -> RooflinePoint:
    """Place a kernel of so many operations (2 x MACs) and compulsory bytes under the roofs.

    A row without operations is judged by its bytes per second alone. Called again and again, a row whose tensors fit
    into half of the last cache reads them from there.
    """
    intensity = flops / bytes_moved if bytes_moved else 0.0
    rate = flops / seconds if seconds and flops else None
    attainable = fraction = bound = None
    if peaks is not None:
        bandwidth = peaks.bandwidth(bytes_moved)
        bound = "cache" if peaks.in_cache(bytes_moved) else "memory"
        if not flops:
            fraction = bytes_moved / seconds / bandwidth if seconds and bytes_moved else None
        else:
            attainable = min(peaks.flops_per_s, intensity * bandwidth)
            fraction = rate / attainable if rate else None
            bound = "compute" if intensity * bandwidth >= peaks.flops_per_s else bound
    return RooflinePoint(
        flops_per_s=rate,
        intensity=intensity,
        attainable_flops_per_s=attainable,
        fraction_of_attainable=fraction,
        bound=bound,
    )
