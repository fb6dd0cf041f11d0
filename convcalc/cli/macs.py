"""`convcalc macs`: multiply-adds, and the other work beside them."""

from __future__ import annotations

from typing import Any

from convcalc.cli.options import AsFormat, Depth, Format, InputLayout, Inputs, Layout, Out, Spec, emit
from convcalc.cli.report import (
    document,
    folded_foot,
    folded_totals,
    hints,
    label,
    lines,
    missing,
    part,
    shape_of,
    stacks,
    totals,
    warning,
)
from convcalc.render.table import Answer, Column, Table
from convcalc.render.units import count, exactly, percent, share

COLUMNS = (
    Column("name", "#"),
    Column("layer", "layer"),
    Column("output", "output"),
    Column("macs", "MACs", count, right=True),
    Column("share", "share", percent, right=True),
    Column("other", "other work", lambda other: ", ".join(f"{name} {count(n)}" for name, n in other.items())),
)


def command(
    spec: Spec = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    depth: Depth = 1,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Multiply-adds per layer and in total; FLOPs = 2 x MACs. Other work is counted apart, by name.

    Example: convcalc macs -i 3x32x32 depthwise_separable out_channels=64 k=3 p=1
    """
    found = [(stack, lines(stack, depth)) for stack in stacks(spec, inputs, layout)]
    everything = [line for _, rows in found for line in rows]
    _, work, other = totals(everything)
    names = [name for stack, _ in found for name in missing(stack)]
    deployed = folded_totals([stack for stack, _ in found])
    tables = []
    for number, (stack, rows) in enumerate(found):
        body: list[dict[str, Any]] = [
            {
                "name": line.row.name,
                "layer": label(line, stack),
                "output": shape_of(line.row.outputs),
                "macs": line.macs * line.times,
                "share": share(line.macs * line.times, work),
                "other": {name: n * line.times for name, n in line.other.items()},
            }
            for line in rows
        ]
        last = number == len(found) - 1
        foot = [
            f"{exactly(work)} MACs = {exactly(2 * work)} FLOPs (2 x MACs); biases, norms, pools are other work",
            *warning(names, "the work"),
            *(folded_foot(deployed) if last else []),
        ]
        tables.append(
            Table(
                columns=COLUMNS,
                rows=body,
                total={"layer": "at least" if names else "total", "macs": work, "other": other} if last else None,
                head=[stack.reading],
                foot=foot if last else [],
            )
        )
    parts = [
        part(stack, rows, [{"flops": 2 * line.macs, "other": line.other} for line in rows]) for stack, rows in found
    ]
    answer = Answer(
        document=document("macs", parts, flops=2 * work, other=other, **deployed),
        tables=tables,
        hints=hints(stack for stack, _ in found),
    )
    return emit(answer, form, out)
