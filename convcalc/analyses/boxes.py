"""`union_of_boxes`, `union_of_runs`: how many positions a union of boxes holds."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise
from operator import or_
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Runs = tuple[tuple[int, int], ...]
"""Positions along one axis: the first and last of each run, in rising order."""


def union_of_boxes(boxes: Sequence[tuple[int, ...]], lengths: Sequence[Sequence[int]] = ()) -> int:
    """Return how many positions a union of boxes holds, each box a bit mask per axis.

    With `lengths` bit n of an axis stands for so many positions; else for one.
    """
    if not boxes:
        return 0
    if not boxes[0]:
        return 1
    if len(boxes[0]) == 1:
        return _positions(reduce(or_, (mask for (mask,) in boxes)), lengths)
    pieces: list[tuple[int, list[tuple[int, ...]]]] = []  # disjoint masks, and what lies behind them
    for first, *others in boxes:
        rest, split = first, []
        for mask, behind in pieces:
            split += [(mask & rest, [*behind, tuple(others)]), (mask & ~rest, behind)]
            rest &= ~mask
        pieces = [(mask, behind) for mask, behind in (*split, (rest, [tuple(others)])) if mask]
    return sum(_positions(mask, lengths) * union_of_boxes(behind, lengths[1:]) for mask, behind in pieces)


def _positions(mask: int, lengths: Sequence[Sequence[int]]) -> int:
    if not lengths:
        return mask.bit_count()
    return sum(length for length, bit in zip(lengths[0], bin(mask)[:1:-1], strict=False) if bit == "1")


def union_of_runs(boxes: Sequence[tuple[Runs, ...]]) -> int:
    """Return how many positions a union of boxes holds, each box runs of positions per axis.

    Positions between which no run of any box begins or ends are counted together.
    """
    ends = [
        sorted({end for box in boxes for first, last in box[axis] for end in (first, last + 1)})
        for axis in range(len(boxes[0]) if boxes else 0)
    ]
    places = [{end: n for n, end in enumerate(axis)} for axis in ends]
    masks = [
        tuple(
            sum((1 << at[last + 1]) - (1 << at[first]) for first, last in runs)
            for runs, at in zip(box, places, strict=True)
        )
        for box in boxes
    ]
    lengths = [[after - before for before, after in pairwise(axis)] for axis in ends]
    return union_of_boxes(masks, lengths)
