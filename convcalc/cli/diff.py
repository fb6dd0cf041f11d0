"""`convcalc diff`: two saved runs, row by row."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from convcalc.cli.options import AsFormat, Format, Out, check_output, emit
from convcalc.cli.timetables import label, named, optional_seconds
from convcalc.errors import SpecError
from convcalc.profiling import store
from convcalc.profiling.intervals import ALIKE_RUNS, AMBIGUOUS, FASTER, SAME, SLOWER, Interval, apart, verdict
from convcalc.profiling.plan import from_dict
from convcalc.profiling.row import Record
from convcalc.profiling.status import FAILED
from convcalc.render.table import Answer, Column, Table
from convcalc.units import figures, plural

NAMED = 5
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
    first, second = _rows(before), _rows(after)
    unlike = list(dict.fromkeys(text for row in second.values() for text in _unlike(row, first)))
    if unlike and not force:
        more = f" (and {len(unlike) - 1} more)" if len(unlike) > 1 else ""
        raise SpecError(f"these runs do not compare: {unlike[0]}{more}: --force compares them all the same")
    both = [name for name in second if name in first]
    if not both:
        raise SpecError(f"{before} and {after} have no row in common: rows match by name, layer, input and setup")
    rows = [_compared(first[name], second[name]) for name in both]
    alone = [f"only in {path}: {_listed(own, other)}" for path, own, other in _sides(before, after, first, second)]
    words = (FASTER, SLOWER, SAME, AMBIGUOUS, FAILED)
    counted = [f"{sum(row['verdict'] == word for row in rows)} {word}" for word in words]
    foot = [
        f"{', '.join(counted)} of {plural(len(rows), 'row')}; within 5% is the same, as the runs were not in turns",
        *alone,
        *(f"forced: {text}" for text in unlike[:NAMED]),
    ]
    several = len({row["variant"] for row in rows}) > 1
    columns = [column for column in COLUMNS if several or column.key != "variant"]
    document: dict[str, Any] = {
        "before": before, "after": after, "differences": unlike,
        "layers": [{key: value for key, value in row.items() if key != "shown"} for row in rows],
    }  # fmt: skip
    worse = any(row["verdict"] in (SLOWER, FAILED) for row in rows)
    return emit(Answer("diff", document, [Table(columns, rows, foot=foot)], holds=not worse), form, out)


def _rows(path: str) -> dict[str, Record]:
    found = {store.key(row): row for row in store.read(Path(path))}
    if not found:
        raise SpecError(f"{path} holds no rows")
    return found


def _unlike(row: Record, first: dict[str, Record]) -> list[str]:
    other = first.get(store.key(row))
    return [] if other is None else store.differences(other["machine"], row["machine"])


def _compared(one: Record, two: Record) -> dict[str, Any]:
    found = None
    if one["median_s"] and two["median_s"]:
        drift = 1.0
        if one["yardstick_s"] and two["yardstick_s"]:
            drift = one["yardstick_s"] / two["yardstick_s"]
        found = apart(
            Interval(one["median_s"], *one["interval_s"]), Interval(two["median_s"], *two["interval_s"]), drift
        )
    return {
        "name": label(one),
        "variant": from_dict(one["setup"]).words(),
        "spec": one["spec"],
        "setup": one["setup"],
        "before_s": one["median_s"],
        "after_s": two["median_s"],
        "ratio": None if found is None else found.value,
        "ratio_interval": None if found is None else [found.low, found.high],
        "verdict": FAILED if found is None else verdict(found, ALIKE_RUNS),
        "status": one["status"] if one["status"] == two["status"] else f"{one['status']}, {two['status']}",
        "shown": "-" if found is None else f"{figures(found.value)}x [{figures(found.low)}, {figures(found.high)}]",
    }


def _sides(before: str, after: str, first: dict[str, Record], second: dict[str, Record]) -> list[Any]:
    pairs = [(before, first, second), (after, second, first)]
    return [(path, own, other) for path, own, other in pairs if set(own) - set(other)]


def _listed(own: dict[str, Record], other: dict[str, Record]) -> str:
    names = [named(row) for key, row in own.items() if key not in other]
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
