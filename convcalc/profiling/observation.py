"""`Observation`: what a child saw of one row, as it travels to the parent; samples, counters, kernels, a check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from convcalc.profiling.noise import SystemNoise
from convcalc.profiling.sampling import Measurement

if TYPE_CHECKING:
    from collections.abc import Sequence


MAX_KERNEL_SHARE = 1.25
"""Past this the kernels took so much longer when they were asked than when they were timed that they say nothing."""
NOT_ASKED = "not asked for"
NOT_REACHED = "not measured: the budget ran out first (raise --budget)"


class Kernel(NamedTuple):
    """One kernel or reorder that ran in a call: what it is, its implementation, layouts, seconds and a repro line."""

    name: str
    implementation: str
    layouts: str
    seconds: float
    reorder: bool = False
    repro: str = ""


class Check(NamedTuple):
    """How the output compares with a reference: `agrees`, `differs` or `unchecked`; against what, and how far off.

    `error` is the largest difference over the reference's root mean square, `allowed` its bound.
    """

    verdict: str
    against: str
    error: float | None = None
    allowed: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One row of one child. `warm_cache` is None where the row failed: `failure` says why.

    `first_s`, `compile_s` and `reference_matmul_s` are seconds; `drift_ratio` is the time of a matrix product after
    the row over that before it; `page_faults` are those of one call; `device_state` is readings of the device.
    """

    warm_cache: Measurement | None = None
    cold_cache: Measurement | None = None
    cold_note: str = ""
    noise: SystemNoise | None = None
    first_s: float | None = None
    page_faults: float | None = None
    drift_ratio: float | None = None
    reference_matmul_s: float | None = None
    backend: str = ""
    kernels: tuple[Kernel, ...] = ()
    check: Check | None = None
    subnormals: int = 0
    compile_s: float | None = None
    failure: str = ""
    throttling: str = ""
    device_state: tuple[tuple[str, Any], ...] = ()
    retried: bool = False


def reorder_share(kernels: Sequence[Kernel]) -> float | None:
    """Return the share of the kernels' time that only lays tensors out anew; None where no kernel is known."""
    total = sum(kernel.seconds for kernel in kernels)
    return sum(kernel.seconds for kernel in kernels if kernel.reorder) / total if total else None


def kernel_share(kernels: Sequence[Kernel], seconds: float) -> float | None:
    """Return the time of all kernels over that of the call.

    None where no kernel is known, or where they took so much longer when they were asked that they say nothing.
    """
    share = sum(kernel.seconds for kernel in kernels) / seconds
    return share if 0 < share <= MAX_KERNEL_SHARE else None
