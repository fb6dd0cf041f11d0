"""`convcalc hdc-design`: dilation rates for a receptive field, without holes."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from convcalc.analyses.gridding import check, countable, unevenness, ways
from convcalc.analyses.rate_search import Designs, designs, fewest_layers, sawteeth
from convcalc.cli.options import AsFormat, Format, Out, emit
from convcalc.errors import SpecError
from convcalc.render.table import Answer, Column, Table
from convcalc.units import plural

LAYERS_LIMIT, FIELD_ASKED = 100, 1_000_000
RULE = {True: "holds", False: "broken", None: "n/a"}
COLUMNS = (
    Column("rates", "rates", lambda rates: ", ".join(map(str, rates)) or "-"),
    Column("layers", "layers", right=True),
    Column("receptive_field", "field", lambda size: f"{size:,}", right=True),
    Column("deviation_over_mean", "unevenness", lambda value: "-" if value is None else f"{value:.3f}", right=True),
    Column("m2_within_kernel", "M_2 <= K", lambda holds: RULE[holds]),
)


def command(
    field: Annotated[int, typer.Option("--rf", metavar="N", help="The receptive field to reach, along one axis.")],
    kernel: Annotated[int, typer.Option("--kernel-size", "-k", metavar="K", help="Kernel size of every layer.")] = 3,
    layers: Annotated[
        int | None, typer.Option("--layers", metavar="L", help="Use exactly so many layers (default: the fewest).")
    ] = None,
    shown: Annotated[int, typer.Option("--limit", min=1, help="How many rate lists are given.")] = 10,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Rate lists that reach a field without holes, with the fewest layers, and the sawtooth forms.

    Any order of a list reaches the same inputs. Unevenness is the deviation of the ways per input over their mean:
    the smaller, the more alike the inputs count; the evenest come first. Example: convcalc hdc-design --rf 33 -k 3
    """
    if field > FIELD_ASKED:
        raise SpecError(f"--rf {field:,} is past what is searched ({FIELD_ASKED:,})")
    if layers is not None and not 1 <= layers <= LAYERS_LIMIT:
        raise SpecError(f"--layers takes a whole number from 1 to {LAYERS_LIMIT}, not {layers}")
    every = designs(field, kernel, layers)
    found = [_row(rates, kernel) for rates in every.lists[:shown]]
    teeth = [
        {**_row(one.tooth * one.copies, kernel), "tooth": one.tooth, "copies": one.copies}
        for one in sawteeth(field, kernel, layers)
    ]
    least = fewest_layers(field, kernel)
    title = (
        f"a field of {field:,} takes at least {plural(least, 'layer')} of kernel {kernel}, which reach at most"
        f" {kernel**least:,} without holes"
    )
    tables = [Table(columns=COLUMNS, rows=found, head=[title], foot=_feet(field, every, len(found)), name="design")]
    if teeth:
        tables.append(
            Table(
                columns=COLUMNS, rows=teeth, head=["sawtooth: a rising tooth without holes, repeated"], name="sawtooth"
            )
        )
    document = {
        "rf": field,
        "kernel_size": kernel,
        "fewest_layers": least,
        "found": len(every.lists),
        "cut": every.cut,
        "designs": found,
        "sawtooth": teeth,
    }
    return emit(Answer("hdc-design", document=document, tables=tables), form, out)


def _feet(field: int, every: Designs, shown: int) -> list[str]:
    if not every.lists:
        return ["one position needs no dilated layer" if field == 1 else "the search stopped before it found one"]
    count = f"more than {len(every.lists):,}" if every.cut else f"{len(every.lists):,}"
    lines = [f"{shown} of {count} lists with a field of {every.field:,}"]
    if every.field > field:
        lines.append(f"no list has a field of {field:,} exactly: {every.field:,} is the next")
    return lines


def _row(rates: tuple[int, ...], kernel: int) -> dict[str, Any]:
    found = check(rates, [kernel] * len(rates))
    size = found.exact.receptive_field
    return {
        "rates": rates,
        "layers": len(rates),
        "receptive_field": size,
        "deviation_over_mean": unevenness(ways(found.layers)) if countable(found.layers) else None,
        "m2_within_kernel": found.m2_within_kernel,
    }
