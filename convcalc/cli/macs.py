"""`convcalc macs`: multiply-adds, and the other work beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from convcalc.analyses.useful import useful as real_macs
from convcalc.cli.options import AsFormat, Depth, Format, InputLayout, Inputs, Layout, Out, Spec, emit
from convcalc.cli.read.stack import Stack
from convcalc.cli.report import (
    Line,
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
from convcalc.sizes import Size, total

COLUMNS = (
    Column("name", "#"),
    Column("layer", "layer"),
    Column("output", "output"),
    Column("macs", "MACs", count, right=True),
    Column("share", "share", percent, right=True),
    Column("macs_useful", "useful", count, right=True),
    Column("lost", "lost", percent, right=True),
    Column("other", "other work", lambda other: ", ".join(f"{name} {count(n)}" for name, n in other.items())),
)


def command(
    spec: Spec = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    depth: Depth = 1,
    useful: Annotated[
        bool, typer.Option("--useful", help="Count the multiply-adds on real input beside those on padding.")
    ] = False,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Multiply-adds per layer and in total; FLOPs = 2 x MACs. Other work is counted apart, by name.

    Example: convcalc macs -i 3x32x32 depthwise_separable out_channels=64 k=3 p=1
    """
    found = [(stack, lines(stack, depth)) for stack in stacks(spec, inputs, layout)]
    everything = [line for _, rows in found for line in rows]
    kept = [_useful(stack, rows) for stack, rows in found] if useful else []
    _, work, other = totals(everything)
    real = total(
        kept_ * line.times
        for counts, (_, rows) in zip(kept, found, strict=False)
        for kept_, line in zip(counts, rows, strict=True)
    )
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
        if useful:
            for row, line, count_ in zip(body, rows, kept[number], strict=True):
                row.update(macs_useful=count_ * line.times, lost=_lost(count_, line.macs))
        last = number == len(found) - 1
        sums: dict[str, Any] = {"layer": "at least" if names else "total", "macs": work, "other": other}
        if useful:
            sums.update(macs_useful=real, lost=_lost(real, work))
        foot = [
            f"{exactly(work)} MACs = {exactly(2 * work)} FLOPs (2 x MACs); biases, norms, pools are other work",
            *(
                [f"{exactly(real)} MACs touch real input, {percent(_lost(real, work))} land on padding"]
                if useful
                else []
            ),
            *warning(names, "the work"),
            *(folded_foot(deployed) if last else []),
        ]
        tables.append(
            Table(
                columns=[column for column in COLUMNS if useful or column.key not in ("macs_useful", "lost")],
                rows=body,
                total=sums if last else None,
                head=[stack.reading],
                foot=foot if last else [],
            )
        )
    parts = []
    for number, (stack, rows) in enumerate(found):
        extras: list[dict[str, Any]] = [{"flops": 2 * line.macs, "other": line.other} for line in rows]
        if useful:
            for extra, count_ in zip(extras, kept[number], strict=True):
                extra["macs_useful"] = count_
        parts.append(part(stack, rows, extras))
    answer = Answer(
        document=document(
            "macs", parts, flops=2 * work, **({"macs_useful": real} if useful else {}), other=other, **deployed
        ),
        tables=tables,
        hints=hints(stack for stack, _ in found),
    )
    return emit(answer, form, out)


def _useful(stack: Stack, rows: Sequence[Line]) -> list[Size]:
    """The useful multiply-adds of each row."""
    counts = real_macs(stack.graph)
    return [total(counts.get(node.output.index, 0) for node in line.row.nodes) for line in rows]


def _lost(real: Size, work: Size) -> float | None:
    """The share of the work that lands on padding."""
    kept = share(real, work)
    return None if kept is None else 1 - kept
