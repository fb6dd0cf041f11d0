"""Rows and machines made up for tests: no kernel runs, every number is chosen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from convcalc.graph import Graph
from convcalc.profiling.noise import SystemNoise
from convcalc.profiling.observation import Check, Kernel, Observation
from convcalc.profiling.plan import Job, Setup
from convcalc.profiling.results import to_row
from convcalc.profiling.roofline import Circumstances, Peaks
from convcalc.profiling.row import Row
from convcalc.profiling.sampling import Measurement
from convcalc.spec.assemble import assemble
from convcalc.spec.source import blocks

PEAKS = Peaks(
    flops_per_s=1e11, bytes_per_s=2e10, near_bytes_per_s=8e10, gemm_side=512, gemm_in="torch.mm",
    circumstances=Circumstances(date="2026-11-26", load=0.1, interval=0.002),
)  # fmt: skip
MACHINE: dict[str, Any] = {
    "device": "cpu",
    "name": "a CPU",
    "torch": "2.13.0",
    "threads": 1,
    "cores": 4,
    "environment": {},
}
CALM = SystemNoise(1.0, 0.0, 0, 0, 0.0)


def graph(spec: str, *sizes: str) -> Graph:
    return assemble(blocks(spec.split(), list(sizes))[0]).graph


def hot(median: float = 0.001, spread: float = 0.0, samples: int = 20, settled: bool = True) -> Measurement:
    times = [median * (1 + spread * (7 * n % samples - samples // 2) / samples) for n in range(samples)]
    return Measurement(times=tuple(times), calls=1, settled=settled)


def observation(median: float = 0.001, **more: Any) -> Observation:
    calm = Observation(
        warm_cache=hot(median), first_s=0.01, noise=CALM, drift_ratio=1.0, reference_matmul_s=0.001, page_faults=0.0,
        kernels=(Kernel("convolution", "jit:avx512_core", "src aBcd16b", 0.9 * median),),
        check=Check("agrees", "float64's root mean square", 1e-6, 2e-4),
    )  # fmt: skip
    return replace(calm, **more)


def job(spec: str = "conv2d c=64 k=3 p=1 bias=false", size: str = "64x56x56", **setup: Any) -> Job:
    return Job(name="0", text=spec, graph=graph(spec, size), setup=Setup(**setup))


def row(
    spec: str = "conv2d c=64 k=3 p=1 bias=false", size: str = "64x56x56", peaks: Peaks | None = PEAKS, **more: Any
) -> Row:
    setup = more.pop("setup", {})
    return to_row(job(spec, size, **setup), observation(**more), peaks)
