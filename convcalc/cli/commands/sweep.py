"""`convcalc sweep`: every combination of ranges of settings and sizes, and which of them are worth keeping."""

from __future__ import annotations

from typing import Annotated

import typer

from convcalc.cli.completions import complete_layers
from convcalc.cli.options import AsFormat, Format, InputLayout, Inputs, Layout, Out, check_output, immediate_interrupts
from convcalc.cli.ranges import Dtype, sweep_blocks
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
    blocks = sweep_blocks(spec, inputs)
    with immediate_interrupts():
        from convcalc.cli.views.sweeps import watched, write_sweep
        from convcalc.sweeps.grid import grid_of
        from convcalc.sweeps.selection import read_selection
        from convcalc.sweeps.tables import USUAL, known_columns, sweep_specs

    known = known_columns({name: grid_of(block) for name, block in blocks.items()})
    selection = read_selection(known, keep=keep, sort=sort, top=top, pareto=pareto)
    chosen = [name.strip() for name in columns.split(",")] if columns else None
    sweep = sweep_specs(blocks, chosen, USUAL, selection.columns)
    sweep.layout, sweep.dtype, sweep.itemsize = layout.value, dtype.value, ITEMSIZES[dtype.value]
    with watched(sweep.rows) as done:
        return write_sweep(sweep.selected(selection, done), sweep, form, out)
