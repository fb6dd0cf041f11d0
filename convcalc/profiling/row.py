"""One row as it is told: the numbers of JSON, of saved lines and of tables, from a job and what was seen of it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from convcalc.analyses.macs import macs
from convcalc.analyses.steps import SILENT
from convcalc.analyses.traffic import compulsory
from convcalc.analyses.useful import useful
from convcalc.documents import plain
from convcalc.errors import ConvcalcError
from convcalc.ops import Conv
from convcalc.profiling import repro
from convcalc.profiling.intervals import median_interval
from convcalc.profiling.observation import Kernel, explained, reorder_share
from convcalc.profiling.plan import LAYOUTS, PASSES, as_dict, packable
from convcalc.profiling.roofline import point
from convcalc.profiling.status import judge
from convcalc.shapes import show
from convcalc.sizes import total

if TYPE_CHECKING:
    from convcalc.graph import Graph
    from convcalc.profiling.observation import Seen
    from convcalc.profiling.plan import Job
    from convcalc.profiling.roofline import Peaks

Record = dict[str, Any]


def identity(job: Job) -> dict[str, Any]:
    """Return what tells one row from all others: its name and words, its input, and its setup."""
    return {
        "name": job.name,
        "spec": job.text,
        "graph": _digest(job.graph),
        "input": [plain(value.shape) for value in job.graph.inputs],
        "setup": as_dict(job.setup),
        **({"block": job.block} if job.block else {}),
    }


def record(job: Job, seen: Seen, peaks: Peaks | None) -> Record:
    """Return one row: seconds, operations and bytes in base units; what was not measured is None."""
    work, moved = macs(job.graph), compulsory(job.graph, job.setup.itemsize, job.setup.direction)
    real = _useful(job.graph)
    factor = 2 * PASSES[job.setup.direction]
    judged = judge(seen)
    hot, cold = seen.hot, seen.cold
    median = hot.median if hot else None
    row = {
        **identity(job),
        "output": [plain(value.shape) for value in job.graph.outputs],
        "whole": job.whole,
        "other_layouts": _layouts(job),
        "packing": _packing(job.graph),
        "times": job.times,
        "status": judged.status,
        "reasons": list(judged.reasons),
        "advice": list(judged.advice),
        "implementation": implementation(seen.kernels, seen.backend) or None,
        "backend": seen.backend or None,
        "median_s": median,
        "interval_s": list(hot.interval) if hot else None,
        "p20_s": hot.percentile(0.2) if hot else None,
        "p80_s": hot.percentile(0.8) if hot else None,
        "min_s": min(hot.times) if hot else None,
        "iqr_s": hot.iqr if hot else None,
        "samples": hot.samples if hot else 0,
        "calls": hot.calls if hot else 0,
        "outliers": hot.outliers if hot else 0,
        "settled": hot.settled if hot else False,
        "first_s": seen.first_s,
        "cold_median_s": cold.median if cold else None,
        "cold_interval_s": list(median_interval(cold.times)[1:]) if cold else None,
        "cold_note": seen.cold_note or None,
        "compile_s": seen.compile_s,
        "macs": work,
        "macs_useful": real,
        "flops": factor * work,
        "useful_flops_per_s": factor * real / median if real is not None and work and median else None,
        "bytes": moved,
        "kernels": [kernel._asdict() for kernel in seen.kernels],
        "reorder_share": reorder_share(seen.kernels),
        "kernel_share": explained(seen.kernels, median) if median else None,
        "page_faults_per_call": seen.faults,
        "run_queue_delay": seen.quiet.run_queue_delay if seen.quiet else None,
        "preemptions": seen.quiet.preemptions if seen.quiet else None,
        "steal": seen.quiet.steal if seen.quiet else None,
        "yardstick_s": seen.yardstick_s,
        "yardstick_after_over_before": seen.sentinel,
        "retried": seen.retried,
        "subnormals": seen.subnormals,
        "check": seen.check._asdict() if seen.check else None,
        "device_state": dict(seen.device) or None,
        "repro": repro.commands(job.graph, job.setup),
    }
    return roofed(row, peaks)


def roofed(row: Record, peaks: Peaks | None) -> Record:
    """Return a row under other roofs."""
    place = point(float(row["flops"]), float(row["bytes"]), row["median_s"], peaks)
    return {
        **row,
        "flops_per_s": place.flops_per_s,
        "intensity": place.intensity,
        "attainable_flops_per_s": place.attainable,
        "fraction_of_attainable": place.fraction,
        "bound": place.bound,
    }


def _layouts(job: Job) -> list[str]:
    """The layouts that the row could have and has not."""
    deep = any(len(value.shape) >= 4 for value in job.graph.inputs)
    packs = job.setup.direction == "forward" and job.setup.mode == "eager" and job.setup.device == "cpu"
    there = {"channels_last": deep, "prepacked": packs and any(packable(node.op) for node in job.graph.nodes)}
    now = LAYOUTS.index(job.setup.layout)
    return [name for name, able in there.items() if able and LAYOUTS.index(name) > now]


def _packing(graph: Graph) -> dict[str, Any] | None:
    """The numbers with which a row that is one convolution is packed; None for any other row."""
    op, *others = (node.op for node in graph.nodes if not isinstance(node.op, SILENT))
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
        found: int = total(useful(graph).values())
    except ConvcalcError:
        return None
    return found


def implementation(kernels: tuple[Kernel, ...], backend: str = "") -> str:
    """Return what a row ran in: the implementation of its longest kernel that is no reorder, and how many more.

    A kernel of torch's own is named with the backend that chose it.
    """
    own = [kernel for kernel in kernels if not kernel.reorder] or list(kernels)
    if not own:
        return backend
    first = max(own, key=lambda kernel: kernel.seconds)
    name = first.implementation
    if name.startswith("aten::"):
        operator = name.removeprefix("aten::").lstrip("_")
        name = f"torch:{backend if backend not in ('', 'Mkldnn') else operator}"
    others = {kernel.implementation for kernel in own} - {first.implementation}
    return f"{name} +{len(others)}" if others else name


def shape_text(row: Record) -> str:
    """Return a row's input without its batch, as tables show it."""
    return " + ".join(show(tuple(shape[1:])) for shape in row["input"])
