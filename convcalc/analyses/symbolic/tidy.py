"""`tidier`: expressions as a paper would write them, by what divides what; `size_names`: letters for long sizes."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sympy

from convcalc.analyses.symbolic.assumptions import remainder
from convcalc.analyses.symbolic.symbols import PLACES, Case, symbol
from convcalc.graph import Graph, Node, Value
from convcalc.ops import Sample
from convcalc.sizes import is_symbol

if TYPE_CHECKING:
    from collections.abc import Callable

    from convcalc.sizes import Shape


def tidier(assumed: list[Any], case: Case, back: dict[Any, Any]) -> Callable[[Any], Any]:
    """Return what simplifies the expressions of one case; `back` are symbols to be replaced at the end."""
    exact = _divisions(assumed, case)

    @lru_cache(maxsize=None, typed=True)
    def tidy(expression: Any) -> Any:
        tidied = sympy.sympify(expression).subs(case.known)
        tidied = tidied.replace(
            sympy.floor, lambda inner: -sympy.ceiling(-inner) if _negative(inner) else sympy.floor(inner)
        )
        if exact and tidied.has(sympy.floor, sympy.ceiling):
            for rounds in (sympy.floor, sympy.ceiling):
                tidied = tidied.replace(rounds, lambda x, f=rounds: _rounded(x, f, exact))
            tidied = (
                tidied
                if tidied.is_Relational
                else sympy.expand(tidied, deep=not tidied.has(sympy.floor, sympy.ceiling))
            )
        if not tidied.is_Relational and tidied.has(sympy.Mod):
            tidied = sympy.expand(tidied.replace(sympy.Mod, lambda a, b: a - b * sympy.floor(a / b)), deep=False)
        return tidied.subs(back) if back else tidied

    return tidy


def _divisions(assumed: list[Any], case: Case) -> list[tuple[Any, Any]]:
    """Return what divides what, by the rules and by what was decided."""
    floors = []
    for holds in (*assumed, *(holds for holds, answer in case.decided if answer)):
        mod = remainder(holds)
        if mod is not None and isinstance(holds, sympy.Eq):
            floors.append(mod.args)
    return floors


def _negative(inner: Any) -> bool:
    return all(part.could_extract_minus_sign() for part in sympy.Add.make_args(sympy.expand(inner)))


def _rounded(inner: Any, rounds: Any, exact: list[tuple[Any, Any]]) -> Any:
    """Round what is a whole number plus a fraction: only the fraction is rounded."""
    for above, below in exact:
        for sign in (1, -1):
            rest = sympy.expand(inner - sign * above / below)
            if rest.is_number:
                return sign * above / below + rounds(rest)
    return rounds(inner)


def size_names(graph: Graph, tidy: Callable[[Any], Any]) -> dict[Any, Any]:
    """Return names for sizes that are no plain symbol: H_out for the output's, H_1, H_2 for those in between."""
    names: dict[Any, Any] = {}
    first = graph.outputs[0].spatial
    for letter, size in zip(PLACES.get(len(first), ""), first, strict=False):
        if _composite(tidy(size)):
            names.setdefault(tidy(size), symbol(f"{letter}_out"))
    count = 0
    for node in graph.nodes:
        if len(node.output.shape) not in (3, 4, 5):
            continue
        places = PLACES[len(node.output.shape) - 2]
        fresh = False
        for letter, size in zip(places, node.output.shape[2:], strict=True):
            if _composite(tidy(size)) and tidy(size) not in names:
                names[tidy(size)] = symbol(f"{letter}_{count + 1}")
                fresh = True
        count += fresh
    return names


def _composite(size: Any) -> bool:
    if not is_symbol(size) or not size.free_symbols:
        return False
    spatial = {"H", "W", "D", "T"} & {letter.name for letter in size.free_symbols}
    return bool(spatial) and (size.is_Add or bool(size.atoms(sympy.floor, sympy.ceiling, sympy.Max)))


def with_names(node: Node, tidy: Callable[[Any], Any], names: dict[Any, Any]) -> Node:
    """Return a step with its sizes tidied, and by name where they have one."""

    def value(operand: Value) -> Value:
        shape: Shape = tuple(
            size if isinstance(size, int) else names.get(tidy(size), tidy(size)) for size in operand.shape
        )
        return Value(operand.index, shape, operand.nonzeros)

    output = value(node.output)
    op = node.op._replace(shape=output.shape) if isinstance(node.op, Sample) else node.op
    return node._replace(op=op, inputs=tuple(map(value, node.inputs)), output=output)
