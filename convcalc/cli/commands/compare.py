"""`convcalc compare`: specs side by side."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from convcalc.analyses.comparison import compare
from convcalc.cli.completions import complete_layers
from convcalc.cli.options import AsFormat, At, Format, InputLayout, Inputs, Latex, Layout, Out, emit
from convcalc.cli.subjects import check_runnable, hints, quoted, whole_subject
from convcalc.cli.variants import duration
from convcalc.cli.views.stack_formulas import compared_formulas
from convcalc.cli.views.stacks import COLUMNS, TIMES, stack_rows, time_failures, time_keys, time_stacks, timed_on
from convcalc.errors import SpecError
from convcalc.profiling.row import Row
from convcalc.render.table import Answer, Table

Whole = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SPEC SPEC...", help="Whole specs, each in quotes or as @FILE.", autocompletion=complete_layers
    ),
]
Timed = Annotated[bool, typer.Option("--timed", help="Run each here too, their blocks in turn.")]
Seconds = Annotated[
    str | None, typer.Option("--time", metavar="SECONDS", help="At most this long for the samples of each [1s]; timed.")
]


def command(
    specs: Whole = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    timed: Timed = False,
    time: Seconds = None,
    at: At = None,
    latex: Latex = False,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Shape, parameters, multiply-adds, other work, field and output bytes of several specs, with ratios to the first.

    Each positional is one whole spec or model, in quotes or as @FILE; -i may stand inside the quotes as well.
    """
    if len(specs or ()) < 2 or any("=" in word and " " not in word.strip() for word in specs or ()):
        written = quoted(specs or ())
        shown = " ".join(written if len(written) > 1 else ('"conv2d c=64 k=3"', '"ghost c=64"'))
        raise SpecError(f"compare takes two specs or more, each in quotes: compare {shown}")
    if not (timed or time):
        formulas = compared_formulas(specs or (), inputs, layout.value, form, out, numbers=at, latex=latex)
        if formulas is not None:
            return formulas
    subjects = [(spec, whole_subject(spec, inputs, layout, command="compare")) for spec in specs or ()]
    rows: list[Row] = []
    where: dict[str, Any] = {}
    is_timed = timed or time is not None
    if is_timed:
        check_runnable([subject for _, subject in subjects])
        rows, where = time_stacks(subjects, duration(time or "1s", "--time"))
    report = compare(subjects, time_keys(rows), where)
    head = [*dict.fromkeys(subject.reading for _, subject in subjects), *([timed_on(where)] if is_timed else [])]
    foot = ['"other" = element-wise operations, not multiply-adds; bytes: of the outputs, in fp32']
    columns = (*COLUMNS, *(TIMES if is_timed else ()))
    tables = [Table(columns=columns, rows=stack_rows(report, rows), head=head, foot=foot)]
    notes = [*hints(subject for _, subject in subjects), *time_failures(rows)]
    return emit(Answer("compare", report.to_dict, tables, hints=notes), form, out)
