"""`convcalc compare`: specs side by side."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from convcalc.cli.comparison import COLUMNS, TIMES, Entry, add_times, documents, rows_of, timed_on
from convcalc.cli.options import AsFormat, Format, InputLayout, Inputs, Layout, Out, emit
from convcalc.cli.report import hints, runnable
from convcalc.cli.variants import duration
from convcalc.errors import SpecError
from convcalc.render.table import Answer, Column, Table
from convcalc.spec.assemble import assemble
from convcalc.spec.source import blocks

Whole = Annotated[
    list[str] | None,
    typer.Argument(metavar="SPEC SPEC...", help="Whole specs, each in quotes or as @FILE."),
]
Timed = Annotated[bool, typer.Option("--time", help="Run each here too, their blocks in turn.")]
Limit = Annotated[str, typer.Option("--limit", metavar="SECONDS", help="At most this long for the samples of each.")]


def command(
    specs: Whole = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    time: Timed = False,
    limit: Limit = "1s",
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Shape, parameters, multiply-adds, other work, field and output bytes of several specs, with ratios to the first.

    Each positional is one whole spec, in quotes or as @FILE.
    Example: convcalc compare "conv2d c=128 k=3 p=1" "depthwise_separable c=128 k=3 p=1" -i 64x56x56
    """
    if len(specs or ()) < 2:
        raise SpecError('compare takes two specs or more, each in quotes: "conv2d c=64 k=3" "ghost c=64"')
    entries = []
    for spec in specs or ():
        found = blocks([spec], inputs or ())
        if len(found) > 1:
            raise SpecError(f"{spec} has {len(found)} blocks: compare takes one stack for each spec")
        if not found[0].inputs:
            raise SpecError(f"{spec} has no input size: give it with -i, such as -i 3x224x224")
        entries.append(Entry(spec, assemble(found[0], layout=layout.value)))
    rows = rows_of(entries)
    head = list(dict.fromkeys(entry.stack.reading for entry in entries))
    columns: tuple[Column, ...] = COLUMNS
    where: dict[str, Any] = {}
    told: list[str] = []
    if time:
        runnable([entry.stack for entry in entries])
        where, told = add_times(entries, rows, duration(limit, "--limit"))
        head.append(timed_on(where))
        columns = (*COLUMNS, *TIMES)
    document = {**where, "specs": documents(entries, rows)}
    foot = ["other is elementary operations that are no MACs; output bytes in fp32"]
    tables = [Table(columns=columns, rows=rows, head=head, foot=foot)]
    return emit(
        Answer("compare", document=document, tables=tables, hints=[*hints(e.stack for e in entries), *told]), form, out
    )
