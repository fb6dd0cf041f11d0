"""`map_svg`: maps of counts as pictures of squares, holes red, with the legend and the answer below."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from convcalc.render.heat import COLOURS, NONE, grid, level, note, span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.render.heat import Grid
    from convcalc.render.table import Table

MOST: Final = 121
"""Grid along an axis at most; more positions are shrunk into them."""
SIDE: Final = 480
"""How wide a picture is, in pixels."""
LINE: Final = 20
GAP: Final = 24
LETTER: Final = 7


def map_svg(tables: Sequence[Table]) -> str:
    """Return the maps of tables that have some as an SVG, side by side, the last answer and its legend below."""
    drawn = [table for table in tables if table.picture is not None]
    maps, left, high, legend = [], 0, 0, ""
    for table in drawn:
        assert table.picture is not None
        cells = grid(table.picture, MOST, MOST)
        rows, columns = len(cells.rows), len(cells.rows[0])
        side = max(3, SIDE // (max(rows, columns) * min(len(drawn), 2)))
        caption = table.name if len(drawn) > 1 else ""
        maps.append(_map(cells, side, left, caption))
        left += max(side * columns, LETTER * len(caption)) + GAP
        high = max(high, side * rows)
        legend = f"{table.picture.title}{note(cells)}, {span(cells)}; red: none"
    words = [*drawn[-1].above[:1], legend]
    top = LINE if len(drawn) > 1 else 0
    font = 'font-family="sans-serif" font-size="13" fill="#777"'
    lines = [
        f'<text x="0" y="{top + high + LINE * (n + 1)}" {font}>{escape(text)}</text>' for n, text in enumerate(words)
    ]
    box = max(left - GAP, SIDE)
    whole = top + high + LINE * (len(words) + 1)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {box} {whole}" role="img">',
            f"<title>{escape(words[0])}</title>",
            f'<g transform="translate(0 {top})">',
            *maps,
            "</g>",
            *lines,
            "</svg>\n",
        ]
    )


def _map(cells: Grid, side: int, left: int, caption: str) -> str:
    rows, columns = len(cells.rows), len(cells.rows[0])
    squares = []
    for y, row in enumerate(cells.rows):
        for x, value in enumerate(row):
            if value:
                colour = COLOURS[level(value, cells.most, len(COLOURS)) - 1]
                squares.append(f'<rect x="{x * side}" y="{y * side}" width="{side}" height="{side}" fill="{colour}"/>')
    text = f'<text x="0" y="-6" font-family="sans-serif" font-size="13" fill="#777">{escape(caption)}</text>'
    return "\n".join(
        [
            f'<g transform="translate({left} 0)">',
            *([text] if caption else []),
            f'<rect width="{side * columns}" height="{side * rows}" fill="{NONE}"/>',
            f'<g stroke="#ffffff" stroke-width="{0.5 if side < 8 else 1}">',
            *squares,
            "</g></g>",
        ]
    )
