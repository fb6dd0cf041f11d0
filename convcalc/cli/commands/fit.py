"""`convcalc fit`: a budget turned round: the largest settings, or batch, that it allows."""

from __future__ import annotations

from typing import Annotated

import typer

from convcalc.cli.completions import complete_layers
from convcalc.cli.options import AsFormat, Format, InputLayout, Inputs, Layout, Out, check_output, immediate_interrupts
from convcalc.cli.ranges import Dtype, sweep_blocks
from convcalc.errors import SpecError
from convcalc.units import ITEMSIZES


def command(
    spec: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="LAYERS...",
            help="Layers, as the other commands take them.",
            autocompletion=complete_layers,
        ),
    ] = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    budgets: Annotated[
        list[str] | None,
        typer.Option("--max", metavar="COLUMN=N", help="A budget: macs=300M, params=5M, peak_memory=8GiB; repeatable."),
    ] = None,
    least: Annotated[
        list[str] | None, typer.Option("--min", metavar="COLUMN=N", help="What must be reached: rf=31; repeatable.")
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            "--vary", metavar="NAME=VALUES", help="A setting and its values, out_channels=8:2048:8; or batch=1:1024."
        ),
    ] = None,
    dtype: Annotated[Dtype, typer.Option("--dtype", help="Element type of what memory counts.")] = Dtype.fp32,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """The largest values of some settings that fit a budget, of all their combinations; several: the Pareto set.

    Every value is tried, so that what is said is exact. `batch` is that of the input.
    """
    check_output(out, rows=True)
    if not budgets and not least:
        raise SpecError("fit needs a budget, such as --max macs=300M")
    if not vary:
        raise SpecError("fit needs what may vary, such as --vary out_channels=8:2048:8")
    blocks = sweep_blocks(spec, inputs)
    if len(blocks) != 1:
        raise SpecError("fit takes one stack")
    with immediate_interrupts():
        from convcalc.cli.views.sweeps import watched, write_sweep
        from convcalc.sweeps.fit import budget, with_ranges
        from convcalc.sweeps.grid import COLUMNS, grid_of
        from convcalc.sweeps.selection import Objective, Selection
        from convcalc.sweeps.tables import USUAL, known_columns, sweep_specs

    ((name, block),) = blocks.items()
    block, columns = with_ranges(block, vary, layout.value)
    known = known_columns({name: grid_of(block, layout.value)})
    keep = budget(budgets or [], least or [], [column for column in known if column not in ("input", "output")])
    selection = Selection(keep=keep, pareto=tuple(Objective(column, most=True) for column in columns))
    counted = [column for column in COLUMNS if column in USUAL or column in keep.names]
    others = [column for column in known if column not in COLUMNS and column not in columns]
    sweep = sweep_specs({name: block}, [*columns, *others, *counted], (), selection.columns, layout.value)
    sweep.dtype, sweep.itemsize = dtype.value, ITEMSIZES[dtype.value]
    with watched(sweep.rows) as done:
        return write_sweep(sweep.selected(selection, done), sweep, form, out, "fit")
