"""`convcalc shape`: output shapes."""

from __future__ import annotations

from convcalc.analyses.counts.report import count
from convcalc.cli.options import AsFormat, Depth, Format, InputLayout, Inputs, Layout, Out, Spec, Train, emit
from convcalc.cli.subjects import read_subjects
from convcalc.cli.views.counts import shape_text
from convcalc.render.table import Answer, Column, Table

COLUMNS = (Column("name", "#"), Column("layer", "layer"), Column("output", "output"))


def command(
    spec: Spec = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    train: Train = False,
    depth: Depth = 1,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Output shape after each layer and at the end.

    Example: convcalc shape -i 3x224x224 conv2d out_channels=64 k=7 s=2 p=3 maxpool2d k=3 s=2 p=1
    """
    report = count(read_subjects(spec, inputs, layout, trains=train), depth)
    tables = []
    for block in report.blocks:
        axis, outputs = block.subject.batch_axis, block.subject.graph.outputs
        rows = [{"name": row.name, "layer": row.text, "output": shape_text(row.outputs, axis)} for row in block.rows]
        batch = outputs[0].shape[axis] if axis < len(outputs[0].shape) else outputs[0].batch
        end = [f"output {shape_text(outputs, axis)} (batch {batch})"]
        tables.append(Table(columns=COLUMNS, rows=rows, head=[block.subject.reading], foot=end))
    return emit(Answer("shape", report.to_dict, tables, hints=report.hints), form, out)
