"""`heat`: counts on a map as characters: digits while they fit, shades above; the levels a colour picture shares."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise, product
from math import ceil, prod
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from convcalc.sizes import ceil_div
from convcalc.units import short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.render.table import Picture

COLOURS = ("#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39", "#fde725")
"""From few to many, alike to every eye and in grey (matplotlib's viridis, by its published figures)."""
NONE = "#d7263d"
"""What no way leads to: holes are to be seen."""
HOLE = {False: "·", True: "."}
"""What a position that nothing reaches is drawn as, in Unicode and in ASCII."""
SHADES = {False: "░▒▓█", True: ":-=+*#%@"}
Number: TypeAlias = "int | Fraction"
PLOT_COLUMNS, PLOT_ROWS = 78, 40
"""How many characters a picture takes at most where no terminal says so; a square cell is two of them wide."""


class Grid(NamedTuple):
    """The values of a picture's cells, how many positions along each axis a cell stands for, and the largest value.

    A cell has the most of its positions, so that what is reached keeps its count however far the map is shrunk;
    `holed` is how many cells have positions with none.
    """

    rows: list[list[Number]]
    cell: int
    holed: int
    most: Number


def cuts(length: int, cell: int) -> list[range]:
    """Return the positions of an axis in cells of so many, the first and the last alike: a symmetric axis stays so.

    >>> cuts(7, 3), cuts(9, 3)
    ([range(0, 2), range(2, 5), range(5, 7)], [range(0, 3), range(3, 6), range(6, 9)])
    """
    if length <= cell:
        return [range(length)]
    if length % cell == 0:
        return [range(place, place + cell) for place in range(0, length, cell)]
    inner = (length - 1) // cell
    inner -= (length - inner * cell) % 2 if cell % 2 else 0
    edge = (length - inner * cell) // 2
    if edge > cell or not edge:
        inner += 2 if edge > cell else -2
        edge = (length - inner * cell) // 2
    ends = [0, *(edge + cell * step for step in range(inner + 1)), length]
    return [range(first, last) for first, last in pairwise(ends) if last > first]


def cell_size(lengths: Sequence[int], limits: Sequence[int]) -> int:
    """Return how many positions a cell takes along every axis, so that all of them fit and cells lie symmetrically."""
    cell = max(ceil_div(length, limit) for length, limit in zip(lengths, limits, strict=True))
    while cell > 1 and any(
        (length % 2 and not cell % 2) or len(cuts(length, cell)) > limit
        for length, limit in zip(lengths, limits, strict=True)
    ):
        cell += 1
    return cell


def grid(picture: Picture, wide: int = PLOT_COLUMNS // 2, high: int = PLOT_ROWS) -> Grid:
    """Return the cells of a picture shrunk alike along both axes to fit."""
    lengths = [len(counts) for counts in picture.terms[0]]
    cell = cell_size(lengths, (high, wide)[-len(lengths) :])
    axes = [cuts(length, cell) for length in lengths]
    rows, holed = [], 0
    for line in product(*axes[:-1]):
        values = [_cell(picture.terms, (*line, column)) for column in axes[-1]]
        rows.append([most for most, _ in values])
        holed += sum(least == 0 for _, least in values)
    return Grid(rows, cell, holed, max(map(max, rows)))


def _cell(terms: Sequence[Sequence[Sequence[int]]], place: Sequence[range]) -> tuple[Number, Number]:
    """The most and the least of a cell's positions: of one product of counts along each axis those of each axis."""
    if len(terms) == 1:
        parts = [[counts[n] for n in positions] for counts, positions in zip(terms[0], place, strict=True)]
        return prod(map(max, parts)), prod(map(min, parts))
    values = [
        sum(prod(counts[n] for counts, n in zip(term, spot, strict=True)) for term in terms) for spot in product(*place)
    ]
    return max(values), min(values)


def level(value: Number, most: Number, steps: int) -> int:
    """Return which of `steps` equal bands a value falls into, 0 only for none at all.

    >>> [level(value, 49, 4) for value in (0, 1, 12, 13, 49)]
    [0, 1, 1, 2, 4]
    """
    return ceil(Fraction(value) * steps / Fraction(most)) if most else 0


def heat(picture: Picture, wide: int = PLOT_COLUMNS, high: int = PLOT_ROWS) -> list[str]:
    """Return one line per row, each cell two characters wide, and a legend.

    >>> from convcalc.render.table import Picture
    >>> heat(Picture(terms=[((1, 0, 2), (1, 2))], title="ways"))
    ['1 2', '· ·', '2 4', 'ways, from 0 to 4: · none']
    """
    cells = grid(picture, wide // 2, high)
    hole = HOLE[picture.ascii_only]
    legend = f"{picture.title}{note(cells)}, {span(cells)}"
    if cells.most <= 9:
        lines = [" ".join(str(int(value)) if value else hole for value in row) for row in cells.rows]
        return [*lines, f"{legend}: {hole} none" if any(hole in line for line in lines) else legend]
    shades = SHADES[picture.ascii_only]
    steps = len(shades)
    lines = [
        "".join(2 * shades[level(value, cells.most, steps) - 1] if value else f"{hole} " for value in row)
        for row in cells.rows
    ]
    bands = [f"{shade} up to {worth(Fraction(cells.most) * (n + 1) / steps)}" for n, shade in enumerate(shades)]
    none = [f"{hole} none"] if any(hole in line for line in lines) else []
    return [*(line.rstrip() for line in lines), f"{legend}: {', '.join((*none, *bands))}"]


def span(cells: Grid) -> str:
    """Return the least and the largest value in words."""
    least = 0 if cells.holed else min(map(min, cells.rows))
    return f"from {worth(least)} to {worth(cells.most)}"


def note(cells: Grid) -> str:
    """Return what one cell stands for where that is more than one position, and in how many cells some have none."""
    if cells.cell == 1:
        return ""
    count = sum(map(len, cells.rows))
    holed = f" ({cells.holed:,} of {count:,} cells have positions with none)" if cells.holed else ""
    across = "" if len(cells.rows) == 1 else f" x {cells.cell}"
    return f", the most of {cells.cell}{across} positions in a cell{holed}"


def worth(value: Number) -> str:
    """Return a value without needless digits."""
    if isinstance(value, int) or value >= 1000:
        return short(int(value))
    return f"{float(value):.3g}"
