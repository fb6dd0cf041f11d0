"""What this machine can do at most, and where a kernel stands below it.

Source: Williams, Waterman, Patterson, "Roofline", CACM 2009; STREAM counts bytes as here (a copy reads and writes N:
2N; the traffic of write-allocate is not counted).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

from convcalc.profiling import cache

FILE = "peaks.json"
MEASURED, GIVEN = "measured", "given"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peaks:
    """Floating-point operations and bytes per second; each is `measured` or `given` by hand.

    `near` is the bandwidth from half of the last-level cache, None where no cache is reported; `gemm_side` and
    `gemm_in` are the size and the library of the fastest matrix product.
    """

    flops_per_s: float
    bytes_per_s: float
    near_bytes_per_s: float | None
    flops_from: str = MEASURED
    bytes_from: str = MEASURED
    gemm_side: int = 0
    gemm_in: str = ""

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


def key(device: str, torch: str, threads: int, dtype: str, tf32: bool = False) -> str:
    """Return what peaks are kept under: the device's name, torch's version, threads, dtype, and whether TF32 is on."""
    return " | ".join((device, torch, f"{threads} threads", dtype, f"tf32 {tf32}"))


def from_dict(kept: dict[str, Any] | None) -> Peaks | None:
    """Return peaks as they were kept; None for what another version wrote, or what is no positive number."""
    try:
        found = Peaks(**(kept or {}))
        valid = found.flops_per_s > 0 and found.bytes_per_s > 0 and bool(found.gemm_in)
    except TypeError:
        return None
    return found if valid else None


def kept(device: str, torch: str, threads: int, dtype: str) -> Peaks | None:
    """Return the peaks that were measured before for a device by its name, and are still kept; else None."""
    return from_dict(cache.read(FILE, key(device, torch, threads, dtype)))


class Point(NamedTuple):
    """A kernel under the roofs: operations (2 x MACs), compulsory bytes, and what it reached."""

    flops: float
    moved: float
    flops_per_s: float | None
    intensity: float
    attainable: float | None
    fraction: float | None
    bound: str | None


def point(flops: float, moved: float, seconds: float | None, peaks: Peaks | None) -> Point:
    """Place a kernel under the roofs; a row without operations is judged by its bytes per second alone."""
    intensity = flops / moved if moved else 0.0
    rate = flops / seconds if seconds and flops else None
    if peaks is None:
        return Point(flops, moved, rate, intensity, None, None, None)
    bound = "compute" if intensity >= peaks.ridge else "memory"
    if not flops:
        fraction = moved / seconds / peaks.bytes_per_s if seconds and moved else None
        return Point(flops, moved, None, intensity, None, fraction, "memory")
    attainable = peaks.attainable(intensity)
    return Point(flops, moved, rate, intensity, attainable, rate / attainable if rate else None, bound)
