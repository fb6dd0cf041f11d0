"""`equation_html`: an equation in plain characters as MathML, the words after `, where` as text.

The notation is that of pages/equations.toml: `x_(n,c)`, `a^2`, `sum_(t)`, `sqrt(...)`, `floor(...)`, `a/b`, ` * ` for a
convolution, ` . ` for an elementwise product, Greek letters by name, a product by standing side by side.
"""

from __future__ import annotations

import re
from html import escape
from typing import Final

GREEK: Final = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "Delta": "Δ", "epsilon": "ε", "lambda": "λ", "mu": "μ",
    "sigma": "σ", "tau": "τ", "phi": "φ", "Phi": "Φ", "pi": "π",
}  # fmt: skip
BIG: Final = {"sum": "∑", "prod": "∏", "max": "max", "min": "min"}
SIGNS: Final = {"*": "∗", ".": "⊙", "<=": "≤", ">=": "≥", "!=": "≠", "-": "−", "...": "…"}
AROUND: Final = {"floor": ("⌊", "⌋"), "ceil": ("⌈", "⌉"), "abs": ("|", "|")}
CLOSING: Final = {"(": ")", "[": "]"}
_TOKEN: Final = re.compile(r"\s*(\.\.\.|<=|>=|!=|\d+(?:\.\d+)?|[A-Za-z]+~?'*|'|\S)")
WHERE: Final = ", where "


def equation_html(line: str) -> str:
    """Return a line of equations as MathML, and the words after it as they are.

    >>> equation_html("y = a/b, where b > 0").count("<mfrac>")
    1
    """
    mathematics, where, words = line.partition(WHERE)
    return f"<math>{_Reader(mathematics).row()}</math>{escape(where + words)}"


class _Reader:
    """A reader of one equation: rows of atoms with their scripts."""

    def __init__(self, text: str) -> None:
        self.tokens = _TOKEN.findall(text)
        self.at = 0

    def next(self) -> str:
        self.at += 1
        return str(self.tokens[self.at - 1])

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def row(self, closing: str = "") -> str:
        """Everything up to a closing bracket, or to the end."""
        items: list[str] = []
        while self.peek() and self.peek() != closing:
            if self.peek() == "/" and items:
                self.next()
                items[-1] = f"<mfrac>{_bare(items[-1])}{_bare(self.scripted())}</mfrac>"
            else:
                items.append(self.scripted())
        if closing and self.peek():
            self.next()
        return f"<mrow>{''.join(items)}</mrow>"

    def scripted(self) -> str:
        """An atom with what stands below and above it."""
        name = self.peek()
        atom = self.atom()
        below = above = ""
        while self.peek() in ("_", "^"):
            if self.next() == "_":
                below = self.script()
            else:
                above = self.script()
        if name in BIG:
            return f"<munder>{atom}{below}</munder>" if below else atom
        if below and above:
            return f"<msubsup>{atom}{below}{above}</msubsup>"
        return f"<msub>{atom}{below}</msub>" if below else f"<msup>{atom}{above}</msup>" if above else atom

    def script(self) -> str:
        """What stands below or above: brackets around it are left out."""
        if self.peek() == "(":
            self.next()
            return self.row(")")
        sign = self.next() if self.peek() == "-" else ""
        return f"<mrow><mo>−</mo>{self.scripted()}</mrow>" if sign else self.atom()

    def atom(self) -> str:
        token = self.next()
        if token in CLOSING:
            inside = self.row(CLOSING[token])
            return f"<mrow><mo>{token}</mo>{inside}<mo>{CLOSING[token]}</mo></mrow>"
        if token == "sqrt" and self.peek() == "(":
            self.next()
            return f"<msqrt>{self.row(')')}</msqrt>"
        if token in AROUND and self.peek() == "(":
            self.next()
            left, right = AROUND[token]
            return f"<mrow><mo>{left}</mo>{self.row(')')}<mo>{right}</mo></mrow>"
        if token in BIG:
            return f"<mo>{BIG[token]}</mo>"
        if token[0].isalpha():
            return f"<mi>{escape(GREEK.get(token, token))}</mi>"
        if token[0].isdigit():
            return f"<mn>{token}</mn>"
        return f"<mo>{escape(SIGNS.get(token, token))}</mo>"


def _bare(item: str) -> str:
    """A part of a fraction without the brackets around it."""
    start, end = "<mrow><mo>(</mo>", "<mo>)</mo></mrow>"
    return item[len(start) : -len(end)] if item.startswith(start) and item.endswith(end) else item
