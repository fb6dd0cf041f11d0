"""`convcalc summary`: everything in one table."""

from __future__ import annotations

from convcalc.analyses.counts.report import count as count_layers
from convcalc.analyses.layer_answers import summarise
from convcalc.cli.options import AsFormat, Depth, Format, InputLayout, Inputs, Layout, Out, Spec, Train, emit
from convcalc.cli.subjects import read_subjects
from convcalc.cli.views.summary import summary_tables
from convcalc.render.table import Answer


def command(
    spec: Spec = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    train: Train = False,
    depth: Depth = 1,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Shapes, parameters, multiply-adds and receptive field of every layer, with shares and totals.

    Example: convcalc summary @resnet_stem
    """
    report = summarise(count_layers(read_subjects(spec, inputs, layout, trains=train), depth))
    answer = Answer("summary", report.to_dict, summary_tables(report), hints=report.counts.hints)
    return emit(answer, form, out)
