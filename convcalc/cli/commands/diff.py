"""`convcalc diff`: two saved runs, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from convcalc.cli.options import AsFormat, Format, Out, check_output, emit
from convcalc.cli.views.comparison import ratio_text
from convcalc.cli.views.profile import optional_seconds
from convcalc.profiling.intervals import AMBIGUOUS, FASTER, SAME, SLOWER
from convcalc.profiling.run_diff import diff_runs
from convcalc.profiling.status import FAILED
from convcalc.render.table import Answer, Column, Table
from convcalc.units import plural

if TYPE_CHECKING:
    from convcalc.profiling.row import Row

MAX_ROWS_NAMED = 5
File = Annotated[str, typer.Argument(metavar="FILE", help="What profile --save wrote.")]
COLUMNS = (
    Column("name", "#"),
    Column("spec", "layer"),
    Column("variant", "setup"),
    Column("before_s", "before", optional_seconds, right=True),
    Column("after_s", "after", optional_seconds, right=True),
    Column("shown", "after / before"),
    Column("verdict", "is"),
    Column("status", "status"),
)


def command(
    before: File,
    after: File,
    force: Annotated[bool, typer.Option("--force", help="Compare runs of unlike machines or versions too.")] = False,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Compare the rows of two saved runs: the ratio of their medians with an interval, and a verdict.

    The two were not timed in turns: where a matrix product took longer in one than in the other, the interval is
    widened by as much. Exit code 1 where a row is slower, or failed. Example: convcalc diff before.jsonl after.jsonl
    """
    check_output(out)
    diff = diff_runs(before, after, force=force)
    rows = [{**row.to_dict(), "shown": ratio_text(row.ratio)} for row in diff.rows]
    counts = [
        f"{sum(row.verdict == word for row in diff.rows)} {word}" for word in (FASTER, SLOWER, SAME, AMBIGUOUS, FAILED)
    ]
    foot = [
        f"{', '.join(counts)} of {plural(len(rows), 'row')}; within 5% is the same, as the runs were not in turns",
        *(f"only in {before}: {_names(diff.only_before)}" for _ in diff.only_before[:1]),
        *(f"only in {after}: {_names(diff.only_after)}" for _ in diff.only_after[:1]),
        *(f"forced: {text}" for text in diff.differences[:MAX_ROWS_NAMED]),
    ]
    several = len({row["variant"] for row in rows}) > 1
    columns = [column for column in COLUMNS if several or column.key != "variant"]
    table = Table(columns, rows, foot=foot)
    return emit(Answer("diff", diff.to_dict, [table], holds=diff.holds), form, out)


def _names(rows: Sequence[Row]) -> str:
    more = len(rows) - MAX_ROWS_NAMED
    return ", ".join(row.title for row in rows[:MAX_ROWS_NAMED]) + (f" and {more} more" if more > 0 else "")
