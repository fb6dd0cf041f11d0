"""`Alternatives`, `alternatives`, `read_range`: several values of a setting or a size, `1,3,5` or `32:512:32`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convcalc.digits import whole
from convcalc.errors import SpecError, Spot, UnsupportedError
from convcalc.limits import MAX_LISTED_VALUES, MAX_RANGE_VALUE, MAX_RANGE_VALUES

if TYPE_CHECKING:
    from convcalc.subject import Block

RANGE = re.compile(r"-?\d+:-?\d+(:(\d+|pow2))?")


@dataclass(frozen=True, slots=True)
class Alternatives:
    """Values of which each is a configuration of its own, and how they were written."""

    values: Sequence[Any]
    text: str


def read_range(text: str, spot: Spot) -> Sequence[int]:
    """Return the values of `first:last`, `first:last:step` or `first:last:pow2`, both ends included where they are hit.

    Raises SpecError for one that is empty, and past the limits.

    >>> list(read_range("8:64:pow2", Spot("", 0, 0))), list(read_range("1:7:3", Spot("", 0, 0)))
    ([8, 16, 32, 64], [1, 4, 7])
    """
    first, last, *rest = text.split(":")
    ends = [whole(end.removeprefix("-"), most=MAX_RANGE_VALUE) for end in (first, last)]
    if None in ends:
        raise SpecError(f"the range {text} goes past {MAX_RANGE_VALUE:,}", spot)
    low, high = int(first), int(last)
    if high < low:
        raise SpecError(f"the range {text} is empty: it is written from the smaller to the larger number", spot)
    if rest == ["pow2"]:
        if low < 1:
            raise SpecError(f"the range {text} doubles from a number above 0", spot)
        return [low << turn for turn in range((high // low).bit_length())]
    step = whole(rest[0], least=1, most=MAX_RANGE_VALUE) if rest else 1
    if step is None:
        raise SpecError(f"the step of {text} is a whole number from 1", spot)
    values = range(low, high + 1, step)
    if len(values) > MAX_RANGE_VALUES:
        raise SpecError(f"the range {text} has {len(values):,} values (the limit is {MAX_RANGE_VALUES:,})", spot)
    return values


def alternatives(text: str, read: Callable[[str], Any], spot: Spot, sign: str = ",") -> Alternatives:
    """Return the values of a list whose parts are values, or ranges of numbers. Raises SpecError for an empty part."""
    if RANGE.fullmatch(text):
        return Alternatives(read_range(text, spot), text)
    values: list[Any] = []
    parts = [part.strip() for part in text.split(sign)]
    for part in parts:
        if not part:
            raise SpecError(f"{text!r} has an empty place: values are joined by {sign!r}", spot)
        if RANGE.fullmatch(part):
            more = read_range(part, spot)
            if len(values) + len(more) > MAX_LISTED_VALUES:
                limit = f"the limit is {MAX_LISTED_VALUES:,}; a range alone may have {MAX_RANGE_VALUES:,}"
                raise SpecError(f"{text[:60]} lists too many values ({limit})", spot)
            values += more
        else:
            values.append(read(part))
    return Alternatives(values, text)


def refuse_several(block: Block) -> None:
    """Raise UnsupportedError where a setting or a size of a block has several values."""
    for given in block.inputs:
        _refuse("", Alternatives(given.shapes, f"-i {given.text}") if given.shapes else None)
        for size in given.sizes:
            _refuse("", size)
    for layer in block.layers:
        for name, value in layer.arguments.items():
            _refuse(f"{name}=", value)


def _refuse(name: str, value: object) -> None:
    if isinstance(value, Alternatives):
        answering = "shape, params, macs, rf, memory and sweep answer for each"
        raise UnsupportedError(f"{name}{value.text} is several values: {answering}")


def has_alternatives(block: Block) -> bool:
    """Whether a setting or a size of a block has several values."""
    settings = (value for layer in block.layers for value in layer.arguments.values())
    sizes = (size for given in block.inputs for size in given.sizes)
    return any(isinstance(value, Alternatives) for value in (*settings, *sizes)) or any(
        given.shapes for given in block.inputs
    )
