"""`convcalc summary`: everything in one table."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Annotated

import typer

from convcalc.analyses.counts.report import count as count_layers
from convcalc.analyses.layer_answers import summarise
from convcalc.cli.assertions import Asserts, count_figures, field_figures, with_assertions
from convcalc.cli.conventions import by_convention
from convcalc.cli.options import AsFormat, Convention, Format, InputLayout, Inputs, Layout, Out, Spec, Train, emit
from convcalc.cli.subjects import place_of, read_subjects
from convcalc.cli.views.module_tree import TIME, columns, order, tree_tables
from convcalc.cli.views.summary import summary_tables
from convcalc.errors import SpecError
from convcalc.limits import MAX_DEPTH
from convcalc.render.table import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from convcalc.analyses.module_tree import ModuleTree
    from convcalc.graph import Path


def command(
    spec: Spec = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    train: Train = False,
    depth: Annotated[
        int | None,
        typer.Option("--depth", min=1, max=MAX_DEPTH, help="How deep into parts rows go; a model: what fits a screen."),
    ] = None,
    flat: Annotated[bool, typer.Option("--flat", help="Rows that add up to the total, not a tree of modules.")] = False,
    shown: Annotated[
        str | None,
        typer.Option("--columns", metavar="LIST", help="Columns of a tree, such as kernel,params,macs,bytes."),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option("--sort", metavar="COLUMN", help="Modules without parts, the largest first (macs:asc)."),
    ] = None,
    times: Annotated[
        str | None,
        typer.Option("--times", metavar="FILE", help="Measured times of the modules: what profile --save wrote."),
    ] = None,
    top: Annotated[int | None, typer.Option("--top", min=1, metavar="N", help="Only the first N of them.")] = None,
    convention: Convention = None,
    asserts: Asserts = None,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Shapes, parameters, multiply-adds and receptive field of every layer, with shares and totals.

    Of a model, or with --depth, the modules are a tree; copies side by side are one row.
    """
    chosen, sorting = columns(shown), order(sort, top)
    if times is None and (TIME in chosen or (sorting and sorting.key == TIME.key)):
        raise SpecError("the column time needs --times FILE: what convcalc profile --save FILE wrote of these layers")
    if times is not None and TIME not in chosen:
        chosen = (*chosen, TIME)
    treed = shown is not None or sorting is not None or times is not None
    subjects = read_subjects(spec, inputs, layout, trains=train)
    counts = count_layers(subjects, depth or 1)
    report = summarise(counts, depth, flat=flat and not treed, treed=treed)
    if times is not None:
        report = report.timed(_timed_by(times))
    tables = tree_tables(report, chosen, sorting) if report.trees else summary_tables(report)
    other = by_convention(subjects, convention)
    tables[-1] = tables[-1]._replace(foot=[*tables[-1].foot, *other.lines])
    answer = Answer("summary", other.document(report.to_dict), tables, hints=report.counts.hints)
    answer = with_assertions(
        answer, asserts, {**count_figures(counts), **field_figures(report.fields)}, counts.at_least, place_of(spec)
    )
    return emit(answer, form, out)


def _timed_by(file: str) -> Callable[[ModuleTree], dict[Path, float]]:
    """Times from a file that `profile --save` wrote, for the modules of a block."""
    from convcalc.profiling.module_times import module_times

    return lambda tree: module_times(FilePath(file), tree.rows)
