"""`explain` and `explain_pair`: why a layer takes its time, in sentences of its own numbers, and what would help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcalc.profiling.roofline import GIVEN, REFRESH
from convcalc.profiling.status import MAX_PAGE_FAULTS, Status
from convcalc.units import figures, giga, percent, seconds

if TYPE_CHECKING:
    from convcalc.profiling.roofline import Peaks
    from convcalc.profiling.row import Row

NOTABLE_REORDER_SHARE, NOTABLE_COLD_RATIO, NOTABLE_OVERHEAD = 0.1, 1.1, 0.15
NEGLIGIBLE_RATIO = 1.02
HOST_BOUND_RATIO = 1.3
"""Past this ratio of the host's clock to the device's own time, users of eager torch wait for the host."""
SHORT_CALL_S = 50e-6
"""Calls under this are mostly the way to the kernel."""
MIN_USUAL_FRACTION = 0.3
"""A row that reaches less of what is attainable, for no reason that was seen, is worth a try."""
UNEXPLAINED = (Status.FAILED, Status.CONTENDED, Status.CUT_SHORT, Status.THROTTLED)
"""What others, or too little time, have made of a row is not explained from the row."""
GIVERS = {"memory": "memory", "cache": "the last cache"}


def explain(row: Row, peaks: Peaks | None) -> list[str]:
    """Return why one row stands where it stands under the roofs, the largest reasons first."""
    if row.timing.median_s is None or row.status in UNEXPLAINED:
        return []
    sentences = [*_roof(row, peaks), *filter(None, [host_bound(row)]), *_reasons(row)]
    return sentences or [f"It takes {seconds(row.timing.median_s)}; nothing recorded says why."]


def _roof(row: Row, peaks: Peaks | None) -> list[str]:
    median, place = row.timing.median_s, row.roofline
    if peaks is None or median is None or place.fraction_of_attainable is None:
        return []
    fraction = place.fraction_of_attainable
    if not row.work.flops or place.attainable_flops_per_s is None:
        rate, source = row.work.bytes / median, GIVERS[place.bound or "memory"]
        moves = f"It has no multiply-adds: it moves {giga(rate)} GB/s"
        if fraction > 1:
            more = f"more than the {giga(peaks.bandwidth(row.work.bytes))} of {source}"
            return [f"{moves}, {more}: its tensors stay in a cache, nearer than that."]
        return [f"{moves}, {percent(fraction)} of what {source} gives."]
    reached = f"it reaches {percent(fraction)} of the {giga(place.attainable_flops_per_s)} GFLOP/s attainable"
    relation = "above" if place.bound == "compute" else "below"
    ridge = figures(peaks.compute(place.roof_numbers) / peaks.bandwidth(row.work.bytes))
    whose = f"the ridge of {ridge}" if not peaks.in_cache(row.work.bytes) else f"the last cache's ridge of {ridge}"
    sentence = (
        f"Its intensity, {figures(place.intensity)} FLOPs per byte, is {relation} {whose}:"
        f" {place.bound} bounds it, and {reached}."
    )
    if fraction > 1:
        return [sentence, _above(row, peaks)]
    return [sentence]


def host_bound(row: Row) -> str:
    """Return a sentence where a call takes much longer by the host's clock than on the device alone; else nothing."""
    state = row.device_state or {}
    eager, alone = state.get("eager_s"), state.get("graph_s") or row.timing.median_s
    if not eager or not alone or eager < HOST_BOUND_RATIO * alone:
        return ""
    return (
        f"Called from Python it takes {seconds(eager)}, the device alone {seconds(alone)}: the host is the limit; a"
        " larger batch, a CUDA graph or --mode compile amortises it."
    )


def _above(row: Row, peaks: Peaks) -> str:
    """More than attainable is explained, not clipped."""
    place = row.roofline
    algorithms = " ".join(kernel.implementation + kernel.repro for kernel in row.kernels.kernels)
    if "wino" in algorithms:
        return "That is more than all: Winograd does fewer multiplications than are counted."
    if row.roofline.bound != "compute":
        near = f" (the last cache gives {giga(peaks.near_bytes_per_s)} GB/s)" if peaks.near_bytes_per_s else ""
        return f"That is more than all: its tensors stay in a cache, which is faster than memory{near}."
    if peaks.flops_from == GIVEN:
        return "That is more than all: the compute roof that was given is below what the machine can do."
    if place.flops_per_s is not None and place.flops_per_s <= peaks.burst(place.roof_numbers):
        return "That is more than is sustained: a burst is faster, before the power limit sets in."
    return f"That is more than all, so the roof is doubtful: {REFRESH}."


def _reasons(row: Row) -> list[str]:
    causes: list[tuple[float, str]] = []
    median = row.timing.median_s or 0.0
    others = row.other_layouts
    reorders = row.kernels.reorder_share or 0.0
    if reorders >= NOTABLE_REORDER_SHARE:
        remedy = f"; --layout {' or '.join(others)} avoids part of it" if others else ""
        causes.append((reorders, f"{percent(reorders)} of kernel time is layout conversion{remedy}."))
    useful = row.work.macs_useful
    if useful is not None and row.work.macs and useful < 0.9 * row.work.macs:
        wasted = 1 - useful / row.work.macs
        causes.append(
            (wasted / 2, f"{percent(wasted)} of its multiply-adds are on padding: a larger input wastes less.")
        )
    faults = row.noise.page_faults_per_call or 0.0
    if faults > MAX_PAGE_FAULTS:
        causes.append(
            (2.0, f"Each call has {faults:.0f} page faults, because its output is allocated anew:"
             " --allocator keep leaves them out.")
        )  # fmt: skip
    elif row.kernels.kernel_share is not None and row.kernels.kernel_share < 1 - NOTABLE_OVERHEAD:
        rest = 1 - row.kernels.kernel_share
        what = "the way to the kernels" if median < SHORT_CALL_S else "overhead outside the kernels"
        remedy = "; a larger batch or --mode compile amortises it" if row.identity.setup.mode == "eager" else ""
        causes.append((rest, f"{percent(rest)} of its time is {what}{remedy}."))
    if row.timing.cold_median_s and row.timing.cold_median_s > NOTABLE_COLD_RATIO * median:
        more = row.timing.cold_median_s / median
        causes.append(
            (0.05, f"With its weights out of cache, as inside a network, it takes {figures(more)} times as long.")
        )
    slow = [kernel.implementation for kernel in row.kernels.kernels if "slow_conv" in kernel.implementation]
    if slow:
        causes.append(
            (0.2, f"torch runs it in {slow[0]}, which lays the windows out and calls a matrix product:"
             f" {'--layout prepacked takes oneDNN instead' if 'prepacked' in others else 'oneDNN is not asked'}.")
        )  # fmt: skip
    if not causes and others and (row.roofline.fraction_of_attainable or 1.0) < MIN_USUAL_FRACTION:
        causes.append((0.0, "That is far below: --best tries its other layouts."))
    return [sentence for _, sentence in sorted(causes, key=lambda pair: -pair[0])][:3]


def explain_pair(first: Row, second: Row, ratio: float, peaks: Peaks | None) -> list[str]:
    """Return why the second takes `ratio` times the first's time while its multiply-adds say otherwise.

    Nothing where both do and take the same.
    """
    if not first.work.macs or not second.work.macs or first.status in UNEXPLAINED or second.status in UNEXPLAINED:
        return []
    work = second.work.macs / first.work.macs
    if 1 / NEGLIGIBLE_RATIO < ratio < NEGLIGIBLE_RATIO and 1 / NEGLIGIBLE_RATIO < work < NEGLIGIBLE_RATIO:
        return []
    speed = f"{figures(1 / ratio)} times as fast" if ratio < 1 else f"{figures(ratio)} times as slow"
    speed = "as fast" if 1 / NEGLIGIBLE_RATIO < ratio < NEGLIGIBLE_RATIO else speed
    sentences = [f"B has {_share(work)} and is {speed}."]
    rates = first.roofline.flops_per_s, second.roofline.flops_per_s
    if rates[0] is not None and rates[1] is not None and not 0.8 < ratio / work < 1.25:
        slower, letter = (second, "B") if ratio > work else (first, "A")
        sentences.append(f"A runs at {giga(rates[0])} GFLOP/s, B at {giga(rates[1])}: {letter} loses time.")
        sentences += [f"{letter}: {sentence}" for sentence in explain(slower, peaks)[:2]]
    return sentences


def _share(work: float) -> str:
    """How many multiply-adds one has beside another, in words."""
    if 1 / NEGLIGIBLE_RATIO < work < NEGLIGIBLE_RATIO:
        return "as many multiply-adds as A"
    return (
        f"1/{figures(1 / work)} of the multiply-adds of A"
        if work < 1
        else f"{figures(work)} times the multiply-adds of A"
    )
