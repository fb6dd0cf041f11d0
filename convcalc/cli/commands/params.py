"""`convcalc params`: learned numbers."""

from __future__ import annotations

from typing import Any

from convcalc.analyses.params import Params
from convcalc.cli.options import AsFormat, Depth, Format, InputLayout, Inputs, Layout, Out, Spec, emit
from convcalc.cli.report import (
    Line,
    document,
    folded_foot,
    folded_totals,
    label,
    lines,
    missing,
    part,
    stacks,
    totals,
    warning,
)
from convcalc.errors import SpecError
from convcalc.render.table import Answer, Column, Table
from convcalc.sizes import known, total
from convcalc.units import count, exactly, percent, share

PARTS = ("weights", "biases", "norm", "other")


def command(
    spec: Spec = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    depth: Depth = 1,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Weights, biases and norm parameters per layer; needs no -i where the channels are stated.

    Example: convcalc params "Conv3d(3, 10, (6, 5, 4))"
    """
    found = [(stack, lines(stack, depth)) for stack in stacks(spec, inputs, layout, needs_input=False, printed=True)]
    everything = [(stack, line) for stack, rows in found for line in rows]
    for stack, line in everything:
        if not known(line.params.total):
            spot = stack.block.layers[int(line.row.scope.path[0])].spot
            raise SpecError(
                f"how many weights layer {line.row.name} has depends on the input: give -i, or state its channels",
                spot,
            )
    held, _, _ = totals([line for _, line in everything])
    body = [_row(line, label(line, stack), held) for stack, line in everything]
    if len(found) > 1:
        body = [{**row, "name": str(number)} for number, row in enumerate(body)]
    names = list(dict.fromkeys(name for stack, _ in found for name in missing(stack)))
    shown = ("weights", "biases", *(key for key in ("norm", "other") if getattr(held, key)))
    columns = (
        Column("name", "#"),
        Column("layer", "layer"),
        *(Column(key, key, count, right=True) for key in shown),
        Column("params", "params", count, right=True),
        Column("share", "share", percent, right=True),
    )
    last = {"layer": "at least" if names else "total", **_counts(held)}
    deployed = folded_totals([stack for stack, _ in found])
    table = Table(
        columns=columns,
        rows=body,
        total=last,
        head=[found[0][0].reading] if len(found) == 1 else [f"{len(found)} layers, each by itself"],
        foot=[
            f"{exactly(held.total)} parameters, {exactly(held.trainable)} of them trainable",
            *warning(names, "the weights"),
            *folded_foot(deployed),
        ],
    )
    extras = [[_counts(line.params) for line in rows] for _, rows in found]
    parts = [part(stack, rows, extra) for (stack, rows), extra in zip(found, extras, strict=True)]
    answer = Answer(
        "params",
        document=document(parts, **_sums(held), **deployed),
        tables=[table],
    )
    return emit(answer, form, out)


def _counts(held: Params) -> dict[str, Any]:
    return {"params": held.total, "trainable": held.trainable, **{key: getattr(held, key) for key in PARTS}}


def _sums(held: Params) -> dict[str, Any]:
    return {"trainable": held.trainable, **{key: getattr(held, key) for key in PARTS}}


def _row(line: Line, text: str, held: Params) -> dict[str, Any]:
    times = line.times
    counted = line.params * times
    return {
        "name": line.row.name,
        "layer": text,
        **_counts(counted),
        "share": share(total((counted.total,)), held.total),
    }
