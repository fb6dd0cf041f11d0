"""`stack_rows`: the table of compare and alt: stacks side by side, ratios to the first, times taken in turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from convcalc.analyses.field.receptive import size_text
from convcalc.cli.views.comparison import ratio_text
from convcalc.cli.views.counts import shape_text
from convcalc.cli.views.progress import bar
from convcalc.profiling.compare import compare_interleaved
from convcalc.profiling.fields import to_json
from convcalc.profiling.machine import cores
from convcalc.profiling.plan import Job, Setup
from convcalc.profiling.run import Limits
from convcalc.render.table import Column
from convcalc.sizes import total
from convcalc.units import count, dashed, plural, seconds, size_of, times_text

if TYPE_CHECKING:
    from convcalc.analyses.comparison import ComparedStack, ComparisonReport
    from convcalc.profiling.row import Row
    from convcalc.subject import Subject


COLUMNS = (
    Column("name", "spec"),
    Column("params", "params", count, right=True),
    Column("params_ratio", "params ratio", times_text, right=True),
    Column("macs", "MACs", count, right=True),
    Column("macs_ratio", "MACs ratio", times_text, right=True),
    Column("output", "output"),
    Column("other", "other", count, right=True),
    Column("field", "field", right=True),
    Column("output_bytes", "bytes", size_of, right=True),
)
TIMES = (
    Column("median_s", "median", dashed(seconds), right=True),
    Column("time_shown", "time ratio", right=True),
    Column("verdict", "is", lambda text: text or ""),
    Column("status", "status"),
)


def stack_rows(report: ComparisonReport, timed: Sequence[Row] = ()) -> list[dict[str, Any]]:
    """Return the cells of each stack; `timed` are their rows where they were timed."""
    rows = []
    for number, stack in enumerate(report.stacks):
        comparison = timed[number].comparison if timed else None
        rows.append(
            {
                "name": stack.name,
                "output": shape_text(stack.subject.graph.outputs),
                "params": stack.counts.params.total,
                "params_ratio": report.params_ratio(stack),
                "macs": stack.counts.macs,
                "macs_ratio": report.macs_ratio(stack),
                "other": total(stack.counts.other.values()),
                "field": _field_text(stack),
                "output_bytes": stack.output_bytes,
                **stack.extras,
                **({"time_shown": ratio_text(comparison.interval if comparison else None)} if timed else {}),
            }
        )
    return rows


def _field_text(stack: ComparedStack) -> str:
    if stack.field is None:
        return "?"
    receptives = [field for _, field in stack.receptive]
    return " + ".join(
        size_text(field) + (" and all" if field.everything and any(field.axes) else "") for field in receptives
    )


def time_stacks(subjects: Sequence[tuple[str, Subject]], limit: float) -> tuple[list[Row], dict[str, Any]]:
    """Time every stack here in turns; return their rows and on what they were timed."""
    setup = Setup(device="auto", threads=cores())
    group = [Job(name=name, text=name, graph=subject.graph, setup=setup) for name, subject in subjects]
    limits = Limits(budget=2 * limit * len(group) + 5, row=limit, cold=False, roofs=False)
    with bar() as progress:
        run, results = compare_interleaved([group], limits, progress)
    machine = run.machine
    where = {"machine": machine["name"], "device": machine["device"], "threads": setup.threads, "dtype": "fp32"}
    return results[0], where


def time_keys(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return what timing adds to each stack's JSON object; the first's ratio is 1."""
    keys = []
    for row in rows:
        comparison = to_json(row.comparison)
        keys.append(
            {
                "median_s": row.timing.median_s,
                "samples": row.timing.samples,
                "status": row.status,
                **comparison,
                "time_ratio": 1.0 if row is rows[0] else comparison["time_ratio"],
            }
        )
    return keys


def time_failures(rows: Sequence[Row]) -> list[str]:
    """Return why stacks failed, for stderr."""
    return [f"{row.identity.name} failed: {reason}" for row in rows if row.failed for reason in row.reasons]


def timed_on(where: Mapping[str, Any]) -> str:
    """Return the line above a table with times."""
    what = f"{where['machine']}, {where['device']}, {plural(where['threads'], 'thread')}, {where['dtype']}"
    return f"timed on {what}: blocks in turn, ratio of each round with its 95% interval"
