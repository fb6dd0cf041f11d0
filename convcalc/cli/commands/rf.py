"""`convcalc rf`: receptive fields."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from convcalc.analyses.field import Field, fields
from convcalc.analyses.receptive import Receptive
from convcalc.analyses.steps import hops
from convcalc.cli.fields import also, field_of, joined, outputs_of, seen_by, sized, sparse
from convcalc.cli.options import AsFormat, Depth, Format, InputLayout, Inputs, Layout, Out, Spec, emit
from convcalc.cli.regions import further, position
from convcalc.cli.report import Line, document, hints, label, lines, part, shape_of, stacks
from convcalc.ops import Pad
from convcalc.render.table import Answer, Column, Table
from convcalc.spec.assemble import Stack

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
    depth: Depth = 1,
    unit: Annotated[
        str | None, typer.Option("--unit", metavar="I,J", help="Say what this output sees, clipped to the input.")
    ] = None,
    paths: Annotated[
        bool, typer.Option("--paths", help="Count the ways through the layers: 2^n for n residual blocks.")
    ] = False,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Receptive field of one output: size, jump (input positions per output), start and centre of output 0.

    Where the field differs by phase (after a transposed or resized layer) the least and the greatest are given.
    Needs no -i unless branches of different strides meet. Example: convcalc rf @resnet_stem
    """
    place = None if unit is None else position(unit)
    found = [(stack, lines(stack, depth)) for stack in stacks(spec, inputs, layout, needs_input=False)]
    tables, parts = [], []
    for stack, rows in found:
        seen = fields(stack.graph)
        body = [row for line in rows for row in _rows(line, stack, seen)]
        extras = [field_of(line.row.outputs, stack, seen) for line in rows]
        columns = COLUMNS if any(row["global"] for row in body) else COLUMNS[:-1]
        more = further(stack, rows, seen, place, paths=paths)
        foot = [*_ends(stack, seen), *_borders(stack), *more.lines]
        tables.append(Table(columns=columns, rows=body, head=[stack.reading], foot=foot))
        parts.append({**part(stack, rows, extras), **field_of(stack.graph.outputs, stack, seen), **more.document})
    answer = Answer("rf", document=document(parts), tables=tables, hints=hints(stack for stack, _ in found))
    return emit(answer, form, out)


def _rows(line: Line, stack: Stack, seen: dict[int, Field]) -> list[dict[str, Any]]:
    rows = []
    several = len(stack.graph.inputs) > 1
    for value in outputs_of(line.row.outputs, stack):
        part = f": {stack.names[value.index]}" if value.index in stack.names else ""
        for name, one in seen_by(value, stack, seen):
            rows.append(
                {
                    "name": line.row.name,
                    "layer": label(line, stack) + part + (f" of {name}" if several else ""),
                    "output": shape_of((value,)),
                    "size": sized(one),
                    "jump": joined(one.jump, "varies" if any(one.axes) else "-"),
                    "start": joined(one.start),
                    "centre": joined(one.centre),
                    "global": also(one),
                }
            )
    return rows


def _borders(stack: Stack) -> list[str]:
    modes = [node.op.mode for node in stack.graph.nodes if isinstance(node.op, Pad) and node.op.mode != "constant"]
    return [f"near the border {' and '.join(dict.fromkeys(modes))} padding reads other positions"] if modes else []


def _ends(stack: Stack, seen: dict[int, Field]) -> list[str]:
    """One sentence for each input: what one output sees of it."""
    found = dict(seen_by(stack.graph.outputs[-1], stack, seen))
    if not found and sparse(stack.graph):
        far = hops(stack.graph)[stack.graph.outputs[-1].index]
        which = f"the nodes up to {far} hop{'s' if far > 1 else ''} away"
        return [f"one output sees {which}: which ones those are depends on the graph's edges"]
    if not found:
        return ["the input has no spatial axes, or none of them reaches the output: there is no field to give"]
    several = len(stack.graph.inputs) > 1
    sentences = []
    for value in stack.graph.inputs:
        name = getattr(stack.graph.nodes[value.index].op, "name", "")
        if name in found:
            sentences.append(_sentence(found[name], f" of {name}" if several else ""))
    return sentences


def _sentence(one: Receptive, of: str) -> str:
    if not any(one.axes):
        return f"one output sees the whole input{of} ({one.everything})"
    text = f"one output sees {sized(one)} input positions{of}, one step is {joined(one.jump, 'uneven')}"
    if one.everything:
        text += f"; and {also(one)}"
    return text
