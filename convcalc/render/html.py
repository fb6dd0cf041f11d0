"""`to_html`: tables as a notebook shows them."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from convcalc.render.table import cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.render.table import Answer, Table


def to_html(answer: Answer) -> str:
    """Return every table of an answer as HTML, its lines above and below as paragraphs."""
    return "\n".join(_table(table) for table in answer.tables)


def _table(table: Table) -> str:
    rows = [_row(table, cells(table, row), "td") for row in table.rows]
    if table.total is not None:
        rows.append(_row(table, cells(table, table.total), "th"))
    header = _row(table, table.titles, "th")
    body = [f"<table><thead>{header}</thead><tbody>{''.join(rows)}</tbody></table>"] if table.columns else []
    return "".join([*_lines(table.above), *body, *_lines(table.below)])


def _row(table: Table, texts: Sequence[str], tag: str) -> str:
    pairs = zip(table.columns, texts, strict=True)
    return f"<tr>{''.join(_cell(text, tag, right=column.right) for column, text in pairs)}</tr>"


def _cell(text: str, tag: str, *, right: bool) -> str:
    return f'<{tag} style="text-align:{"right" if right else "left"}">{escape(text)}</{tag}>'


def _lines(lines: Sequence[str]) -> list[str]:
    return [f"<p>{escape(line)}</p>" for line in lines]
