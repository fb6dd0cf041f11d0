"""`Axis`: the ways from an input to a value along one axis, and what sums of products of them come to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Row: TypeAlias = "dict[int, int] | int"
"""Input position -> number of ways; or only which positions are reached, as the bits of an integer."""
Reads: TypeAlias = Callable[[int], Iterable[int]]


@dataclass(frozen=True, slots=True)
class Axis:
    """The ways along one input axis, one row per position of the value's own axis (None: a single row)."""

    along: int | None
    rows: tuple[Row, ...]

    def after(self, size: int, reads: Reads) -> Axis:
        """Chain one more step: output i reads these positions; those past the border are nothing."""
        inside = range(len(self.rows))
        rows = (_sum([self.rows[place] for place in reads(i) if place in inside], self.rows[0]) for i in range(size))
        return Axis(self.along, tuple(rows))

    def summed(self) -> Axis:
        """All positions together: what a sum over the axis sees."""
        return Axis(None, (_sum(self.rows, self.rows[0]),))

    def at(self, along: int) -> Axis:
        """The same along another own axis."""
        return Axis(along, self.rows)


def _sum(rows: Sequence[Row], like: Row) -> Row:
    """Add rows of one sort up; `like` says of which where there are none."""
    if isinstance(like, int):
        mask = 0
        for row in rows:
            mask |= row if isinstance(row, int) else 0
        return mask
    counts: dict[int, int] = {}
    for row in rows:
        for place, ways in row.items() if isinstance(row, dict) else ():
            counts[place] = counts.get(place, 0) + ways
    return counts


def places(row: Row) -> set[int]:
    """Return the input positions of a row."""
    return set(row) if isinstance(row, dict) else {n for n, bit in enumerate(bin(row)[:1:-1]) if bit == "1"}


def bits(row: Row) -> int:
    """Return the input positions of a row as the bits of an integer."""
    return row if isinstance(row, int) else sum(1 << place for place in row)


Term: TypeAlias = tuple[int, tuple[Axis, ...]]
"""Input number and one Axis per spatial axis of that input: their product over axes is the number of ways."""
Paths: TypeAlias = tuple[Term, ...]


def gathered(terms: Paths, *, reached_only: bool) -> Paths:
    """Put terms together that differ along one axis only (residual blocks would double them, one by one)."""
    unique: list[Term] = []
    for term in terms:
        new = term
        place = 0
        while place < len(unique):
            both = _together(unique[place], new, reached_only=reached_only)
            if both is None:
                place += 1
                continue
            unique.pop(place)
            new, place = both, 0
        unique.append(new)
    return tuple(unique)


def _together(left: Term, right: Term, *, reached_only: bool) -> Term | None:
    """One term for two, or None where their sum is no product over axes."""
    (source, first), (other, second) = left, right
    if source != other or not first or [axis.along for axis in first] != [axis.along for axis in second]:
        return None
    apart = [n for n, (a, b) in enumerate(zip(first, second, strict=True)) if a.rows != b.rows]
    if len(apart) <= 1:
        place = apart[0] if apart else 0
        rows = (_sum(pair, pair[0]) for pair in zip(first[place].rows, second[place].rows, strict=True))
        return source, (*first[:place], Axis(first[place].along, tuple(rows)), *first[place + 1 :])
    if reached_only:
        for inner, outer in ((first, second), (second, first)):
            pairs = zip(inner, outer, strict=True)
            if all(not bits(a) & ~bits(b) for x, y in pairs for a, b in zip(x.rows, y.rows, strict=True)):
                return source, outer
    return None


def counted(row: Row) -> dict[int, int]:
    """Return the ways to each position of a row: 1 for each where only what is reached is known."""
    return row if isinstance(row, dict) else dict.fromkeys(places(row), 1)
