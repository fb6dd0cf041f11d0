"""`Sweep`: the rows of a grid, one for each valid configuration, worked out many at a time; and why others are none."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields, is_dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy

from convcalc.analyses.counts.macs import macs, other
from convcalc.analyses.counts.memory_report import memory_report
from convcalc.analyses.counts.params import params
from convcalc.analyses.counts.report import count
from convcalc.analyses.field.fields import fields as fields_of
from convcalc.analyses.field.receptive import receptive
from convcalc.errors import LimitError, MixedRowsError, ShapeError, UnsupportedError
from convcalc.ops import STORED, Input
from convcalc.sizes import is_array, total
from convcalc.spec.assemble import assemble
from convcalc.sweeps.grid import BYTES, FIELD, PARTS, PLACE, Grid
from convcalc.sweeps.rows import Rows, ShapeColumn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convcalc.graph import Graph
    from convcalc.subject import Subject
    from convcalc.sweeps.grid import Box

ENDLESS = float("inf")
ARRAY = "["
"""What a message with an array in it has."""


@dataclass
class Sweep:
    """A grid and the columns that are wanted; `dropped` counts rows that are no configuration, by the rule they break.

    `itemsize` is that of a number in bytes, `layout` the order of the sizes of -i.
    """

    grid: Grid
    columns: tuple[str, ...]
    layout: str = "chw"
    dtype: str = "fp32"
    itemsize: int = 4
    dropped: Counter[str] = field(default_factory=Counter)
    looped: set[int] = field(default_factory=set)

    def rows(self, box: Box | None = None) -> Iterator[Rows]:
        """Yield the valid rows of the grid, or of one box of it, a batch at a time, in order.

        Raises LimitError where a number does not fit in 64 bits, UnsupportedError where a step cannot be counted.
        """
        for part in [box] if box is not None else self.grid.boxes():
            yield from self._rows(part)

    def _rows(self, box: Box) -> Iterator[Rows]:
        for place in self.looped:
            if box.shape[place] > 1:
                yield from self._halved(box, place)
                return
        try:
            subject = assemble(box.block(), layout=self.layout)
            answers, broken = self._answers(box, subject)
        except MixedRowsError as mixed:
            yield from self._halved(box, _varying(mixed.rows, box))
        except LimitError:
            raise
        except ShapeError as error:
            reason = error.rule or str(error)
            if box.rows == 1 or (ARRAY not in reason and self._breaks_too(box.first())):
                self.dropped[reason] += box.rows
            else:  # raised for all, where it may be so for some
                yield from self._one_by_one(box)
        except Exception:
            if box.rows == 1:
                raise
            yield from self._one_by_one(box)
        else:
            self.dropped.update(broken)
            if answers.count:
                yield answers

    def _breaks_too(self, row: Box) -> bool:
        """Whether one row breaks a rule alone; a recipe that looks at many at once may refuse all for one of them."""
        try:
            assemble(row.block(), layout=self.layout)
        except ShapeError:
            return True
        return False

    def _one_by_one(self, box: Box) -> Iterator[Rows]:
        """The rows of a box that a recipe cannot write as a whole, from here on one value of an axis after another."""
        self.looped.add(self._culprit(box))
        yield from self._rows(box)

    def _halved(self, box: Box, place: int) -> Iterator[Rows]:
        for half in box.halves(place):
            yield from self._rows(half)

    def _culprit(self, box: Box) -> int:
        """The axis whose arrays a recipe cannot work with: the one without which it can, else the shortest."""
        places = [place for place, length in enumerate(box.shape) if length > 1]
        for place in places:
            alone = box
            while alone.shape[place] > 1:
                alone, _ = alone.halves(place)
            try:
                self._answers(alone, assemble(alone.block(), layout=self.layout))
            except Exception:
                continue
            return place
        return min(places, key=lambda place: box.shape[place])

    def _answers(self, box: Box, subject: Subject) -> tuple[Rows, Counter[str]]:
        """The columns of a box whose graph is written, and how many of its rows break which rule."""
        graph = subject.graph
        if subject.hidden:
            raise UnsupportedError(f"{', '.join(subject.hidden)} cannot be swept: the layers are not shown")
        valid, broken = _valid(box, graph)
        places = numpy.flatnonzero(valid)
        if not places.size:
            return Rows({}, 0), broken
        every = places.size == valid.size

        def taken(value: Any) -> Any:
            whole = numpy.broadcast_to(value, box.shape).ravel()
            return whole if every else whole[places]

        columns: dict[str, Any] = {}
        for place, axis in enumerate(box.grid.axes):
            if axis.layer is not None or axis.size is not None:
                flat = box.flat(place)
                columns[axis.column] = flat if every else flat[places]
        columns = {name: columns[name] for name in box.grid.settings}
        block = box.block()
        names = [f"{given.name}=" if given.name else "" for given in block.inputs]
        columns["input"] = ShapeColumn(
            [tuple(map(taken, given.sizes)) for given in block.inputs],
            tuple(names),
            len(places),
            batched=[tuple(map(taken, value.shape)) for value in graph.inputs],
        )
        outputs = graph.outputs
        single = len(block.inputs) == 1 and len(block.inputs[0].sizes) == len(graph.inputs[0].shape) - 1
        shapes = [tuple(map(taken, value.shape)) for value in outputs]
        columns["output"] = ShapeColumn(shapes, ("",) * len(outputs), len(places), hidden=int(single))
        columns |= {name: taken(value) for name, value in self._counts(subject).items()}
        if PLACE in self.columns:
            columns[PLACE] = box.places(places)
        if {*FIELD} & {*self.columns}:
            rf, jump = self._fields(box, graph, valid)
            columns |= {"rf": taken(rf), "jump": taken(jump)}
        if {*BYTES} & {*self.columns}:
            columns |= self._bytes(box, places)
        return Rows(columns, len(places)), broken

    def _counts(self, subject: Subject) -> dict[str, Any]:
        wanted = {*self.columns}
        if any(layer.times > 1 for layer in subject.block.layers):
            report = count([subject])
            learned, work = report.params, report.macs
            more = total(report.other.values())
        else:
            learned = params(subject.graph)
            work = macs(subject.graph) if wanted & {"macs", "flops"} else 0
            more = total(other(subject.graph).values()) if "other" in wanted else 0
        values = {"params": learned.total, **{part: getattr(learned, part) for part in PARTS}}
        values |= {"macs": work, "flops": total((work, work)), "other": more}
        return {name: value for name, value in values.items() if name in wanted}

    def _fields(self, box: Box, graph: Graph, valid: Any) -> tuple[Any, Any]:
        """The least field and the largest jump of any axis, worked out once for all rows that cannot differ in them."""
        apart = _apart(graph, len(box.shape))
        shape = [length if place in apart else 1 for place, length in enumerate(box.shape)]
        rf, jump = numpy.full(shape, ENDLESS), numpy.full(shape, ENDLESS)
        for place in product(*map(range, shape)):
            like = tuple(at if axis in apart else slice(None) for axis, at in enumerate(place))
            those = numpy.argwhere(numpy.atleast_1d(valid[like]))
            if not len(those):
                continue
            rest = iter(those[0])
            chosen = [at if axis in apart else int(next(rest)) for axis, at in enumerate(place)]
            rf[place], jump[place] = field_of(assemble(_single(box, chosen).block(), layout=self.layout).graph)
        return rf, jump

    def _bytes(self, box: Box, places: Any) -> dict[str, Any]:
        """The most bytes alive at once, row by row."""
        figures = []
        for place in places:
            chosen = [int(at) for at in numpy.unravel_index(place, box.shape)]
            counts = count([assemble(_single(box, chosen).block(), layout=self.layout)])
            figures.append(memory_report(counts, self.dtype, self.itemsize, trains=self.dtype != "int8").figures)
        return {
            name: numpy.asarray([float(row.get(name, numpy.nan)) for row in figures])
            for name in BYTES
            if name in self.columns
        }


def _valid(box: Box, graph: Graph) -> tuple[Any, Counter[str]]:
    """Which rows break no rule, and how many break which first."""
    valid, broken = numpy.ones(box.shape, dtype=bool), Counter[str]()
    for constraint in graph.constraints:
        holds = numpy.asarray(constraint.holds, dtype=bool)
        if not holds.all():
            broken[constraint.message] += int((valid & ~holds).sum())
            valid &= holds
    return valid, +broken


def _single(box: Box, chosen: list[int]) -> Box:
    """One row of a box."""
    spans = tuple((start + at, start + at + 1) for (start, _), at in zip(box.spans, chosen, strict=True))
    return type(box)(box.grid, spans)


def field_of(graph: Graph) -> tuple[float, float]:
    """Return the last output's least field of any axis in any input (infinite: all is seen), and its largest jump."""
    value = graph.outputs[-1]
    by_value = fields_of(graph)[value.index]
    sizes: list[float] = []
    jumps: list[float] = []
    for source, given in enumerate(graph.inputs):
        seen = receptive(by_value, len(given.shape) - 2, source, value.shape)
        if seen is not None:
            sizes += [ENDLESS if size is None else size for size in seen.size_min] or [ENDLESS]
            jumps += [ENDLESS if jump is None else float(jump) for jump in seen.jump]
    return min(sizes, default=ENDLESS), max(jumps, default=ENDLESS)


def _varying(rows: Any, box: Box) -> int:
    """The shortest axis along which a mask differs."""
    mask = numpy.broadcast_to(rows, box.shape)
    differs = [
        place for place, length in enumerate(box.shape) if length > 1 and (mask != mask.take([0], axis=place)).any()
    ]
    return min(differs, key=lambda place: box.shape[place])


def _apart(graph: Graph, rank: int) -> set[int]:
    """The axes of the grid along which something varies that a receptive field may depend on."""
    arrays: list[Any] = []

    def collect(value: Any) -> None:
        if is_array(value):
            arrays.append(value)
        elif isinstance(value, (tuple, list)):
            for part in value:
                collect(part)
        elif is_dataclass(value) and not isinstance(value, type):
            for part in fields(value):
                collect(getattr(value, part.name))

    for node in graph.nodes:
        if not isinstance(node.op, STORED):
            collect(node.output.shape[2:])
            if not isinstance(node.op, Input):
                collect(node.op)
    return {axis for array in arrays for axis in range(rank) if array.ndim == rank and array.shape[axis] > 1}
