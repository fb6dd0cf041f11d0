"""Tables for people, drawn by Rich: plain and full width when piped, folded and never cropped on a terminal."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from convcalc.render.table import Answer, Table, cells

PIPE_WIDTH = 100_000
LEAST = 8
"""The narrowest a folding column may get before every column folds."""


def console(stream: TextIO | None = None) -> Console:
    """Return the one console: user text is printed as typed, and a pipe has no width unless COLUMNS says so."""
    stream = stream or sys.stdout
    asked = os.environ.get("COLUMNS", "")
    piped = not stream.isatty()
    width = int(asked) if asked.isdigit() and int(asked) > 0 else PIPE_WIDTH if piped else None
    height = None if width is None else 100
    return Console(file=stream, markup=False, emoji=False, highlight=False, width=width, height=height, soft_wrap=False)


def print_answer(answer: Answer, stream: TextIO | None = None) -> None:
    """Print every table of an answer."""
    out = console(stream)
    for number, table in enumerate(answer.tables):
        if number:
            out.print()
        _print(out, table)


def _drawn(table: Table, width: int) -> RichTable:
    """Columns of numbers keep their lines where the text beside them can fold; where not even that fits, all fold."""
    rows = [cells(table, row) for row in table.rows]
    last = cells(table, table.total) if table.total is not None else []
    titles = [column.title for column in table.columns]
    widths = [max(map(cell_len, parts)) for parts in zip(titles, *rows, *([last] if last else []), strict=True)]
    folding = max((n for n, column in enumerate(table.columns) if not column.right), key=lambda n: widths[n])
    rigid = sum(widths) - widths[folding] + 2 * len(widths) + LEAST <= width
    drawn = RichTable(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, header_style="bold")
    for number, column in enumerate(table.columns):
        fixed = rigid and number != folding
        drawn.add_column(column.title, justify="right" if column.right else "left", overflow="fold", no_wrap=fixed)
    for row in rows:
        drawn.add_row(*map(Text, row))
    if last:
        drawn.add_section()
        drawn.add_row(*(Text(cell, style="bold") for cell in last))
    return drawn


def _print(out: Console, table: Table) -> None:
    for line in table.head:
        out.print(Text(line))
    if table.columns and (table.rows or table.total):
        out.print(_drawn(table, out.width))
    for line in table.foot:
        out.print(Text(line))
