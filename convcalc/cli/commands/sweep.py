"""`convcalc sweep`: every combination of ranges of settings and sizes, and which of them are worth keeping."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from convcalc.cli.completions import complete_layers
from convcalc.cli.messages import say
from convcalc.cli.options import AsFormat, Format, InputLayout, Inputs, Layout, Out, check_output, immediate_interrupts
from convcalc.cli.ranges import Dtype, range_hints, sweep_blocks
from convcalc.spec.model_words import ModelWords, model_words
from convcalc.spec.tensors import tensor
from convcalc.units import ITEMSIZES


def command(
    spec: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="LAYERS...",
            help="Layers with ranges, c=32:512:32 k=3,5; or several specs, each in quotes or as @FILE.",
            autocompletion=complete_layers,
        ),
    ] = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    keep: Annotated[
        str | None, typer.Option("--keep", metavar="CONDITION", help="Only these rows: 'macs < 300e6 and rf >= 31'.")
    ] = None,
    sort: Annotated[
        str | None, typer.Option("--sort", metavar="COLUMN", help="In this order, the largest first (macs:asc).")
    ] = None,
    top: Annotated[int | None, typer.Option("--top", metavar="N", min=1, help="Only the first N rows.")] = None,
    pareto: Annotated[
        str | None,
        typer.Option(
            "--pareto",
            metavar="COLUMNS",
            help="Only rows that no other beats in all: macs,params,rf:max (less is better).",
        ),
    ] = None,
    columns: Annotated[
        str | None, typer.Option("--columns", metavar="LIST", help="Which columns, such as out_channels,macs,rf.")
    ] = None,
    dtype: Annotated[Dtype, typer.Option("--dtype", help="Element type of what memory counts.")] = Dtype.fp32,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """A row for every valid combination of ranges: the settings, input and output, parameters, MACs, field and memory.

    A range is 32:512:32 (both ends), 8:64:pow2, or a list 1,3,5; a list of inputs is 3x224x224,3x256x256. What is no
    configuration is dropped and counted by reason. CSV and JSON lines are written as they come, however many rows.
    """
    check_output(out)
    chosen = [name.strip() for name in columns.split(",")] if columns else None
    options: dict[str, Any] = {"keep": keep, "sort": sort, "top": top, "pareto": pareto}
    if (words := model_words(spec or ())) is not None:
        return _models(words, list(spec or ()), inputs or [], chosen, options, dtype, form, out)
    blocks = sweep_blocks(spec, inputs)
    with immediate_interrupts():
        from convcalc.cli.views.sweeps import watched, write_sweep
        from convcalc.sweeps.grid import grid_of
        from convcalc.sweeps.selection import read_selection
        from convcalc.sweeps.tables import USUAL, known_columns, sweep_specs

    known = known_columns({name: grid_of(block) for name, block in blocks.items()})
    selection = read_selection(known, **options)
    sweep = sweep_specs(blocks, chosen, USUAL, selection.columns)
    sweep.layout, sweep.dtype, sweep.itemsize = layout.value, dtype.value, ITEMSIZES[dtype.value]
    for hint in range_hints(blocks):
        say(hint)
    with watched(sweep.rows) as done:
        return write_sweep(sweep.selected(selection, done), sweep, form, out)


def _models(
    words: ModelWords, texts: list[str], inputs: list[str], chosen: list[str] | None, options: dict[str, Any],
    dtype: Dtype, form: Format, out: str | None,
) -> int:  # fmt: skip
    """A row for each combination of a model's arguments and inputs."""
    given = [tensor(text) for text in inputs]
    with immediate_interrupts():
        from convcalc.cli.views.sweeps import watched, write_sweep
        from convcalc.pytorch.load import load
        from convcalc.sweeps.models import ModelSweep, input_alternatives, model_axes
        from convcalc.sweeps.selection import read_selection
        from convcalc.sweeps.tables import USUAL, check_columns

    each = texts[0].split() if len(texts) == 1 else texts
    sweep = ModelSweep(words, model_axes(words, each[1:]), input_alternatives(given), load)
    selection = read_selection(sweep.every, **options)
    check_columns(chosen, sweep.every)
    usual = [name for name in sweep.every if name in (*sweep.arguments, "input", "output", *USUAL, *selection.columns)]
    sweep.columns, sweep.dtype, sweep.itemsize = tuple(chosen or usual), dtype.value, ITEMSIZES[dtype.value]
    with watched(sweep.rows) as done:
        return write_sweep(sweep.selected(selection, done), sweep, form, out)
