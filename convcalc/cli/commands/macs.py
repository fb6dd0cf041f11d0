"""`convcalc macs`: multiply-adds, and the other work beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from convcalc.analyses.training import gradients_of, needs_gradient
from convcalc.analyses.useful import useful as real_macs
from convcalc.cli.options import AsFormat, Depth, Format, InputLayout, Inputs, Layout, Out, Spec, emit
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
from convcalc.sizes import Size, total
from convcalc.spec.assemble import Stack
from convcalc.units import count, exactly, percent, share

FIRST = (
    Column("name", "#"),
    Column("layer", "layer"),
    Column("output", "output"),
    Column("macs", "MACs", count, right=True),
    Column("share", "share", percent, right=True),
)
USEFUL = (Column("macs_useful", "useful", count, right=True), Column("lost", "lost", percent, right=True))
BACKWARD = (
    Column("macs_input_grad", "activations' gradients", count, right=True),
    Column("macs_weight_grad", "weights' gradients", count, right=True),
)
LAST = (Column("other", "other work", lambda other: ", ".join(f"{name} {count(n)}" for name, n in other.items())),)


def command(
    spec: Spec = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    depth: Depth = 1,
    useful: Annotated[
        bool, typer.Option("--useful", help="Count the multiply-adds on real input beside those on padding.")
    ] = False,
    backward: Annotated[
        bool, typer.Option("--backward", help="Count the gradients as well: of activations and of weights.")
    ] = False,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Multiply-adds per layer and in total; FLOPs = 2 x MACs. Other work is counted apart, by name.

    Example: convcalc macs -i 3x32x32 depthwise_separable out_channels=64 k=3 p=1
    """
    found = [(stack, lines(stack, depth)) for stack in stacks(spec, inputs, layout)]
    everything = [line for _, rows in found for line in rows]
    further = [_further(stack, rows, useful=useful, backward=backward) for stack, rows in found]
    _, work, other = totals(everything)
    sums = _sums(further, everything)
    names = [name for stack, _ in found for name in missing(stack)]
    deployed = folded_totals([stack for stack, _ in found])
    tables, parts = [], []
    for (stack, rows), extras in zip(found, further, strict=True):
        body = [_row(line, extra, stack, work) for line, extra in zip(rows, extras, strict=True)]
        columns = (*FIRST, *(USEFUL if useful else ()), *(BACKWARD if backward else ()), *LAST)
        tables.append(Table(columns=columns, rows=body, head=[stack.reading]))
        counts = [{"flops": 2 * line.macs, "other": line.other} for line in rows]
        parts.append(part(stack, rows, [{**own, **extra} for own, extra in zip(counts, extras, strict=True)]))
    foot = [
        f"{exactly(work)} MACs = {exactly(2 * work)} FLOPs (2 x MACs); biases, norms, pools are other work",
        *_feet(sums, work),
        *warning(names, "the work"),
        *folded_foot(deployed),
    ]
    whole: dict[str, Any] = {"layer": "at least" if names else "total", "macs": work, "other": other, **sums}
    if useful:
        whole["lost"] = _lost(sums["macs_useful"], work)
    tables[-1] = tables[-1]._replace(total=whole, foot=foot)
    answer = Answer(
        "macs",
        document=document(parts, flops=2 * work, **sums, other=other, **deployed),
        tables=tables,
        hints=hints(stack for stack, _ in found),
    )
    return emit(answer, form, out)


def _row(line: Line, extra: dict[str, Size], stack: Stack, work: Size) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": line.row.name,
        "layer": label(line, stack),
        "output": shape_of(line.row.outputs),
        "macs": line.macs * line.times,
        "share": share(line.macs * line.times, work),
        "other": {name: n * line.times for name, n in line.other.items()},
        **{key: n * line.times for key, n in extra.items()},
    }
    if "macs_useful" in extra:
        row["lost"] = _lost(extra["macs_useful"], line.macs)
    return row


def _further(stack: Stack, rows: Sequence[Line], *, useful: bool, backward: bool) -> list[dict[str, Size]]:
    """What was asked for besides, for each row."""
    found: list[dict[str, Size]] = [{} for _ in rows]
    if useful:
        real = real_macs(stack.graph)
        for line, row in zip(rows, found, strict=True):
            row["macs_useful"] = total(real.get(node.output.index, 0) for node in line.row.nodes)
    if backward:
        needs = needs_gradient(stack.graph)
        for line, row in zip(rows, found, strict=True):
            row["macs_input_grad"], row["macs_weight_grad"] = gradients_of(line.row.nodes, needs)
    return found


def _sums(further: Sequence[Sequence[dict[str, Size]]], everything: Sequence[Line]) -> dict[str, Size]:
    every = [extra for rows in further for extra in rows]
    keys = list(every[0]) if every else []
    return {key: total(extra[key] * line.times for extra, line in zip(every, everything, strict=True)) for key in keys}


def _feet(sums: dict[str, Size], work: Size) -> list[str]:
    lines_ = []
    if "macs_useful" in sums:
        real = sums["macs_useful"]
        lines_.append(f"{exactly(real)} MACs touch real input, {percent(_lost(real, work))} land on padding")
    if "macs_input_grad" in sums:
        data, weights = sums["macs_input_grad"], sums["macs_weight_grad"]
        lines_.append(
            f"a training step: {exactly(work + data + weights)} MACs = forward {exactly(work)} + activations'"
            f" gradients {exactly(data)} + weights' {exactly(weights)}; the input needs no gradient"
        )
    return lines_


def _lost(real: Size, work: Size) -> float | None:
    """The share of the work that lands on padding."""
    kept = share(real, work)
    return None if kept is None else 1 - kept
