"""`convcalc hdc-check`: gridding of dilated convolutions."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from convcalc.analyses.hdc.report import hdc_check, hdc_check_layers
from convcalc.cli.options import Ascii, AsFormat, Drawn, Format, InputLayout, Inputs, Out, emit
from convcalc.cli.subjects import hints, read_subjects
from convcalc.cli.views.hdc import Drawing, layer_tables, rate_tables, written
from convcalc.cli.views.hdc_lists import growth_tables, lists_document, lists_table
from convcalc.errors import SpecError
from convcalc.render.table import Answer
from convcalc.spec.lexer import normal
from convcalc.spec.rates import looks_like_rates, parse_rates


def command(
    rates: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RATES...",
            help="Dilation rates, 1,2,5 or 1 2 5, nearest the input first (per axis: 1x2); or layers.",
        ),
    ] = None,
    kernel: Annotated[
        str | None,
        typer.Option("--kernel-size", "-k", metavar="K", help="Kernel size (default 3), or one per rate: 3,5,3."),
    ] = None,
    inputs: Inputs = None,
    strict: Annotated[bool, typer.Option("--strict", help="Parallel branches with holes fail as well.")] = False,
    suggest: Annotated[bool, typer.Option("--suggest", help="Print the nearest rates that leave no hole.")] = False,
    picture: Drawn = True,
    ascii_only: Ascii = False,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Do stacked dilated convolutions leave holes? The paper's three rules, and the exact answer.

    Exit code 1 when the exact check finds holes. The paper (arXiv:1702.08502) gives rules of thumb; which inputs
    are really reached, and by how many ways, is worked out beside them.
    """
    words = rates or []
    text = normal(" ".join(words))
    if not words:
        raise SpecError("no rates given: name them, nearest the input first, such as hdc-check 1,2,5 -k 3")
    drawing = Drawing(picture and form in (Format.table, Format.markdown), ascii_only)
    lists = [part.strip() for part in text.split("/")]
    if len(lists) > 1 and all(map(looks_like_rates, lists)):
        if inputs or strict:
            raise SpecError("rates take no -i and no --strict: those go with layers")
        pairs = [parse_rates(part, "3" if kernel is None else kernel) for part in lists]
        reports = [hdc_check(*numbers, suggest=suggest) for numbers in pairs]
        table = lists_table([written(numbers) for numbers, _ in pairs], reports)
        holds = all(report.holds() for report in reports)
        return emit(Answer("hdc-check", lambda: lists_document(reports), [table], holds=holds), form, out)
    if looks_like_rates(text):
        if inputs or strict:
            raise SpecError("rates take no -i and no --strict: those go with layers")
        numbers, kernels = parse_rates(text, "3" if kernel is None else kernel)
        report = hdc_check(numbers, kernels, suggest=suggest)
        tables = rate_tables(report, written(numbers), written(kernels), drawing)
        if out is not None and out.lower().endswith(".svg"):
            tables = [*growth_tables(numbers, kernels, drawing), *tables]
        return emit(Answer("hdc-check", report.to_dict, tables, holds=report.holds()), form, out)
    if kernel is not None or re.match(r"[-+\d]", text):
        own = "" if kernel is None else " (-k is the kernel of rates: layers say their own)"
        raise SpecError(f"rates are whole numbers from 1 with commas between, such as 1,2,5, not {text!r}{own}")
    subjects = read_subjects(words, inputs or [], InputLayout.chw, needs_input=False, any_channels=True)
    report = hdc_check_layers([subject.graph for subject in subjects], suggest=suggest)
    tables, holds = layer_tables(report, drawing), report.holds(strict=strict)
    return emit(Answer("hdc-check", report.to_dict, tables, hints=hints(subjects), holds=holds), form, out)
