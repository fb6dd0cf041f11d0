"""`convcalc rf`: receptive fields."""

from __future__ import annotations

from typing import Annotated

import typer

from convcalc.analyses.counts.report import count
from convcalc.analyses.field.report import receptive_field
from convcalc.cli.assertions import Asserts, count_figures, field_figures, with_assertions
from convcalc.cli.options import AsFormat, At, Depth, Format, InputLayout, Inputs, Latex, Layout, Out, Spec, Train, emit
from convcalc.cli.subjects import place_of, read_subjects
from convcalc.cli.values import position
from convcalc.cli.views.general import general_answer
from convcalc.cli.views.receptive_field import field_feet, field_rows
from convcalc.cli.views.stack_formulas import FIELD
from convcalc.render.table import Answer, Column, Table

COLUMNS = (
    Column("name", "#"),
    Column("layer", "layer"),
    Column("output", "output"),
    Column("size", "field", right=True),
    Column("jump", "jump", right=True),
    Column("start", "start", right=True),
    Column("centre", "centre", right=True),
    Column("global", "also sees"),
)


def command(
    spec: Spec = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    train: Train = False,
    depth: Depth = 1,
    unit: Annotated[
        str | None, typer.Option("--unit", metavar="I,J", help="Say what this output sees, clipped to the input.")
    ] = None,
    paths: Annotated[
        bool, typer.Option("--paths", help="Count the ways through the layers: 2^n for n residual blocks.")
    ] = False,
    asserts: Asserts = None,
    at: At = None,
    latex: Latex = False,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Receptive field of one output: size, jump (input positions per output), start and centre of output 0.

    Where the field differs by phase (after a transposed or resized layer) the least and the greatest are given.
    Needs no -i unless branches of different strides meet.
    """
    code = general_answer(
        "rf",
        spec,
        inputs,
        layout.value,
        form,
        out,
        columns=("rf", "jump"),
        counts=FIELD,
        numbers=at,
        latex=latex,
        single={"--train": train, "--depth": depth > 1, "--assert": asserts, "--unit": unit, "--paths": paths},
    )
    if code is not None:
        return code
    place = None if unit is None else position(unit, "--unit")
    counts = count(read_subjects(spec, inputs, layout, needs_input=False, trains=train, any_channels=True), depth)
    report = receptive_field(counts, place, paths=paths)
    tables = []
    for block in report.blocks:
        rows = [cells for row in block.block.rows for cells in field_rows(block, row)]
        columns = COLUMNS if any(cells["global"] for cells in rows) else COLUMNS[:-1]
        head = [block.block.subject.reading]
        tables.append(Table(columns=columns, rows=rows, head=head, foot=field_feet(block)))
    answer = Answer("rf", report.to_dict, tables, hints=counts.hints)
    answer = with_assertions(
        answer, asserts, {**count_figures(counts), **field_figures(report.blocks)}, counts.at_least, place_of(spec)
    )
    return emit(answer, form, out)
