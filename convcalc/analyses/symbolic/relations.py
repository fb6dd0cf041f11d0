"""`say`: relations between sizes as people write them: `g divides C_in`, `H + 2 p >= k`."""

from __future__ import annotations

from typing import Any

import sympy

from convcalc.analyses.symbolic.assumptions import remainder

SIGNS = {"==": ("=", "="), "!=": ("!=", "!="), ">=": (">=", "<="), "<=": ("<=", ">="), ">": (">", "<"), "<": ("<", ">")}
"""How a relation reads once a symbol stands alone on the left: as it was, or turned round."""


def say_decision(holds: Any, answer: bool, known: dict[Any, Any]) -> str:
    """Say what was decided; where a rule then fixes the symbol, say what it is."""
    if holds in (sympy.true, sympy.false):
        return ", ".join(f"{symbol} = {value}" for symbol, value in known.items() if value.is_Integer)
    return say(holds if answer else sympy.Not(holds))


def say(holds: Any) -> str:
    """Return a relation as people write it: `g divides C_in`, `H + 2*p >= k`."""
    mod = remainder(holds)
    if mod is not None:
        word = "divides" if isinstance(holds, sympy.Eq) else "does not divide"
        return f"{typed(mod.args[1])} {word} {typed(mod.args[0])}"
    if isinstance(holds, sympy.core.relational.Relational) and (
        holds.rhs == 0 or isinstance(holds, (sympy.Eq, sympy.Ne))
    ):
        difference = sympy.expand(holds.lhs - holds.rhs)
        for symbol in sorted(difference.free_symbols, key=lambda s: (s.name == "C_in", s.name in "kd", s.name)):
            share = difference.coeff(symbol)
            rest = sympy.expand(symbol - difference) if share == 1 else sympy.expand(symbol + difference)
            if abs(share) == 1 and not rest.has(symbol):
                return f"{symbol} {SIGNS[holds.rel_op][share == -1]} {typed(sympy.factor(rest))}"
    if isinstance(holds, (sympy.Eq, sympy.Ne)):
        parts = sympy.Add.make_args(sympy.expand(holds.lhs - holds.rhs))
        minus = -sympy.Add(*(part for part in parts if part.could_extract_minus_sign()))
        plus = sympy.Add(*(part for part in parts if not part.could_extract_minus_sign()))
        return f"{typed(plus)} {SIGNS[holds.rel_op][0]} {typed(minus)}"
    return typed(holds)


def typed(expression: Any) -> str:
    """Return an expression as people type it."""
    return str(expression).replace("**", "^").replace("*", " ")
