"""`save_gif`, `save_png`: frames as pictures of pixels, for slides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from PIL import Image, ImageDraw, ImageFont

from convcalc.render.show.blocks import HIGH, MARGIN, ways
from convcalc.render.show.cells import Mark
from convcalc.render.show.shapes import SIDE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from convcalc.render.show.shapes import Drawing

SCALE: Final = 2
"""Pixels of a picture for each of its units: slides are large."""
MILLISECONDS: Final = 900
COLOURS: Final = 64
"""Of a GIF: more are not drawn."""
ROLES: Final = {"split": "#e8710a", "merge": "#1a73e8"}
INK, FAINT, LINES, PADDING = "#222222", "#8a8a8a", "#b0b0b0", "#f0f0f0"


def save_gif(drawings: Sequence[Drawing], path: Path) -> None:
    """Write some drawings as a picture that moves, in a loop without end."""
    pictures = _pictures(drawings)
    palette = pictures[len(pictures) // 2].quantize(COLOURS, dither=Image.Dither.NONE)
    first, *rest = [each.quantize(palette=palette, dither=Image.Dither.NONE) for each in pictures]
    first.save(path, format="GIF", save_all=True, append_images=rest, duration=MILLISECONDS, loop=0, optimize=True)


def save_png(drawings: Sequence[Drawing], path: Path) -> None:
    """Write the first of some drawings."""
    _pictures(drawings[:1])[0].save(path, format="PNG", optimize=True)


def _pictures(drawings: Sequence[Drawing]) -> list[Any]:
    wide, high = max(each.width for each in drawings), max(each.height for each in drawings)
    return [_picture(each, wide, high) for each in drawings]


def _picture(drawing: Drawing, wide: int, high: int) -> Any:
    picture = Image.new("RGB", (wide * SCALE, high * SCALE), "white")
    pen = ImageDraw.Draw(picture)
    plain = ImageFont.load_default(13 * SCALE)
    for square in drawing.squares:
        corner = (square.x * SCALE, square.y * SCALE)
        box = (*corner, corner[0] + SIDE * SCALE, corner[1] + SIDE * SCALE)
        ground = PADDING if square.mark is Mark.zero else "white"
        pen.rectangle(box, fill=square.fill or ground, outline=LINES, width=SCALE)
        if square.text:
            middle = (corner[0] + SIDE * SCALE // 2, corner[1] + SIDE * SCALE // 2)
            lit = square.fill and square.mark is not Mark.read_zero
            pen.text(middle, square.text, fill=INK if lit else FAINT, font=plain, anchor="mm")
    for dot in drawing.dots:
        x, y, around = dot.x * SCALE, dot.y * SCALE, 6 * SCALE
        pen.ellipse((x - around, y - around, x + around, y + around), fill=dot.fill, outline=INK)
    for words in drawing.words:
        place = (words.x * SCALE, words.y * SCALE)
        pen.text(place, words.text, fill=INK, font=plain, anchor="ls", stroke_width=int(words.heading))
    if drawing.graph:
        _draw_graph(pen, drawing, plain)
    return picture


def _draw_graph(pen: Any, drawing: Drawing, font: Any) -> None:
    def at(x: float, y: float) -> tuple[float, float]:
        return (x + MARGIN) * SCALE, (y + MARGIN + drawing.graph_top) * SCALE

    for way in ways(drawing.graph):
        pen.line([at(*point) for point in way.points], fill=FAINT, width=SCALE)
    for box in drawing.graph:
        if box.is_lane:
            continue
        corners = (*at(box.x, box.y), *at(box.x + box.wide, box.y + HIGH))
        pen.rounded_rectangle(corners, 5 * SCALE, fill="#f7f8fa", outline=ROLES.get(box.role, LINES), width=SCALE)
        for number, line in enumerate(box.lines):
            middle = at(box.x + box.wide / 2, box.y + 9 + 14 * number)
            pen.text(middle, line, fill=INK, font=font.font_variant(size=11 * SCALE), anchor="mm")
