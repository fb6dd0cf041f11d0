"""`ModelSweep`, `model_axes`: a model built and traced for every combination of its arguments and inputs."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import numpy

from convcalc.analyses.counts.memory_report import memory_report
from convcalc.analyses.counts.report import count
from convcalc.errors import ShapeError, SpecError, UnsupportedError
from convcalc.limits import MAX_MODEL_INPUTS
from convcalc.sizes import total
from convcalc.spec.model_words import ModelWords
from convcalc.spec.ranges import RANGE, Alternatives, read_range
from convcalc.subject import Subject, Tensor
from convcalc.sweeps.evaluate import field_of
from convcalc.sweeps.grid import BYTES, COLUMNS, FIELD, PARTS
from convcalc.sweeps.rows import Rows, ShapeColumn

if TYPE_CHECKING:
    from convcalc.sweeps.selection import Selection

Load = Callable[[ModelWords, Sequence[Tensor]], Subject]


@dataclass
class ModelSweep:
    """A model's arguments with their values, and its inputs; each is built once for its arguments."""

    words: ModelWords
    arguments: dict[str, Sequence[Any]]
    inputs: tuple[tuple[Tensor, ...], ...]
    load: Load
    columns: tuple[str, ...] = ()
    dtype: str = "fp32"
    itemsize: int = 4
    dropped: Counter[str] = field(default_factory=Counter)

    @property
    def settings(self) -> list[str]:
        """The arguments that vary, as columns."""
        return list(self.arguments)

    @property
    def values(self) -> dict[str, list[Sequence[Any]]]:
        """The values that each of them may have."""
        return {name: [values] for name, values in self.arguments.items()}

    @property
    def rows(self) -> int:
        """How many combinations there are."""
        return prod(map(len, self.arguments.values())) * len(self.inputs)

    @property
    def every(self) -> list[str]:
        """The names of all columns."""
        return [*self.arguments, "input", "output", *COLUMNS]

    def selected(self, selection: Selection, done: Callable[[int], None] = lambda rows: None) -> Iterator[Rows]:
        """Yield what a selection keeps, with the columns that are written."""
        wanted = {*self.columns, *selection.columns}
        for rows in selection.of(self._rows(wanted, done)):
            yield rows.only(self.columns) if rows.count else rows

    def _rows(self, wanted: set[str], done: Callable[[int], None]) -> Iterator[Rows]:
        for values in product(*self.arguments.values()):
            chosen = dict(zip(self.arguments, values, strict=True))
            built: Subject | None = None
            for given in self.inputs:
                try:
                    built = self._on(built, chosen, given)
                    yield self._row(built, chosen, given, wanted)
                except (ShapeError, UnsupportedError) as error:
                    self.dropped[str(error)] += 1
                done(1)

    def _on(self, built: Subject | None, chosen: dict[str, Any], given: tuple[Tensor, ...]) -> Subject:
        """The model on an input: traced again where it is built already."""
        if built is None or built.on is None or not given:
            return self.load(self.words._replace(arguments={**self.words.arguments, **chosen}), given)
        batched = (value.shape for value in built.graph.inputs)
        shapes = [
            tensor.sizes if len(tensor.sizes) == len(shape) else (1, *tensor.sizes)
            for tensor, shape in zip(given, batched, strict=True)
        ]
        return built.on(tuple(shapes))

    def _row(self, subject: Subject, chosen: dict[str, Any], given: tuple[Tensor, ...], wanted: set[str]) -> Rows:
        counts = count([subject])
        learned = counts.params
        values: dict[str, Any] = {
            "params": learned.total, **{part: getattr(learned, part) for part in PARTS},
            "macs": counts.macs, "flops": counts.flops, "other": total(counts.other.values()),
        }  # fmt: skip
        if wanted & {*FIELD}:
            values |= dict(zip(FIELD, _field_or_nothing(subject), strict=True))
        if wanted & {*BYTES}:
            figures = memory_report(counts, self.dtype, self.itemsize, trains=self.dtype != "int8").figures
            values |= {name: figures.get(name, numpy.nan) for name in BYTES}
        columns = {name: _object(value) for name, value in chosen.items()}
        tensors = given or subject.block.inputs
        whole = _shapes([value.shape for value in subject.graph.inputs], []).tensors
        written = _shapes([tensor.sizes for tensor in tensors], [tensor.name for tensor in tensors])
        columns["input"] = replace(written, batched=whole)
        batched = len(tensors) == 1 and len(tensors[0].sizes) < len(subject.graph.inputs[0].shape)
        columns["output"] = _shapes([value.shape for value in subject.graph.outputs], [], hidden=int(batched))
        columns |= {name: numpy.asarray([values.get(name, numpy.nan)]) for name in COLUMNS}
        return Rows(columns, 1)


def model_axes(words: ModelWords, texts: Sequence[str]) -> dict[str, Sequence[Any]]:
    """Return the arguments with several values: `width=0.5,0.75,1`, `layers=18:50:2`; brackets hold one value."""
    axes: dict[str, Sequence[Any]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or value[:1] in "([{\"'":
            continue
        if RANGE.fullmatch(value):
            axes[key] = read_range(value, words.spot)
        elif "," in value:
            axes[key] = [_literal(part) for part in value.split(",")]
    return axes


def input_alternatives(given: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], ...]:
    """Return the inputs of each combination of their alternatives and ranges. Raises SpecError past what is tried."""
    each: list[list[Tensor]] = []
    for tensor in given:
        if tensor.shapes:
            each.append([tensor._replace(sizes=shape, shapes=()) for shape in tensor.shapes])
            continue
        sizes: list[Sequence[Any]] = [
            size.values if isinstance(size, Alternatives) else [size] for size in tensor.sizes
        ]
        if prod(map(len, (*each, *sizes))) > MAX_MODEL_INPUTS:
            raise SpecError(f"a model is traced on at most {MAX_MODEL_INPUTS:,} inputs", tensor.spot)
        each.append([tensor._replace(sizes=shape) for shape in product(*sizes)])
    return tuple(product(*each))


def _field_or_nothing(subject: Subject) -> tuple[float, float]:
    try:
        return field_of(subject.graph)
    except UnsupportedError:
        return float("nan"), float("nan")


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return {"true": True, "false": False, "none": None}.get(text.lower(), text)


def _object(value: Any) -> Any:
    array = numpy.empty(1, dtype=object)
    array[0] = value
    return array if not isinstance(value, (int, float)) or isinstance(value, bool) else numpy.asarray([value])


def _shapes(shapes: Sequence[Sequence[Any]], names: Sequence[str], hidden: int = 0) -> ShapeColumn:
    tensors = [tuple(numpy.asarray([size]) for size in shape) for shape in shapes]
    return ShapeColumn(tensors, tuple(f"{name}=" if name else "" for name in names) or ("",) * len(shapes), 1, hidden)
