"""`convcalc shape`: output shapes."""

from __future__ import annotations

from convcalc.cli.options import AsFormat, Depth, Format, InputLayout, Inputs, Layout, Out, Spec, emit
from convcalc.cli.report import document, hints, label, lines, part, shape_of, stacks
from convcalc.render.table import Answer, Column, Table

COLUMNS = (Column("name", "#"), Column("layer", "layer"), Column("output", "output"))


def command(
    spec: Spec = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    depth: Depth = 1,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Output shape after each layer and at the end.

    Example: convcalc shape -i 3x224x224 conv2d out_channels=64 k=7 s=2 p=3 maxpool2d k=3 s=2 p=1
    """
    found = [(stack, lines(stack, depth)) for stack in stacks(spec, inputs, layout)]
    tables = []
    for stack, rows in found:
        body = [{"name": row.row.name, "layer": label(row, stack), "output": shape_of(row.row.outputs)} for row in rows]
        given = stack.graph.outputs
        end = [f"output {shape_of(given)} (batch {given[0].batch})"]
        tables.append(Table(columns=COLUMNS, rows=body, head=[stack.reading], foot=end))
    answer = Answer(
        "shape",
        document=document([part(stack, rows) for stack, rows in found]),
        tables=tables,
        hints=hints(stack for stack, _ in found),
    )
    return emit(answer, form, out)
