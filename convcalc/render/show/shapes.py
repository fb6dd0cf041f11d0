"""`drawing`: a frame as squares and words with their places, which SVG, GIF and PNG all draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from convcalc.render.show.blocks import size_of
from convcalc.render.show.cells import Mark
from convcalc.render.show.signs import sign

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.render.show.blocks import Box
    from convcalc.render.show.cells import Cell, Frame, Panel

SIDE: Final = 26
"""Width and height of a cell, in pixels."""
LINE: Final = 20
GAP: Final = 28
MARGIN: Final = 14
LETTER: Final = 7.4
"""How wide a letter of a sentence is, about."""
TAPS: Final = (
    "#f4a6a0",
    "#f7c98b",
    "#f3e58a",
    "#c5e48f",
    "#94dfb3",
    "#8edbe0",
    "#9cc5f5",
    "#b7b0f2",
    "#dcaaf0",
    "#f3a9d0",
)
"""Light colours, one for each tap in turn: what is written on them is dark."""
LIT: Final = "#94dfb3"
UNIT: Final = "#ffc53d"


class Square(NamedTuple):
    """A cell: the place of its corner, its colour (none for one that is idle), what is written in it."""

    x: int
    y: int
    fill: str
    text: str
    mark: Mark


class Dot(NamedTuple):
    """A point between cells: its middle and its colour."""

    x: float
    y: float
    fill: str


class Words(NamedTuple):
    """A line of text: where it begins, and whether it is a heading."""

    x: int
    y: int
    text: str
    heading: bool = False


class Drawing(NamedTuple):
    """A frame as it is drawn, with its size in pixels; `graph` are the boxes of a block, from `graph_top` down."""

    width: int
    height: int
    squares: tuple[Square, ...]
    words: tuple[Words, ...]
    dots: tuple[Dot, ...] = ()
    graph: tuple[Box, ...] = ()
    graph_top: int = 0


def with_graph(picture: Drawing, graph: Sequence[Box], top: int) -> Drawing:
    """Return a drawing with the graph of a block below it, from a height on that all frames share."""
    wide, high = size_of(graph)
    return picture._replace(width=max(picture.width, wide), height=top + high, graph=tuple(graph), graph_top=top)


def drawing(frame: Frame) -> Drawing:
    """Return where every cell and every line of a frame lies."""
    words = [Words(MARGIN, MARGIN + LINE * (n + 1) - 6, text) for n, text in enumerate(frame.head)]
    top = MARGIN + LINE * len(frame.head) + 8
    squares: list[Square] = []
    dots: list[Dot] = []
    left, bottom = MARGIN, top
    for column in frame.columns:
        y = top
        wide = 0
        for panel in column:
            words.append(Words(left, y + LINE - 6, panel.title, heading=True))
            squares += _squares(panel, left, y + LINE)
            dots += [
                Dot(left + SIDE * (x + 0.5), y + LINE + SIDE * (down + 0.5), TAPS[tap % len(TAPS)])
                for down, x, tap in panel.points
                if -0.5 <= down <= len(panel.rows) - 0.5 and -0.5 <= x <= len(panel.rows[0]) - 0.5
            ]
            y += LINE + SIDE * len(panel.rows) + 10
            wide = max(wide, SIDE * max(map(len, panel.rows), default=0), int(LETTER * len(panel.title)) + 4)
        left += wide + GAP
        bottom = max(bottom, y)
    for n, text in enumerate(frame.foot):
        words.append(Words(MARGIN, bottom + LINE * (n + 1) - 6, text))
    longest = max((int(LETTER * len(line.text)) + line.x for line in words), default=0)
    width = max(left - GAP, longest) + MARGIN
    return Drawing(width, bottom + LINE * len(frame.foot) + MARGIN, tuple(squares), tuple(words), tuple(dots))


def _squares(panel: Panel, left: int, top: int) -> list[Square]:
    return [
        Square(left + SIDE * x, top + SIDE * y, fill(cell), written(cell), cell.mark)
        for y, row in enumerate(panel.rows)
        for x, cell in enumerate(row)
    ]


def fill(cell: Cell) -> str:
    """Return the colour of a cell; nothing for one that is not lit."""
    if cell.mark is Mark.unit:
        return UNIT
    if cell.mark in (Mark.idle, Mark.zero, Mark.gap):
        return ""
    return LIT if cell.tap is None else TAPS[cell.tap % len(TAPS)]


def written(cell: Cell) -> str:
    """Return what is written in a cell: its number, the letter of its tap, 0 where it is one."""
    if cell.number is not None:
        return str(cell.number)
    if cell.mark in (Mark.read_zero, Mark.zero, Mark.gap):
        return "0"
    return sign(cell.tap) if cell.tap is not None and cell.mark in (Mark.read, Mark.tap) else ""
