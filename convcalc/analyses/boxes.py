"""`union_of_boxes`: how many positions a union of boxes holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def union_of_boxes(boxes: Sequence[tuple[int, ...]]) -> int:
    """Return how many positions a union of boxes holds, each box a bit mask per axis."""
    if not boxes:
        return 0
    if not boxes[0]:
        return 1
    pieces: list[tuple[int, list[tuple[int, ...]]]] = []  # disjoint masks, and what lies behind them
    for first, *others in boxes:
        rest, split = first, []
        for mask, behind in pieces:
            split += [(mask & rest, [*behind, tuple(others)]), (mask & ~rest, behind)]
            rest &= ~mask
        pieces = [(mask, behind) for mask, behind in (*split, (rest, [tuple(others)])) if mask]
    return sum(mask.bit_count() * union_of_boxes(behind) for mask, behind in pieces)
