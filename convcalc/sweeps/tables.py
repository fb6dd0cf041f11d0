"""`SpecSweep`, `sweep_specs`: specs with ranges side by side, as batches of rows with the same columns."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

from convcalc.errors import SpecError, nearest
from convcalc.sweeps.cluster import Cluster, Task
from convcalc.sweeps.evaluate import Sweep
from convcalc.sweeps.grid import COLUMNS, SPEC, Grid, grid_of
from convcalc.sweeps.rows import Rows, alike

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from convcalc.subject import Block
    from convcalc.sweeps.grid import Box
    from convcalc.sweeps.selection import Selection

MOST_FAR = 2**16
"""Rows of a box that another machine works on."""
USUAL = ("params", "macs", "other")


@dataclass
class SpecSweep:
    """Specs by name, each with a grid; the columns that are written, and those that a selection looks at besides."""

    grids: dict[str, Grid]
    columns: tuple[str, ...]
    wanted: tuple[str, ...]
    layout: str = "chw"
    dtype: str = "fp32"
    itemsize: int = 4
    dropped: Counter[str] = field(default_factory=Counter)
    cluster: Cluster | None = None

    @property
    def settings(self) -> list[str]:
        """The settings and sizes that vary, as columns."""
        return list(dict.fromkeys(name for grid in self.grids.values() for name in grid.settings))

    @property
    def values(self) -> dict[str, list[Sequence[Any]]]:
        """The values that each of them may have, of every spec."""
        each: dict[str, list[Sequence[Any]]] = {}
        for grid in self.grids.values():
            for axis in grid.axes:
                each.setdefault(axis.column, []).append(axis.values)
        return each

    @property
    def rows(self) -> int:
        """How many combinations there are."""
        return sum(grid.rows for grid in self.grids.values())

    def batches(self, done: Callable[[int], None] = lambda rows: None) -> Iterator[Rows]:
        """Yield the valid rows a batch at a time; `done` is told how many combinations each box had."""
        several = len(self.grids) > 1
        if self.cluster is not None:
            yield from self._from_cluster(self.cluster, done)
            return
        for name, grid in self.grids.items():
            sweep = Sweep(grid, self.wanted, self.layout, self.dtype, self.itemsize, dropped=self.dropped)
            for box in grid.boxes():
                for rows in sweep.rows(box):
                    yield alike(rows, self.every, {SPEC: name} if several else {})
                done(box.rows)

    def task(self, name: str, box: Box) -> Task:
        """Return one box of a spec as a task for a worker."""
        written = self.grids[name].written
        return Task(written, box.spans, self.wanted, self.layout, self.dtype, self.itemsize)

    def _from_cluster(self, cluster: Cluster, done: Callable[[int], None]) -> Iterator[Rows]:
        """The same rows, worked out elsewhere, in the same order."""
        several = len(self.grids) > 1
        for name, grid in self.grids.items():
            boxes = list(grid.boxes(MOST_FAR))
            for task, batches in cluster.batches([self.task(name, box) for box in boxes], self.dropped):
                for rows in batches:
                    yield alike(rows, self.every, {SPEC: name} if several else {})
                done(prod(stop - start for start, stop in task.spans))

    def selected(self, selection: Selection, done: Callable[[int], None] = lambda rows: None) -> Iterator[Rows]:
        """Yield what a selection keeps, with the columns that are written."""
        for rows in selection.of(self.batches(done)):
            yield rows.only(self.columns) if rows.count else rows

    @property
    def every(self) -> list[str]:
        """All columns that rows have, in the order they are written."""
        return known_columns(self.grids, self.wanted)


def known_columns(grids: dict[str, Grid], counted: Sequence[str] = COLUMNS) -> list[str]:
    """Return the names of the columns there are: of the spec, its settings, its sizes, and what is counted."""
    settings = [name for grid in grids.values() for name in grid.settings]
    first = [SPEC] if len(grids) > 1 else []
    return list(dict.fromkeys([*first, *settings, "input", "output", *counted]))


def check_columns(columns: Sequence[str] | None, known: Sequence[str]) -> None:
    """Raise SpecError for a column that is not there."""
    for name in columns or ():
        if name not in known:
            raise SpecError(f"there is no column {name!r}{nearest(name, known)} (there are {', '.join(known)})")


def sweep_specs(
    blocks: dict[str, Block], columns: Sequence[str] | None, usual: Sequence[str], looked_at: set[str], layout: str
) -> SpecSweep:
    """Return the sweep of some specs: `columns` as they were asked for, else the settings and the `usual` ones.

    `looked_at` are columns that are needed besides. Raises SpecError for a column that is not there.
    """
    grids = {name: grid_of(block, layout) for name, block in blocks.items()}
    known = known_columns(grids)
    check_columns(columns, known)
    sizes = {name for grid in grids.values() for name in grid.sizes}
    counted = [name for name in COLUMNS if name in usual or name in looked_at]
    chosen = list(columns or [name for name in known_columns(grids, counted) if name not in sizes])
    wanted = [name for name in COLUMNS if name in chosen or name in looked_at]
    return SpecSweep(grids, tuple(dict.fromkeys(chosen)), tuple(wanted), layout)
