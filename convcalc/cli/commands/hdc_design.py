"""`convcalc hdc-design`: dilation rates for a receptive field, without holes."""

from __future__ import annotations

from typing import Annotated

import typer

from convcalc.analyses.hdc.design_report import DesignReport, design_rates
from convcalc.cli.options import AsFormat, Format, Out, emit
from convcalc.errors import SpecError
from convcalc.limits import MAX_DESIGN_FIELD, MAX_DESIGN_LAYERS, MAX_SIZE, MAX_SOLUTIONS
from convcalc.render.table import Answer, Column, Table
from convcalc.units import plural

RULE = {True: "pass", False: "FAIL", None: "-"}
COLUMNS = (
    Column("rates", "rates", lambda rates: ",".join(map(str, rates)) or "-"),
    Column("layers", "layers", right=True),
    Column("receptive_field", "field", lambda size: f"{size:,}", right=True),
    Column("deviation_over_mean", "unevenness", lambda value: "-" if value is None else f"{value:.3f}", right=True),
    Column("m2_within_kernel", "M_2 <= K", lambda holds: RULE[holds]),
)


def command(
    field: Annotated[
        int, typer.Option("--rf", metavar="N", max=MAX_SIZE, help="The receptive field to reach, along one axis.")
    ],
    kernel: Annotated[
        int, typer.Option("--kernel-size", "-k", metavar="K", max=MAX_SIZE, help="Kernel size of every layer.")
    ] = 3,
    layers: Annotated[
        int | None,
        typer.Option("--layers", metavar="L", max=MAX_SIZE, help="Use exactly so many layers (default: the fewest)."),
    ] = None,
    shown: Annotated[int, typer.Option("--top", min=1, max=MAX_SOLUTIONS, help="How many rate lists are given.")] = 10,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Rate lists that reach a field without holes, with the fewest layers, and rising sequences that repeat.

    Any order of a list reaches the same inputs. Unevenness is the deviation of the ways per input over their mean:
    the smaller, the more alike the inputs count; the evenest come first.
    """
    if field > MAX_DESIGN_FIELD:
        raise SpecError(f"--rf {field:,} is past what is searched ({MAX_DESIGN_FIELD:,})")
    if layers is not None and not 1 <= layers <= MAX_DESIGN_LAYERS:
        raise SpecError(f"--layers takes a whole number from 1 to {MAX_DESIGN_LAYERS}, not {layers}")
    report = design_rates(field, kernel, layers, shown)
    title = (
        f"a field of {field:,} takes at least {plural(report.fewest_layers, 'layer')} of kernel {kernel}, which reach"
        f" at most {report.widest:,} without holes"
    )
    rows = [design._asdict() for design in report.designs]
    tables = [Table(columns=COLUMNS, rows=rows, head=[title], foot=_feet(report), name="design")]
    if report.sawtooth:
        teeth = [tooth.to_dict() for tooth in report.sawtooth]
        head = ["one rising sequence without holes, repeated"]
        tables.append(Table(columns=COLUMNS, rows=teeth, head=head, name="sawtooth"))
    return emit(Answer("hdc-design", report.to_dict, tables), form, out)


def _feet(report: DesignReport) -> list[str]:
    if not report.count:
        return ["one position needs no dilated layer" if report.rf == 1 else "the search stopped before it found one"]
    count = f"more than {report.count:,}" if report.cut else f"{report.count:,}"
    lines = [f"{len(report.designs)} of {count} lists with a field of {report.field:,}"]
    if report.field > report.rf:
        lines.append(f"no list has a field of {report.rf:,} exactly: {report.field:,} is the next")
    return lines
