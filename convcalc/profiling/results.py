"""`to_row`: the row of a job and what was seen of it, its work counted and its status judged."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from convcalc.analyses.counts.macs import macs
from convcalc.analyses.counts.traffic import compulsory
from convcalc.analyses.counts.useful import useful
from convcalc.errors import ConvcalcError
from convcalc.ops import SOURCES, Conv
from convcalc.profiling import repro
from convcalc.profiling.gpu_kernels import arithmetic
from convcalc.profiling.intervals import median_interval
from convcalc.profiling.observation import kernel_share, reorder_share
from convcalc.profiling.plan import LAYOUTS, PASSES, can_prepack, packable
from convcalc.profiling.roofline import DOUBTFUL, REFRESH, TF32, point
from convcalc.profiling.row import Identity, Kernels, Noise, Row, Timing, Work
from convcalc.profiling.status import status_of
from convcalc.sizes import total
from convcalc.units import giga, percent

if TYPE_CHECKING:
    from convcalc.graph import Graph
    from convcalc.profiling.observation import Kernel, Observation
    from convcalc.profiling.plan import Job
    from convcalc.profiling.roofline import Peaks


WHOLE_CACHE = 2
"""The whole of the last cache over the part of it in which tensors stay for certain."""


def identity(job: Job) -> Identity:
    """Return what tells a job's row from all others."""
    shapes = tuple(tuple(value.shape) for value in job.graph.inputs)
    return Identity(
        name=job.name,
        kind=job.kind,
        spec=job.text,
        graph=_digest(job.graph),
        input=shapes,
        setup=job.setup,
        block=job.block,
    )


def to_row(job: Job, observation: Observation, peaks: Peaks | None) -> Row:
    """Return the row of a job and what was seen of it, under these roofs."""
    work = _work(job, observation)
    numbers = roof_numbers(job, observation)
    timing = _timing(observation, work, peaks, numbers)
    place = point(float(work.flops), float(work.bytes), timing.median_s, peaks, numbers)
    verdict = status_of(observation, job.setup)
    return Row(
        identity=identity(job),
        output=tuple(tuple(value.shape) for value in job.graph.outputs),
        whole=job.whole,
        other_layouts=_other_layouts(job),
        packing=_packing(job.graph),
        times=job.times,
        status=verdict.status,
        reasons=verdict.reasons,
        advice=verdict.advice,
        implementation=implementation(observation.kernels, observation.backend) or None,
        backend=observation.backend or None,
        timing=timing,
        work=work,
        kernels=Kernels(
            kernels=observation.kernels,
            reorder_share=reorder_share(observation.kernels),
            kernel_share=kernel_share(observation.kernels, timing.median_s) if timing.median_s else None,
        ),
        noise=_noise(observation),
        check=observation.check,
        device_state=dict(observation.device_state) or None,
        repro=repro.commands(job.graph, job.setup),
        roofline=place,
    )


def roof_numbers(job: Job, observation: Observation) -> str:
    """Return which numbers a row's compute roof is of: as its longest kernel's name says, else as its library may.

    Single precision on a GPU is rounded to TF32 by cuDNN's convolutions unless that is forbidden, by products only
    where it is allowed.
    """
    if job.setup.device != "cuda" or job.setup.dtype != "fp32":
        return job.setup.dtype
    for kernel in sorted(observation.kernels, key=lambda kernel: -kernel.seconds):
        named = "fp32" if "at::native" in kernel.name else arithmetic(kernel.name)  # torch's own have no TF32
        if not kernel.reorder and named in (TF32, "fp32"):
            return named
    state = dict(observation.device_state)
    return TF32 if state.get("tf32_convolutions" if job.graph.convolutions else "tf32_products") else "fp32"


def doubted(row: Row, peaks: Peaks | None) -> Row:
    """Return a row that stands above its roof with a reason why; the roof is doubtful where nothing else explains it.

    An algorithm with fewer multiplications, a cache and a burst do.
    """
    place = row.roofline
    fraction = place.fraction_of_attainable
    words = " ".join(kernel.implementation + kernel.repro for kernel in row.kernels.kernels)
    if peaks is None or fraction is None or fraction <= DOUBTFUL or "wino" in words:
        return row
    burst = peaks.burst(place.roof_numbers)
    advice = ""
    if place.bound == "compute" and place.flops_per_s is not None and place.flops_per_s <= DOUBTFUL * burst:
        reason = f"it is {percent(fraction)} of what is sustained here; a burst reaches {giga(burst)} GFLOP/s"
    elif place.bound == "memory" and row.work.bytes <= WHOLE_CACHE * peaks.near_bytes:
        reason = f"it is {percent(fraction)} of memory's speed, as part of its tensors stays in the last cache"
    else:
        reason, advice = f"it is {percent(fraction)} of its roof, so the roof is doubtful", REFRESH
    return replace(row, reasons=(*row.reasons, reason), advice=(*row.advice, *([advice] if advice else [])))


def _cold_fraction(seconds: float, work: Work, peaks: Peaks, numbers: str) -> float | None:
    """The part of its roof a cold call reaches: it reads from memory, whatever fits into a cache."""
    return point(float(work.flops), float(work.bytes), seconds, peaks.from_memory(), numbers).fraction_of_attainable


def _timing(observation: Observation, work: Work, peaks: Peaks | None, numbers: str) -> Timing:
    warm, cold = observation.warm_cache, observation.cold_cache
    return Timing(
        median_s=warm.median if warm else None,
        interval_s=warm.interval if warm else None,
        p20_s=warm.percentile(0.2) if warm else None,
        p80_s=warm.percentile(0.8) if warm else None,
        min_s=min(warm.times) if warm else None,
        iqr_s=warm.iqr if warm else None,
        samples=warm.samples if warm else 0,
        calls=warm.calls if warm else 0,
        outliers=warm.outliers if warm else 0,
        settled=warm.settled if warm else False,
        first_s=observation.first_s,
        cold_median_s=cold.median if cold else None,
        cold_interval_s=median_interval(cold.times)[1:] if cold else None,
        cold_note=observation.cold_note or None,
        cold_fraction=_cold_fraction(cold.median, work, peaks, numbers) if cold and peaks else None,
        compile_s=observation.compile_s,
    )


def _work(job: Job, observation: Observation) -> Work:
    count, real = macs(job.graph), _useful(job.graph)
    factor = 2 * PASSES[job.setup.direction]
    median = observation.warm_cache.median if observation.warm_cache else None
    moved = compulsory(job.graph, job.setup.itemsize, job.setup.direction)
    return Work(
        macs=count,
        macs_useful=real,
        flops=factor * count,
        useful_flops_per_s=factor * real / median if real is not None and count and median else None,
        bytes=moved,
        bytes_per_s=moved / median if median else None,
        images_per_s=job.graph.inputs[0].shape[0] / median if median else None,
    )


def _noise(observation: Observation) -> Noise:
    system = observation.noise
    return Noise(
        page_faults_per_call=observation.page_faults,
        run_queue_delay=system.run_queue_delay if system else None,
        preemptions=system.preemptions if system else None,
        steal=system.steal if system else None,
        yardstick_s=observation.reference_matmul_s,
        yardstick_after_over_before=observation.drift_ratio,
        retried=observation.retried,
        subnormals=observation.subnormals,
    )


def _other_layouts(job: Job) -> tuple[str, ...]:
    """The layouts that the row could have and has not."""
    possible = {
        "channels_last": any(len(value.shape) >= 4 for value in job.graph.inputs),
        "prepacked": can_prepack(job.graph, job.setup) is None,
    }
    index = LAYOUTS.index(job.setup.layout)
    return tuple(name for name, able in possible.items() if able and LAYOUTS.index(name) > index)


def _packing(graph: Graph) -> dict[str, Any] | None:
    """The numbers with which a row that is one convolution is packed; None for any other row."""
    op, *others = (node.op for node in graph.nodes if not isinstance(node.op, SOURCES))
    if others or not isinstance(op, Conv) or not packable(op):
        return None
    return {
        "padding": [window.before for window in op.windows],
        "stride": [window.stride for window in op.windows],
        "dilation": [window.dilation for window in op.windows],
        "groups": op.groups,
    }


def _digest(graph: Graph) -> str:
    """What tells graphs apart that are called alike: their steps, shapes and wiring."""
    steps = [(node.op, [value.index for value in node.inputs], node.output.shape) for node in graph.nodes]
    return hashlib.sha256(repr(steps).encode()).hexdigest()[:12]


def _useful(graph: Graph) -> int | None:
    """The multiply-adds on real input; None where a step cannot say."""
    try:
        return int(total(useful(graph).values()))
    except ConvcalcError:
        return None


def implementation(kernels: tuple[Kernel, ...], backend: str = "") -> str:
    """Return what a row ran in: the implementation of its longest kernel that is not a reorder, and how many more.

    A kernel of torch's own is named with the backend that chose it.
    """
    working = [kernel for kernel in kernels if not kernel.reorder] or list(kernels)
    if not working:
        return backend
    longest = max(working, key=lambda kernel: kernel.seconds)
    name = longest.implementation
    if name.startswith("aten::"):
        operator = name.removeprefix("aten::").lstrip("_")
        name = f"torch:{backend if backend not in ('', 'Mkldnn') else operator}"
    others = {kernel.implementation for kernel in working} - {longest.implementation}
    return f"{name} +{len(others)}" if others else name
