"""Why a layer takes the time it takes: sentences made of a row's own numbers, and what would help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcalc.profiling.roofline import GIVEN
from convcalc.profiling.status import FAULTS
from convcalc.units import figures, percent, seconds

if TYPE_CHECKING:
    from convcalc.profiling.roofline import Peaks
    from convcalc.profiling.row import Record

NOTABLE_REORDER, NOTABLE_COLD, NOTABLE_OVERHEAD = 0.1, 1.1, 0.15
ALMOST = 1.02
SHORT_S = 50e-6
"""Calls under this are mostly the way to the kernel."""
FAR_BELOW = 0.3
"""A row that reaches less of what is attainable, for no reason that was seen, is worth a try."""


def explain(row: Record, peaks: Peaks | None) -> list[str]:
    """Return why one row stands where it stands under the roofs, the largest reasons first."""
    if row["median_s"] is None:
        return []
    found = [*_roof(row, peaks), *_reasons(row)]
    return found or [f"It takes {seconds(row['median_s'])}; nothing recorded says why."]


def _roof(row: Record, peaks: Peaks | None) -> list[str]:
    if peaks is None or row["fraction_of_attainable"] is None:
        return []
    fraction = row["fraction_of_attainable"]
    if not row["flops"]:
        rate = row["bytes"] / row["median_s"]
        moves = f"It has no multiply-adds: it moves {figures(rate / 1e9)} GB/s"
        if fraction > 1:
            return [f"{moves}, more than memory's {figures(peaks.bytes_per_s / 1e9)}: its tensors stay in a cache."]
        return [f"{moves}, {percent(fraction)} of what memory gives."]
    reached = f"it reaches {percent(fraction)} of the {figures(row['attainable_flops_per_s'] / 1e9)} GFLOP/s attainable"
    relation = "below" if row["bound"] == "memory" else "above"
    said = (
        f"Its intensity, {figures(row['intensity'])} FLOPs per byte, is {relation} the ridge of"
        f" {figures(peaks.ridge)}: {row['bound']} bounds it, and {reached}."
    )
    if fraction > 1:
        return [said, _above(row, peaks)]
    return [said]


def _above(row: Record, peaks: Peaks) -> str:
    """More than attainable is explained, not clipped."""
    algorithms = " ".join(kernel["implementation"] + kernel["repro"] for kernel in row["kernels"])
    if "wino" in algorithms:
        return "That is more than all: Winograd does fewer multiplications than are counted."
    if row["bound"] == "memory":
        near = f" (the last cache gives {figures(peaks.near_bytes_per_s / 1e9)} GB/s)" if peaks.near_bytes_per_s else ""
        return f"That is more than all: its tensors stay in a cache, which is faster than memory{near}."
    if row["setup"]["device"] == "cuda":
        return "That is more than all: TF32 or a faster unit than the one the roof was measured with."
    if peaks.flops_from == GIVEN:
        return "That is more than all: the compute roof that was given is below what the machine can do."
    return "That is more than all: the roof was measured in a slower moment (convcalc machine --refresh)."


def _reasons(row: Record) -> list[str]:
    found: list[tuple[float, str]] = []
    median = row["median_s"]
    others = row["other_layouts"]
    reorders = row["reorder_share"] or 0.0
    if reorders >= NOTABLE_REORDER:
        remedy = f": --layout {' or '.join(others)} spares some of it" if others else ""
        found.append((reorders, f"{percent(reorders)} of its kernels' time only lays tensors out anew{remedy}."))
    useful = row["macs_useful"]
    if useful is not None and row["macs"] and useful < 0.9 * row["macs"]:
        wasted = 1 - useful / row["macs"]
        found.append(
            (wasted / 2, f"{percent(wasted)} of its multiply-adds are on padding: a larger input wastes less.")
        )
    faults = row["page_faults_per_call"] or 0.0
    if faults > FAULTS:
        found.append(
            (2.0, f"Each call has {faults:.0f} page faults, because its output is allocated anew:"
             " --allocator keep leaves them out.")
        )  # fmt: skip
    elif row["kernel_share"] is not None and row["kernel_share"] < 1 - NOTABLE_OVERHEAD:
        rest = 1 - row["kernel_share"]
        what = "the way to the kernel" if median < SHORT_S else "in none of its kernels"
        remedy = ": a larger batch, or --mode compile, spreads that" if row["setup"]["mode"] == "eager" else ""
        found.append((rest, f"{percent(rest)} of its time is {what}{remedy}."))
    if row["cold_median_s"] and row["cold_median_s"] > NOTABLE_COLD * median:
        more = row["cold_median_s"] / median
        found.append(
            (0.05, f"With its weights out of cache, as inside a network, it takes {figures(more)} times as long.")
        )
    slow = [kernel["implementation"] for kernel in row["kernels"] if "slow_conv" in kernel["implementation"]]
    if slow:
        found.append(
            (0.2, f"torch runs it in {slow[0]}, which lays the windows out and calls a matrix product:"
             f" {'--layout prepacked takes oneDNN instead' if 'prepacked' in others else 'oneDNN is not asked'}.")
        )  # fmt: skip
    if not found and others and (row["fraction_of_attainable"] or 1.0) < FAR_BELOW:
        found.append((0.0, "That is far below: --best tries its other layouts."))
    return [sentence for _, sentence in sorted(found, key=lambda pair: -pair[0])][:3]


def explain_pair(first: Record, second: Record, ratio: float, peaks: Peaks | None) -> list[str]:
    """Return why the second takes `ratio` times the first's time while its multiply-adds say otherwise.

    Nothing where both do and take the same.
    """
    if not first["macs"] or not second["macs"] or first["median_s"] is None or second["median_s"] is None:
        return []
    work = second["macs"] / first["macs"]
    if 1 / ALMOST < ratio < ALMOST and 1 / ALMOST < work < ALMOST:
        return []
    speed = f"{figures(1 / ratio)} times as fast" if ratio < 1 else f"{figures(ratio)} times as slow"
    speed = "as fast" if 1 / ALMOST < ratio < ALMOST else speed
    found = [f"B has {_share(work)} and is {speed}."]
    rates = (first["flops_per_s"], second["flops_per_s"])
    if None not in rates and not 0.8 < ratio / work < 1.25:
        slower, letter = (second, "B") if ratio > work else (first, "A")
        found.append(
            f"A runs at {figures(rates[0] / 1e9)} GFLOP/s, B at {figures(rates[1] / 1e9)}: {letter} loses time."
        )
        found += [f"{letter}: {sentence}" for sentence in explain(slower, peaks)[:2]]
    return found


def _share(work: float) -> str:
    """How many multiply-adds one has beside another, in words."""
    if 1 / ALMOST < work < ALMOST:
        return "as many multiply-adds as A"
    return (
        f"1/{figures(1 / work)} of the multiply-adds of A"
        if work < 1
        else f"{figures(work)} times the multiply-adds of A"
    )
