"""`convcalc hdc-design`: dilation rates for a receptive field, without holes."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from convcalc.analyses.gridding import FIELD_LIMIT, WAYS_LIMIT, check, unevenness, ways
from convcalc.analyses.rate_search import designs, fewest_layers, sawteeth
from convcalc.cli.options import AsFormat, Format, Out, emit
from convcalc.errors import SpecError
from convcalc.render.table import SCHEMA_VERSION, Answer, Column, Table

LAYERS_LIMIT = 100
RULE = {True: "holds", False: "broken", None: "n/a"}
COLUMNS = (
    Column("rates", "rates", lambda rates: ",".join(map(str, rates)) or "-"),
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
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Rate lists that reach a field without holes, with the fewest layers, and the sawtooth forms.

    Any order of a list reaches the same inputs. Unevenness is the deviation of the ways per input over their mean:
    the smaller, the more alike the inputs count. Example: convcalc hdc-design --rf 33 -k 3
    """
    if field > FIELD_LIMIT:
        raise SpecError(f"--rf {field:,} is past what is enumerated ({FIELD_LIMIT:,})")
    if layers is not None and not 1 <= layers <= LAYERS_LIMIT:
        raise SpecError(f"--layers takes a whole number from 1 to {LAYERS_LIMIT}, not {layers}")
    found = [_row(rates, kernel) for rates in designs(field, kernel, layers)]
    teeth = [
        {**_row(one.tooth * one.copies, kernel), "tooth": one.tooth, "copies": one.copies}
        for one in sawteeth(field, kernel, layers)
    ]
    least = fewest_layers(field, kernel)
    title = f"a field of {field:,} with kernel {kernel} takes {least} layers ({kernel}^{least} = {kernel**least:,})"
    tables = [Table(columns=COLUMNS, rows=found, head=[title])]
    if not found:
        tables[0] = tables[0]._replace(foot=["one position needs no dilated layer" if field == 1 else "no such list"])
    if teeth:
        tables.append(Table(columns=COLUMNS, rows=teeth, head=["sawtooth: a rising tooth without holes, repeated"]))
    document = {
        "schema_version": SCHEMA_VERSION,
        "command": "hdc-design",
        "rf": field,
        "kernel_size": kernel,
        "fewest_layers": least,
        "designs": found,
        "sawtooth": teeth,
    }
    return emit(Answer(document=document, tables=tables), form, out)


def _row(rates: tuple[int, ...], kernel: int) -> dict[str, Any]:
    found = check(rates, [kernel] * len(rates))
    size = found.exact.receptive_field
    return {
        "rates": rates,
        "layers": len(rates),
        "receptive_field": size,
        "deviation_over_mean": unevenness(ways(found.layers)) if size <= WAYS_LIMIT else None,
        "m2_within_kernel": found.m2_within_kernel,
    }
