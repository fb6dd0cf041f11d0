"""`convcalc memory`: bytes of parameters and activations, in inference and in training."""

from __future__ import annotations

from typing import Annotated

import typer

from convcalc.analyses.counts.memory_report import memory_report
from convcalc.analyses.counts.report import count
from convcalc.cli.assertions import Asserts, count_figures, with_assertions
from convcalc.cli.options import AsFormat, Depth, Format, InputLayout, Inputs, Layout, Out, Spec, Train, emit
from convcalc.cli.ranges import Dtype
from convcalc.cli.subjects import place_of, read_subjects
from convcalc.cli.views.general import general_answer
from convcalc.cli.views.memory import memory_table
from convcalc.render.table import Answer
from convcalc.units import ITEMSIZES


def command(
    spec: Spec = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    train: Train = False,
    depth: Depth = 1,
    dtype: Annotated[Dtype, typer.Option("--dtype", help="Element type of parameters and activations.")] = Dtype.fp32,
    asserts: Asserts = None,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Bytes of parameters and activations: what is alive at once in inference, what training keeps.

    Per layer: what it makes, what is alive while it runs in inference, what is kept for its backward. Kernels' own
    workspaces come on top.
    """
    code = general_answer(
        "memory",
        spec,
        inputs,
        layout.value,
        form,
        out,
        columns=("params", "peak_memory", "training_memory"),
        dtype=dtype.value,
        single={"--train": train, "--depth": depth > 1, "--assert": asserts},
    )
    if code is not None:
        return code
    counts = count(read_subjects(spec, inputs, layout, trains=train), depth)
    report = memory_report(counts, dtype.value, ITEMSIZES[dtype.value], trains=dtype is not Dtype.int8)
    tables = [memory_table(block) for block in report.blocks]
    answer = Answer("memory", report.to_dict, tables, hints=counts.hints)
    answer = with_assertions(
        answer, asserts, {**count_figures(counts), **report.figures}, counts.at_least, place_of(spec)
    )
    return emit(answer, form, out)
