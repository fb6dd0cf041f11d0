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
    Train,
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
    from convcalc.pytorch.verify import Verdict
    from convcalc.pytorch.verify_report import VerifiedLayer

COLUMNS = (
    Column("name", "#"),
    Column("layer", "layer"),
    Column("figure", "figure"),
    Column("ours", "convcalc", right=True),
    Column("torch", "torch", right=True),
    Column("fvcore", "fvcore", right=True),
    Column("verdict", "verdict"),
)


def command(
    spec: Spec = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    train: Train = False,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Run the layers on the CPU and put our shape, parameters and MACs beside torch's own and fvcore's.

    torch's MACs are its FlopCounterMode's FLOPs / 2; fvcore's are its convolution, linear and matmul counts. Exit
    code 1 where a figure differs without a reason.
    """
    check_output(out)
    subjects = read_subjects(spec, inputs, layout, trains=train)
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
        reasons: list[str] = []
        rows = [row for layer in layers for row in _rows(layer, reasons)]
        foot = [*(f"({number}) {reason}" for number, reason in enumerate(reasons, 1)), _foot(holds)]
        head = [block.subject.reading]
        tables.append(Table(columns=COLUMNS, rows=rows, head=head, foot=foot, lead=("name", "figure")))
    return emit(Answer("verify", report.to_dict, tables, holds=report.holds), form, out)


def _short(verdict: Verdict, reasons: list[str]) -> str:
    """A verdict with the number that its reason has under the table."""
    if not verdict.reason:
        return verdict.text
    if verdict.reason not in reasons:
        reasons.append(verdict.reason)
    return f"differs ({reasons.index(verdict.reason) + 1})"


def _rows(layer: VerifiedLayer, reasons: list[str]) -> list[dict[str, Any]]:
    shape, params, by_torch, by_fvcore = (
        layer.verdicts[key] for key in ("shape", "params", "macs_torch", "macs_fvcore")
    )
    both = by_torch.text
    if by_torch.text != by_fvcore.text or by_torch.reason:
        both = f"torch {_short(by_torch, reasons)}; fvcore {_short(by_fvcore, reasons)}"
    rows = [
        {"figure": "shape", "ours": shape.ours, "torch": shape.theirs, "verdict": shape.text},
        {"figure": "params", "ours": params.ours, "torch": params.theirs, "verdict": params.text},
        {
            "figure": "MACs",
            "ours": by_torch.ours,
            "torch": by_torch.theirs,
            "fvcore": by_fvcore.theirs,
            "verdict": both,
        },
    ]
    figures = ("ours", "torch", "fvcore")
    return [
        {
            "name": "" if number else layer.name,
            "layer": "" if number else layer.text,
            **{key: _figure(value) if key in figures else value for key, value in row.items()},
        }
        for number, row in enumerate(rows)
    ]


def _figure(value: Any) -> str:
    if isinstance(value, tuple):
        return " + ".join(show(shape) for shape in value)
    return "-" if value is None else exactly(value)


def _foot(holds: bool) -> str:
    return "every figure agrees or differs for a stated reason" if holds else "a figure DIFFERS without a known reason"
