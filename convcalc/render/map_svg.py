"""`map_svg`: a map of counts as a picture of squares, holes red, with the legend and the answer below."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from convcalc.render.heat import COLOURS, NONE, grid, level, note, span

if TYPE_CHECKING:
    from convcalc.render.table import Table

MOST: Final = 121
"""Cells along an axis at most; more positions are shrunk into them."""
SIDE: Final = 480
"""How wide a picture is, in pixels."""
LINE: Final = 20


def map_svg(table: Table) -> str:
    """Return the map of a table that has one as an SVG, its answer and its legend below."""
    assert table.picture is not None
    cells = grid(table.picture, MOST, MOST)
    rows, columns = len(cells.rows), len(cells.rows[0])
    side = max(4, SIDE // max(rows, columns))
    wide, high = side * columns, side * rows
    squares = []
    for y, row in enumerate(cells.rows):
        for x, value in enumerate(row):
            if value:
                colour = COLOURS[level(value, cells.most, len(COLOURS)) - 1]
                squares.append(f'<rect x="{x * side}" y="{y * side}" width="{side}" height="{side}" fill="{colour}"/>')
    words = [*table.above[:1], f"{table.picture.title}{note(cells)}, {span(cells)}; red: none"]
    font = 'font-family="sans-serif" font-size="13" fill="#777"'
    lines = [f'<text x="0" y="{high + LINE * (n + 1)}" {font}>{escape(text)}</text>' for n, text in enumerate(words)]
    box = max(wide, SIDE)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {box} {high + LINE * (len(words) + 1)}" role="img">',
            f"<title>{escape(words[0])}</title>",
            f'<rect width="{wide}" height="{high}" fill="{NONE}"/>',
            f'<g stroke="#ffffff" stroke-width="{0.5 if side < 8 else 1}">',
            *squares,
            "</g>",
            *lines,
            "</svg>\n",
        ]
    )
