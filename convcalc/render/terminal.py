"""Tables for people, drawn by Rich: plain and full width when piped, folded and never cropped on a terminal."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from convcalc.render.table import Answer, Table, cells

PIPE_WIDTH = 100_000


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


def _print(out: Console, table: Table) -> None:
    for line in table.head:
        out.print(Text(line))
    if table.columns and (table.rows or table.total):
        drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
        for column in table.columns:
            drawn.add_column(column.title, justify="right" if column.right else "left", overflow="fold")
        for row in table.rows:
            drawn.add_row(*(Text(cell) for cell in cells(table, row)))
        if table.total is not None:
            drawn.add_section()
            drawn.add_row(*(Text(cell, style="bold") for cell in cells(table, table.total)))
        out.print(drawn)
    for line in table.foot:
        out.print(Text(line))
