"""What compare and alt share: specs side by side, their ratios to the first, and timings taken in turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from convcalc.analyses.field import fields
from convcalc.analyses.macs import at_least
from convcalc.cli.fields import field_of, seen_by, sized
from convcalc.cli.report import lines, shape_of, shapes, totals
from convcalc.cli.views.comparison import ratio_text
from convcalc.cli.views.progress import bar
from convcalc.errors import UnsupportedError
from convcalc.profiling.compare import compare_interleaved
from convcalc.profiling.fields import to_json
from convcalc.profiling.machine import cores
from convcalc.profiling.plan import Job, Setup
from convcalc.profiling.run import Limits
from convcalc.render.table import Column
from convcalc.sizes import product, total
from convcalc.spec.assemble import Stack
from convcalc.units import count, dashed, figures, plural, seconds, share, size_of

FLOAT = 4
"""Bytes of an output element: single precision."""


class Entry(NamedTuple):
    """One spec: what it is called, its graph, and the ratio of its work that the literature gives."""

    name: str
    stack: Stack
    ratio: str = ""
    note: str = ""


def times(value: float | None) -> str:
    """Return a ratio as people write it."""
    return "-" if value is None else f"{figures(value)}x"


COLUMNS = (
    Column("name", "spec"),
    Column("output", "output"),
    Column("params", "params", count, right=True),
    Column("params_ratio", "params ratio", times, right=True),
    Column("macs", "MACs", count, right=True),
    Column("macs_ratio", "MACs ratio", times, right=True),
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


def rows_of(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return one row for each spec, as a table shows it."""
    counted = [totals(lines(entry.stack)) for entry in entries]  # each row as often as its times= says
    base = (counted[0][0].total, counted[0][1])
    rows = []
    for entry, (sums, work, extra) in zip(entries, counted, strict=True):
        graph, held = entry.stack.graph, sums.total
        rows.append(
            {
                "name": entry.name,
                "output": shape_of(graph.outputs),
                "params": held,
                "params_ratio": share(held, base[0]),
                "macs": work,
                "macs_ratio": share(work, base[1]),
                "other": total(extra.values()),
                "field": _field(entry.stack),
                "output_bytes": FLOAT * total(product(value.shape) for value in graph.outputs),
            }
        )
    return rows


def _field(stack: Stack) -> str:
    try:
        seen = fields(stack.graph)
    except UnsupportedError:
        return "?"
    found = seen_by(stack.graph.outputs[-1], stack, seen)
    return " + ".join(sized(one) + (" and all" if one.everything and any(one.axes) else "") for _, one in found)


def documents(entries: Sequence[Entry], rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows as JSON holds them: exact numbers, shapes as lists, the other work by name, the field whole."""
    made = []
    for entry, row in zip(entries, rows, strict=True):
        graph = entry.stack.graph
        try:
            seen = field_of(graph.outputs, entry.stack, fields(graph))
        except UnsupportedError:
            seen = {}
        names = at_least(graph)
        made.append(
            {
                **{key: value for key, value in row.items() if key not in ("field", "output", "time_shown")},
                "input": shapes(graph.inputs),
                "output": shapes(graph.outputs),
                "other": totals(lines(entry.stack))[2],
                "rf": seen,
                **({"at_least": names} if names else {}),
            }
        )
    return made


def add_times(entries: Sequence[Entry], rows: list[dict[str, Any]], limit: float) -> tuple[dict[str, Any], list[str]]:
    """Time every spec here in turns, and add medians, ratios and verdicts to the rows.

    Return on what they were timed, and what to say on stderr: what failed, and why.
    """
    setup = Setup(device="auto", threads=cores())
    group = [Job(name=entry.name, text=entry.name, graph=entry.stack.graph, setup=setup) for entry in entries]
    seconds_each = Limits(budget=2 * limit * len(group) + 5, row=limit, cold=False, roofs=False)
    with bar() as progress:
        run, results = compare_interleaved([group], seconds_each, progress)
    told = []
    for row, timed in zip(rows, results[0], strict=True):
        row["median_s"] = timed.timing.median_s
        row["samples"] = timed.timing.samples
        row["status"] = timed.status
        row.update(to_json(timed.comparison))
        row["time_ratio"] = 1.0 if timed is results[0][0] else row["time_ratio"]
        row["time_shown"] = ratio_text(timed.comparison.interval if timed.comparison else None)
        told += [f"{row['name']} failed: {reason}" for reason in timed.reasons if timed.failed]
    machine = run.machine
    where = {"machine": machine["name"], "device": machine["device"], "threads": setup.threads, "dtype": "fp32"}
    return where, told


def timed_on(where: dict[str, Any]) -> str:
    """Return the line above a table with times."""
    what = f"{where['machine']}, {where['device']}, {plural(where['threads'], 'thread')}, {where['dtype']}"
    return f"timed on {what}: blocks in turn, ratio of each round with its 95% interval"
