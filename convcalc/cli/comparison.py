"""What compare and alt share: specs side by side, their ratios to the first, and timings taken in turn."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any, NamedTuple

from convcalc.analyses.field import fields
from convcalc.analyses.macs import at_least
from convcalc.cli.fields import field_of, seen_by, sized
from convcalc.cli.options import immediate_interrupts
from convcalc.cli.profile import progress
from convcalc.cli.read.stack import Stack
from convcalc.cli.report import lines, shape_of, shapes, totals
from convcalc.errors import SpecError, UnsupportedError
from convcalc.render.table import Column
from convcalc.render.units import count, figures, seconds, share, size_of
from convcalc.sizes import product, total

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
TIMES = (Column("median_s", "median", seconds, right=True), Column("time_ratio", "time ratio", times, right=True))


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
                **{key: value for key, value in row.items() if key not in ("field", "output")},
                "input": shapes(graph.inputs),
                "output": shapes(graph.outputs),
                "other": totals(lines(entry.stack))[2],
                "rf": seen,
                **({"at_least": names} if names else {}),
            }
        )
    return made


def add_times(entries: Sequence[Entry], rows: list[dict[str, Any]], limit: float) -> dict[str, Any]:
    """Time every spec here, blocks interleaved, add medians and ratios to the rows, and return on what.

    Raises SpecError for a limit that is no number of seconds, ShapeError where a run does not fit.
    """
    if not isfinite(limit):
        raise SpecError(f"--limit takes seconds, not {limit}")
    with immediate_interrupts():
        from convcalc.runtime import machine, profile
        from convcalc.runtime.measure import Task

    place = machine.pick_device("auto")
    setup = profile.Setup(device=place, threads=machine.default_threads())
    task = Task(max_s=limit, min_s=min(0.2, limit))
    graphs = [entry.stack.graph for entry in entries]
    with progress(1) as bar:
        found = profile.run_in_turn(graphs, [entry.name for entry in entries], setup, task)
        bar.advance(bar.task_ids[0])
    for row, one in zip(rows, found, strict=True):
        row["median_s"] = one.median
        row["time_ratio"] = one.median / found[0].median
        row["samples"] = one.samples
    return {"machine": machine.describe(place), "device": place.type, "threads": setup.threads, "dtype": "fp32"}


def timed_on(where: dict[str, Any]) -> str:
    """Return the line above a table with times."""
    threads = f"{where['threads']} thread{'s' if where['threads'] > 1 else ''}"
    what = f"{where['machine']}, {where['device']}, {threads}, {where['dtype']}"
    return f"timed on {what}: blocks in turn, ratio of medians"
