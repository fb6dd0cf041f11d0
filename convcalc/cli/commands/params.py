"""`convcalc params`: learned numbers."""

from __future__ import annotations

from typing import Any

from convcalc.analyses.counts.report import CountedRow, CountReport, count
from convcalc.analyses.layer_answers import PARTS, ParamsReport, params_json
from convcalc.cli.assertions import Asserts, count_figures, with_assertions
from convcalc.cli.options import AsFormat, At, Depth, Format, InputLayout, Inputs, Latex, Layout, Out, Spec, emit
from convcalc.cli.subjects import hints, place_of, read_subjects
from convcalc.cli.views.counts import at_least_line, folded_line, total_label, trainable_text
from convcalc.cli.views.general import general_answer
from convcalc.errors import SpecError
from convcalc.render.table import Answer, Column, Table
from convcalc.sizes import known
from convcalc.spec.deployed import deployed
from convcalc.units import count as count_text
from convcalc.units import exactly, percent, share


def command(
    spec: Spec = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    depth: Depth = 1,
    asserts: Asserts = None,
    at: At = None,
    latex: Latex = False,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Weights, biases and norm parameters per layer; needs no -i where the channels are stated."""
    code = general_answer(
        "params",
        spec,
        inputs,
        layout.value,
        form,
        out,
        columns=("params", "trainable", "weights", "biases", "norm"),
        counts=("params", "weights", "biases", "norm"),
        numbers=at,
        latex=latex,
        single={"--depth": depth > 1, "--assert": asserts},
    )
    if code is not None:
        return code
    subjects = read_subjects(spec, inputs, layout, needs_input=False, printed=True)
    report = count(subjects, depth, [deployed(subject) for subject in subjects])
    _check_known(report)
    document = ParamsReport(report).to_dict
    rows = [_cells(row, report) for row in report.rows]
    if len(report.blocks) > 1:
        rows = [{**row, "name": str(number)} for number, row in enumerate(rows)]
    several = f"{len(report.blocks)} layers, each by itself"
    table = Table(
        columns=_columns(report),
        rows=rows,
        total={"layer": total_label(report), "params": report.params.total, **params_json(report.params)},
        head=[subjects[0].reading if len(report.blocks) == 1 else several],
        foot=[
            f"{exactly(report.params.total)} parameters ({trainable_text(report.params)})",
            *at_least_line(report.at_least, "the weights"),
            *dict.fromkeys(note for subject in subjects for note in subject.block.notes),
            *folded_line(report),
        ],
    )
    answer = Answer("params", document, [table], hints=list(dict.fromkeys(hints(subjects))))
    answer = with_assertions(answer, asserts, count_figures(report), report.at_least, place_of(spec))
    return emit(answer, form, out)


def _check_known(report: CountReport) -> None:
    """Raise SpecError under a layer whose weights depend on an input that was not given."""
    for block in report.blocks:
        for row in block.rows:
            if not known(row.params.total):
                spot = block.subject.block.layers[int(row.segment.scope.path[0])].spot
                raise SpecError(
                    f"how many weights layer {row.name} has depends on the input: give -i, or state its channels", spot
                )


def _columns(report: CountReport) -> tuple[Column, ...]:
    parts = [part for part in PARTS if part in ("weights", "biases") or getattr(report.params, part)]
    return (
        Column("name", "#"),
        Column("layer", "layer"),
        *(Column(part, part, count_text, right=True) for part in parts),
        Column("params", "params", count_text, right=True),
        Column("share", "share", percent, right=True),
    )


def _cells(row: CountedRow, report: CountReport) -> dict[str, Any]:
    params = row.all_params
    return {
        "name": row.name,
        "layer": row.text,
        "params": params.total,
        **params_json(params),
        "share": share(params.total, report.params.total),
        "times": row.times,
        "each": {"params": row.params.total, **params_json(row.params)},
    }
