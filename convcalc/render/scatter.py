"""`scatter_lines`, `save_scatter`: rows of a sweep as points of two columns, a front among them, as text or drawn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from convcalc.printable import printable
from convcalc.render.plot import saved_plot

if TYPE_CHECKING:
    from collections.abc import Sequence

ACROSS, DOWN = 60, 16
"""Cells of the picture in a terminal."""
POINT, FRONT, SEVERAL = "·", "o", ":"
LOGARITHMIC = 30.0
"""An axis whose largest value is so many times its least is drawn by powers."""
SERIES = "abcdefghijklmnopqrstuvwxyz"


class Scatter(NamedTuple):
    """Points of two columns, which of them are best, and to which series each belongs (empty: all to one).

    The points of a series of `curves` are joined.
    """

    across: str
    up: str
    points: Sequence[tuple[float, float]]
    best: frozenset[int] = frozenset()
    series: Sequence[str] = ()
    curves: bool = False


def scatter_lines(scatter: Scatter) -> list[str]:
    """Return the picture as lines: a point a cell (`:` for several), `o` for the best, a letter for each series."""
    horizontal, vertical = (_Axis.of([point[n] for point in scatter.points]) for n in (0, 1))
    names = list(dict.fromkeys(scatter.series))
    grid = [[" "] * ACROSS for _ in range(DOWN)]
    for place, (x, y) in enumerate(scatter.points):
        column = round(horizontal.share(x) * (ACROSS - 1))
        row = DOWN - 1 - round(vertical.share(y) * (DOWN - 1))
        sign = SERIES[names.index(scatter.series[place]) % len(SERIES)] if len(names) > 1 else POINT
        if place in scatter.best:
            sign = FRONT
        elif grid[row][column] == FRONT or grid[row][column] not in (" ", sign):
            sign = grid[row][column] if grid[row][column] == FRONT else SEVERAL
        grid[row][column] = sign
    label = max(len(_short(value)) for value in (vertical.low, vertical.high))
    lines = [printable(scatter.up)]
    for number, cells in enumerate(grid):
        value = {0: _short(vertical.high), DOWN - 1: _short(vertical.low)}.get(number, "")
        lines.append(f"{value:>{label}} │{''.join(cells).rstrip()}")
    lines.append(" " * label + " └" + "─" * ACROSS)
    left, right = _short(horizontal.low), _short(horizontal.high)
    name = printable(scatter.across)
    middle = name.center(max(ACROSS - len(left) - len(right), len(name) + 2))
    lines.append(" " * (label + 2) + f"{left}{middle}{right}")
    if len(names) > 1:
        lines += [f"  {SERIES[place % len(SERIES)]}  {printable(name)}" for place, name in enumerate(names)]
    if scatter.best:
        lines.append(f"  {FRONT}  no other row is at least as good in both and better in one")
    scales = [axis for axis, drawn in ((name, horizontal), (printable(scatter.up), vertical)) if drawn.powers]
    if scales:
        lines.append(f"  {' and '.join(scales)} by powers")
    return lines


def save_scatter(path: str, scatter: Scatter, title: str) -> None:
    """Draw the points into a file, series in colours, the best joined. Raises ConvcalcError where that fails."""
    with saved_plot(path, (9, 6)) as plane:
        names = list(dict.fromkeys(scatter.series)) or [""]
        for name in names:
            some = [p for n, p in enumerate(scatter.points) if not scatter.series or scatter.series[n] == name]
            if scatter.curves:
                some.sort()
                plane.plot([x for x, _ in some], [y for _, y in some], ".-", linewidth=1.2, label=name or None)
            else:
                plane.scatter([x for x, _ in some], [y for _, y in some], s=18, alpha=0.7, label=name or None)
        best = sorted(scatter.points[place] for place in scatter.best)
        if best:
            plane.plot([x for x, _ in best], [y for _, y in best], "o-", color="#222222", markersize=5, label="front")
        for values, scale in (
            ([x for x, _ in scatter.points], plane.set_xscale), ([y for _, y in scatter.points], plane.set_yscale),
        ):  # fmt: skip
            if _Axis.of(values).powers:
                scale("log")
        plane.set_xlabel(scatter.across)
        plane.set_ylabel(scatter.up)
        plane.set_title(title, loc="left", fontsize=12, fontweight="bold")
        plane.set_axisbelow(True)
        plane.grid(True, color="#e5e5e5", linewidth=0.8)
        if len(names) > 1 or best:
            plane.legend(fontsize=9)


class _Axis(NamedTuple):
    """The least and the largest value of an axis, and whether it is drawn by powers."""

    low: float
    high: float
    powers: bool

    @staticmethod
    def of(values: Sequence[float]) -> _Axis:
        low, high = min(values), max(values)
        return _Axis(low, high, low > 0 and high / low >= LOGARITHMIC)

    def share(self, value: float) -> float:
        """Where a value stands, from 0 to 1."""
        if self.high == self.low:
            return 0.5
        if self.powers:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def _short(value: float) -> str:
    """A value in four figures."""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{letter}"
    return f"{value:.4g}"
