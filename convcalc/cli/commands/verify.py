"""`convcalc verify`: our numbers beside two others'."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convcalc.cli.options import (
    AsFormat,
    Format,
    InputLayout,
    Inputs,
    Layout,
    Out,
    Spec,
    check_output,
    emit,
    immediate_interrupts,
)
from convcalc.cli.subjects import check_runnable, read_subjects
from convcalc.profiling.plan import Setup
from convcalc.render.table import Answer, Column, Table
from convcalc.shapes import show
from convcalc.units import exactly

if TYPE_CHECKING:
    from convcalc.pytorch.verify_report import VerifiedLayer

COLUMNS = (
    Column("name", "#"),
    Column("layer", "layer"),
    Column("figure", "figure"),
    Column("ours", "convcalc", right=True),
    Column("theirs", "theirs", right=True),
    Column("verdict", "verdict"),
)
FIGURES = {
    "shape": "shape, torch",
    "params": "params, torch",
    "macs_torch": "MACs, torch",
    "macs_fvcore": "MACs, fvcore",
}


def command(
    spec: Spec = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Run the layers on the CPU and put our shape, parameters and MACs beside torch's own and fvcore's.

    torch's MACs are its FlopCounterMode's FLOPs / 2; fvcore's are its convolution, linear and matmul counts. Exit
    code 1 where a figure differs without a reason. Example: convcalc verify @resnet_stem
    """
    check_output(out)
    subjects = read_subjects(spec, inputs, layout)
    check_runnable(subjects)
    with immediate_interrupts():
        from convcalc.profiling.child.prepare import check_memory
        from convcalc.pytorch.verify_report import verify
    for subject in subjects:
        check_memory(subject.graph, Setup())
    report = verify(subjects)
    tables, holds = [], True
    for block, layers in zip(report.counts.blocks, report.blocks, strict=True):
        holds = holds and all(layer.holds for layer in layers)
        rows = [row for layer in layers for row in _rows(layer)]
        tables.append(Table(columns=COLUMNS, rows=rows, head=[block.subject.reading], foot=[_foot(holds)]))
    return emit(Answer("verify", report.to_dict(), tables, holds=report.holds), form, out)


def _rows(layer: VerifiedLayer) -> list[dict[str, Any]]:
    rows = []
    for number, (figure, verdict) in enumerate(layer.verdicts.items()):
        rows.append(
            {
                "name": layer.name if not number else "",
                "layer": layer.text if not number else "",
                "figure": FIGURES[figure],
                "ours": _figure(verdict.ours),
                "theirs": _figure(verdict.theirs),
                "verdict": verdict.text,
            }
        )
    return rows


def _figure(value: Any) -> str:
    if isinstance(value, tuple):
        return " + ".join(show(shape) for shape in value)
    return "-" if value is None else exactly(value)


def _foot(holds: bool) -> str:
    return "every figure agrees or differs for a stated reason" if holds else "a figure DIFFERS without a known reason"
