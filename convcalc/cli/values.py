"""`position`, `sizes`: option values that are positions and sizes, one or one per axis."""

from __future__ import annotations

import re

from convcalc.digits import whole
from convcalc.errors import SpecError
from convcalc.limits import MAX_SIZE


def position(text: str, option: str) -> tuple[int, ...]:
    """Return the position of one output, 3,4 or 3x4. Raises SpecError naming the option."""
    parts = re.split(r"\s*[,x×]\s*", text.strip())
    places = [whole(part, most=MAX_SIZE) for part in parts]
    if None in places:
        raise SpecError(f"{option} is a position per axis, counted from 0, such as 3,4, not {text!r}")
    return tuple(place for place in places if place is not None)


def sizes(text: str, option: str, example: str, least: int = 1) -> tuple[int, ...]:
    """Return one number below a billion, or one per axis joined by x. Raises SpecError naming the option.

    >>> sizes("56", "--in", "56x28"), sizes("41x11", "--kernel-size", "41x11")
    ((56,), (41, 11))
    """
    numbers = [whole(part, least, 10**9 - 1) for part in re.split(r"[xX×]", text.strip())]
    axes = tuple(number for number in numbers if number is not None)
    if len(axes) < len(numbers) or len(axes) > 3:
        raise SpecError(f"{option} is a whole number from {least}, or one per axis such as {example}, not {text!r}")
    return axes
