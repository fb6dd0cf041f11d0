"""`row_tables`: timed rows: how long, how near the roofs, and on request everything else that was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from convcalc.profiling.fields import columns
from convcalc.profiling.observation import NOT_REACHED
from convcalc.profiling.report import DEFAULT
from convcalc.profiling.roofline import GIVEN, MEASURED
from convcalc.profiling.row import Row, shape_text
from convcalc.profiling.status import OK
from convcalc.render.table import Column, Table
from convcalc.units import count, dashed, figures, giga, percent, plural, seconds, share, size_of

if TYPE_CHECKING:
    from convcalc.profiling.observation import Kernel
    from convcalc.profiling.report import ProfileReport
    from convcalc.profiling.run import Roofs

MAX_ROWS_NAMED: Final = 5
MIN_SPREAD_SAMPLES: Final = 3
UNEVEN_RATIO: Final = 2.0
"""Past this ratio of the whole to the sum of its layers one of them was disturbed."""

optional_seconds = dashed(seconds)
"""A time, or - where there is none."""
SHOW: Final = {
    "s": optional_seconds,
    "count": count,
    "B": dashed(size_of),
    "share": percent,
    "number": dashed(figures),
    "FLOP/B": dashed(figures),
    "FLOP/s": dashed(giga),
    "ratio": lambda value: "-" if value is None else f"{figures(value)}x",
}
"""How a value is written in a table, by its unit; text and plain numbers as they are."""


def columns_of(*tags: str) -> tuple[Column, ...]:
    """Return the table columns of a row's fields."""
    known = columns(Row)
    return tuple(
        Column(tag, known[tag].heading, SHOW.get(known[tag].unit, dashed(str)), right=bool(known[tag].unit))
        for tag in tags
    )


TIME = (
    *columns_of("macs", "median_s"),
    Column("spread", "±", percent, right=True),
    *columns_of("cold_median_s", "share", "macs_share"),
)
ROOF = columns_of(
    "implementation", "flops", "bytes", "intensity", "flops_per_s", "useful_flops_per_s", "attainable_flops_per_s",
    "fraction_of_attainable", "bound",
)  # fmt: skip
DETAILS = (
    *columns_of(
        "p20_s", "p80_s", "min_s", "samples", "calls", "outliers", "first_s", "page_faults_per_call", "preemptions",
        "run_queue_delay", "steal", "yardstick_after_over_before", "reorder_share", "kernel_share",
    ),
    Column("checked", "checked against"),
)  # fmt: skip
ALONE = ("cold_median_s", "share", "macs_share")
"""Columns of a row by itself: a pair that took turns has none of these."""
PAIR = (
    *columns_of("time_ratio"),
    Column("verdict", columns(Row)["verdict"].heading, lambda text: text or ""),
)


def row_tables(rows: Sequence[Row], head: Sequence[str], foot: Sequence[str], *, details: bool) -> list[Table]:
    """Return the table of times and the table of roofs, and with `details` a third."""
    cells = [_cells(row) for row in rows]
    inputs = {str(row.identity.input) for row in rows if not row.whole}
    several = len(inputs) > 1 and any(row.identity.block for row in rows)
    lead = columns_of("name", "spec", *(["input"] if several else []))
    variants = columns_of("variant") if len({row.variant for row in rows}) > 1 else ()
    tables = [
        Table([*lead, *variants, *TIME, *columns_of("status")], cells, head=head, name="time"),
        Table([lead[0], *variants, *ROOF], cells, foot=() if details else foot, name="roofline"),
    ]
    if details:
        tables.append(Table([lead[0], *variants, *DETAILS], cells, foot=[*_kernel_lines(rows), *foot], name="details"))
    return tables


def pair_tables(rows: Sequence[Row], head: Sequence[str], foot: Sequence[str]) -> list[Table]:
    """Return the tables of two stacks that took turns, with the ratio and the verdict."""
    first, *others = row_tables(rows, head, foot, details=False)
    columns = [column for column in first.columns if column.key not in ALONE]
    return [first._replace(columns=[*columns, *PAIR]), *others]


def _cells(row: Row) -> dict[str, Any]:
    timing, check = row.timing, row.check
    spread = None
    if timing.interval_s and timing.median_s and timing.samples >= MIN_SPREAD_SAMPLES:
        spread = (timing.interval_s[1] - timing.interval_s[0]) / 2 / timing.median_s
    copies = f" (x{row.times})" if row.times > 1 and "times=" not in row.identity.spec else ""
    return {
        **row.to_json(),
        "name": row.label,
        "spec": row.identity.spec + copies,
        "input": shape_text(row),
        "spread": spread,
        "checked": "-" if check is None else check.against if check.verdict != "unchecked" else "not",
    }


def _kernel_text(kernel: Kernel, whole: float) -> str:
    layouts = f" ({kernel.layouts})" if kernel.layouts else ""
    return f"{kernel.implementation}{layouts} {percent(share(kernel.seconds, whole))}"


def _kernel_lines(rows: Sequence[Row]) -> list[str]:
    """Each kernel's layouts and part of the kernels' time, and the commands that run a row's convolution elsewhere."""
    lines = []
    for row in rows:
        kernels = row.kernels.kernels
        whole = sum(kernel.seconds for kernel in kernels)
        if kernels:
            texts = [_kernel_text(kernel, whole) for kernel in kernels]
            lines.append(f"{row.label or 'the whole'}: {', '.join(texts)}")
            if row.identity.setup.device != "cpu":  # whose names there are shortened
                lines += [f"  {kernel.implementation}: {kernel.name}" for kernel in kernels]
        if not row.whole:
            repros = [kernel.repro for kernel in kernels if kernel.repro]
            others = [line for tool, line in row.repro.items() if tool != "benchdnn" or not repros]
            lines += [f"  {line}" for line in (*repros, *others)]
    return lines


def notes(report: ProfileReport) -> list[str]:
    """Return the lines below the tables: sums, what rows are worth, the roofs, what columns mean."""
    rows = report.rows
    return [*_sums(report), *compile_notes(rows), *status_notes(rows), *roof_notes(report.run.peaks)]


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
            sums = f"the layers one by one add up to {seconds(alone)}; together they take {seconds(together)}"
            lines.append(f"{prefix}{sums}")
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
        lines.append(f"{names}{more} {sentence}: {advice}")
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
    lines.append("± is half the median's 95% interval; cold: weights out of cache; FLOPs = 2 x MACs; bytes: all once")
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
