"""`print_answer`: tables for people, by Rich: plain when piped, folded and never cropped on a terminal."""

from __future__ import annotations

import os
import sys
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, TextIO

from rich import box
from rich.cells import cell_len
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from convcalc.digits import whole
from convcalc.render.fitting import GAP, fitted, folding, least_widths, widths_of
from convcalc.render.table import Answer, Picture, Table, cells

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PIPE_WIDTH = 100_000
COLOURS_256 = ("color(54)", "color(61)", "color(31)", "color(37)", "color(35)", "color(71)", "color(149)", "color(226)")
"""The like among 256 colours, no two the same."""


def console(stream: TextIO | None = None) -> Console:
    """Return the one console: user text is printed as typed, and a pipe has no width unless COLUMNS says so."""
    stream = stream or sys.stdout
    columns = whole(os.environ.get("COLUMNS", ""), least=1, most=PIPE_WIDTH)
    width = columns or (None if stream.isatty() else PIPE_WIDTH)
    height = None if width is None else 100
    return Console(file=stream, markup=False, emoji=False, highlight=False, width=width, height=height, soft_wrap=False)


def print_answer(answer: Answer, stream: TextIO | None = None) -> None:
    """Print every table of an answer."""
    out = console(stream)
    for number, table in enumerate(answer.tables):
        if number:
            out.print()
        _print(out, table)


def renderable(answer: Answer) -> Group:
    """Return the tables of an answer as Rich draws them, with their lines above and below."""
    parts: list[Text | RichTable] = []
    for table in answer.tables:
        grids = [_rich_table(table)] if table.columns and table.rows else []
        parts += [*map(Text, table.above), *grids, *map(Text, table.below)]
    return Group(*parts)


def _lines(table: Table, widths: Sequence[int]) -> Iterator[str]:
    """The lines of a table as wide as its cells, as Rich draws it without colours, but in a tenth of the time."""

    def line(texts: Sequence[str]) -> str:
        parts = []
        for text, wide, column in zip(texts, widths, table.columns, strict=True):
            blanks = " " * (wide - cell_len(text))
            parts.append(f"{blanks}{text} " if column.right else f"{text}{blanks} ")
        return " ".join(parts)

    full = sum(widths) + 2 * len(widths) - 1
    yield line(table.titles)
    yield "─" * full
    yield from (line(cells(table, row)) for row in table.rows)
    if table.total is not None:
        yield " " * full
        yield line(cells(table, table.total))


def _rich_table(table: Table) -> RichTable:
    """A table in which sentences fold and the others keep their lines."""
    sentences = folding(table)
    grid = RichTable(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, header_style="bold")
    for number, (title, column) in enumerate(zip(table.titles, table.columns, strict=True)):
        side: Literal["left", "right"] = "right" if column.right else "left"
        grid.add_column(title, justify=side, overflow="fold", no_wrap=number not in sentences)
    for row in table.rows:
        grid.add_row(*map(Text, cells(table, row)))
    if table.total is not None:
        grid.add_section()
        grid.add_row(*(Text(cell, style="bold") for cell in cells(table, table.total)))
    return grid


def _listed(out: Console, table: Table) -> None:
    """Each row's name as a line and its values below: for a terminal too narrow for any column beside the name."""
    for row in (*table.rows, *([table.total] if table.total is not None else [])):
        first, *rest = zip(table.titles, cells(table, row), strict=True)
        out.print(Text(first[1], style="bold"))
        for title, cell in rest:
            if cell:
                out.print(Padding(Text(f"{title} {cell}"), (0, 0, 0, 2)))


def _print(out: Console, table: Table) -> None:
    for part in fitted(table, out.width):
        _print_part(out, part, table)


def _print_part(out: Console, table: Table, whole: Table) -> None:
    for number, line in enumerate(table.above):
        out.print(Text(line, style=_verdict_style(table) if not number else ""))
    if table.columns and (table.rows or table.total):
        widths = widths_of(table)
        fits = sum(widths) + GAP * len(widths) <= out.width
        if fits and not out.is_terminal and out.encoding.startswith("utf"):
            out.file.writelines(f"{line}\n" for line in _lines(table, widths))
        elif sum(least_widths(table, widths)) + GAP * len(widths) <= out.width:
            out.print(_rich_table(table))
        else:
            _listed(out, table)
    for line in table.below:
        out.print(Text(line))
    plain = {} if out.encoding.startswith("utf") else str.maketrans("─╱│└", "-/|+")
    for line in table.lines:
        out.print(Text(line.translate(plain)), no_wrap=True)
    if table.picture is not None:
        _draw(out, table.picture)
        if whole.verdict is not None:
            out.print(Text(whole.above[0], style=_verdict_style(whole)))


def _verdict_style(table: Table) -> str:
    """Green for the good answer, red for the other."""
    if table.verdict is None:
        return ""
    return "bold green" if table.verdict.holds else "bold red"


def _draw(out: Console, picture: Picture) -> None:
    """A picture in colour where there is any, two rows of cells to a line; else in characters."""
    from convcalc.render.heat import COLOURS, NONE, PLOT_COLUMNS, PLOT_ROWS, grid, heat, level, note, span, worth

    palette = COLOURS if out.color_system == "truecolor" else COLOURS_256

    wide = min(out.width, PLOT_COLUMNS) if not out.is_terminal else out.width
    if not out.encoding.startswith("utf"):
        picture = picture._replace(ascii_only=True)
    if picture.ascii_only or out.no_color or out.color_system is None:
        for line in heat(picture, wide, PLOT_ROWS):
            out.print(Text(line))
        return
    cells = grid(picture, wide, PLOT_ROWS)
    steps = len(palette)
    values = sorted({value for row in cells.rows for value in row if value})
    discrete = len(values) <= steps  # each value has a colour of its own, else each band of values
    colours = {value: palette[_spread(n, len(values))] for n, value in enumerate(values)} if discrete else {}
    shades = [
        [(colours.get(value) or palette[level(value, cells.most, steps) - 1]) if value else NONE for value in row]
        for row in cells.rows
    ]
    for upper, lower in zip(shades[::2], [*shades[1::2], [""] * len(shades[0])], strict=False):
        out.print(
            Text.assemble(*(("▀", f"{a} on {b}" if b else a) for a, b in zip(upper, lower, strict=True))), no_wrap=True
        )
    shading = {shade for row in shades for shade in row}
    key = [(NONE, "none")]
    if discrete:
        key += [(colour, worth(value)) for value, colour in colours.items()]
    else:
        key += [(colour, f"up to {worth(Fraction(cells.most) * (n + 1) / steps)}") for n, colour in enumerate(palette)]
    out.print(Text(f"{picture.title}{note(cells)}, {span(cells)}:"))
    out.print(
        Text.assemble(*(part for colour, text in key if colour in shading for part in (("█", colour), f" {text} ")))
    )


def _spread(place: int, count: int) -> int:
    """The colours of a few values lie as far apart as they can."""
    return place * (len(COLOURS_256) - 1) // max(count - 1, 1)
