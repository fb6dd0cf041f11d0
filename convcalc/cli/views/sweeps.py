"""`swept`, `write_sweep`: rows as they come: a table of the first, CSV and JSON lines of all, a Parquet file."""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convcalc.cli.messages import say
from convcalc.cli.options import SUFFIXES, Format, check_output, emit, immediate_interrupts, opened
from convcalc.cli.ranges import range_hints
from convcalc.cli.views.progress import bar
from convcalc.documents import envelope, json_text
from convcalc.errors import LimitError, SpecError, UnavailableError
from convcalc.limits import MAX_DOCUMENT_ROWS, MAX_DRAWN_ROWS
from convcalc.render.table import Answer, Column, Table, harmless
from convcalc.units import ITEMSIZES, count, plural, size_of

if TYPE_CHECKING:
    from convcalc.subject import Block
    from convcalc.sweeps.models import ModelSweep
    from convcalc.sweeps.rows import Rows
    from convcalc.sweeps.tables import SpecSweep

MOST_SHOWN = 1_000
"""Rows of a table."""
SLOW_S = 1.0
PERCENT = 100


def swept(
    ranged: dict[str, Block], layout: str, columns: Sequence[str], form: Format, out: str | None, dtype: str = "fp32"
) -> int:
    """Answer stacks that have ranges with a row for each combination, and return the exit code."""
    check_output(out, rows=True)
    with immediate_interrupts():
        from convcalc.sweeps.selection import Selection
        from convcalc.sweeps.tables import sweep_specs
    sweep = sweep_specs(ranged, None, columns, set(), layout)
    sweep.dtype, sweep.itemsize = dtype, ITEMSIZES[dtype]
    for hint in range_hints(ranged):
        say(hint)
    with watched(sweep.rows) as done:
        return write_sweep(sweep.selected(Selection(), done), sweep, form, out)


def write_sweep(
    batches: Iterator[Rows], sweep: SpecSweep | ModelSweep, form: Format, out: str | None, command: str = "sweep",
    drawing: Drawing | None = None,
) -> int:  # fmt: skip
    """Write rows where and as they are asked for; what was dropped is said on stderr, by reason."""
    check_output(out, rows=True)
    columns, dropped = sweep.columns, sweep.dropped
    suffix = Path(out).suffix.lower() if out else ""
    if form is Format.table:
        form = SUFFIXES.get(suffix, form)
    if suffix == ".parquet":
        from convcalc.sweeps.parquet import write_parquet

        written = write_parquet(batches, columns, sweep.values, str(out))
    elif form in (Format.csv, Format.jsonl):
        written = _stream(batches, columns, form, out, command)
    else:
        return _document(batches, sweep, form, out, command, drawing)
    say_dropped(dropped)
    if out is not None:
        say(f"{plural(written, 'row')} in {out}")
    return 0


def say_dropped(dropped: dict[str, int]) -> None:
    """Say how many combinations were no configuration, and why."""
    for line in dropped_lines(dropped):
        say(line)


def dropped_lines(dropped: dict[str, int]) -> list[str]:
    """Return a line for each reason, the most frequent first."""
    most_first = sorted(dropped.items(), key=lambda item: -item[1])
    return [f"{plural(rows, 'row')} dropped: {reason}" for reason, rows in most_first]


def _stream(batches: Iterator[Rows], columns: tuple[str, ...], form: Format, out: str | None, command: str) -> int:
    written, failure = 0, None
    with opened(out) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        if form is Format.csv:
            writer.writerow(columns)
        try:
            for rows in batches:
                if form is Format.csv:
                    writer.writerows([[_cell(value) for value in row.values()] for row in rows.records(text=True)])
                else:
                    stream.writelines(json_text(envelope(command, row)) + "\n" for row in rows.records(text=False))
                written += rows.count
        except UnavailableError as error:  # workers that go away: what is done is kept
            failure = error
    if failure is not None:
        raise UnavailableError(f"{failure}; {plural(written, 'row')} written before") from None
    return written


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else harmless(value)


def _document(
    batches: Iterator[Rows], sweep: SpecSweep | ModelSweep, form: Format, out: str | None, command: str,
    drawing: Drawing | None,
) -> int:  # fmt: skip
    """A table, or a JSON document, of as many rows as there may be."""
    columns, dropped = sweep.columns, sweep.dropped
    shown: list[dict[str, Any]] = []
    texts: list[dict[str, Any]] = []
    points: list[dict[str, Any]] = []
    total = 0
    most = MAX_DOCUMENT_ROWS if form is Format.json else MOST_SHOWN
    for rows in batches:
        if form is Format.json and total + rows.count > MAX_DOCUMENT_ROWS:
            raise LimitError(
                f"more than {MAX_DOCUMENT_ROWS:,} rows are not one document: -f jsonl or csv write them as they come"
            )
        if len(texts) < most and rows.count:
            some = rows.take(range(min(rows.count, most - len(texts)))) if rows.count > most - len(texts) else rows
            texts += some.records(text=True)
            shown += some.records(text=False) if form is Format.json else []
        total += rows.count
        if drawing is not None and rows.count:
            if total > MAX_DRAWN_ROWS:
                raise LimitError(f"more than {MAX_DRAWN_ROWS:,} rows are not drawn: --keep or --top says which")
            points += rows.only([name for name in rows.columns if name in drawing.columns(sweep)]).records(text=True)
    foot = [f"{plural(total, 'row')}"]
    if total > len(texts):
        foot = [f"the first {len(texts):,} of {total:,} rows (-f csv or -o FILE.csv has all)"]
    elsewhere = "--columns chooses, -f csv has all"
    table = Table([column_of(name, texts) for name in columns], texts, foot=foot)
    table = table._replace(
        droppable=tuple(name for name in ("trainable", "weights", "biases", "norm") if name in columns)
    )
    table = table._replace(elsewhere=elsewhere)
    if drawing is not None and points:
        table = _drawn(table, points, drawing, sweep.settings)
    document = {"columns": list(columns), "count": total, "dropped": dict(dropped), "rows": shown}
    return emit(Answer(command, document, [table], hints=dropped_lines(dropped)), form, out)


@dataclass(frozen=True, slots=True)
class Drawing:
    """Two columns that are drawn, and whether more of each is better; into a file where one is named."""

    across: tuple[str, bool]
    up: tuple[str, bool]
    file: str | None = None

    def columns(self, sweep: SpecSweep | ModelSweep) -> set[str]:
        """The columns of rows that are looked at."""
        return {self.across[0], self.up[0], "spec", *sweep.settings}


def read_drawing(columns: str | None, file: str | None, known: Sequence[str]) -> Drawing:
    """Return what is drawn: `macs,params`, `macs,rf:max`. Raises SpecError for other than two columns with numbers."""
    from convcalc.render.plot import check_plot
    from convcalc.sweeps.selection import objective

    if columns is None:
        raise SpecError("--plot draws two columns: name them with --draw, such as --draw macs,params")
    pair = [objective(text, known, "--draw", most=False) for text in columns.split(",")]
    if len(pair) != 2:
        raise SpecError(f"--draw takes two columns, such as macs,params, not {columns!r}")
    if file is not None:
        check_output(file)
        check_plot(file)
    (across, up) = ((each.column, each.most) for each in pair)
    return Drawing(across, up, file)


def _drawn(table: Table, rows: list[dict[str, Any]], drawing: Drawing, settings: Sequence[str]) -> Table:
    """A table with the rows as points below it, the best of both columns marked; over a setting, as curves."""
    import numpy

    from convcalc.render.scatter import Scatter, save_scatter, scatter_lines
    from convcalc.sweeps.selection import front

    (across, more_across), (up, more_up) = drawing.across, drawing.up
    places = [
        n for n, row in enumerate(rows) if isinstance(row[across], (int, float)) and isinstance(row[up], (int, float))
    ]
    if not places:
        raise SpecError(f"no row has numbers for both {across} and {up}")
    points = [(float(rows[place][across]), float(rows[place][up])) for place in places]
    if across in settings:  # a curve for each of the others' values
        others = [name for name in ("spec", *settings) if name != across and name in rows[0]]
        series = [", ".join(f"{name}={rows[place][name]}" for name in others) for place in places]
        scatter = Scatter(across, up, points, series=series, curves=True)
    else:
        signs = numpy.asarray([-1 if more_across else 1, -1 if more_up else 1])
        best = frozenset(front(numpy.asarray(points) * signs).tolist())
        scatter = Scatter(
            across, up, points, best, [str(rows[place]["spec"]) for place in places] if "spec" in rows[0] else []
        )
    if drawing.file is not None:
        save_scatter(drawing.file, scatter, f"{len(points):,} configurations")
        return table
    return table._replace(lines=scatter_lines(scatter))


def column_of(name: str, rows: list[dict[str, Any]]) -> Column:
    """Return a column of a table as its name and its values ask for."""
    numbers = any(isinstance(row[name], (int, float)) and not isinstance(row[name], bool) for row in rows)
    if name in ("peak_memory", "training_memory"):
        return Column(name, name.replace("_", " "), lambda value: "-" if value is None else size_of(value), right=True)
    if name in ("params", "trainable", "weights", "biases", "norm", "macs", "flops", "other"):
        return Column(name, {"macs": "MACs", "flops": "FLOPs"}.get(name, name), count, right=True)
    if name in ("rf", "jump"):
        return Column(
            name, {"rf": "field"}.get(name, name), lambda value: "all" if value is None else str(value), right=True
        )
    return Column(name, name, _shown, right=numbers)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "-" if value is None else f"{value:,}" if isinstance(value, int) and value >= 10**5 else str(value)


@contextmanager
def watched(total: int) -> Iterator[Callable[[int], None]]:
    """What is told how many combinations are done; a bar is drawn once that has taken a second."""
    start, seen, shown = time.monotonic(), 0, 0
    with ExitStack() as stack:
        progress = None

        def done(rows: int) -> None:
            nonlocal progress, seen, shown
            seen += rows
            if progress is None and time.monotonic() - start > SLOW_S:
                progress = stack.enter_context(bar())
                progress.begin(PERCENT)
                progress.show(f"{total:,} combinations")
            while progress is not None and shown < PERCENT * seen // max(total, 1):
                progress.advance()
                shown += 1

        yield done
    sys.stderr.flush()
