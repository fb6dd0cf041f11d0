"""`formulas`: derived from a kind's own recipe: the graph is written on symbols and read like any other."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import sympy

from convcalc.analyses.counts import macs as work
from convcalc.analyses.counts.params import params
from convcalc.analyses.steps import stages
from convcalc.analyses.symbolic.assumptions import assumptions
from convcalc.analyses.symbolic.extent import Extents, extents
from convcalc.analyses.symbolic.layer_fit import CHECKS, GROWN, POINTS, Formula, fit_in_layers
from convcalc.analyses.symbolic.relations import say, say_decision
from convcalc.analyses.symbolic.symbols import EXAMPLES, Case, cases, input_shapes, letters, rules, symbol
from convcalc.analyses.symbolic.tidy import size_names, tidier, with_names
from convcalc.sizes import PerAxis, is_symbol

if TYPE_CHECKING:
    from collections.abc import Callable

    from convcalc.graph import Graph
    from convcalc.registry import Kind


def formulas(kind: Kind, rank: int, chosen: dict[str, Any], count: int | None = None) -> list[Formula]:
    """Return one formula for each case a kind distinguishes; `chosen` arguments are what was given.

    `count` is the number of inputs, where some may be left out; the most general case comes first.

    Raises UnsupportedError where the structure needs a number, ShapeError where the numbers do not fit.
    """
    settings = {**_required(kind, rank, chosen), **chosen}
    grown = next((name for name in GROWN if name in kind.arguments and name not in chosen), "")
    if not grown:
        return _derived(kind, rank, settings, count)
    rows = {n: _derived(kind, rank, {**settings, grown: n}, count) for n in (*POINTS, *CHECKS)}
    if any(len(row) != len(rows[POINTS[0]]) for row in rows.values()):
        return rows[POINTS[-1]]
    letter = letters(kind, {})[grown] if grown in letters(kind, {}) else symbol("K" if grown == "num_terms" else "L")
    return [
        fit_in_layers([rows[n][place] for n in (*POINTS, *CHECKS)], letter, grown)
        for place in range(len(rows[POINTS[0]]))
    ]


def _required(kind: Kind, rank: int, chosen: dict[str, Any]) -> dict[str, Any]:
    settings = {}
    for name, argument in kind.arguments.items():
        if name in chosen:
            continue
        if "factors" in argument.takes and name in EXAMPLES and not {"size", "output_size"} & set(chosen):
            settings[name] = EXAMPLES[name]
        elif name == "normalized_shape":
            settings[name] = (input_shapes(kind, rank)[0][-1],)
        elif argument.required and name in EXAMPLES and "size" not in argument.takes:
            settings[name] = EXAMPLES[name]
    return settings


def _derived(kind: Kind, rank: int, chosen: dict[str, Any], count: int | None = None) -> list[Formula]:
    shapes = input_shapes(kind, rank, count)
    chosen = dict(chosen)
    stated = chosen.pop(kind.channels or "in_channels", None)
    if stated is not None and len(shapes) == 1 and len(shapes[0]) > 1:
        axis = kind.axis % len(shapes[0])
        shapes = ((*shapes[0][:axis], stated, *shapes[0][axis + 1 :]),)
    if isinstance(chosen.get("padding"), str) and "stride" in kind.arguments:
        chosen.setdefault("stride", kind.arguments["stride"].default)  # `same` goes with stride 1 only
    free = letters(kind, chosen)

    def write(odd: bool) -> Callable[[Any], Graph]:
        sent = {name: 2 * _half(symbol) + 1 if odd and "kernel" in name else symbol for name, symbol in free.items()}
        return lambda b: kind.build(*shapes, builder=b, **{**sent, **chosen})

    def write_turned(turn: int, b: Any) -> Graph:
        """The same with each setting's axes in another order, axis number `turn` last."""
        order = [axis for axis in range(rank) if axis != turn] + [turn]
        settings = {n: PerAxis(v[a] for a in order) if isinstance(v, PerAxis) else v for n, v in chosen.items()}
        return kind.build(*shapes, builder=b, **{**free, **settings})

    branches = cases(write(False))
    kernels = [symbol for name, symbol in free.items() if "kernel" in name]
    odd = any(_halved(case.graph, kernels) for case in branches)
    if odd:
        branches = cases(write(True))
    back = {_half(symbol): (symbol - 1) / sympy.Integer(2) for symbol in kernels} if odd else {}
    branches.sort(
        key=lambda case: any(symbol.name == "C_in" and value.is_Integer for symbol, value in case.known.items())
    )
    derived = [_formula(kind, case, back) for case in branches]
    if any(isinstance(value, PerAxis) for value in chosen.values()):  # the field is followed along the last axis
        turned = [[_extents(kind, case, back) for case in cases(partial(write_turned, turn))] for turn in range(rank)]
        derived = [
            formula._replace(fields=_by_axis([axis[place] for axis in turned]))
            for place, formula in enumerate(derived)
            if all(place < len(axis) for axis in turned)
        ]
    return derived


def _extents(kind: Kind, case: Case, back: dict[Any, Any]) -> list[Extents]:
    tidy = tidier(rules(case), case, back)
    return [
        {i: e._replace(first=tidy(e.first), last=tidy(e.last), jump=tidy(e.jump)) for i, e in by_input.items()}
        for by_input in extents(case.graph, spatial=not kind.layout)
    ]


def _by_axis(axes: list[list[Extents]]) -> tuple[Extents, ...]:
    """What each output sees of each input along every axis, as one extent that has no closed form of its own."""
    return tuple(
        {
            source: extent._replace(
                known=False, axes=tuple((axis[place][source].size, axis[place][source].jump) for axis in axes)
            )
            for source, extent in by_input.items()
        }
        for place, by_input in enumerate(axes[-1])
    )


def _half(kernel: Any) -> Any:
    return symbol(f"half_{kernel.name}", zero=True)


def _halved(graph: Graph, kernels: list[Any]) -> bool:
    """Whether a padding of k//2 shows in the sizes: the formula is then that of odd kernels."""
    for node in graph.nodes:
        for size in node.output.shape:
            if is_symbol(size) and any(
                floor.has(*kernels) and _is_half(floor, kernels) for floor in sympy.sympify(size).atoms(sympy.floor)
            ):
                return True
    return False


def _is_half(floor: Any, kernels: list[Any]) -> bool:
    halves = (0, -sympy.Rational(1, 2))  # k//2 and (k-1)//2
    return any(sympy.expand(floor.args[0] - kernel / sympy.Integer(2)) in halves for kernel in kernels)


def _formula(kind: Kind, case: Case, back: dict[Any, Any]) -> Formula:
    assumed = rules(case)
    tidy = tidier(assumed, case, back)
    outputs = tuple(tuple(tidy(size) for size in value.shape) for value in case.graph.outputs)
    names = size_names(case.graph, tidy)
    nodes = [with_names(node, tidy, names) for node in case.graph.nodes]
    counts = params(nodes)
    fields = tuple(_extents(kind, case, back))
    decisions = [(holds.subs(back), answer) for holds, answer in case.decided]
    said = [
        say_decision(holds if answer else holds.subs(case.known), answer, case.known) for holds, answer in decisions
    ]
    decided = [tidy(holds if answer else sympy.Not(holds)) for holds, answer in decisions]
    odd = [next(iter(kernel.free_symbols)) for kernel in back.values()]
    return Formula(
        case=tuple(said),
        inputs=tuple(tuple(tidy(size) for size in value.shape) for value in case.graph.inputs),
        outputs=outputs,
        names={name: size for size, name in names.items()},
        weights=sympy.expand(tidy(counts.weights)),
        biases=sympy.expand(tidy(counts.biases)),
        norm=sympy.expand(tidy(counts.norm)),
        params=sympy.expand(tidy(counts.total)),
        macs=sympy.expand(tidy(work.macs(nodes))),
        other={name: sympy.expand(tidy(count)) for name, count in work.other(nodes).items()},
        fields=fields,
        assumes=(*dict.fromkeys(_said(assumed, tidy, decided, odd)), *(f"{kernel} odd" for kernel in odd)),
        stages=sympy.Integer(stages(case.graph)),
        drawn="",
        graph=case.graph,
        decided=tuple(decisions),
        tidy=tidy,
    )


def _said(assumed: list[Any], tidy: Callable[[Any], Any], decided: list[Any], odd: list[Any]) -> list[str]:
    return [say(holds) for holds in assumptions([tidy(holds) for holds in assumed], decided, odd)]
