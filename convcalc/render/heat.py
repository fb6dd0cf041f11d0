"""`heat`: counts on a map as characters: digits while they fit, shades above; the levels a colour picture shares."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import ceil, prod
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from convcalc.analyses.boxes import union_of_boxes
from convcalc.sizes import ceil_div
from convcalc.units import short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.render.table import Picture

SHADES, PLAIN = "·░▒▓█", ".:-=+*#%@"
PARTLY = {False: "▫", True: ","}
"""A cell of several positions, some of which have none."""
Number: TypeAlias = "int | Fraction"
PLOT_COLUMNS, PLOT_ROWS = 78, 40
"""How many characters a picture takes at most where no terminal says so."""


class Grid(NamedTuple):
    """The values of a picture's cells, how many positions of each axis one cell stands for, and the largest value.

    `holed` says of each cell whether some position in it has none.
    """

    rows: list[list[Number]]
    cell: tuple[int, ...]
    holed: list[list[bool]]
    most: Number


class _Axis(NamedTuple):
    """One axis of a term cut into cells: the sum of each, which positions of it are not zero (as bits), how many."""

    sums: list[int]
    masks: list[int]
    sizes: list[int]

    @classmethod
    def cut(cls, counts: Sequence[int], size: int) -> _Axis:
        """Cut counts into cells of so many positions."""
        cells = [counts[place : place + size] for place in range(0, len(counts), size)]
        masks = [sum(1 << n for n, count in enumerate(cell) if count) for cell in cells]
        return cls(list(map(sum, cells)), masks, list(map(len, cells)))


def grid(picture: Picture, wide: int = PLOT_COLUMNS, high: int = PLOT_ROWS) -> Grid:
    """Return the cells of a picture shrunk to fit, each the mean of the positions it stands for."""
    axes = len(picture.terms[0])
    limits = (high, wide)[-axes:]
    cell = tuple(ceil_div(len(counts), limit) for counts, limit in zip(picture.terms[0], limits, strict=True))
    terms = [[_Axis.cut(counts, size) for counts, size in zip(term, cell, strict=True)] for term in picture.terms]
    lines = product(*(range(len(axis.sums)) for axis in terms[0][:-1]))
    places = [[(*line, column) for column in range(len(terms[0][-1].sums))] for line in lines]
    rows = [[_mean(terms, place) for place in line] for line in places]
    return Grid(rows, cell, [[_has_holes(terms, place) for place in line] for line in places], max(map(max, rows)))


def _mean(terms: Sequence[Sequence[_Axis]], place: tuple[int, ...]) -> Number:
    """The mean of a cell: the counts of a term are products of one along each axis, and so are their sums."""
    whole = sum(prod(axis.sums[n] for axis, n in zip(term, place, strict=True)) for term in terms)
    size = prod(axis.sizes[n] for axis, n in zip(terms[0], place, strict=True))
    return whole if size == 1 else Fraction(whole, size)


def _has_holes(terms: Sequence[Sequence[_Axis]], place: tuple[int, ...]) -> bool:
    """Whether any position of a cell is reached by no term."""
    boxes = {tuple(axis.masks[n] for axis, n in zip(term, place, strict=True)) for term in terms}
    size = prod(axis.sizes[n] for axis, n in zip(terms[0], place, strict=True))
    if any(prod(mask.bit_count() for mask in box) == size for box in boxes):
        return False
    return union_of_boxes([box for box in boxes if all(box)]) < size


def level(value: Number, most: Number, steps: int) -> int:
    """Return which of `steps` equal bands a value falls into, 0 only for none at all.

    >>> [level(value, 49, 4) for value in (0, 1, 12, 13, 49)]
    [0, 1, 1, 2, 4]
    """
    return ceil(Fraction(value) * steps / Fraction(most)) if most else 0


def heat(picture: Picture, wide: int = PLOT_COLUMNS, high: int = PLOT_ROWS) -> list[str]:
    """Return one line per row, and a legend.

    >>> from convcalc.render.table import Picture
    >>> heat(Picture(terms=[((1, 2), (1, 2))], title="ways"))
    ['12', '24', 'ways from 1 to 4']
    """
    picture_grid = grid(picture, wide, high)
    legend = f"{picture.title}{note(picture_grid)} {span(picture_grid)}"
    if picture_grid.most <= 9 and set(picture_grid.cell) == {1}:
        return ["".join(str(int(value)) for value in row) for row in picture_grid.rows] + [legend]
    scale = PLAIN if picture.ascii_only else SHADES
    steps = len(scale) - 1
    partly = PARTLY[picture.ascii_only]
    lines = [
        "".join(
            partly if value and hole else scale[level(value, picture_grid.most, steps)]
            for value, hole in zip(row, holes, strict=True)
        )
        for row, holes in zip(picture_grid.rows, picture_grid.holed, strict=True)
    ]
    bands = [f"{scale[n]} up to {worth(Fraction(picture_grid.most) * n / steps)}" for n in range(1, steps + 1)]
    marks = [f"{scale[0]} none", *([f"{partly} some none"] if any(partly in line for line in lines) else [])]
    return [*lines, f"{legend}: {', '.join((*marks, *bands))}"]


def span(cells: Grid) -> str:
    """Return the least and the largest value in words."""
    return f"from {worth(min(map(min, cells.rows)))} to {worth(cells.most)}"


def note(cells: Grid) -> str:
    """Return what one cell stands for where that is more than one position: the values are then averages."""
    if set(cells.cell) == {1}:
        return ""
    return f", on average over {' x '.join(map(str, cells.cell))} positions a character,"


def worth(value: Number) -> str:
    """Return a value without needless digits."""
    if isinstance(value, int) or value >= 1000:
        return short(int(value))
    return f"{float(value):.3g}"
