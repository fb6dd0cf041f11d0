"""`Selection`: which rows of a sweep are kept: those of a condition, the first of an order, or a Pareto front."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy

from convcalc.errors import LimitError, SpecError, nearest
from convcalc.limits import MAX_SORTED_ROWS
from convcalc.sweeps.expressions import Expression, expression
from convcalc.sweeps.rows import Rows, ShapeColumn, joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, slots=True)
class Objective:
    """A column, and whether more of it is better."""

    column: str
    most: bool


def objective(text: str, columns: Iterable[str], option: str, *, most: bool) -> Objective:
    """Read `macs`, `rf:max`, `macs:asc`; `most` says which way is meant where none is said. Raises SpecError."""
    ways = {"max": True, "min": False, "desc": True, "asc": False}
    column, colon, way = text.strip().partition(":")
    known = list(columns)
    if column not in known:
        raise SpecError(
            f"{option}: there is no column {column!r}{nearest(column, known)} (there are {', '.join(known)})"
        )
    if colon and way not in ways:
        raise SpecError(f"{option}: {way!r} is not a direction: max, min, asc or desc")
    return Objective(column, ways.get(way, most))


@dataclass(frozen=True)
class Selection:
    """What is kept: rows for which `keep` holds; of those the `top` first by `sort`, or the front of `pareto`."""

    keep: Expression | None = None
    sort: Objective | None = None
    top: int | None = None
    pareto: tuple[Objective, ...] = ()

    @property
    def columns(self) -> set[str]:
        """The columns it looks at."""
        named = {each.column for each in (*self.pareto, *([self.sort] if self.sort else []))}
        return named | (set(self.keep.names) if self.keep else set())

    def of(self, batches: Iterable[Rows]) -> Iterator[Rows]:
        """Yield what is kept, as it comes where no order is asked for. Raises LimitError for an order of too many."""
        kept = map(self._kept, batches) if self.keep is not None else iter(batches)
        if self.pareto:
            yield from self._front(kept)
        elif self.sort is not None:
            yield from self._first(kept, self.sort)
        elif self.top is not None:
            yield from _beginning(kept, self.top)
        else:
            yield from kept

    def _kept(self, rows: Rows) -> Rows:
        assert self.keep is not None
        if not rows.count:
            return rows
        return rows.take(numpy.flatnonzero(self.keep.holds(_numbers(rows), rows.count)))

    def _front(self, batches: Iterable[Rows]) -> Iterator[Rows]:
        held = Rows({}, 0)
        for batch in batches:
            if batch.count:
                both = joined([held, batch])
                held = both.take(front(self._points(both)))
        if self.sort is not None and held.count:
            held = held.take(_order(held, self.sort))
        if held.count:
            yield held.take(numpy.arange(min(held.count, self.top or held.count)))

    def _points(self, rows: Rows) -> Any:
        """The objectives as columns of which less is better; what is not known is worse than any number."""
        columns = []
        for each in self.pareto:
            try:
                column = numpy.asarray(rows.columns[each.column], dtype=float)
            except (TypeError, ValueError):
                raise SpecError(f"{each.column} is not a number in every row, so none is the best in it") from None
            columns.append(numpy.where(numpy.isnan(column), numpy.inf, -column if each.most else column))
        return numpy.stack(columns, axis=1)

    def _first(self, batches: Iterable[Rows], order: Objective) -> Iterator[Rows]:
        held = Rows({}, 0)
        for batch in batches:
            if not batch.count:
                continue
            held = joined([held, batch])
            if self.top is not None:
                held = held.take(_order(held, order)[: self.top])
            elif held.count > MAX_SORTED_ROWS:
                raise LimitError(
                    f"more than {MAX_SORTED_ROWS:,} rows are not sorted: --top N keeps the first, --keep fewer"
                )
        if held.count:
            yield held.take(_order(held, order))


def read_selection(
    columns: Iterable[str], *, keep: str | None, sort: str | None, top: int | None, pareto: str | None
) -> Selection:
    """Return what options say of some columns. Raises SpecError for a column that is not there."""
    known = list(columns)
    numbers = [name for name in known if name not in ("input", "output")]
    objectives = [objective(text, numbers, "--pareto", most=False) for text in pareto.split(",")] if pareto else []
    return Selection(
        keep=None if keep is None else expression(keep, numbers, "--keep"),
        sort=None if sort is None else objective(sort, numbers, "--sort", most=True),
        top=top,
        pareto=tuple(objectives),
    )


def front(points: Any) -> Any:
    """Return the places of the points that no other is at least as good as in all and better in one; less is better.

    >>> front(numpy.array([[1, 4], [2, 2], [3, 3], [2, 2]])).tolist()
    [0, 1, 3]
    """
    different, place_of = numpy.unique(points, axis=0, return_inverse=True)
    rest, places = different, numpy.arange(len(different))
    at = 0
    while at < len(rest):
        better = (rest < rest[at]).any(axis=1)
        better[at] = True
        rest, places = rest[better], places[better]
        at = int(better[:at].sum()) + 1
    best = numpy.zeros(len(different), dtype=bool)
    best[places] = True
    return numpy.flatnonzero(best[place_of.ravel()])


def _order(rows: Rows, order: Objective) -> Any:
    """The places of rows in an order, those that are alike as they came."""
    column = numpy.asarray(rows.columns[order.column])
    if column.dtype == object:
        column = numpy.unique(column.astype(str), return_inverse=True)[1]
    return numpy.argsort(-column.astype(float) if order.most else column, kind="stable")


def _beginning(batches: Iterable[Rows], count: int) -> Iterator[Rows]:
    left = count
    for batch in batches:
        taken = min(left, batch.count)
        yield batch.take(numpy.arange(taken))
        left -= taken
        if not left:
            return


def _numbers(rows: Rows) -> dict[str, Any]:
    """The columns that a condition may name: shapes are no numbers."""
    return {name: column for name, column in rows.columns.items() if not isinstance(column, ShapeColumn)}
