"""`print_frames`, `step_through`: frames in a terminal: grids of characters side by side, stepped through by keys."""

from __future__ import annotations

import sys
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.live import Live
from rich.text import Text

from convcalc.analyses.steps import steps
from convcalc.render.show.cells import Mark, Spot
from convcalc.render.show.frames import frame
from convcalc.render.show.signs import sign
from convcalc.render.terminal import console
from convcalc.shapes import show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rich.console import Console

    from convcalc.analyses.wiring.scene import Scene
    from convcalc.graph import Graph
    from convcalc.render.show.cells import Cell, Frame, Panel

GAP: Final = "   "
COLOURS: Final = (
    "color(217)", "color(223)", "color(229)", "color(193)", "color(158)", "color(159)", "color(153)", "color(147)",
    "color(183)", "color(219)",
)  # fmt: skip
"""Light colours, one for each tap in turn: the letters on them are black."""
GLYPHS: Final = {
    Mark.gap: "o",
    Mark.idle: "·",
    Mark.read: "■",
    Mark.zero: "-",
    Mark.read_zero: "0",
    Mark.unit: "■",
    Mark.tap: "□",
}
PLAIN: Final = str.maketrans("·■□", ".##")
KEY: Final = {
    Mark.tap: "a, b, c: taps, and what they read",
    Mark.read: "■: read",
    Mark.idle: "·: not read",
    Mark.read_zero: "0: a zero under a tap",
    Mark.zero: "-: padding",
    Mark.gap: "o: a zero put between",
}
"""What each sign means, where it stands in a picture."""
STEPS: Final = {"\x1b[A": -1, "\x1b[B": 1, "\x1b[C": 1, "\x1b[D": -1, " ": 1, "j": 1, "k": -1, "h": -1, "l": 1}
"""Keys that go forth and back in a line of outputs; up and down go along the axis before the last."""
HINT: Final = "arrow keys: another output; c: another channel; m: another map; q: leave"


def print_frames(frames: Iterable[Frame]) -> None:
    """Print frames one after the other, what the signs mean below the first."""
    out = console()
    for place, picture in enumerate(frames):
        if place:
            out.print()
        for line in _lines(picture, out, key=place == 0):
            out.print(line, soft_wrap=bool(line.no_wrap))


def print_graph(graph: Graph) -> None:
    """Print what layers of several steps are made of: a line for each, with what it reads."""
    sequence = steps(graph)
    if len(sequence) > 1:
        out = console()
        out.print()
        for step in sequence:
            out.print(Text(f"{step.name} reads {' and '.join(step.reads)}: {step.does}; {show(step.output.shape[1:])}"))


def step_through(scene: Scene, first: Spot, read_key: Callable[[], str], *, numbers: bool = False) -> Spot:
    """Show frames in turn as keys are pressed, and return the last: arrows, c, m, and q or Escape to leave."""
    out = console()
    spot = first
    with Live(console=out, screen=True, auto_refresh=False) as live:
        while True:
            lines = [Text(HINT, style="dim"), *_lines(frame(scene, spot, numbers=numbers), out, key=True, first=True)]
            lines = lines[: max(out.height - 1, 3)]
            live.update(Text("\n").join(lines), refresh=True)
            key = read_key()
            if key in ("q", "Q", "\x1b", "\r", "\n"):
                return spot
            spot = moved(scene, spot, key)


def moved(scene: Scene, spot: Spot, key: str) -> Spot:
    """Return the output that a key leads to: the next or the one before along an axis, around the ends."""
    shape = scene.shape(scene.outputs[spot.output])
    if key == "m":
        output = (spot.output + 1) % len(scene.outputs)
        return Spot(output, 0, (0,) * (len(scene.shape(scene.outputs[output])) - 1))
    if key == "c" or not spot.position:
        step = STEPS.get(key, 1) if key != "c" else 1
        return spot._replace(channel=(spot.channel + step) % shape[0])
    step = STEPS.get(key, 0)
    up = key in ("\x1b[A", "\x1b[B", "j", "k") and len(spot.position) > 1
    axis = len(spot.position) - (2 if up else 1)
    position = list(spot.position)
    position[axis] = (position[axis] + step) % shape[1 + axis]
    return spot._replace(position=tuple(position))


def can_step() -> bool:
    """Return whether this is a terminal that a picture can be drawn anew in."""
    return sys.stdin.isatty() and sys.stdout.isatty() and not console().is_dumb_terminal


def _lines(picture: Frame, out: Console, *, key: bool, first: bool = False) -> list[Text]:
    """The sentences, the panels side by side (below one another where the terminal is narrow), the key.

    `first` puts the output above what it reads where they stand below one another: it is then in sight.
    """
    coloured = out.color_system is not None and not out.no_color
    columns = [_column(column, coloured=coloured) for column in picture.columns]
    widths = [max(cell_len(line.plain) for line in column) for column in columns]
    lines = [Text(line) for line in picture.head]
    lines.append(Text(""))
    if sum(widths) + len(GAP) * (len(widths) - 1) <= out.width:
        for row in zip_longest(*columns, fillvalue=Text("")):
            parts = [
                Text.assemble(part, " " * (wide - cell_len(part.plain))) for part, wide in zip(row, widths, strict=True)
            ]
            lines.append(_grid_line(Text(GAP).join(parts)))
    else:
        for place, column in enumerate([columns[-1], *columns[:-1]] if first else columns):
            lines += [*([Text("")] if place else []), *map(_grid_line, column)]
    for line in lines:
        line.rstrip()
    if key:
        marks = {cell.mark for column in picture.columns for panel in column for row in panel.rows for cell in row}
        numbered = any(
            cell.number is not None
            for column in picture.columns
            for panel in column
            for row in panel.rows
            for cell in row
        )
        known = [text for mark, text in KEY.items() if _explained(mark, marks)]
        known = ["in colour, or in brackets: under a tap"] if numbered else known
        lines += [Text(""), Text("; ".join(known), style="dim")]
    lines += [Text(line) for line in picture.foot]
    if not out.encoding.startswith("utf"):
        lines = [Text(line.plain.translate(PLAIN), no_wrap=line.no_wrap) for line in lines]
    return lines


def _grid_line(line: Text) -> Text:
    """A line of cells, which is never folded."""
    line.no_wrap = True
    return line


def _explained(mark: Mark, marks: set[Mark]) -> bool:
    return mark in marks and (mark is not Mark.read or Mark.tap not in marks)


def _column(panels: Sequence[Panel], *, coloured: bool) -> list[Text]:
    lines: list[Text] = []
    for place, panel in enumerate(panels):
        if place:
            lines.append(Text(""))
        lines.append(Text(panel.title, style="bold"))
        numbers = [cell.number for row in panel.rows for cell in row if cell.number is not None]
        wide = max(map(len, map(str, numbers)), default=1)
        for row in panel.rows:
            cells = [_glyph(cell, wide, coloured=coloured, numbered=bool(numbers)) for cell in row]
            lines.append(Text(" ").join(cells) if not coloured else Text("").join(cells))
    return lines


def _glyph(cell: Cell, wide: int, *, coloured: bool, numbered: bool) -> Text:
    text = _sign(cell).rjust(wide)
    if not coloured:
        lit = cell.mark in (Mark.read, Mark.read_zero, Mark.unit) and cell.number is not None
        return Text(f"[{text}]" if lit else f" {text} " if numbered else text)
    return Text(f" {text}", style=_style(cell))


def _sign(cell: Cell) -> str:
    if cell.number is not None:
        return str(cell.number)
    if cell.tap is not None and cell.mark in (Mark.read, Mark.tap):
        return sign(cell.tap)
    return GLYPHS[cell.mark]


def _style(cell: Cell) -> str:
    if cell.mark is Mark.unit:
        return "black on color(220)"
    if cell.mark in (Mark.idle, Mark.zero, Mark.gap):
        return "dim"
    if cell.tap is None:
        return "black on color(158)"
    colour = COLOURS[cell.tap % len(COLOURS)]
    return f"black on {colour}" if cell.mark is not Mark.read_zero else f"color(244) on {colour}"
