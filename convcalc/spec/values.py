"""`from_word`: from the text of one value to a number, one number per axis, a pair per side, a word.

Alternatives (`1,3,5`) and ranges (`32:512:32`) are several values, for those who answer for each.
"""

from __future__ import annotations

import re
from typing import Any

from convcalc.arguments import Argument, check_value, describe
from convcalc.errors import SpecError, Spot
from convcalc.limits import MAX_DIGITS
from convcalc.sizes import Pair, PerAxis
from convcalc.spec.letters import size_symbol
from convcalc.spec.ranges import RANGE, Alternatives, alternatives

_INT = re.compile(r"[+-]?\d+")
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_PAIR = re.compile(r"(-?\d+)\+(-?\d+)")
_SYMBOL = re.compile(r"[A-Z][A-Za-z0-9_]*")
WORDS = {"true": True, "yes": True, "false": False, "no": False, "none": None}
PER_AXIS = frozenset({"sizes", "output sizes", "padding", "pairs", "sides", "factors"})
SIZED = frozenset({"size", "sizes", "output sizes", "padding", "pairs", "sides", "factors", "int", "tuple"})


def from_word(argument: Argument, text: str, spot: Spot) -> Any:
    """Return the value of `name=text` for an argument. Raises SpecError, or UnsupportedError for a sweep."""
    value = _read(argument, text, spot)
    return checked(argument, value, spot)


def checked(argument: Argument, value: Any, spot: Spot) -> Any:
    """Return the value if its argument takes it. Raises SpecError under this spot."""
    several = value.values if isinstance(value, Alternatives) else [value]
    try:
        for each in several[:: max(len(several) - 1, 1)] if isinstance(several, range) else several:
            check_value(argument, each)
    except SpecError as error:
        raise SpecError(str(error), spot) from None
    return value


def _read(argument: Argument, text: str, spot: Spot) -> Any:
    takes = set(argument.takes)
    bare = text.strip("()[]") if text[:1] in "([" else text
    if "tuple" in takes and "/" in bare:
        return alternatives(bare, lambda part: _read(argument, part, spot), spot, "/")
    if "," in bare:
        if "tuple" in takes:
            return tuple(number(part.strip(), argument, spot) for part in bare.split(",") if part.strip())
        if text != bare:
            return PerAxis(number(part.strip(), argument, spot) for part in bare.split(",") if part.strip())
        return alternatives(bare, lambda part: _read(argument, part, spot), spot)
    if takes & SIZED and RANGE.fullmatch(bare):
        return alternatives(bare, str, spot)
    low = bare.strip("'\"").lower()
    if "bool" in takes and low in ("0", "1"):
        return low == "1"
    if low in WORDS and not (argument.choices and low in argument.choices):
        return WORDS[low]
    if takes & {"word", "str"}:
        return bare.strip("'\"")
    if low in ("same", "valid", "tf_same") and "padding" in takes:
        return low
    if "x" in bare and takes & (PER_AXIS | {"tuple"}):
        if not all(bare.split("x")):
            raise SpecError(f"{argument.name} takes {describe(argument)}, not {text!r}", spot)
        parts = [_side(part, argument, spot) for part in bare.split("x")]
        return tuple(parts) if takes == {"tuple"} else PerAxis(parts)
    return _side(bare, argument, spot)


def _side(text: str, argument: Argument, spot: Spot) -> Any:
    pair = _PAIR.fullmatch(text)
    if pair and {"padding", "pairs", "sides"} & set(argument.takes):
        return Pair(number(end, argument, spot) for end in pair.groups())
    return number(text, argument, spot)


def number(text: str, argument: Argument, spot: Spot) -> Any:
    """Return an int or (where the argument takes one) a float. Raises SpecError."""
    if _INT.fullmatch(text):
        if len(text) > MAX_DIGITS:
            raise SpecError(f"{argument.name}={text[:12]}... has {len(text)} digits", spot)
        return int(text)
    if _FLOAT.fullmatch(text) and {"float", "factors"} & set(argument.takes):
        return float(text)
    if _SYMBOL.fullmatch(text) and {"size", "sizes", "output sizes", "padding"} & set(argument.takes):
        return size_symbol(text)
    raise SpecError(f"{argument.name} takes {describe(argument)}, not {text!r}", spot)
