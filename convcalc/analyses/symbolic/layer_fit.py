"""`Formula`, and `fit_in_layers`: its closed form in the number of layers, fitted at a few and checked at more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import sympy

from convcalc.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from convcalc.analyses.symbolic.extent import Extent
    from convcalc.graph import Graph

GROWN = ("num_layers", "num_terms")
"""Structural numbers in which a closed form is recovered by interpolation."""
POINTS, CHECKS = (1, 2, 3, 4), (5, 6, 7, 8)


class Formula(NamedTuple):
    """What one case of a kind costs, as expressions in its symbols."""

    case: tuple[str, ...]
    inputs: tuple[tuple[Any, ...], ...]
    outputs: tuple[tuple[Any, ...], ...]
    names: dict[Any, Any]
    weights: Any
    biases: Any
    norm: Any
    params: Any
    macs: Any
    other: dict[str, Any]
    fields: tuple[dict[int, Extent], ...]
    assumes: tuple[str, ...]
    stages: Any
    drawn: str
    graph: Graph
    decided: tuple[tuple[Any, bool], ...]
    tidy: Callable[[Any], Any]


def fit_in_layers(rows: list[Formula], letter: Any, name: str) -> Formula:
    """Recover each expression as a polynomial in the number of layers, and check it where it was not fitted.

    `rows` are the formulas at `POINTS` and `CHECKS`. Where there is no such polynomial, that of the last point stays,
    and says for which number it holds.
    """

    late: list[str] = []

    def closed(values: list[Any]) -> Any:
        for first in (0, 1):  # a term of the second layer on (K - 2) is no polynomial at 1
            pairs = list(zip((*POINTS, *CHECKS)[first:], values[first:], strict=True))
            fitted = sympy.expand(sympy.interpolate(pairs[: len(POINTS)], letter))
            if all(sympy.expand(fitted.subs(letter, n) - value) == 0 for n, value in pairs[len(POINTS) :]):
                late.extend([f"{letter} >= 2"] * first)
                return fitted
        raise UnsupportedError(f"no closed form in {name}: give a number, such as {name}=4")

    last = rows[POINTS[-1] - 1]
    fields = []
    for place, field in enumerate(last.fields):
        extents = {}
        for i, e in field.items():
            try:
                parts = {p: closed([getattr(r.fields[place][i], p) for r in rows]) for p in ("first", "last", "jump")}
                extents[i] = e._replace(**parts)
            except UnsupportedError:
                extents[i] = e._replace(known=False)
        fields.append(extents)
    try:
        outputs = tuple(
            tuple(closed([r.outputs[i][axis] for r in rows]) for axis in range(len(value)))
            for i, value in enumerate(last.outputs)
        )
        larger = last._replace(
            outputs=outputs, fields=tuple(fields), names={}, drawn=f"{name} = {POINTS[-1]}",
            other={key: closed([r.other.get(key, sympy.S.Zero).subs(r.names) for r in rows]) for key in last.other},
            **{
                part: closed([getattr(r, part).subs(r.names) for r in rows])
                for part in ("weights", "biases", "norm", "params", "macs", "stages")
            },
        )  # fmt: skip
        return larger._replace(assumes=(*larger.assumes, *dict.fromkeys(late)))
    except (UnsupportedError, sympy.PolynomialError, TypeError):
        return last._replace(case=(*last.case, f"{name} = {POINTS[-1]}"))
