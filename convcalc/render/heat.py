"""Counts on a map as characters: digits while they fit, shades above."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SHADES, PLAIN = " ░▒▓█", " .:-=+*#%@"


def heat(counts: Sequence[Sequence[int]], *, ascii_only: bool = False) -> list[str]:
    """Return one line per row and a legend.

    >>> heat([[1, 2], [2, 4]])
    ['12', '24', 'counts from 1 to 4']
    """
    least, most = min(map(min, counts)), max(map(max, counts))
    legend = f"counts from {least} to {most}"
    if most <= 9:
        return ["".join(map(str, row)) for row in counts] + [legend]
    scale = PLAIN if ascii_only else SHADES
    steps = len(scale) - 1
    lines = ["".join(scale[round(count / most * steps)] for count in row) for row in counts]
    return [*lines, f"{legend}, from {scale[0]!r} (none) to {scale[-1]!r} (most)"]
