"""`drawing`, `save`: the roofline: FLOP/s over FLOPs per byte, both logarithmic, as text and as a picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from convcalc.printable import printable
from convcalc.render.plot import saved_plot
from convcalc.units import figures, giga

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from convcalc.profiling.roofline import Peaks
    from convcalc.profiling.row import Row

PLOT_COLUMNS, PLOT_ROWS = 64, 16
COLOURS = 10
LINES, LINE = 30, 58
"""How many rows the picture lists, and how many characters of each."""
MARKS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


class PlotPoint(NamedTuple):
    """A row in the picture: its name, what it is, its kernel, FLOPs per byte, FLOP/s, and its part of the time."""

    name: str
    label: str
    kernel: str
    intensity: float
    flops_per_s: float
    share: float


def points(rows: Sequence[Row]) -> list[PlotPoint]:
    """Return the rows that have multiply-adds and were timed."""
    several = len({row.variant for row in rows}) > 1
    points = []
    for row in rows:
        point = row.roofline
        if point.flops_per_s and point.intensity:
            name = "W" if row.whole else row.identity.name
            label = f"{row.identity.spec} ({row.variant})" if several else row.identity.spec
            kernel = (row.implementation or "").partition(" +")[0]
            share = row.shares.share if row.shares else None
            points.append(
                PlotPoint(name, printable(label), printable(kernel), point.intensity, point.flops_per_s, share or 0.0)
            )
    return points


class Axes(NamedTuple):
    """The corners of the picture, as powers of ten."""

    left: float
    right: float
    bottom: float
    top: float


def plot_axes(spots: Sequence[PlotPoint], peaks: Peaks) -> Axes:
    """Return the corners of a picture that holds every row, the ridge and the roof."""
    across = [math.log10(spot.intensity) for spot in spots]
    up = [math.log10(spot.flops_per_s) for spot in spots] + [math.log10(peaks.flops_per_s)]
    left, right = min(*across, math.log10(peaks.ridge) - 0.4), max(*across, math.log10(peaks.ridge) + 0.4)
    return Axes(left - 0.2, right + 0.3, min(up) - 0.3, max(up) + 0.2)


def drawing(spots: Sequence[PlotPoint], peaks: Peaks) -> list[str]:
    """Return the picture as lines of characters: the roofs, a mark for each row, and what the marks are."""
    axes = plot_axes(spots, peaks)
    grid = [[" "] * PLOT_COLUMNS for _ in range(PLOT_ROWS)]
    for column in range(PLOT_COLUMNS):
        at = 10 ** (axes.left + (axes.right - axes.left) * column / (PLOT_COLUMNS - 1))
        row = _row(peaks.attainable(at), axes)
        if row is not None:
            grid[row][column] = "─" if at >= peaks.ridge else "╱"
    marks: dict[str, str] = {}
    for spot in spots:
        mark = marks.setdefault(f"{spot.name} {spot.label}", _mark(spot.name, marks.values()))
        column = round((math.log10(spot.intensity) - axes.left) / (axes.right - axes.left) * (PLOT_COLUMNS - 1))
        row = _row(spot.flops_per_s, axes)
        if row is not None:
            occupied = grid[row][column] not in " ─╱"
            grid[row][column] = "*" if occupied and grid[row][column] != mark else mark
    _label_roofs(grid, axes, peaks)
    heights = {_row(value * 1e9, axes): f"{value:g}" for value in round_ticks(axes.bottom - 9, axes.top - 9)}
    lines = ["GFLOP/s"]
    lines += [f"{heights.get(number, ''):>8} │{''.join(cells).rstrip()}" for number, cells in enumerate(grid)]
    lines.append(" " * 9 + "└" + "─" * PLOT_COLUMNS)
    lines += [" " * 10 + _ticks(axes), " " * 10 + f"{'FLOPs per byte':^{PLOT_COLUMNS}}".rstrip()]
    lines += [f"  {mark}  {label.removeprefix(mark + ' ')}" for label, mark in marks.items()]
    if any("*" in line for line in lines[1 : PLOT_ROWS + 1]):
        lines.append("  * several rows")
    return lines


def _label_roofs(grid: list[list[str]], axes: Axes, peaks: Peaks) -> None:
    """Write each roof's figure where nothing else stands: above the flat one at its end, under the slope's middle."""
    flat = _row(peaks.flops_per_s, axes)
    compute, memory = f"{giga(peaks.flops_per_s)} GFLOP/s", f"{giga(peaks.bytes_per_s)} GB/s"
    if flat:
        _write(grid[flat - 1], PLOT_COLUMNS - len(compute), compute)
    middle = (axes.left + min(math.log10(peaks.ridge), axes.right)) / 2
    column = round((middle - axes.left) / (axes.right - axes.left) * (PLOT_COLUMNS - 1))
    row = _row(peaks.attainable(10**middle), axes)
    if row is not None:
        _write(grid[row], column + 3, memory)


def _write(cells: list[str], start: int, text: str) -> None:
    """Write a text into cells that are all free, else not."""
    place = slice(start, start + len(text))
    if start >= 0 and start + len(text) <= len(cells) and all(cell == " " for cell in cells[place]):
        cells[place] = list(text)


def round_ticks(low: float, high: float) -> list[float]:
    """Return 1, 3, 10, 30 and so on between two powers of ten; where that is less than two, also 2, 5, 7.

    >>> round_ticks(-0.2, 2.1)
    [1.0, 3.0, 10.0, 30.0, 100.0]
    """
    for steps in ((1, 3), (1, 2, 3, 5, 7), tuple(tenth / 10 for tenth in range(10, 100))):
        powers = range(math.floor(low), math.ceil(high) + 1)
        ticks = [step * 10.0**power for power in powers for step in steps]
        inside = [tick for tick in ticks if low <= math.log10(tick) <= high]
        if len(inside) > 1:
            break
    return inside


def _mark(name: str, marks: Iterable[str]) -> str:
    """A row's own name where that is one sign, else the next sign that is free."""
    used = set(marks)
    return name if len(name) == 1 and name not in used else next((mark for mark in MARKS if mark not in used), "#")


def _row(value: float, axes: Axes) -> int | None:
    place = round((axes.top - math.log10(value)) / (axes.top - axes.bottom) * (PLOT_ROWS - 1))
    return place if 0 <= place < PLOT_ROWS else None


def _ticks(axes: Axes) -> str:
    line = [" "] * PLOT_COLUMNS
    for value in round_ticks(axes.left, axes.right):
        text = f"{value:g}"
        column = round((math.log10(value) - axes.left) / (axes.right - axes.left) * (PLOT_COLUMNS - 1))
        if column + len(text) <= PLOT_COLUMNS and all(
            cell == " " for cell in line[max(0, column - 1) : column + len(text) + 1]
        ):
            line[column : column + len(text)] = text
    return "".join(line).rstrip()


def save(path: str, spots: Sequence[PlotPoint], peaks: Peaks, title: str) -> None:
    """Draw the picture into a file: colours are kernels, areas parts of the time, numbers rows.

    Raises ConvcalcError where it cannot be written.
    """
    axes = plot_axes(spots, peaks)
    with saved_plot(path, (11, 6)) as plane:
        _roofs(plane, peaks, axes)
        _rows(plane, spots)
        plane.set_title(f"Roofline: {title}", loc="left", fontsize=13, fontweight="bold", pad=12)
        rows = [f"{spot.name}  {spot.label}" for spot in spots]
        lines = [row if len(row) <= LINE else row[: LINE - 1] + "…" for row in rows[:LINES]]
        lines += [f"and {len(rows) - LINES} more"] if len(rows) > LINES else []
        plane.annotate(
            "\n".join(lines), (1.015, 0.985), xycoords="axes fraction", va="top", fontsize=7.5, linespacing=1.5,
            color="#333333",
        )  # fmt: skip


def _roofs(plane: Any, peaks: Peaks, axes: Axes) -> None:
    """Both roofs with their figures, the ridge, and axes in plain numbers."""
    from matplotlib import ticker

    left, right = 10**axes.left, 10**axes.right
    flops = peaks.flops_per_s / 1e9
    steps = [left, peaks.ridge, right]
    plane.loglog(steps, [peaks.attainable(at) / 1e9 for at in steps], color="#222222", linewidth=2.2, zorder=2)
    plane.fill_between(steps, [peaks.attainable(at) / 1e9 for at in steps], 1e-9, color="#f4f6f8", zorder=0)
    plane.axvline(peaks.ridge, color="#999999", linewidth=1, linestyle=":", zorder=1)
    plane.set_xlim(left, right)
    plane.set_ylim(10**axes.bottom / 1e9, 10**axes.top * 1.2 / 1e9)
    beside = {"textcoords": "offset points", "fontsize": 9, "color": "#222222"}
    plane.annotate(
        f"{figures(flops)} GFLOP/s ({peaks.flops_from})", (right, flops), xytext=(-4, 6), ha="right", **beside
    )
    plane.annotate(f"ridge {figures(peaks.ridge)}", (peaks.ridge, 10**axes.bottom / 1e9), xytext=(5, 6), **beside)
    at = left * 1.06
    plane.text(
        at, peaks.attainable(at) * 1.05 / 1e9, f"{giga(peaks.bytes_per_s)} GB/s ({peaks.bytes_from})",
        rotation=math.degrees(math.atan2(peaks.bytes_per_s / 1e9, 1)), rotation_mode="anchor",
        transform_rotates_text=True, va="bottom", fontsize=9, color="#222222",
    )  # fmt: skip
    for axis in (plane.xaxis, plane.yaxis):
        low, high = axis.get_view_interval()
        axis.set_major_locator(ticker.FixedLocator(round_ticks(math.log10(low), math.log10(high))))
        axis.set_minor_locator(ticker.NullLocator())
        axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(ticker.NullFormatter())
    plane.set_xlabel("arithmetic intensity: FLOPs per compulsory byte")
    plane.set_ylabel("GFLOP/s")
    plane.grid(True, which="major", color="#e5e5e5", linewidth=0.8, zorder=0)
    for side in ("top", "right"):
        plane.spines[side].set_visible(False)


def _rows(plane: Any, spots: Sequence[PlotPoint]) -> None:
    """The rows, coloured by kernel, with their names beside them."""
    import matplotlib as mpl

    by_time = sorted({spot.kernel for spot in spots}, key=lambda name: -sum(s.share for s in spots if s.kernel == name))
    named = by_time if len(by_time) <= COLOURS else by_time[: COLOURS - 1]
    spots = [spot if spot.kernel in named else spot._replace(kernel="other kernels") for spot in spots]
    kernels = list(dict.fromkeys(spot.kernel for spot in spots))
    palette = [mpl.colormaps["tab10"](place) for place in range(10)]
    for number, kernel in enumerate(kernels):
        marks = [spot for spot in spots if spot.kernel == kernel]
        plane.scatter(
            [spot.intensity for spot in marks], [spot.flops_per_s / 1e9 for spot in marks],
            s=[40 + 700 * spot.share for spot in marks], color=palette[number % len(palette)], edgecolor="white",
            linewidth=0.8, alpha=0.85, zorder=3, label=kernel or "kernel not told",
        )  # fmt: skip
    for spot in spots:
        plane.annotate(
            spot.name, (spot.intensity, spot.flops_per_s / 1e9), xytext=(5, 4), textcoords="offset points",
            fontsize=7.5, zorder=4,
        )  # fmt: skip
    legend = plane.legend(
        loc="lower right", fontsize=8, frameon=True, framealpha=0.9, edgecolor="#dddddd",
        title="kernel (area: part of the time)", title_fontsize=8,
    )  # fmt: skip
    for handle in legend.legend_handles:
        handle.set_sizes([45])
