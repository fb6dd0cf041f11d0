"""`assumptions`: which rules of a recipe say something: those that some sizes break while the others hold."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import sympy

if TYPE_CHECKING:
    from collections.abc import Callable

DRAWS, TRIES = 24, 4000
SIZES = (1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 48, 64, 96)


def remainder(holds: Any) -> Any:
    """Return the Mod of a relation that says whether one size divides another, or None."""
    if not isinstance(holds, (sympy.Eq, sympy.Ne)):
        return None
    difference = holds.lhs - holds.rhs
    factors = [factor for factor in sympy.Mul.make_args(difference) if not factor.is_nonzero]
    mods = [factor for factor in factors if isinstance(factor, sympy.Mod)]
    return mods[0] if len(factors) == len(mods) == 1 and mods[0].args[1] != 1 else None


def assumptions(rules: list[Any], decided: list[Any], odd: list[Any]) -> list[Any]:
    """Return the rules worth stating: not those that follow from the rest, one for all spatial axes.

    Whether one follows is tried on drawn sizes that keep what was decided and what divides what.
    """
    rules = _one_axis([rule for rule in rules if rule not in (sympy.true, sympy.false)])
    divisions = sorted((rule for rule in rules if remainder(rule) is not None), key=str)
    others = [rule for rule in rules if rule not in divisions]
    free = _draws(rules, decided, odd)
    divisions = [rule for rule in divisions if not free or not _follows(rule, free)]
    independent: list[Any] = []
    for rule in sorted(others, key=lambda condition: (len(str(condition)), str(condition))):
        draws = _draws([*rules, *decided], [*divisions, *decided, *independent], odd)
        if not draws or not _follows(rule, draws):
            independent.append(rule)
    return [*divisions, *independent]


def _one_axis(rules: list[Any]) -> list[Any]:
    """What holds for the width (or the depth) just as it does for the height is said once."""
    distinct = list(dict.fromkeys(rule for rule in rules if rule not in (sympy.true, sympy.false)))
    height = next((symbol for rule in distinct for symbol in rule.free_symbols if symbol.name == "H"), None)
    if height is None:
        return distinct
    independent = []
    for rule in distinct:
        others = {symbol for symbol in rule.free_symbols if symbol.name in ("W", "D")}
        same = rule.subs(dict.fromkeys(others, height))
        if len(others) != 1 or height in rule.free_symbols or same not in distinct:
            independent.append(rule)
    return independent


def _draws(rules: list[Any], premises: list[Any], odd: list[Any]) -> list[dict[Any, int]]:
    symbols = sorted({symbol for rule in (*rules, *premises) for symbol in rule.free_symbols}, key=str)
    rng = random.Random(0)
    tests = [_compiled(rule, symbols) for rule in premises]
    draws = []
    for _ in range(TRIES):
        draw = {symbol: rng.choice([n for n in SIZES if n % 2] if symbol in odd else SIZES) for symbol in symbols}
        if all(test(*draw.values()) for test in tests):
            draws.append(draw)
            if len(draws) == DRAWS:
                break
    return draws


def _follows(rule: Any, draws: list[dict[Any, int]]) -> bool:
    test = _compiled(rule, list(draws[0]))
    return all(test(*draw.values()) for draw in draws)


def _compiled(rule: Any, symbols: list[Any]) -> Callable[..., bool]:
    """A relation as a function of whole numbers; one that divides by zero does not hold."""
    function = sympy.lambdify(symbols, rule, "math")

    def test(*sizes: int) -> bool:
        try:
            return bool(function(*sizes))
        except ZeroDivisionError:
            return False

    return test
