"""`convcalc macs`: multiply-adds, and the other work beside them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from convcalc.analyses.counts.report import CountedRow
from convcalc.analyses.counts.report import count as count_layers
from convcalc.analyses.layer_answers import MacsReport, lost_share, macs_report
from convcalc.cli.assertions import Asserts, count_figures, with_assertions
from convcalc.cli.conventions import by_convention
from convcalc.cli.options import (
    AsFormat,
    At,
    Convention,
    Depth,
    Format,
    InputLayout,
    Inputs,
    Latex,
    Layout,
    Out,
    Spec,
    Train,
    emit,
)
from convcalc.cli.subjects import place_of, read_subjects
from convcalc.cli.views.counts import at_least_line, folded_line, shape_text, total_label
from convcalc.cli.views.general import general_answer
from convcalc.render.table import Answer, Column, Table
from convcalc.sizes import Size
from convcalc.spec.deployed import deployed
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
    train: Train = False,
    depth: Depth = 1,
    useful: Annotated[
        bool, typer.Option("--useful", help="Count the multiply-adds on real input beside those on padding.")
    ] = False,
    backward: Annotated[
        bool, typer.Option("--backward", help="Count the gradients as well: of activations and of weights.")
    ] = False,
    convention: Convention = None,
    asserts: Asserts = None,
    at: At = None,
    latex: Latex = False,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Multiply-adds per layer and in total; FLOPs = 2 x MACs. Other work is counted apart, by name."""
    code = general_answer(
        "macs",
        spec,
        inputs,
        layout.value,
        form,
        out,
        columns=("macs", "flops", "other"),
        counts=("macs", "flops", "other"),
        numbers=at,
        latex=latex,
        single={
            "--train": train,
            "--depth": depth > 1,
            "--assert": asserts,
            "--useful": useful,
            "--backward": backward,
            "--convention": convention,
        },
    )
    if code is not None:
        return code
    subjects = read_subjects(spec, inputs, layout, trains=train)
    counts = count_layers(subjects, depth, [deployed(subject) for subject in subjects])
    report = macs_report(counts, useful=useful, backward=backward)
    columns = (*FIRST, *(USEFUL if useful else ()), *(BACKWARD if backward else ()), *LAST)
    tables = []
    for block, extras in zip(counts.blocks, report.extras, strict=True):
        rows = [_cells(row, extra, counts.macs) for row, extra in zip(block.rows, extras, strict=True)]
        tables.append(Table(columns=columns, rows=rows, head=[block.subject.reading]))
    sums = report.sums
    whole: dict[str, Any] = {"layer": total_label(counts), "macs": counts.macs, "other": counts.other, **sums}
    if useful:
        whole["lost"] = lost_share(sums["macs_useful"], counts.macs)
    other = by_convention(subjects, convention)
    tables[-1] = tables[-1]._replace(total=whole, foot=[*_feet(report), *other.lines])
    answer = Answer("macs", other.document(report.to_dict), tables, hints=counts.hints)
    answer = with_assertions(answer, asserts, count_figures(counts), counts.at_least, place_of(spec))
    return emit(answer, form, out)


def _cells(row: CountedRow, extra: dict[str, Size], macs: Size) -> dict[str, Any]:
    cells: dict[str, Any] = {
        "name": row.name,
        "layer": row.text,
        "output": shape_text(row.outputs),
        "macs": row.all_macs,
        "share": share(row.all_macs, macs),
        "other": row.all_copies(row.other),
        **row.all_copies(extra),
        "times": row.times,
        "each": {"macs": row.macs, "other": row.other, **extra},
    }
    if "macs_useful" in extra:
        cells["lost"] = lost_share(extra["macs_useful"], row.macs)
    return cells


def _feet(report: MacsReport) -> list[str]:
    counts, sums = report.counts, report.sums
    macs = counts.macs
    lines = [f"{exactly(macs)} MACs = {exactly(counts.flops)} FLOPs (2 x MACs); biases, norms, pools are other work"]
    if "macs_useful" in sums:
        real = sums["macs_useful"]
        lines.append(f"{exactly(real)} MACs touch real input, {percent(lost_share(real, macs))} land on padding")
    if "macs_input_grad" in sums:
        data, weights = sums["macs_input_grad"], sums["macs_weight_grad"]
        lines.append(
            f"a training step: {exactly(report.training)} MACs = forward {exactly(macs)} + activations'"
            f" gradients {exactly(data)} + weights' {exactly(weights)}; the input needs no gradient"
        )
    return [*lines, *at_least_line(counts.at_least, "the work"), *folded_line(counts)]
