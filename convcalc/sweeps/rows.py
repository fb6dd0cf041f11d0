"""`Rows`, `ShapeColumn`: some rows of a sweep as columns of arrays, and as plain values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from convcalc.sizes import PerAxis


@dataclass(frozen=True)
class ShapeColumn:
    """Shapes of one tensor or several for each row: an array of each size; `hidden` sizes are not written in text.

    `batched` are the same with their batch, where they were written without.
    """

    tensors: list[tuple[Any, ...]]
    names: tuple[str, ...]
    count: int
    hidden: int = 0
    batched: list[tuple[Any, ...]] | None = None

    def texts(self) -> list[str]:
        """Return each row's shapes as `-i` takes them."""
        written = []
        for name, sizes in zip(self.names, self.tensors, strict=True):
            columns = [size.tolist() for size in sizes[self.hidden :]]
            texts = ["x".join(map(str, row)) for row in zip(*columns, strict=True)] if columns else [""] * self.count
            written.append([f"{name}{text}" for text in texts] if name else texts)
        return [" ".join(row) for row in zip(*written, strict=True)] if len(written) > 1 else written[0]

    def lists(self) -> list[Any]:
        """Return each row's shape as a list of ints; a list of lists for several tensors."""
        written = []
        for sizes in self.batched or self.tensors:
            columns = [size.tolist() for size in sizes]
            written.append([list(row) for row in zip(*columns, strict=True)] if columns else [[]] * self.count)
        return [list(row) for row in zip(*written, strict=True)] if len(written) > 1 else written[0]

    def take(self, places: Any) -> ShapeColumn:
        """Return the same of some rows."""
        tensors, batched = (
            None if some is None else [tuple(size[places] for size in sizes) for sizes in some]
            for some in (self.tensors, self.batched)
        )
        return ShapeColumn(tensors or [], self.names, len(places), self.hidden, batched)


@dataclass(frozen=True)
class Rows:
    """Columns by name, each with a value for every row."""

    columns: dict[str, Any]
    count: int

    def take(self, places: Any) -> Rows:
        """Return some rows, by their places."""
        return Rows(
            {
                name: column.take(places) if isinstance(column, ShapeColumn) else column[places]
                for name, column in self.columns.items()
            },
            len(places),
        )

    def only(self, names: Sequence[str]) -> Rows:
        """Return some columns, in this order."""
        return Rows({name: self.columns[name] for name in names}, self.count)

    def records(self, *, text: bool) -> Iterator[dict[str, Any]]:
        """Yield each row by name; shapes as text, or as lists. Endless numbers are None."""
        lists = []
        for column in self.columns.values():
            if isinstance(column, ShapeColumn):
                lists.append(column.texts() if text else column.lists())
            else:
                lists.append([_plain(value) for value in column.tolist()])
        for values in zip(*lists, strict=True):
            yield dict(zip(self.columns, values, strict=True))


def alike(rows: Rows, names: Sequence[str], first: dict[str, Any]) -> Rows:
    """Return the rows with these columns, some of one value for all, and those they lack empty."""
    empty = numpy.full(rows.count, numpy.nan)
    constant = {name: _filled(value, rows.count) for name, value in first.items()}
    return Rows({name: constant.get(name, rows.columns.get(name, empty)) for name in names}, rows.count)


def _filled(value: Any, count: int) -> Any:
    array = numpy.empty(count, dtype=object)
    array[:] = [value] * count
    return array


def joined(parts: Sequence[Rows]) -> Rows:
    """Return several batches as one."""
    full = [part for part in parts if part.count]
    if not full:
        return parts[0] if parts else Rows({}, 0)
    if len(full) == 1:
        return full[0]
    columns: dict[str, Any] = {}
    for name, first in full[0].columns.items():
        pieces = [part.columns[name] for part in full]
        if isinstance(first, ShapeColumn):
            columns[name] = _joined_shapes(pieces)
        else:
            columns[name] = numpy.concatenate(pieces)
    return Rows(columns, sum(part.count for part in full))


def _joined_shapes(pieces: Sequence[ShapeColumn]) -> ShapeColumn:
    """Shapes one after another; where their ranks differ they are objects of one size."""
    first = pieces[0]
    forms = {
        (*map(len, piece.tensors), "as", *map(len, piece.batched or ()), piece.names, piece.hidden) for piece in pieces
    }
    if len(forms) == 1 and not isinstance(first, MixedShapes):
        tensors, batched = _end_to_end([piece.tensors for piece in pieces]), None
        if first.batched is not None:
            batched = _end_to_end([piece.batched or [] for piece in pieces])
        return ShapeColumn(tensors, first.names, sum(piece.count for piece in pieces), first.hidden, batched)
    return MixedShapes([], (), sum(piece.count for piece in pieces), 0, None, list(pieces))


def _end_to_end(each: Sequence[list[tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
    """The sizes of the same tensors in several pieces, one after another."""
    return [
        tuple(numpy.concatenate([piece[place][axis] for piece in each]) for axis in range(len(sizes)))
        for place, sizes in enumerate(each[0])
    ]


@dataclass(frozen=True)
class MixedShapes(ShapeColumn):
    """Shapes of several ranks: pieces of one rank each, one after another."""

    pieces: Sequence[ShapeColumn] = ()

    def texts(self) -> list[str]:
        """Return each row's shapes as text."""
        return [text for piece in self.pieces for text in piece.texts()]

    def lists(self) -> list[Any]:
        """Return each row's shapes as lists."""
        return [shape for piece in self.pieces for shape in piece.lists()]

    def take(self, places: Any) -> ShapeColumn:
        """Return the same of some rows, a piece each: they may come in any order."""
        starts = numpy.cumsum([0, *(piece.count for piece in self.pieces)])
        singles = []
        for place in places:
            number = int(numpy.searchsorted(starts, place, side="right")) - 1
            singles.append(self.pieces[number].take(numpy.asarray([place - starts[number]])))
        return MixedShapes([], (), len(places), 0, None, singles)


def _plain(value: Any) -> Any:
    """A value as it is written: a number whole where it is, None where it has no end or is not known."""
    if isinstance(value, PerAxis):
        return "x".join(map(str, value))
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124  not a number
            return None
        return int(value) if value.is_integer() else value
    return value
