"""`convcalc profile A --vs B`: two stacks in turns, the ratio of their times, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convcalc.cli import contest
from convcalc.cli.app import MISUSED
from convcalc.cli.options import Format, emit
from convcalc.cli.report import hints
from convcalc.cli.timed import Limits, headline
from convcalc.cli.timetables import compiling, failures, roofs, tables, worth
from convcalc.errors import SpecError
from convcalc.profiling.causes import explain_pair
from convcalc.profiling.intervals import AMBIGUOUS
from convcalc.profiling.plan import Job, Setup
from convcalc.profiling.status import FAILED
from convcalc.render.table import Answer, Column
from convcalc.spec.assemble import Stack
from convcalc.units import figures

ALONE = ("cold_median_s", "share", "macs_share")
"""Columns of a row by itself."""


def command(
    first: Sequence[Stack], second: Sequence[Stack], setup: Setup, limits: Limits, form: Format, out: str | None
) -> int:
    """Time two stacks in turns and print both, the ratio, the verdict, and why they differ as they do.

    Raises SpecError where either has several blocks.
    """
    for name, some in (("the first", first), ("--vs", second)):
        if len(some) > 1:
            raise SpecError(f"{name} has {len(some)} blocks: --vs compares one stack with one")
    pair = [
        Job(name=letter, text=_text(stack), graph=stack.graph, setup=setup)
        for letter, stack in (("A", first[0]), ("B", second[0]))
    ]
    run, ((base, other),) = contest.contest([pair], limits)
    a, b = rows = [{**one.row, "variant": "default", **contest.as_dict(one)} for one in (base, other)]
    peaks = next(iter(run.peaks.values()), None)
    sure = other.ratio is not None and other.verdict != AMBIGUOUS
    why = explain_pair(a, b, other.ratio.value, peaks) if sure and other.ratio is not None else []
    head = [
        headline(run, setup),
        *dict.fromkeys(stack.reading for stack in (*first, *second)),
    ]
    foot = [contest.says(other), *why, *compiling(rows), *worth(rows), *roofs(run.peaks)]
    drawn = tables(rows, head, foot, details=False)
    kept = [column for column in drawn[0].columns if column.key not in ALONE]
    drawn[0] = drawn[0]._replace(columns=[*kept, *RATIO])
    document: dict[str, Any] = {
        "machine": run.machine,
        "peaks": peaks.as_dict() if peaks else None,
        "layers": rows,
        "verdict": other.verdict,
        "time_ratio": b["time_ratio"],
        "time_ratio_interval": b["time_ratio_interval"],
        "explanation": why,
    }
    code = emit(
        Answer("profile", document, drawn, hints=[*hints((*first, *second)), *run.hints, *failures(rows)]), form, out
    )
    return MISUSED if any(row["status"] == FAILED for row in rows) else code


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{figures(value)}x"


RATIO = [Column("time_ratio", "of A", _ratio, right=True), Column("verdict", "B is", lambda text: text or "")]


def _text(stack: Stack) -> str:
    return "  ".join(dict.fromkeys(scope.text for scope in stack.graph.scopes if scope.text)) or "the whole"
