"""`diff_table`: two summaries in one table, for people and for a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convcalc.render.table import Column, Table
from convcalc.shapes import show
from convcalc.units import count, exactly, percent, plural

if TYPE_CHECKING:
    from convcalc.analyses.summary_diff import LayerDiff, SummaryDiff

COLUMNS = (
    Column("name", "layer"),
    Column("change", "is"),
    Column("output", "output"),
    Column("params", "params"),
    Column("macs", "MACs"),
)


def diff_table(report: SummaryDiff, names: tuple[str, str]) -> Table:
    """Return every layer that differs, before -> after, and the totals."""
    totals = [_total(report, key, title) for key, title in (("params", "parameters"), ("macs", "MACs"))]
    foot = [*totals, f"{plural(len(report.layers), 'layer')} differ{'s' if len(report.layers) == 1 else ''}"]
    return Table(COLUMNS, [_cells(layer) for layer in report.layers], head=[f"{names[0]} -> {names[1]}"], foot=foot)


def _cells(layer: LayerDiff) -> dict[str, Any]:
    before, after = layer.before or {}, layer.after or {}
    return {
        "name": layer.name,
        "change": layer.change,
        "output": _pair(_shape(before.get("output")), _shape(after.get("output"))),
        "params": _pair(_number(before.get("params")), _number(after.get("params"))),
        "macs": _pair(_number(before.get("macs")), _number(after.get("macs"))),
    }


def _pair(before: str, after: str) -> str:
    return before if before == after else f"{before or '-'} -> {after or '-'}"


def _number(value: Any) -> str:
    return count(value) if isinstance(value, int) else ""


def _shape(value: Any) -> str:
    if not isinstance(value, list):
        return ""
    shapes = value if value and isinstance(value[0], list) else [value]
    return " + ".join(show(tuple(shape[1:])) for shape in shapes)


def _total(report: SummaryDiff, key: str, title: str) -> str:
    before, after = report.before.get(key), report.after.get(key)
    if not isinstance(before, int) or not isinstance(after, int):
        return f"{title}: {exactly(before)} -> {exactly(after)}"
    share = f", {percent((after - before) / before)}" if before else ""
    return f"{title}: {exactly(before)} -> {exactly(after)} ({after - before:+,}{share})"
