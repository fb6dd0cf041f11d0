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
from convcalc.units import giga, plural

FILE = "peaks.json"
DOUBTFUL = 1.05
"""A row that reaches so much of its roof says that the roof is too low."""
REFRESH = "convcalc machine --refresh measures them again"
MEASURED, GIVEN = "measured", "given"
TF32 = "tf32"
"""Single precision rounded to TF32's ten bits of fraction, which tensor units multiply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """When roofs were measured and how: the day, the processes that ran here, and how well the product is known.

    `clock_mhz` is an accelerator's clock then; `provisional` says why they are measured again on a calmer machine.
    """

    date: str = ""
    load: float | None = None
    interval: float | None = None
    clock_mhz: float | None = None
    provisional: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peaks:
    """Floating-point operations and bytes per second; each is `measured` or `given` by hand.

    `flops_per_s` is what is sustained, `burst_flops_per_s` what a rested device gives before its power limit sets in;
    of fp32 on a GPU, `tf32_*` are those of products whose numbers are rounded to TF32. `near_bytes_per_s` is the
    bandwidth from half of the last-level cache, which is `near_bytes`; None where no cache is reported. `gemm_side` and
    `gemm_in` are the size and the library of the fastest matrix product.
    """

    flops_per_s: float = column("compute roof", "FLOP/s", positive=True)
    bytes_per_s: float = column("memory roof", "B/s", positive=True)
    near_bytes_per_s: float | None
    near_bytes: int = 0
    burst_flops_per_s: float | None = None
    tf32_flops_per_s: float | None = None
    tf32_burst_flops_per_s: float | None = None
    flops_from: str = MEASURED
    bytes_from: str = MEASURED
    gemm_side: int = 0
    gemm_in: str = ""
    circumstances: Circumstances = Circumstances()

    @property
    def ridge(self) -> float:
        """FLOPs per byte above which the compute roof, below which the memory roof is lower."""
        return self.flops_per_s / self.bytes_per_s

    def compute(self, numbers: str) -> float:
        """Return the FLOP/s of a kernel that multiplies these numbers: those of TF32 for `tf32`."""
        tf32 = self.tf32_flops_per_s
        return tf32 if numbers == TF32 and tf32 is not None else self.flops_per_s

    def of(self, numbers: str) -> Peaks:
        """Return the same with the compute roof of these numbers alone."""
        return replace(self, flops_per_s=self.compute(numbers), tf32_flops_per_s=None, tf32_burst_flops_per_s=None)

    def burst(self, numbers: str) -> float:
        """Return the FLOP/s that such a kernel reaches at most, before a power limit sets in."""
        most = self.tf32_burst_flops_per_s if numbers == TF32 and self.tf32_flops_per_s else self.burst_flops_per_s
        return max(most or 0.0, self.compute(numbers))

    def attainable(self, intensity: float, numbers: str = "") -> float:
        """Return the FLOP/s that a kernel of this intensity (FLOPs per byte) can reach from memory."""
        return min(self.compute(numbers), intensity * self.bytes_per_s)

    def in_cache(self, bytes_moved: float) -> bool:
        """Whether a row of so many bytes stays in the last cache from call to call."""
        return self.near_bytes_per_s is not None and self.bytes_from == MEASURED and bytes_moved <= self.near_bytes

    def from_memory(self) -> Peaks:
        """Return the same for a row that is in no cache."""
        return replace(self, near_bytes_per_s=None)

    def bandwidth(self, bytes_moved: float) -> float:
        """Return the bytes per second from where a row of so many bytes reads: the last cache, or memory."""
        near = self.near_bytes_per_s
        return near if near is not None and self.in_cache(bytes_moved) else self.bytes_per_s

    def override(self, flops: float | None, bandwidth: float | None) -> Peaks:
        """Return the same with figures given by hand in place of the measured ones."""
        peaks = self
        if flops is not None:
            peaks = replace(
                self, flops_per_s=flops, flops_from=GIVEN, burst_flops_per_s=None, tf32_flops_per_s=None,
                tf32_burst_flops_per_s=None,
            )  # fmt: skip
        return peaks if bandwidth is None else replace(peaks, bytes_per_s=bandwidth, bytes_from=GIVEN)


def key(device: str, torch: str, threads: int, dtype: str) -> str:
    """Return what peaks are kept under: the device's name, torch's version, threads and dtype."""
    return " | ".join((device, torch, f"{threads} threads", dtype))


def read_peaks(document: Any) -> Peaks | None:
    """Return peaks as they were kept; None for what another version wrote, or what is not a positive number."""
    try:
        peaks = from_json(Peaks, document)
    except SpecError:
        return None
    return peaks if peaks.gemm_in and peaks.circumstances.date else None


def fewer_threads_give_more(peaks: Peaks, device: str, torch: str, threads: int, dtype: str) -> str:
    """Return a sentence where kept roofs of fewer threads are above these, which cannot be; else nothing."""
    for fewer in range(1, threads):
        other = stored_peaks(device, torch, fewer, dtype)
        if other is not None and other.flops_per_s > DOUBTFUL * peaks.flops_per_s:
            return (
                f"the roofs are doubtful: {plural(threads, 'thread')} gave {giga(peaks.flops_per_s)} GFLOP/s and"
                f" {plural(fewer, 'thread')} {giga(other.flops_per_s)}: {REFRESH}"
            )
    return ""


def stored_peaks(device: str, torch: str, threads: int, dtype: str) -> Peaks | None:
    """Return the peaks that were measured before for a device by its name, and are still kept; else None."""
    return read_peaks(cache.read(FILE, key(device, torch, threads, dtype)))


@dataclass(frozen=True, slots=True, kw_only=True)
class RooflinePoint:
    """A kernel under the roofs: what it reached, its intensity, and the roof above it, of the numbers it multiplies."""

    flops_per_s: float | None = column("operations a second", "FLOP/s", "GFLOP/s")
    intensity: float = column("FLOPs per compulsory byte", "FLOP/B", "FLOP/B", hidden=True)
    attainable_flops_per_s: float | None = column("the lower of the two roofs", "FLOP/s", "roof GFLOP/s", hidden=True)
    fraction_of_attainable: float | None = column("how much of it is reached", "share", "of roof")
    bound: str | None = column("compute, memory, or cache: what the row's lower roof is", heading="bound")
    roof_numbers: str = column(
        "numbers its compute roof is of: fp32, tf32, bf16, fp16",
        heading="roof of",
        hidden=True,
        optional=True,
        default="",
    )


def point(
    flops: float, bytes_moved: float, seconds: float | None, peaks: Peaks | None, numbers: str = ""
) -> RooflinePoint:
    """Place a kernel of so many operations (2 x MACs) and compulsory bytes under the roofs of the numbers it takes.

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
            compute = peaks.compute(numbers)
            attainable = min(compute, intensity * bandwidth)
            fraction = rate / attainable if rate else None
            bound = "compute" if intensity * bandwidth >= compute else bound
    return RooflinePoint(
        flops_per_s=rate,
        intensity=intensity,
        attainable_flops_per_s=attainable,
        fraction_of_attainable=fraction,
        bound=bound,
        roof_numbers=numbers,
    )
