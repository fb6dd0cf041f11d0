"""`ExplainReport`: a layer's formulas derived from its own recipe, its graph, and the numbers put in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import sympy

from convcalc import ops
from convcalc.analyses.counts.macs import macs, other
from convcalc.analyses.counts.params import params
from convcalc.analyses.counts.stack_layers import shapes_json
from convcalc.analyses.steps import steps
from convcalc.analyses.symbolic.formula import formulas
from convcalc.analyses.symbolic.layer_fit import GROWN, Formula
from convcalc.analyses.symbolic.notation import filled, shape, shortest, text
from convcalc.analyses.symbolic.per_axis import axis_letters, is_uneven, jump_text, size_text
from convcalc.analyses.symbolic.symbols import STATED, input_shapes, letters
from convcalc.documents import plain
from convcalc.errors import ShapeError, SpecError, UnsupportedError
from convcalc.graph import Graph
from convcalc.literature import Literature
from convcalc.sizes import PerAxis
from convcalc.subject import Layer, Subject

if TYPE_CHECKING:
    from convcalc.registry import Kind

NOTHING_WRITTEN = Literature()
READABLE = 200
"""Characters of a formula that is still read."""
PARTS = ("weights", "biases", "norm", "params", "macs")


class GraphStep(NamedTuple):
    """One step of the first case: its part, what it reads and does, and what it gives, with symbols for sizes."""

    part: str
    reads: tuple[str, ...]
    does: str
    gives: str


class WorkedNumber(NamedTuple):
    """One quantity with the numbers in its formula (- where it does not hold for them), and what it comes to."""

    quantity: str
    worked: str
    value: Any


@dataclass(frozen=True, slots=True)
class ExplainReport:
    """A layer's formulas, one for each case; with an input those its numbers are in, and the numbers put in."""

    layer: Layer
    formulas: tuple[Formula, ...]
    graph: tuple[GraphStep, ...]
    subject: Subject | None = None
    numbers: tuple[WorkedNumber, ...] = ()
    literature: Literature = NOTHING_WRITTEN
    plain: Graph | None = None

    @property
    def beside_plain(self) -> tuple[tuple[str, int, int], ...]:
        """Parameters and multiply-adds, here and of the plain convolution it stands in for; none where it has none."""
        if self.plain is None or self.subject is None:
            return ()
        here = self.subject.graph
        return (
            ("params", params(here).total, params(self.plain).total),
            ("macs", macs(here), macs(self.plain)),
        )

    @property
    def recurrent(self) -> bool:
        """Whether it works through the steps of a sequence one after another."""
        return any(isinstance(node.op, ops.Recurrent) for node in self.formulas[0].graph.nodes)

    @property
    def formula_fails(self) -> bool:
        """Whether the formula does not hold for some of the numbers, which are then counted."""
        return any(number.worked == "-" for number in self.numbers)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document without its envelope: formulas in Python's notation."""
        kind = self.layer.kind
        document: dict[str, Any] = {
            "name": kind.name,
            "about": kind.about,
            "source": kind.source,
            "equations": list(self.literature.equations),
            "traps": [trap._asdict() for trap in self.literature.traps],
            "notes": {label.lower().replace(" ", "_"): note for label, note in kind.notes.items()},
            "stages": [text(formula.stages) for formula in self.formulas],
            "graph": [step._asdict() for step in self.graph],
            "cases": [_case_json(formula, kind) for formula in self.formulas],
        }
        if self.subject is not None:
            document["input"] = shapes_json(self.subject.graph.inputs)
            document["output"] = shapes_json(self.subject.graph.outputs)
            document["numbers"] = [number._asdict() for number in self.numbers]
            document["plain_conv"] = {name: there for name, _, there in self.beside_plain} or None
        result: dict[str, Any] = plain(document)
        return result


def explain(
    layer: Layer,
    subject: Subject | None = None,
    literature: Literature = NOTHING_WRITTEN,
    plain: Graph | None = None,
) -> ExplainReport:
    """Derive a layer's formulas; `literature` is what is written of its kind, `plain` the convolution it replaces.

    Raises SpecError under the layer where they cannot be derived.
    """
    try:
        derived = tuple(_derived(layer, subject))
    except (ShapeError, UnsupportedError) as error:
        raise SpecError(f"{layer.text}: {error}", layer.spot) from None
    graph = _graph(layer.kind, derived[0])
    if subject is None:
        return ExplainReport(layer, derived, graph, literature=literature)
    numbers = _worked(layer, subject, derived[0], _values(layer, subject, derived[0]))
    return ExplainReport(layer, derived, graph, subject, numbers, literature, plain)


def _graph(kind: Kind, formula: Formula) -> tuple[GraphStep, ...]:
    names = {size: name for name, size in formula.names.items()}
    rows = []
    for step in steps(formula.graph, lambda size: text(formula.tidy(size))):
        sizes = step.output.shape if kind.rows else step.output.shape[1:]
        gives = tuple(names.get(formula.tidy(size), formula.tidy(size)) for size in sizes)
        rows.append(GraphStep(step.name, step.reads, step.does, shape(gives)))
    return tuple(rows)


def _worked(layer: Layer, subject: Subject, formula: Formula, numbers: dict[Any, Any]) -> tuple[WorkedNumber, ...]:
    """The formula with the numbers in, and what it comes to; checked against the answer of the other commands."""
    graph = subject.graph
    sums = params(graph)
    counted = {
        "weights": sums.weights, "biases": sums.biases, "norm": sums.norm, "params": sums.total, "macs": macs(graph),
        **{f"other: {name}": count for name, count in other(graph).items()},
    }  # fmt: skip
    rows = []
    for name, expression in quantities(formula, layer.kind):
        if isinstance(expression, tuple):
            continue
        result = expression.subs(numbers)
        value = counted.get(name, int(result) if result.is_Integer else None)
        worked = "-"
        if result.is_Integer and int(result) == value:
            as_it_is = name in map(str, formula.names)
            worked = filled(expression if as_it_is else shortest(expression), numbers)
        rows.append(WorkedNumber(name, worked, value))
    return tuple(rows)


def _case_json(formula: Formula, kind: Kind) -> dict[str, Any]:
    rows = quantities(formula, kind)
    return {
        "case": list(formula.case),
        "assumes": list(formula.assumes),
        "shapes": [[str(size) for size in sizes] for sizes in formula.outputs],
        "names": {str(name): str(size) for name, size in formula.names.items()},
        **{name: str(value) for name, value in rows if not isinstance(value, tuple) and name in PARTS},
        "other": {name.removeprefix("other: "): str(value) for name, value in rows if name.startswith("other: ")},
        "fields": [
            {
                "name": name,
                "size": size_text(extent),
                "jump": jump_text(extent),
                "also": list(more),
            }
            for name, extent, jump, more in field_quantities(formula, kind)
        ],
    }


def quantities(formula: Formula, kind: Kind) -> list[tuple[str, Any]]:
    """Return the quantities of one case by name, with their expressions."""
    rows: list[tuple[str, Any]] = []
    names = {size: name for name, size in formula.names.items()}
    for number, sizes in enumerate(formula.outputs):
        label = "shape" if len(formula.outputs) == 1 else f"shape of {kind.outputs[number]}"
        rows.append((label, tuple(names.get(size, size) for size in sizes)))
    rows += [(str(name), size) for name, size in formula.names.items()]
    rows += [(part, getattr(formula, part)) for part in ("weights", "biases", "norm") if getattr(formula, part) != 0]
    rows += [("params", formula.params), ("macs", formula.macs)]
    rows += [(f"other: {name}", count) for name, count in formula.other.items() if count != 0]
    return rows


def field_quantities(formula: Formula, kind: Kind) -> list[tuple[str, Any, Any, tuple[str, ...]]]:
    """Return what each output sees of each input: name, size, jump, and what else."""
    rows = []
    for place, extents in enumerate(formula.fields):
        for source, extent in extents.items():
            known = not kind.variadic and len(formula.inputs) > 1
            of = f" in {kind.inputs[source]}" if known else f" in input {source}" if len(formula.inputs) > 1 else ""
            to = f" of {kind.outputs[place]}" if len(formula.fields) > 1 else ""
            rows.append((f"field{to}{of}", extent, extent.jump, extent.more))
    return rows


def _derived(layer: Layer, subject: Subject | None) -> list[Formula]:
    """A layer's formulas: all cases, or with an input the one its numbers are in.

    What was stated is a number in the formula, unless the numbers are put in afterwards, beside an input.
    """
    kind = layer.kind
    rank = _rank(layer, subject)
    sized = letters(kind, {})
    chosen = dict(layer.arguments)
    count = None
    chosen |= {
        name: PerAxis(axis_letters(kind, name, value)) for name, value in chosen.items() if is_uneven(name, value)
    }
    if subject is not None:
        chosen = {name: value for name, value in chosen.items() if name not in sized or not isinstance(value, int)}
        chosen.pop(kind.channels or "in_channels", None)
        unsaid = {name: argument.default for name, argument in kind.arguments.items() if name not in layer.arguments}
        chosen |= {name: None for name in STATED if name in sized and name in unsaid and unsaid[name] is None}
        chosen |= {name: unsaid[name] for name in GROWN if name in unsaid}
        count = len(subject.graph.inputs)
    cases = sorted(formulas(kind, rank, chosen, count), key=_degeneracy)
    if subject is None:
        return _with_defaults(kind, rank, chosen, cases)
    numbers = _values(layer, subject, cases[0])
    return [formula for formula in cases if _is_in(formula, numbers)] or cases[:1]


def _with_defaults(kind: Kind, rank: int, chosen: dict[str, Any], general: list[Formula]) -> list[Formula]:
    """The formulas of one layer before those of any number, where one is the default; none too long to read."""
    grown = [name for name in GROWN if name in kind.arguments and name not in chosen]
    if not grown or kind.arguments[grown[0]].default != 1:
        return general
    usual = formulas(kind, rank, {**chosen, grown[0]: 1})
    named = [formula._replace(case=(*formula.case, f"{grown[0]} = 1")) for formula in usual]
    return [*named, *(formula for formula in general if len(text(formula.macs)) <= READABLE)]


def _degeneracy(formula: Formula) -> int:
    """How far a case is from the general one: sizes that are equal or one weigh more than a rest that is left."""
    weight = 0
    for holds, answer in formula.decided:
        if isinstance(holds, (sympy.Eq, sympy.Ne)):
            equal = isinstance(holds, sympy.Eq) == answer
            weight += (0 if equal else 1) if holds.has(sympy.Mod) else (2 if equal else 0)
    return weight


def _rank(layer: Layer, subject: Subject | None) -> int:
    kind = layer.kind
    if subject is not None and kind.spatial is None:
        return max(len(subject.graph.inputs[0].shape) - 2, 1)
    per_axis = [len(value) for value in layer.arguments.values() if isinstance(value, PerAxis)]
    usual = kind.spatial or (2 if not kind.ranks or 2 in kind.ranks else kind.ranks[0])
    return layer.rank or (per_axis[0] if per_axis else usual)


def _is_in(formula: Formula, numbers: dict[Any, Any]) -> bool:
    named = {symbol.name: value for symbol, value in numbers.items()}
    for holds, answer in formula.decided:
        truth = holds.subs({symbol: named[symbol.name] for symbol in holds.free_symbols if symbol.name in named})
        if truth in (True, False) and bool(truth) != answer:
            return False
    return True


def _values(layer: Layer, subject: Subject, formula: Formula) -> dict[Any, Any]:
    """Return the number behind every symbol: from the input, from what was stated, from the defaults."""
    numbers: dict[Any, Any] = {}
    inputs = subject.graph.inputs
    expected = input_shapes(layer.kind, _rank(layer, subject), len(inputs))
    names = {getattr(subject.graph.nodes[value.index].op, "name", ""): value for value in inputs}
    if set(names) <= set(layer.kind.inputs):  # -i low=... -i high=...
        inputs = tuple(names[name] for name in layer.kind.inputs if name in names)
    for sizes, value in zip(expected, inputs, strict=False):
        for size, number in zip(sizes, value.shape, strict=False):
            expression = sympy.sympify(size)
            for letter in expression.free_symbols:
                numbers[letter] = sympy.solve(expression - number, letter)[0]
    for name, letter in letters(layer.kind, {}).items():
        value = layer.arguments.get(name, layer.kind.arguments[name].default)
        if isinstance(value, int):
            numbers[letter] = sympy.Integer(value)
    for name, value in layer.arguments.items():
        if is_uneven(name, value):
            numbers |= dict(zip(axis_letters(layer.kind, name, value), map(sympy.Integer, value), strict=True))
    for name, size in formula.names.items():
        numbers[name] = sympy.sympify(size).subs(numbers)
    return numbers
