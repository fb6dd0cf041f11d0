"""`convcalc summary`: everything in one table."""

from __future__ import annotations

from typing import Any

from convcalc.analyses.field import fields
from convcalc.cli.fields import field_of, joined, seen_by, sized
from convcalc.cli.options import AsFormat, Depth, Format, InputLayout, Inputs, Layout, Out, Spec, emit
from convcalc.cli.report import document, hints, label, lines, missing, part, shape_of, stacks, totals, warning
from convcalc.errors import UnsupportedError
from convcalc.render.table import Answer, Column, Table
from convcalc.sizes import total
from convcalc.units import count, exactly, percent, share

COLUMNS = (
    Column("name", "#"),
    Column("layer", "layer"),
    Column("output", "output"),
    Column("params", "params", count, right=True),
    Column("params_share", "share", percent, right=True),
    Column("macs", "MACs", count, right=True),
    Column("macs_share", "share", percent, right=True),
    Column("other", "other", count, right=True),
    Column("size", "field", right=True),
    Column("jump", "jump", right=True),
)


def command(
    spec: Spec = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    depth: Depth = 1,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Shapes, parameters, multiply-adds and receptive field of every layer, with shares and totals.

    Example: convcalc summary @resnet_stem
    """
    found = [(stack, lines(stack, depth)) for stack in stacks(spec, inputs, layout)]
    held, work, other = totals([line for _, rows in found for line in rows])
    names = [name for stack, _ in found for name in missing(stack)]
    tables, parts = [], []
    for number, (stack, rows) in enumerate(found):
        try:
            seen = fields(stack.graph)
        except UnsupportedError:
            seen = {}
        body: list[dict[str, Any]] = []
        for line in rows:
            fields_of = seen_by(line.row.outputs[-1], stack, seen) if seen else []
            body.append(
                {
                    "name": line.row.name,
                    "layer": label(line, stack),
                    "output": shape_of(line.row.outputs),
                    "params": line.params.total * line.times,
                    "params_share": share(line.params.total * line.times, held.total),
                    "macs": line.macs * line.times,
                    "macs_share": share(line.macs * line.times, work),
                    "other": total(line.other.values()) * line.times,
                    "size": " + ".join(sized(one) for _, one in fields_of),
                    "jump": joined(fields_of[0][1].jump) if fields_of else "",
                }
            )
        last = number == len(found) - 1
        sums = {
            "layer": "at least" if names else "total",
            "params": held.total,
            "macs": work,
            "other": total(other.values()),
        }
        foot = [
            f"{exactly(held.total)} parameters; {exactly(work)} MACs = {exactly(2 * work)} FLOPs (2 x MACs)",
            *warning(names, "all"),
        ]
        tables.append(
            Table(
                columns=COLUMNS,
                rows=body,
                total=sums if last else None,
                head=[stack.reading],
                foot=foot if last else [],
            )
        )
        extras = [{"other": line.other, **(field_of(line.row.outputs, stack, seen) if seen else {})} for line in rows]
        parts.append(part(stack, rows, extras))
    answer = Answer(
        "summary",
        document=document(parts, flops=2 * work, other=other),
        tables=tables,
        hints=hints(stack for stack, _ in found),
    )
    return emit(answer, form, out)
