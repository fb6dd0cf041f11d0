"""`convcalc solve`: the inverse questions about sizes."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from convcalc.analyses.inverse import Bounds
from convcalc.analyses.inverse_report import solve
from convcalc.analyses.model_fit import fit_model
from convcalc.analyses.sweep import FitReport, fit_inputs
from convcalc.cli.options import AsFormat, Format, InputLayout, Inputs, Layout, Out, Spec, emit
from convcalc.cli.subjects import read_subjects
from convcalc.cli.values import sizes
from convcalc.cli.views.solve import fit_tables, model_fit_table, solution_table
from convcalc.errors import SpecError
from convcalc.limits import MAX_SOLUTIONS
from convcalc.render.table import Answer
from convcalc.spec.assemble import assemble
from convcalc.spec.model_words import model_words
from convcalc.spec.source import blocks
from convcalc.spec.spatial import spatial_stack

SIZES, KERNEL = "56x28", "41x11"
"""Examples in messages."""


def command(
    spec: Spec = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    size_in: Annotated[str | None, typer.Option("--in", metavar="A", help="Input size, 56 or 56x28.")] = None,
    size_out: Annotated[
        str | None, typer.Option("--out", metavar="B", help="Output size; with layers: which inputs give it.")
    ] = None,
    transposed: Annotated[bool, typer.Option("--transposed", help="Search transposed convolutions.")] = False,
    kernel: Annotated[
        str | None, typer.Option("--kernel-size", "-k", metavar="K", help="Only this kernel, 3 or per axis 41x11.")
    ] = None,
    stride: Annotated[str | None, typer.Option("--stride", "-s", metavar="S", help="Only this stride.")] = None,
    padding: Annotated[str | None, typer.Option("--padding", "-p", metavar="P", help="Only this padding.")] = None,
    dilation: Annotated[str | None, typer.Option("--dilation", "-d", metavar="D", help="Only this dilation.")] = None,
    max_kernel: Annotated[
        int | None, typer.Option("--max-kernel", min=1, max=99, help="Largest kernel searched (7).")
    ] = None,
    max_stride: Annotated[
        int | None, typer.Option("--max-stride", min=1, max=99, help="Largest stride searched (8).")
    ] = None,
    max_dilation: Annotated[
        int | None, typer.Option("--max-dilation", min=1, max=99, help="Largest dilation searched (1).")
    ] = None,
    max_size: Annotated[
        int | None,
        typer.Option("--max-size", min=1, max=2**16, help="With layers: largest input size searched (2048)."),
    ] = None,
    shown: Annotated[
        int | None, typer.Option("--top", min=1, max=MAX_SOLUTIONS, help="How many solutions a table shows (12).")
    ] = None,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Which layer turns size A into B, plain or transposed; or, with layers, which inputs fit them.

    With layers: the smallest input and the layer that collapses below it, the inputs that give --out, the positions
    that floor drops, and torch's 'same' beside TensorFlow's.
    A model is tried on some sizes.
    """
    searched = (kernel, stride, padding, dilation, max_kernel, max_stride, max_dilation, shown)
    if spec and all(re.fullmatch(r"[\dx]+", word) for word in spec):
        first, second = (*spec, "112")[:2]
        raise SpecError(f"solve takes the two sizes as options: solve --in {first} --out {second}")
    if spec:
        if size_in is not None or transposed or any(value is not None for value in searched):
            raise SpecError("with layers solve takes -i, --out and --max-size; the other options search for a layer")
        goal = None if size_out is None else sizes(size_out, "--out", SIZES)
        if model_words(spec) is not None:
            fit = fit_model(read_subjects(spec, inputs, layout)[0], goal, max_size or 2048)
            return emit(Answer("solve", fit.to_dict, [model_fit_table(fit)]), form, out)
        report = _fits(spec, inputs or [], layout, goal, max_size or 2048)
        return emit(Answer("solve", report.to_dict, fit_tables(report)), form, out)
    if size_in is None or size_out is None:
        raise SpecError("give --in and --out, such as solve --in 56 --out 112 --transposed, or layers")
    if inputs or max_size is not None:
        raise SpecError("-i and --max-size go with layers: give the sizes with --in and --out")
    options = (("--kernel-size", kernel), ("--stride", stride), ("--dilation", dilation))
    exact = [None if text is None else sizes(text, name, KERNEL) for name, text in options]
    pads = None if padding is None else sizes(padding, "--padding", KERNEL, 0)
    bounds = Bounds.up_to(max_kernel or 7, max_stride or 8, max_dilation or 1, exact=exact, padding=pads)
    ends = sizes(size_in, "--in", SIZES), sizes(size_out, "--out", SIZES)
    answer = solve(*ends, bounds, transposed=transposed)
    return emit(Answer("solve", answer.to_dict, [solution_table(answer, shown or 12)]), form, out)


def _fits(
    spec: list[str], inputs: list[str], layout: InputLayout, goal: tuple[int, ...] | None, limit: int
) -> FitReport:
    """The inputs of one block that fit. Raises SpecError for several."""
    block, *more = blocks(spec, inputs)
    if more:
        raise SpecError("solve takes one stack, not several blocks")
    stack = spatial_stack(block, layout.value)
    if stack.rank < 1:
        raise SpecError("solve needs an input with spatial axes")
    build = (lambda: assemble(block, layout=layout.value, any_channels=True)) if block.inputs else None
    return fit_inputs(stack, goal, limit, build)
