"""Tables for people, drawn by Rich: plain and full width when piped, folded and never cropped on a terminal."""

from __future__ import annotations

import os
import sys
from typing import Literal, TextIO

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from convcalc.render.heat import HIGH, WIDE, grid, heat, level, note, span, worth
from convcalc.render.table import Answer, Picture, Table, cells

PIPE_WIDTH = 100_000
COLOURS = ("#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39", "#fde725")
"""From few to many, alike to every eye and in grey (matplotlib's viridis, by its published figures)."""
NONE = "#d7263d"
"""What no way leads to: holes are to be seen."""
LEAST = 8
"""The narrowest a folding column may get before rows are listed instead."""


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


def _widths(table: Table) -> list[int]:
    rows = [cells(table, row) for row in (*table.rows, *([table.total] if table.total is not None else []))]
    return [max(map(cell_len, parts)) for parts in zip([c.title for c in table.columns], *rows, strict=True)]


def _folding(table: Table, widths: list[int]) -> int:
    """The widest column of text: the one that folds."""
    return max((n for n, column in enumerate(table.columns) if not column.right), key=lambda n: widths[n])


def _drawn(table: Table, folding: int) -> RichTable:
    """A table in which one column folds and the others keep their lines."""
    drawn = RichTable(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, header_style="bold")
    for number, column in enumerate(table.columns):
        side: Literal["left", "right"] = "right" if column.right else "left"
        drawn.add_column(column.title, justify=side, overflow="fold", no_wrap=number != folding)
    for row in table.rows:
        drawn.add_row(*map(Text, cells(table, row)))
    if table.total is not None:
        drawn.add_section()
        drawn.add_row(*(Text(cell, style="bold") for cell in cells(table, table.total)))
    return drawn


def _listed(out: Console, table: Table, folding: int) -> None:
    """Each row as a line of its own and its numbers below: for a terminal too narrow for the table."""
    numbers = [n for n, column in enumerate(table.columns) if column.right]
    lead = min([folding + 1, *numbers[:1]])  # what names the row; every number stands behind its title
    for row in (*table.rows, *([table.total] if table.total is not None else [])):
        shown = list(zip(table.columns, cells(table, row), strict=True))
        first = " ".join(cell for _, cell in shown[:lead] if cell)
        rest = ", ".join(f"{column.title} {cell}" for column, cell in shown[lead:] if cell)
        out.print(Text(first, style="bold"))
        if rest:
            out.print(Padding(Text(rest), (0, 0, 0, 2)))


def _print(out: Console, table: Table) -> None:
    for line in table.head:
        out.print(Text(line))
    if table.columns and (table.rows or table.total):
        widths = _widths(table)
        folding = _folding(table, widths)
        if sum(widths) - widths[folding] + 2 * len(widths) + LEAST <= out.width:
            out.print(_drawn(table, folding))
        else:
            _listed(out, table, folding)
    for line in table.foot:
        out.print(Text(line))
    if table.picture is not None:
        _draw(out, table.picture)


def _draw(out: Console, picture: Picture) -> None:
    """A picture in colour where there is any, two rows of cells to a line; else in characters."""
    wide = min(out.width, WIDE) if not out.is_terminal else out.width
    if picture.ascii_only or out.no_color or out.color_system is None:
        for line in heat(picture, wide, HIGH):
            out.print(Text(line))
        return
    found = grid(picture, wide, HIGH)
    steps = len(COLOURS)
    shades = [[(NONE, *COLOURS)[level(value, found.most, steps)] for value in row] for row in found.rows]
    for upper, lower in zip(shades[::2], [*shades[1::2], [""] * len(shades[0])], strict=False):
        out.print(
            Text.assemble(*(("▀", f"{a} on {b}" if b else a) for a, b in zip(upper, lower, strict=True))), no_wrap=True
        )
    values = sorted({value for row in found.rows for value in row})
    if len(values) > steps:
        values = [found.most * n / steps for n in range(1 - (values[0] == 0), steps + 1) if n or values[0] == 0]
    key = [
        part for value in values for part in (("█", (NONE, *COLOURS)[level(value, found.most, steps)]), _named(value))
    ]
    out.print(Text(f"{picture.title} {span(found)}{note(found)}:"))
    out.print(Text.assemble(*key))


def _named(value: float) -> str:
    return f" {worth(value)} " if value else " none "
