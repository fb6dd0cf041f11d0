"""`text`, `shape`, `filled`, `latex`, `mathml`: formulas as people type them, with numbers in, and for others."""

from __future__ import annotations

import re
from typing import Any


def shortest(expression: Any) -> Any:
    """Return the shorter of the expanded and the factored form."""
    import sympy

    expression = sympy.sympify(expression)
    forms = [expression]
    if not expression.is_Relational:
        forms.append(sympy.factor(expression))
        forms.append(sympy.expand(expression, deep=False))
    return min(forms, key=lambda form: (len(str(form)), str(form)))


def text(expression: Any, *, as_it_is: bool = False) -> str:
    """Return a formula as people type it: C_in C_out k^2/g; the shortest form unless it is to stay as it is."""
    written = str(expression if as_it_is else shortest(expression))
    return re.sub(r"(?<=[\w)])\*(?=[\w(])", " ", written.replace("**", "^"))


def shape(sizes: tuple[Any, ...]) -> str:
    """Return a shape of formulas: B x C_in x H x W, sums in parentheses."""
    parts = [text(size) for size in sizes]
    return " x ".join(f"({part})" if re.search(r" [+-] ", re.sub(r"\(.*\)", "", part)) else part for part in parts)


def filled(expression: Any, numbers: dict[Any, Any]) -> str:
    """Return a formula with numbers in the places of its symbols, before anything is worked out."""
    written = str(expression).replace("**", "^")
    named = {symbol.name: value for symbol, value in numbers.items()}
    if not named:
        return written
    pattern = re.compile(
        r"(?<![A-Za-z_0-9])(" + "|".join(sorted(map(re.escape, named), key=len, reverse=True)) + r")(?![A-Za-z_0-9])"
    )
    return pattern.sub(lambda match: str(named[match[1]]), written).replace("*", " * ")


def latex(expression: Any) -> str:
    """Return a formula as LaTeX."""
    import sympy

    written: str = sympy.latex(shortest(expression))
    return written


def mathml(expression: Any) -> str:
    """Return a formula as a MathML element, which browsers draw by themselves."""
    from sympy.printing.mathml import mathml as written

    return f"<math>{written(shortest(expression), printer='presentation')}</math>"
