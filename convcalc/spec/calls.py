"""`parse_call`: a layer as a PyTorch call, `Conv2d(3, 64, 7, stride=2)`: literals only, parsed, never evaluated."""

from __future__ import annotations

import ast
import operator
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeGuard

from convcalc.arguments import LARGEST
from convcalc.errors import SpecError, Spot
from convcalc.sizes import PerAxis
from convcalc.spec.letters import size_symbol
from convcalc.spec.values import WORDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from convcalc.arguments import Argument

HANDS_ON = frozenset({
    "to", "cuda", "cpu", "eval", "train", "half", "float", "double", "bfloat16", "requires_grad_", "share_memory",
})  # fmt: skip
"""Methods of a module that return the module."""


def _power(base: float, exponent: float) -> Any:
    """A power of a bounded exponent: its result must not take a long time. Raises OverflowError for others."""
    if abs(exponent) > LARGEST.bit_length() or abs(base) > LARGEST:
        raise OverflowError
    return base**exponent


_OPERATIONS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.FloorDiv: operator.floordiv,
    ast.Div: operator.truediv, ast.Mod: operator.mod, ast.Pow: _power,
}  # fmt: skip
"""Arithmetic that is worked out."""
_FUNCTIONS: Final[dict[str, Callable[..., int | float]]] = {"int": int, "round": round, "max": max, "min": min}
"""Functions of numbers that are worked out, of positional arguments."""
_DIGITS = re.compile(r"(?<![\d.])\d{19,}")


class Call(NamedTuple):
    """A name with positional and keyword values; a value is a literal, a `Name` or a nested `Call`.

    `places` says where each value stands, by its number or keyword.
    """

    name: str
    positional: tuple[Any, ...]
    keywords: dict[str, Any]
    spot: Spot
    text: str
    places: dict[int | str, Spot] = {}  # noqa: RUF012  never written into


class Name(NamedTuple):
    """A bare name: a symbol in a size's place, a word elsewhere."""

    text: str


def parse_call(text: str, spot: Spot) -> Call:
    """Return a call as data. Raises SpecError for anything but literals, names and nested calls."""
    if long := _DIGITS.search(text):
        raise SpecError(f"a number of {len(long[0])} digits is past any tensor", spot)
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        where = spot
        if error.lineno == 1 and error.offset and "\n" not in text:
            at = spot.start + len(text.encode()[: error.offset - 1].decode(errors="ignore"))
            where = Spot(spot.line, min(at, spot.end - 1), spot.end, spot.origin)
        raise SpecError(f"this call cannot be read: {error.msg}", where) from None
    except (MemoryError, RecursionError, ValueError):
        raise SpecError("this call is too long or too deep to read", spot) from None
    if not isinstance(tree, ast.Call):
        raise SpecError("this is not a layer", spot)
    return _call(tree, text, spot)


def _call(tree: ast.Call, text: str, spot: Spot) -> Call:
    method = tree.func
    if isinstance(method, ast.Call):  # Keras's functional style: Conv2D(32, 3)(x)
        return _call(method, text, spot)
    if _hands_on(method) and isinstance(method.value, ast.Call):
        return _call(method.value, text, spot)
    name = _dotted(tree.func)
    if name is None:
        raise SpecError("a layer's name is a word such as Conv2d or nn.Conv2d", spot)
    keywords: dict[str, Any] = {}
    places: dict[int | str, Spot] = {n: _spot(node, text, spot) for n, node in enumerate(tree.args)}
    for keyword in tree.keywords:
        if keyword.arg is None:
            raise SpecError("** cannot be read here: write the arguments out", spot)
        if keyword.arg in keywords:
            raise SpecError(f"{keyword.arg} is given twice", _spot(keyword, text, spot))
        keywords[keyword.arg] = _value(keyword.value, text, spot)
        places[keyword.arg] = _spot(keyword, text, spot)
    source = (ast.get_source_segment(text, tree) or text) if text else name
    short = re.sub(r"^(torch\.)?(nn\.)?(modules\.\w+\.)?", "", name)
    where = _spot(tree, text, spot)
    positional = tuple(_value(node, text, spot) for node in tree.args)
    return Call(short, positional, keywords, where, " ".join(source.split()), places)


def _hands_on(node: ast.expr) -> TypeGuard[ast.Attribute]:
    """Whether a callable is a method of a call's result that returns the same module."""
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Call) and node.attr in HANDS_ON


def _spot(node: ast.expr | ast.keyword, text: str, spot: Spot) -> Spot:
    """Return where a piece of a call stands; of a call over several lines, the line the call begins on."""
    if "\n" in text or node.end_col_offset is None:
        return spot
    raw = text.encode()
    start = len(raw[: node.col_offset].decode())
    return Spot(spot.line, spot.start + start, spot.start + len(raw[: node.end_col_offset].decode()), spot.origin)


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        head = _dotted(node.value)
        return None if head is None else f"{head}.{node.attr}"
    return None


def _value(node: ast.expr, text: str, spot: Spot) -> Any:
    match node:
        case ast.Constant(value=value) if value is None or isinstance(value, (bool, int, float, str)):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=value)) if isinstance(value, (int, float)):
            return -value
        case ast.UnaryOp(op=ast.UAdd(), operand=ast.Constant(value=value)) if isinstance(value, (int, float)):
            return value
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return tuple(_value(part, text, spot) for part in parts)
        case ast.Name(id=name):
            return Name(name)
        case ast.Attribute() if dotted := _dotted(node):
            return Name(dotted)
        case ast.Call(func=ast.Name(id=name)) if name in _FUNCTIONS:
            return _number(node, text, spot)
        case ast.BinOp() | ast.UnaryOp():
            return _number(node, text, spot)
        case ast.Call() if _dotted(node.func) or isinstance(node.func, ast.Call) or _hands_on(node.func):
            return _call(node, text, spot)
        case _:
            piece = ast.get_source_segment(text, node) or "this"
            message = f"{piece!r} is code: only numbers, words, tuples and names are read here"
            raise SpecError(message, _spot(node, text, spot))


def _number(node: ast.expr, text: str, spot: Spot) -> int | float:
    """The result of arithmetic on numbers: + - * / // % **, int, round, max, min.

    Raises SpecError for anything else, and past any tensor.
    """
    where = _spot(node, text, spot)
    piece = ast.get_source_segment(text, node) or "this"
    match node:
        case ast.Constant(value=value) if isinstance(value, (int, float)) and not isinstance(value, bool):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_number(operand, text, spot)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _number(operand, text, spot)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATIONS:
            function: Callable[..., int | float] = _OPERATIONS[type(sign)]
            parts = [left, right]
        case ast.Call(func=ast.Name(id=name), args=parts, keywords=[]) if name in _FUNCTIONS:
            function = _FUNCTIONS[name]
        case _:
            raise SpecError(f"{piece!r} is code: only numbers, words, tuples and names are read here", where)
    values = [_number(part, text, spot) for part in parts]
    try:
        result = function(*values)
    except (ZeroDivisionError, ValueError, TypeError):
        raise SpecError(f"{piece!r} is not a number", where) from None
    except OverflowError:
        raise SpecError(f"{piece!r} is past any tensor", where) from None
    if isinstance(result, complex) or not abs(result) < LARGEST:
        raise SpecError(f"{piece!r} is past any tensor", where)
    return result


def convert(argument: Argument, value: Any, spot: Spot) -> Any:
    """Turn a literal of a call into the value its argument takes: a flat tuple is per axis, as in torch."""
    takes = set(argument.takes)
    if isinstance(value, Call):
        raise SpecError(f"{argument.name} cannot be a call", spot)
    if isinstance(value, Name):
        if value.text.lower() in WORDS and value.text not in argument.choices:
            return WORDS[value.text.lower()]
        if takes & {"size", "sizes"} and value.text[:1].isupper() and value.text.isidentifier():
            return size_symbol(value.text)
        return value.text
    if isinstance(value, tuple):
        parts = tuple(convert(argument, part, spot) if isinstance(part, Name) else part for part in value)
        if takes & {"sizes", "output sizes", "padding", "pairs", "factors"} or (
            takes & {"sides"} and any(isinstance(p, tuple) for p in parts)
        ):
            return PerAxis(parts)
        return parts
    return value
