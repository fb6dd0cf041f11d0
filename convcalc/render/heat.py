"""Counts on a map as characters: digits while they fit, shades above; the levels that a colour picture shares."""

from __future__ import annotations

from math import ceil, prod
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.render.table import Picture

SHADES, PLAIN = "·░▒▓█", ".:-=+*#%@"
WIDE, HIGH = 78, 40
"""How many characters a picture takes at most where no terminal says so."""


class Grid(NamedTuple):
    """The values of a picture's cells, and how many positions of each axis one cell stands for."""

    rows: list[list[float]]
    cell: tuple[int, ...]

    @property
    def most(self) -> float:
        """The largest value."""
        return max(map(max, self.rows))


def grid(picture: Picture, wide: int = WIDE, high: int = HIGH) -> Grid:
    """Return the cells of a picture shrunk to fit, each the mean of the positions it stands for."""
    axes = len(picture.terms[0])
    limits = (high, wide)[-axes:]
    cell = tuple(-(-len(counts) // limit) for counts, limit in zip(picture.terms[0], limits, strict=True))
    terms = [[_means(counts, size) for counts, size in zip(term, cell, strict=True)] for term in picture.terms]
    heights = range(len(terms[0][0])) if axes > 1 else range(1)
    rows = [
        [
            sum(prod(axis[place] for axis, place in zip(term, (y, x)[-axes:], strict=True)) for term in terms)
            for x in range(len(terms[0][-1]))
        ]
        for y in heights
    ]
    return Grid(rows, cell)


def _means(counts: Sequence[int], size: int) -> list[float]:
    if size == 1:
        return list(counts)
    parts = [counts[place : place + size] for place in range(0, len(counts), size)]
    return [sum(part) / len(part) for part in parts]


def level(value: float, most: float, steps: int) -> int:
    """Return which of `steps` equal bands a value falls into, 0 only for none at all.

    >>> [level(value, 49, 4) for value in (0, 1, 12, 13, 49)]
    [0, 1, 1, 2, 4]
    """
    return ceil(value / most * steps) if most else 0


def heat(picture: Picture, wide: int = WIDE, high: int = HIGH) -> list[str]:
    """Return one line per row, and a legend.

    >>> from convcalc.render.table import Picture
    >>> heat(Picture(terms=[((1, 2), (1, 2))], title="ways"))
    ['12', '24', 'ways from 1 to 4']
    """
    found = grid(picture, wide, high)
    legend = f"{picture.title} {span(found)}{note(found)}"
    if found.most <= 9 and set(found.cell) == {1}:
        return ["".join(str(int(value)) for value in row) for row in found.rows] + [legend]
    scale = PLAIN if picture.ascii_only else SHADES
    steps = len(scale) - 1
    lines = ["".join(scale[level(value, found.most, steps)] for value in row) for row in found.rows]
    bands = ", ".join(f"{scale[n]} up to {worth(found.most * n / steps)}" for n in range(1, steps + 1))
    return [*lines, f"{legend}: {scale[0]} none, {bands}"]


def span(found: Grid) -> str:
    """Return the least and the largest value in words."""
    return f"from {worth(min(map(min, found.rows)))} to {worth(found.most)}"


def note(found: Grid) -> str:
    """Return what one cell stands for, where it is more than one position."""
    if set(found.cell) == {1}:
        return ""
    return f" (one character is the mean of {' x '.join(map(str, found.cell))} positions)"


def worth(value: float) -> str:
    """Return a value without needless digits."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"
