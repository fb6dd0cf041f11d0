"""`notes`: the lines below timed rows: sums, what rows are worth and what to do, the roofs, what columns mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from convcalc.cli.views.profile import ON_DEVICE
from convcalc.profiling.causes import host_bound
from convcalc.profiling.observation import NOT_REACHED
from convcalc.profiling.report import DEFAULT
from convcalc.profiling.roofline import GIVEN, MEASURED
from convcalc.profiling.row import Row
from convcalc.profiling.status import OK
from convcalc.units import figures, giga, plural, seconds

if TYPE_CHECKING:
    from convcalc.profiling.report import ProfileReport
    from convcalc.profiling.run import Roofs

MAX_ROWS_NAMED: Final = 5
UNEVEN_RATIO: Final = 2.0
"""Past this ratio of the whole to the sum of its layers one of them was disturbed."""
DEVICE_NOTE = (
    "median: the device's own time, by events; eager: a call from Python by the host's clock; graph: the device alone,"
    " in a CUDA graph of calls"
)


def notes(report: ProfileReport) -> list[str]:
    """Return the lines below the tables: sums, what rows are worth, the roofs, what columns mean."""
    rows = report.rows
    on_device = any(key in (row.device_state or {}) for row in rows for key in ON_DEVICE)
    return [
        *_sums(report), *compile_notes(rows), *status_notes(rows), *roof_notes(report.run.peaks),
        *([DEVICE_NOTE] if on_device else []),
    ]  # fmt: skip


def compile_notes(rows: Sequence[Row]) -> list[str]:
    """Return a line on what compiling took, where anything was compiled."""
    took = sum(row.timing.compile_s or 0.0 for row in rows)
    return [f"compiling took {seconds(took)}, outside of --budget"] if took else []


def _sums(report: ProfileReport) -> list[str]:
    """What the layers of each variant add up to, and what they take together where all of it ran."""
    lines = []
    for total in report.totals:
        layers = [row for row in report.rows if row.variant == total.variant and not row.whole]
        alone, together = total.layers_s, total.median_s
        if len(layers) < 2:
            continue
        prefix = f"{total.variant}: " if total.variant != DEFAULT else ""
        if alone is None:
            lines.append(f"{prefix}a layer failed: there is no sum")
        elif not total.complete:
            lines.append(f"{prefix}the {plural(len(layers), 'layer')} that ran add up to {seconds(alone)}")
        elif together is None or any(row.times > 1 for row in layers):
            lines.append(f"{prefix}the layers add up to {seconds(alone)}")
        else:
            rate = f": {total.images_per_s:,.0f} images/s" if total.images_per_s else ""
            sums = f"the layers one by one add up to {seconds(alone)}; together they take {seconds(together)}{rate}"
            lines.append(f"{prefix}{sums}")
            if total.graph_s is not None and total.graph_layers_s is not None:
                graphs = f"{seconds(total.graph_layers_s)} and {seconds(total.graph_s)}"
                lines.append(f"  on the device alone, in graphs of calls: {graphs}")
            wholes = [row for row in report.rows if row.variant == total.variant and row.whole]
            lines += [f"  {sentence}" for row in wholes if (sentence := host_bound(row))]
            if alone and not 1 / UNEVEN_RATIO <= together / alone <= UNEVEN_RATIO:
                lines.append("  far apart: the cores were busy, or what one layer leaves in cache helps the next")
    return lines


def status_notes(rows: Sequence[Row]) -> list[str]:
    """Return a line for each thing that was wrong with rows, with their names and what to do."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.reasons and not row.failed:
            groups.setdefault((row.status, "; ".join(row.advice)), []).append(row)
    lines = []
    several = len({row.variant for row in rows}) > 1
    for (status, advice), group in groups.items():
        names = ", ".join(dict.fromkeys(_variant_name(row, several=several) for row in group[:MAX_ROWS_NAMED]))
        more = f" and {len(group) - MAX_ROWS_NAMED} more" if len(group) > MAX_ROWS_NAMED else ""
        reason = "; ".join(group[0].reasons)
        word = "note" if status == OK else status
        sentence = f"{word}: {reason}" if len(group) == 1 else f"{word} (the first: {reason})"
        lines.append(f"{names}{more} {sentence}{': ' if advice else ''}{advice}")
    return lines


def _variant_name(row: Row, *, several: bool) -> str:
    name = row.label or "the whole"
    return f"{name} ({row.variant})" if several else name


def roof_notes(peaks: Roofs) -> list[str]:
    """Return the lines that say where the roofs are from, and what the columns mean."""
    lines = []
    for (dtype, threads), roofs in peaks.items():
        source = {MEASURED: "measured here", GIVEN: "as given"}[roofs.flops_from]
        if roofs.flops_from != roofs.bytes_from:
            source = f"compute {roofs.flops_from}, memory {roofs.bytes_from}"
        whose = f" of {dtype} and {plural(threads, 'thread')}" if len(peaks) > 1 else ""
        tf32 = f" ({giga(roofs.tf32_flops_per_s)} in TF32)" if roofs.tf32_flops_per_s else ""
        rates = f"{giga(roofs.flops_per_s)} GFLOP/s{tf32}, {giga(roofs.bytes_per_s)} GB/s"
        when = f" on {roofs.circumstances.date}" if roofs.circumstances.date else ""
        doubt = f"; provisional, as {roofs.circumstances.provisional}" if roofs.circumstances.provisional else ""
        lines.append(f"roofs{whose} {source}{when}: {rates}, ridge {figures(roofs.ridge)} FLOP/B{doubt}")
    lines.append(
        "± is half the median's 95% interval; cold: weights out of cache; of roof: of what the machine's peak speeds"
        " allow; FLOPs = 2 x MACs; bytes: each tensor moved once"
    )
    return lines


def failures(rows: Sequence[Row]) -> list[str]:
    """Return a line for each row that failed, for stderr, and one that names those that were not reached."""
    missed = [row for row in rows if row.failed and row.reasons[0] == NOT_REACHED]
    if missed:
        several = len({row.variant for row in rows}) > 1
        names = ", ".join(_variant_name(row, several=several) for row in missed)
        return [*failures([row for row in rows if row not in missed]), f"not reached: {names}: {NOT_REACHED}"]
    failed = [row for row in rows if row.failed]
    lines = [f"{row.title} failed: {row.reasons[0]}" for row in failed[:MAX_ROWS_NAMED]]
    more = len(failed) - MAX_ROWS_NAMED
    return lines + ([f"and {plural(more, 'more row')} failed"] if more > 0 else [])
