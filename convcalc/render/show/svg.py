"""`animated_svg`: frames as one SVG that moves by itself, light or dark as its reader's screen is."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from convcalc.render.show.blocks import MARGIN, svg_parts
from convcalc.render.show.blocks import STYLE as GRAPH_STYLE
from convcalc.render.show.cells import Mark
from convcalc.render.show.shapes import SIDE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.render.show.shapes import Dot, Drawing, Square, Words

SECONDS: Final = 0.9
"""How long a frame stands."""
STYLE: Final = """
text{font:13px system-ui,sans-serif;fill:#333}
.h{font-weight:600}
.n{text-anchor:middle}
.d{fill:#222}
.i{fill:#fff;stroke:#bbb}
.z{fill:#f1f1f1;stroke:#ccc;stroke-dasharray:3 2}
.g{fill:#fff;stroke:#ccc;stroke-dasharray:3 2}
.o{stroke:#777}
.w{fill:#999}
.b{fill:#fff}
@media (prefers-color-scheme:dark){
text{fill:#ddd}.b{fill:#15181c}.i{fill:#22262b;stroke:#4a4f55}.z{fill:#1a1d21;stroke:#444}.g{fill:#22262b;stroke:#444}.w{fill:#888}
}
"""
CLASSES: Final = {Mark.idle: "i", Mark.zero: "z", Mark.gap: "g"}


def animated_svg(drawings: Sequence[Drawing], title: str) -> str:
    """Return an SVG that shows some drawings in turn; what is alike in all of them is written once."""
    wide, high = max(each.width for each in drawings), max(each.height for each in drawings)
    parts = [[*map(_square, each.squares), *map(_dot, each.dots), *map(_words, each.words)] for each in drawings]
    fixed = set(parts[0]).intersection(*parts[1:])
    ground = _ground(drawings)
    style = STYLE + (GRAPH_STYLE if drawings[0].graph else "")
    if len(drawings) > 1:
        style += (
            f".f{{visibility:hidden;animation:f {SECONDS * len(drawings):g}s steps(1) infinite}}"
            f"@keyframes f{{0%{{visibility:visible}}{100 / len(drawings):g}%{{visibility:hidden}}}}"
            "@media (prefers-reduced-motion:reduce){.f{animation-play-state:paused}}"
        )
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}"'
        ' role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{style}</style>",
        f'<rect class="b" width="{wide}" height="{high}"/>',
        *ground.values(),
        *(part for part in dict.fromkeys(parts[0]) if part in fixed and part not in ground.values()),
    ]
    if drawings[0].graph:
        place = f"translate({MARGIN} {drawings[0].graph_top + MARGIN})"
        lines.append(f'<g transform="{place}">{"".join(svg_parts(drawings[0].graph))}</g>')
    still = set(ground.values())
    for number, each in enumerate(parts):
        moving = [part for part in each if part not in fixed and part not in still]
        delay = f' style="animation-delay:{SECONDS * number:g}s"' if number else ""
        name = ' class="f"' if len(parts) > 1 else ""
        lines.append(f"<g{name}{delay}>{''.join(moving)}</g>")
    return "\n".join([*lines, "</svg>\n"])


def _ground(drawings: Sequence[Drawing]) -> dict[tuple[int, int], str]:
    """Cells as they are while nothing lights them, by their place: they are drawn once, below what is lit."""
    return {
        (square.x, square.y): _square(square)
        for drawing in reversed(drawings)
        for square in drawing.squares
        if not square.fill
    }


def _square(square: Square) -> str:
    name = CLASSES.get(square.mark, "o")
    colour = f' fill="{square.fill}"' if square.fill else ""
    box = f'<rect class="{name}" x="{square.x}" y="{square.y}" width="{SIDE}" height="{SIDE}"{colour}/>'
    if not square.text:
        return box
    ink = "n d" if square.fill and square.mark is not Mark.read_zero else "n w"
    place = f'x="{square.x + SIDE // 2}" y="{square.y + SIDE // 2 + 5}"'
    return f'{box}<text class="{ink}" {place}>{escape(square.text)}</text>'


def _dot(dot: Dot) -> str:
    return f'<circle cx="{dot.x:g}" cy="{dot.y:g}" r="6" fill="{dot.fill}" stroke="#333"/>'


def _words(words: Words) -> str:
    name = ' class="h"' if words.heading else ""
    return f'<text{name} x="{words.x}" y="{words.y}">{escape(words.text)}</text>'
