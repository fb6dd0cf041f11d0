"""`Expression`: what is kept of a sweep, `macs < 300e6 and rf >= 31`: a tree of a few forms, never run as code."""

from __future__ import annotations

import ast
import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy

from convcalc.errors import SpecError, nearest
from convcalc.spec.quantities import quantity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MOST_CHARACTERS: Final = 2_000
MOST_POWER: Final = 8
"""Of an exponent, which is a number as it stands."""
COMPARISONS: Final[dict[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
ARITHMETIC: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow,
}  # fmt: skip
FORMS = "numbers, columns, + - * / // % **, comparisons, and, or, not"
_QUANTITY = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)([kKMGTP]i?)B?(?!\w)")


@dataclass(frozen=True)
class Expression:
    """A condition on the columns of a sweep, as a tree that was looked at form by form."""

    text: str
    tree: ast.expr
    names: frozenset[str]

    def holds(self, columns: dict[str, Any], count: int) -> Any:
        """Return for each row whether it holds. Raises SpecError where it is no condition on these columns."""
        try:
            with numpy.errstate(all="ignore"):
                result = _value(self.tree, columns)
        except RecursionError:
            raise SpecError(f"{self.text[:60]!r}... nests too deep") from None
        except (TypeError, ValueError, ZeroDivisionError, OverflowError):
            raise SpecError(f"{self.text!r} compares what cannot be compared") from None
        if numpy.asarray(result).dtype != bool:
            raise SpecError(f"{self.text!r} is not a condition: compare something, such as macs < 300e6")
        return numpy.broadcast_to(result, (count,))


def expression(text: str, columns: Iterable[str], option: str) -> Expression:
    """Read a condition on some columns. Raises SpecError for anything but its few forms, and for other names."""
    known = list(columns)
    if len(text) > MOST_CHARACTERS:
        raise SpecError(f"{option} has {len(text):,} characters (the limit is {MOST_CHARACTERS:,})")
    plain = _QUANTITY.sub(lambda match: repr(float(quantity(match[1] + match[2], option))), text)
    try:
        tree = ast.parse(plain.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise SpecError(f"{option} is a condition such as 'macs < 300e6 and rf >= 31', not {text!r}") from None
    names: set[str] = set()
    try:
        _look(tree, known, names, option)
    except RecursionError:
        raise SpecError(f"{option}: {text[:60]!r}... nests too deep") from None
    except _NoFormError as odd:
        piece = str(odd) if str(odd) in text else text.strip()
        raise SpecError(f"{option}: {piece[:60]!r} is none of what may stand here ({FORMS})") from None
    return Expression(text, tree, frozenset(names))


class _NoFormError(Exception):
    """A piece that is none of the few forms."""


def _look(node: ast.expr, known: list[str], names: set[str], option: str) -> None:
    """Raise SpecError for a form that is not one of the few; collect the names."""
    parts: list[ast.expr] = []
    match node:
        case ast.Constant(value=value) if isinstance(value, (bool, int, float, str)):
            if isinstance(value, int) and abs(value) >= 2**63:
                raise SpecError(f"{option}: {str(value)[:12]}... does not fit in 64 bits")
        case ast.Name(id=name):
            if name not in known:
                raise SpecError(
                    f"{option}: there is no column {name!r}{nearest(name, known)} (there are {', '.join(known)})"
                )
            names.add(name)
        case ast.BoolOp(values=values):
            parts = values
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.UAdd(), operand=operand):
            parts = [operand]
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int(power))) if 0 <= power <= MOST_POWER:
            parts = [left]
        case ast.BinOp(op=ast.Pow()):
            raise SpecError(f"{option}: a power is a whole number from 0 to {MOST_POWER}")
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in ARITHMETIC:
            parts = [left, right]
        case ast.Compare(left=left, ops=signs, comparators=others) if all(type(sign) in COMPARISONS for sign in signs):
            parts = [left, *others]
        case _:
            raise _NoFormError(ast.unparse(node))
    for part in parts:
        _look(part, known, names, option)


def _value(node: ast.expr, columns: dict[str, Any]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return columns[name]
        case ast.BoolOp(op=sign, values=values):
            parts = [numpy.asarray(_value(part, columns)) for part in values]
            if any(part.dtype != bool for part in parts):
                raise TypeError
            return (
                numpy.logical_and.reduce(numpy.broadcast_arrays(*parts))
                if isinstance(sign, ast.And)
                else (numpy.logical_or.reduce(numpy.broadcast_arrays(*parts)))
            )
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return numpy.logical_not(_value(operand, columns))
        case ast.UnaryOp(op=sign, operand=operand):
            value = _number(_value(operand, columns))
            return -value if isinstance(sign, ast.USub) else value
        case ast.BinOp(left=left, op=sign, right=right):
            return ARITHMETIC[type(sign)](_number(_value(left, columns)), _number(_value(right, columns)))
        case ast.Compare(left=left, ops=signs, comparators=others):
            values = [_value(part, columns) for part in (left, *others)]
            results = [COMPARISONS[type(sign)](a, b) for sign, a, b in zip(signs, values, values[1:], strict=False)]
            return numpy.logical_and.reduce(numpy.broadcast_arrays(*results)) if len(results) > 1 else results[0]
    raise TypeError


def _number(value: Any) -> Any:
    """A value in double precision, which does not wrap around as 64 bits do."""
    array = numpy.asarray(value)
    if array.dtype == object or array.dtype.kind in "US":
        raise TypeError
    return array.astype(float)
