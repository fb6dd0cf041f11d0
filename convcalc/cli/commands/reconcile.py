"""`convcalc reconcile`: why another counter's number is another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

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
from convcalc.cli.subjects import hints, read_subject
from convcalc.cli.views.counts import at_least_line
from convcalc.render.table import Answer, Column, Table
from convcalc.units import exactly

if TYPE_CHECKING:
    from convcalc.pytorch.reconcile import ReconcileReport

COLUMNS = (
    Column("counter", "counter"),
    Column("term", "term"),
    Column("amount", "amount", right=True),
)
RUN = Column("run", "run here", right=True)


def command(
    spec: Spec = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    names: Annotated[
        list[str] | None, typer.Option("--to", metavar="NAMES", help="Only these counters, such as fvcore,thop.")
    ] = None,
    runs: Annotated[bool, typer.Option("--run", help="Run those that are installed, and compare.")] = False,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """From our multiply-adds to fvcore's, torch's, torchinfo's, ptflops', thop's, calflops' and torchscan's, by terms.

    Each counter's own rules are applied to one record of the forward; with --run exit code 1 where a counter that runs
    says another number.
    """
    check_output(out)
    subject = read_subject(spec, inputs, layout, "reconcile takes one model or stack, not several blocks")
    with immediate_interrupts():
        from convcalc.pytorch.reconcile import reconcile
    chosen = [part.strip() for text in names or () for part in text.split(",")]
    report = reconcile(subject, chosen, runs=runs)
    table = Table(
        columns=(*COLUMNS, RUN) if runs else COLUMNS,
        rows=_rows(report),
        head=[subject.reading],
        foot=[*_foot(report), *at_least_line(report.at_least, "the work")],
    )
    answer = Answer("reconcile", report.to_dict, [table], hints=hints([subject]), holds=report.holds)
    return emit(answer, form, out)


def _rows(report: ReconcileReport) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for step in report.ladders:
        name = step.convention.name
        rows.append({"counter": name, "term": "convcalc's multiply-adds", "amount": exactly(step.macs)})
        rows += [{"counter": "", "term": term, "amount": f"{amount:+,}"} for term, amount in step.terms]
        ran = report.runs.get(name)
        said = {} if ran is None else {"run": exactly(ran) if isinstance(ran, int) else ran}
        rows.append({"counter": "", "term": f"= {step.convention.unit}", "amount": exactly(step.number), **said})
    return rows


def _foot(report: ReconcileReport) -> list[str]:
    ran = [step for step in report.ladders if isinstance(report.runs.get(step.convention.name), int)]
    unlike = [step.convention.name for step in ran if report.runs[step.convention.name] != step.number]
    if not report.runs:
        return ["--run runs the counters that are installed beside it"]
    if not unlike:
        return [f"{len(ran)} of {len(report.ladders)} counters ran, and each says what its ladder says"]
    return [f"{', '.join(unlike)} DIFFERS from its ladder"]
