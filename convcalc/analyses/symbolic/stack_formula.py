"""`stack_formulas`: what a stack costs and sees as formulas, layer by layer, for each case that it distinguishes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import sympy

from convcalc.analyses.counts.macs import macs, other
from convcalc.analyses.counts.params import params
from convcalc.analyses.counts.segments import segments
from convcalc.analyses.symbolic.assumptions import assumptions
from convcalc.analyses.symbolic.extent import extents
from convcalc.analyses.symbolic.relations import say, say_decision
from convcalc.analyses.symbolic.symbols import cases, rules, symbol
from convcalc.analyses.symbolic.tidy import size_names, tidier, with_names
from convcalc.digits import whole
from convcalc.errors import ShapeError, SpecError
from convcalc.limits import MAX_SIZE
from convcalc.sizes import total

if TYPE_CHECKING:
    from collections.abc import Callable

    from convcalc.analyses.symbolic.extent import Extent
    from convcalc.analyses.symbolic.symbols import Case
    from convcalc.builder import Builder
    from convcalc.graph import Graph, Scope

COUNTS = ("params", "weights", "biases", "norm", "macs", "flops", "other")


class LayerFormula(NamedTuple):
    """One layer: its scope, the sizes of what goes in and comes out, and its counts as expressions, by name."""

    scope: Scope
    inputs: tuple[tuple[Any, ...], ...]
    output: tuple[Any, ...]
    counts: dict[str, Any]


class StackFormula(NamedTuple):
    """One case: when it holds, its layers, what they come to, its sizes by name, its assumptions, what it sees."""

    case: tuple[str, ...]
    layers: tuple[LayerFormula, ...]
    outputs: tuple[tuple[Any, ...], ...]
    counts: dict[str, Any]
    names: dict[Any, Any]
    assumes: tuple[str, ...]
    fields: tuple[Extent, ...]
    rules: tuple[Any, ...] = ()
    decided: tuple[Any, ...] = ()

    def holds_at(self, numbers: dict[str, int]) -> bool:
        """Whether what this case decides is so, or open, with these numbers."""
        return not any(_put(holds, numbers) == sympy.false for holds in self.decided)

    def apart(self, used: dict[str, Any]) -> StackFormula:
        """Return the same with new names for sizes whose names stand for others in `used`, which it adds to."""
        renamed = {}
        for name, size in self.names.items():
            fresh, number = name, 2
            while used.setdefault(fresh.name, size) != size:
                fresh = symbol(f"{name.name}_{number}")
                number += 1
            if fresh != name:
                renamed[name] = fresh
        names = {renamed.get(name, name): size for name, size in self.names.items()}
        return self._each(lambda size: sympy.sympify(size).xreplace(renamed))._replace(names=names)

    def at(self, numbers: dict[str, int]) -> StackFormula:
        """Return the same with numbers in the places of some symbols. Raises ShapeError where they break a rule."""
        if not numbers:
            return self
        for rule in self.rules:
            if _put(rule, numbers) == sympy.false:
                raise ShapeError(f"with these numbers it does not hold that {say(rule)}")

        def put(expression: Any) -> Any:
            return _put(sympy.sympify(expression).subs(self.names), numbers)

        return self._each(put)._replace(names={})

    def _each(self, put: Callable[[Any], Any]) -> StackFormula:
        """The same with something done to each size and count."""
        return self._replace(
            layers=tuple(
                layer._replace(
                    inputs=tuple(tuple(map(put, sizes)) for sizes in layer.inputs),
                    output=tuple(map(put, layer.output)),
                    counts={name: put(e) for name, e in layer.counts.items()},
                )
                for layer in self.layers
            ),
            outputs=tuple(tuple(map(put, sizes)) for sizes in self.outputs),
            counts={name: put(e) for name, e in self.counts.items()},
            fields=tuple(e._replace(first=put(e.first), last=put(e.last), jump=put(e.jump)) for e in self.fields),
        )


def stack_formulas(write: Callable[[Builder], Graph], numbers: dict[str, int] | None = None) -> list[StackFormula]:
    """Return the formulas of a stack that is written on symbols, the most general case first; with numbers in some.

    Raises UnsupportedError where the structure needs a number, ShapeError where the sizes cannot fit.
    """
    chosen = numbers or {}
    return [formula.at(chosen) for formula in map(_formula, cases(write)) if formula.holds_at(chosen)]


def _put(expression: Any, numbers: dict[str, int]) -> Any:
    """An expression with numbers in the places of symbols of their names."""
    whole = sympy.sympify(expression)
    return whole.subs({symbol: numbers[symbol.name] for symbol in whole.free_symbols if symbol.name in numbers})


def _formula(case: Case) -> StackFormula:
    assumed = rules(case)
    tidy = tidier(assumed, case, {})
    names = size_names(case.graph, tidy)
    layers = []
    for segment in segments(case.graph):
        nodes = [with_names(node, tidy, names) for node in segment.nodes]
        output = nodes[-1].output.shape if len(segment.outputs) != 1 else _of(segment.outputs[0].shape, tidy, names)
        counts = {name: e * segment.scope.times for name, e in _counts(nodes, tidy).items()}
        inputs = tuple(_of(value.shape, tidy, names) for value in segment.inputs)
        layers.append(LayerFormula(segment.scope, inputs, output, counts))
    decided = [tidy(holds if answer else sympy.Not(holds)) for holds, answer in case.decided]
    said = [
        say_decision(holds if answer else holds.subs(case.known), answer, case.known) for holds, answer in case.decided
    ]
    seen = extents(case.graph)[-1]
    return StackFormula(
        case=tuple(said),
        layers=tuple(layers),
        outputs=tuple(_of(value.shape, tidy, names) for value in case.graph.outputs),
        counts={name: sympy.expand(total(layer.counts[name] for layer in layers)) for name in COUNTS},
        names={name: size for size, name in names.items()},
        assumes=tuple(dict.fromkeys(say(holds) for holds in assumptions([tidy(h) for h in assumed], decided, []))),
        fields=tuple(e._replace(first=tidy(e.first), last=tidy(e.last), jump=tidy(e.jump)) for e in seen.values()),
        rules=tuple(assumed),
        decided=tuple(decided),
    )


def _of(sizes: tuple[Any, ...], tidy: Callable[[Any], Any], names: dict[Any, Any]) -> tuple[Any, ...]:
    return tuple(names.get(tidy(size), tidy(size)) for size in sizes)


def _counts(nodes: list[Any], tidy: Callable[[Any], Any]) -> dict[str, Any]:
    learned = params(nodes)
    values: dict[str, Any] = {part: getattr(learned, part) for part in ("weights", "biases", "norm")}
    values |= {"params": learned.total, "macs": macs(nodes), "other": total(other(nodes).values())}
    values["flops"] = 2 * values["macs"]
    return {name: sympy.expand(tidy(values[name])) for name in COUNTS}


def read_numbers(text: str | None) -> dict[str, int]:
    """Return the numbers of `C=64,H=56`. Raises SpecError for what is not a name and a whole number."""
    numbers = {}
    for part in (text or "").split(",") if text else ():
        name, equals, value = part.strip().partition("=")
        number = whole(value.strip(), least=1, most=MAX_SIZE)
        if not equals or not name.isidentifier() or number is None:
            raise SpecError(f"--at takes whole numbers from 1 for letters, such as C=64,H=56, not {part.strip()!r}")
        if name in numbers:
            raise SpecError(f"--at names {name} twice")
        numbers[name] = number
    return numbers
