"""`Cell`, `Panel`, `Frame`: what every picture is made of: grids of marked cells in columns."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

MAX_SHEETS: Final = 3
"""Sheets of channels that differ are drawn so many of each map."""


class Mark(StrEnum):
    """What a cell of a grid is."""

    idle = "idle"
    """A position that this output does not read, or an output that is not asked about."""
    read = "read"
    """A position that is read."""
    zero = "zero"
    """Padding that is not read."""
    gap = "gap"
    """A zero put between positions, that is not read."""
    read_zero = "read zero"
    """Padding, or a zero between, under a tap of the kernel."""
    tap = "tap"
    """A weight of the kernel, or a place of a pool's window."""
    unit = "unit"
    """The output that is asked about."""


class Cell(NamedTuple):
    """One cell: what it is, the tap that falls on it, and the number in it where numbers are shown."""

    mark: Mark
    tap: int | None = None
    number: int | None = None


class Panel(NamedTuple):
    """A grid with its title; `points` are places between cells, row and column, each with its tap."""

    title: str
    rows: tuple[tuple[Cell, ...], ...]
    points: tuple[tuple[float, float, int], ...] = ()


class Frame(NamedTuple):
    """One output lit: columns of panels from left to right, the sentences above and below."""

    head: tuple[str, ...]
    columns: tuple[tuple[Panel, ...], ...]
    foot: tuple[str, ...]


class Spot(NamedTuple):
    """Which output a frame shows: the number of the map, the channel, the position."""

    output: int
    channel: int
    position: tuple[int, ...]


def channels_text(name: str, channels: range) -> str:
    """Return what a sheet is called that stands for some channels."""
    if len(channels) == 1:
        return f"{name} channel {channels[0]}"
    return f"{name} channels {channels[0]}..{channels[-1]}, all alike"
