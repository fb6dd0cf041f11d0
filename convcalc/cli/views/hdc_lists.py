"""`lists_table`, `growth_tables`: several lists of dilation rates: a row each, or the growing ends of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from convcalc.analyses.hdc.report import hdc_check
from convcalc.cli.views.hdc import Drawing, rate_tables, written
from convcalc.render.table import Column, Table
from convcalc.units import percent, plural

if TYPE_CHECKING:
    from convcalc.analyses.hdc.report import AxisReport, HdcReport

RULE = {True: "pass", False: "FAIL", None: "-"}
COLUMNS = (
    Column("rates", "rates"),
    Column("full", "every input is read", lambda full: RULE[full]),
    Column("reached", "positions", right=True),
    Column("receptive_field", "field", lambda size: f"{size:,}", right=True),
    Column("coverage", "coverage", percent, right=True),
    Column("deviation_over_mean", "spread", lambda value: "-" if value is None else f"{value:.3f}", right=True),
    Column("m2_within_kernel", "paper: M_2 at most K", lambda holds: RULE[holds]),
)


def lists_table(names: Sequence[str], reports: Sequence[HdcReport]) -> Table:
    """Return a row for each list: its worst axis decides."""
    rows = [{"rates": name, **_row(report)} for name, report in zip(names, reports, strict=True)]
    full = sum(row["full"] for row in rows)
    return Table(COLUMNS, rows, foot=[f"{full} of {plural(len(rows), 'list')} leave no hole"])


def lists_document(reports: Sequence[HdcReport]) -> dict[str, Any]:
    """Return the document of each list under `lists`."""
    return {"lists": [report.to_dict() for report in reports]}


def _row(report: HdcReport) -> dict[str, Any]:
    axes: list[AxisReport] = [axis for group in report.groups for axis in getattr(group, "axes", ())]
    worst = min(axes, key=lambda axis: axis.gridding.exact.coverage)
    exact = worst.gridding.exact
    return {
        "full": report.holds(),
        "reached": exact.reached,
        "receptive_field": exact.receptive_field,
        "coverage": float(exact.coverage),
        "deviation_over_mean": worst.unevenness,
        "m2_within_kernel": worst.gridding.m2_within_kernel,
    }


def growth_tables(rates: Sequence[Any], kernels: Sequence[Any], drawing: Drawing) -> list[Table]:
    """Return the maps of the last layer alone, of the last two and so on: how what is read grows towards the input."""
    tables = []
    for count in range(1, len(rates)):
        own = kernels if len(kernels) == 1 else kernels[-count:]
        table = rate_tables(hdc_check(rates[-count:], own), written(rates[-count:]), written(own), drawing)[-1]
        tables.append(Table((), [], picture=table.picture, name=f"rates {written(rates[-count:])}"))
    return tables
