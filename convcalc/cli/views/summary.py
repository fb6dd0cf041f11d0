"""`summary_tables`: the tables of summary: shapes, parameters, multiply-adds and fields of every layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convcalc.analyses.field.receptive import size_text
from convcalc.cli.views.counts import at_least_line, shape_text, total_label
from convcalc.cli.views.receptive_field import joined
from convcalc.render.table import Column, Table
from convcalc.sizes import total
from convcalc.units import count, exactly, percent, share

if TYPE_CHECKING:
    from convcalc.analyses.counts.report import CountedRow, CountReport
    from convcalc.analyses.field.report import FieldReport
    from convcalc.analyses.layer_answers import SummaryReport

COLUMNS = (
    Column("name", "#"),
    Column("layer", "layer"),
    Column("output", "output"),
    Column("params", "params", count, right=True),
    Column("params_share", "params %", percent, right=True),
    Column("macs", "MACs", count, right=True),
    Column("macs_share", "MACs %", percent, right=True),
    Column("other", "other", count, right=True),
    Column("size", "field", right=True),
    Column("jump", "jump", right=True),
)


DROPPED = ("jump", "params_share", "macs_share", "other", "size")
"""Keys of columns, in the order in which a narrow terminal goes without them."""
SHORTEST_LAYER = 28
"""Columns of a layer's text that are worth a column of numbers."""


def summary_tables(report: SummaryReport) -> list[Table]:
    """Return a table for each block, the totals of all below the last."""
    counts = report.counts
    tables = [
        Table(
            columns=COLUMNS,
            rows=[_cells(row, field, counts) for row in block.rows],
            head=[block.subject.reading],
            droppable=DROPPED,
            folded=SHORTEST_LAYER,
            elsewhere="a wider terminal, -f json or -f csv have all",
        )
        for block, field in zip(counts.blocks, report.fields, strict=True)
    ]
    sums = {
        "layer": total_label(counts),
        "params": counts.params.total,
        "macs": counts.macs,
        "other": total(counts.other.values()),
    }
    params, macs = exactly(counts.params.total), exactly(counts.macs)
    foot = [
        f"{params} parameters; {macs} MACs = {exactly(2 * counts.macs)} FLOPs (2 x MACs)",
        *at_least_line(counts.at_least, "all"),
    ]
    tables[-1] = tables[-1]._replace(total=sums, foot=foot)
    return tables


def _cells(row: CountedRow, field: FieldReport | None, counts: CountReport) -> dict[str, Any]:
    receptives = field.of_value(row.outputs[-1]) if field is not None else []
    params, macs = row.params.total * row.times, row.macs * row.times
    return {
        "name": row.name,
        "layer": row.text,
        "output": shape_text(row.outputs),
        "params": params,
        "params_share": share(params, counts.params.total),
        "macs": macs,
        "macs_share": share(macs, counts.macs),
        "other": total(row.other.values()) * row.times,
        "size": " + ".join(size_text(receptive) for _, receptive in receptives),
        "jump": joined(receptives[0][1].jump) if receptives else "",
        "times": row.times,
        "each": {"params": row.params.total, "macs": row.macs, "other": total(row.other.values())},
    }
