"""`FieldReport`: the receptive field of every layer of a stack, and what the last output sees at the borders."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from convcalc.analyses.counts.report import BlockReport, CountReport, blocks_json
from convcalc.analyses.field.coverage import Unit, uncut, unit, whole
from convcalc.analyses.field.fields import Field, fields
from convcalc.analyses.field.receptive import Receptive, receptive
from convcalc.analyses.field.routes import Routes, routes
from convcalc.analyses.steps import hops
from convcalc.ops import Pad
from convcalc.sizes import known

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.analyses.counts.report import CountedRow
    from convcalc.graph import Value


class InputCoverage(NamedTuple):
    """How many outputs no border cuts, of how many; the first rows of which some, and every output sees all.

    With `folds_back` the padding reads other positions of the input, and whether all of it is seen is not told.
    """

    uncut: int
    outputs: int
    some: CountedRow | None
    every: CountedRow | None
    folds_back: bool = False


class Coarsest(NamedTuple):
    """The largest jump of any layer, and that layer's name."""

    jump: Fraction = Fraction(0)
    layer: str = ""


@dataclass(frozen=True, slots=True)
class InputField:
    """What the last output sees of one input, against its size where that is known, and from one position."""

    name: str
    source: int
    receptive: Receptive
    coverage: InputCoverage | None
    unit: Unit | None


@dataclass(frozen=True)
class FieldReport:
    """The field of every value of a stack, by input; `inputs` is the last output's, with what was asked besides."""

    block: BlockReport
    fields: dict[int, Field]
    inputs: tuple[InputField, ...] = ()
    coarsest: Coarsest | None = None
    routes: Routes | None = None

    def of_value(self, value: Value) -> list[tuple[str, Receptive]]:
        """Return (input name, field) for each input that a value sees."""
        return [(name, field) for name, _, field in _of_value(self.block, self.fields, value)]

    @cached_property
    def sparse(self) -> bool:
        """Whether it gathers over the edges of a graph: its fields are hops."""
        return any(node.output.nonzeros is not None for node in self.block.subject.graph.nodes)

    @cached_property
    def hops(self) -> dict[int, int]:
        """From how many hops away each value sees nodes."""
        return hops(self.block.subject.graph)

    def rows(self, row: CountedRow) -> Sequence[Value]:
        """Return the outputs a row is about: all of those that have names, else the last."""
        named = [value for value in row.outputs if value.index in self.block.subject.names]
        return named or row.outputs[-1:]

    def value_json(self, values: Sequence[Value]) -> dict[str, Any]:
        """Return the field of the last of some values, by input where there are several.

        Where the values are outputs with names, `outputs` holds the field of each.
        """
        names = self.block.subject.names
        far = {"hops": self.hops[values[-1].index]} if self.sparse else {}
        each = {names[value.index]: self._by_input(value) for value in values if value.index in names}
        return {**self._by_input(values[-1]), **({"outputs": each} if len(each) > 1 else {}), **far}

    def _by_input(self, value: Value) -> dict[str, Any]:
        receptives = self.of_value(value)
        if len(self.block.subject.graph.inputs) == 1:
            return receptive_json(receptives[0][1]) if receptives else {}
        return {"fields": {name: receptive_json(field) for name, field in receptives}}

    def to_dict(self) -> dict[str, Any]:
        """Return the block's part of the JSON document."""
        block = self.block.to_dict([self.value_json(row.outputs) for row in self.block.rows])
        return {**block, **self.value_json(self.block.subject.graph.outputs), **self._further()}

    def _further(self) -> dict[str, Any]:
        document: dict[str, Any] = {}
        several = len(self.block.subject.graph.inputs) > 1
        if len(self.inputs) == 1:
            (field,) = self.inputs
            document["smallest_object"] = smallest_object(field.receptive)
            if field.coverage is not None and not several and not field.coverage.folds_back:
                some, every = field.coverage.some, field.coverage.every
                document["whole_input"] = {
                    "some_output": some.name if some else None,
                    "every_output": every.name if every else None,
                }
            if field.coverage is not None and not several:
                document["uncut"] = {"outputs": field.coverage.uncut, "of": field.coverage.outputs}
        units = {field.name: _unit_json(field.unit) for field in self.inputs if field.unit is not None}
        if units:
            document["unit"] = units if several else next(iter(units.values()))
        if self.routes is not None:
            lengths = {str(length): count for length, count in self.routes.by_length.items()}
            document["paths"] = {
                "total": self.routes.total, "mean_length": self.routes.mean, "by_length": lengths,
                "connections": self.routes.connections,
            }  # fmt: skip
        return document


@dataclass(frozen=True, slots=True)
class FieldReports:
    """The fields of several blocks."""

    counts: CountReport
    blocks: tuple[FieldReport, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document without its envelope."""
        return blocks_json([block.to_dict() for block in self.blocks])


def field_report(block: BlockReport) -> FieldReport:
    """Return the fields of a block's values. Raises UnsupportedError where branches need the input's size."""
    return FieldReport(block, fields(block.subject.graph))


def receptive_field(
    counts: CountReport, position: tuple[int, ...] | None = None, *, paths: bool = False
) -> FieldReports:
    """Return the fields of every layer, what borders cut, what one output `position` sees, and the ways through.

    Raises UnsupportedError where branches of different strides meet and the input's size is not known, ShapeError
    for a position the output does not have.
    """
    return FieldReports(counts, tuple(_full_report(block, position, paths=paths) for block in counts.blocks))


def _full_report(block: BlockReport, position: tuple[int, ...] | None, *, paths: bool) -> FieldReport:
    graph = block.subject.graph
    by_value = fields(graph)
    value = graph.outputs[-1]
    each = _single_fields(block, by_value)
    inputs = []
    for name, source, field in _of_value(block, by_value, value):
        place = None if position is None else unit(graph, value, source, field, position)
        inputs.append(InputField(name, source, field, _coverage(field, each, block, source), place))
    coarsest = Coarsest()
    for row, field in each:
        step = smallest_object(field)
        if step is not None and step > coarsest.jump:
            coarsest = Coarsest(step, row.name)
    return FieldReport(block, by_value, tuple(inputs), coarsest, routes(graph) if paths else None)


def _of_value(block: BlockReport, by_value: dict[int, Field], value: Value) -> list[tuple[str, int, Receptive]]:
    """(input name, input number, field) for each input that a value sees."""
    subject = block.subject
    receptives = []
    for source, (name, source_value) in enumerate(zip(subject.input_names, subject.graph.inputs, strict=True)):
        field = receptive(by_value[value.index], len(source_value.shape) - 2, source, value.shape)
        if field is not None:
            receptives.append((name, source, field))
    return receptives


def _single_fields(block: BlockReport, by_value: dict[int, Field]) -> list[tuple[CountedRow, Receptive]]:
    """The field of each row's last output, where it sees one input."""
    pairs = []
    for row in block.rows:
        receptives = _of_value(block, by_value, row.outputs[-1])
        if len(receptives) == 1:
            pairs.append((row, receptives[0][2]))
    return pairs


def _coverage(
    field: Receptive, each: Sequence[tuple[CountedRow, Receptive]], block: BlockReport, source: int
) -> InputCoverage | None:
    """The last output's field against the input; None where sizes are not known. Rows only for a single input."""
    inputs = block.subject.graph.inputs
    sizes = inputs[source].spatial
    if not known(*sizes) or any(count is None for count in field.outputs):
        return None
    share = outputs = 1
    for axis, size, count in zip(field.axes, sizes, field.outputs, strict=True):
        if axis is not None and count is not None:
            share, outputs = share * uncut(axis, size, count), outputs * count
    if any(isinstance(node.op, Pad) and node.op.mode != "constant" for node in block.subject.graph.nodes):
        return InputCoverage(share, outputs, None, None, folds_back=True)  # near a border other positions are read
    some = every = None
    for row, row_field in each if len(inputs) == 1 else ():
        coverage = whole(row_field, sizes, [count or 0 for count in row_field.outputs])
        some = some or (row if coverage.some else None)
        every = every or (row if coverage.every else None)
        if every is not None:
            break
    return InputCoverage(share, outputs, some, every)


def smallest_object(field: Receptive) -> Fraction | None:
    """Return the largest jump over the axes: objects below it may fall between two outputs."""
    jumps = [jump for jump in field.jump if jump is not None]
    return max(jumps) if len(jumps) == len(field.axes) else None


def receptive_json(field: Receptive) -> dict[str, Any]:
    """Return one field as JSON holds it."""
    same = field.size_min == field.size_max
    size = {"size": field.size_max} if same else {"size_min": field.size_min, "size_max": field.size_max}
    return {**size, "jump": field.jump, "start": field.start, "centre": field.centre, "global": field.everything}


def _unit_json(unit: Unit) -> dict[str, Any]:
    return {
        "position": unit.position,
        "region": unit.region,
        "clipped": unit.clipped,
        "inside": unit.inside,
        "reached": unit.reached,
        "reads": unit.reads,
    }
