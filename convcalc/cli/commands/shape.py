"""`convcalc shape`: output shapes."""

from __future__ import annotations

from convcalc.analyses.counts.report import count
from convcalc.cli.assertions import Asserts, count_figures, with_assertions
from convcalc.cli.options import AsFormat, At, Depth, Format, InputLayout, Inputs, Latex, Layout, Out, Spec, Train, emit
from convcalc.cli.subjects import place_of, read_subjects
from convcalc.cli.views.counts import shape_text
from convcalc.cli.views.general import general_answer
from convcalc.render.table import Answer, Column, Table

COLUMNS = (Column("name", "#"), Column("layer", "layer"), Column("output", "output"))


def command(
    spec: Spec = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    train: Train = False,
    depth: Depth = 1,
    asserts: Asserts = None,
    at: At = None,
    latex: Latex = False,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Output shape after each layer and at the end."""
    code = general_answer(
        "shape",
        spec,
        inputs,
        layout.value,
        form,
        out,
        columns=(),
        counts=(),
        numbers=at,
        latex=latex,
        single={"--train": train, "--depth": depth > 1, "--assert": asserts},
    )
    if code is not None:
        return code
    report = count(read_subjects(spec, inputs, layout, trains=train), depth)
    tables = []
    for block in report.blocks:
        axis, outputs = block.subject.batch_axis, block.subject.graph.outputs
        rows = [{"name": row.name, "layer": row.text, "output": shape_text(row.outputs, axis)} for row in block.rows]
        batch = outputs[0].shape[axis] if axis < len(outputs[0].shape) else outputs[0].batch
        end = [f"output {shape_text(outputs, axis)} (batch {batch})"]
        tables.append(Table(columns=COLUMNS, rows=rows, head=[block.subject.reading], foot=end))
    answer = Answer("shape", report.to_dict, tables, hints=report.hints)
    answer = with_assertions(answer, asserts, count_figures(report), report.at_least, place_of(spec))
    return emit(answer, form, out)
