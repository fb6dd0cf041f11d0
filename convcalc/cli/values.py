"""`position`: option values that are positions and sizes."""

from __future__ import annotations

import re

from convcalc.errors import SpecError


def position(text: str, option: str) -> tuple[int, ...]:
    """Return the position of one output, 3,4 or 3x4. Raises SpecError naming the option."""
    parts = re.split(r"\s*[,x×]\s*", text.strip())
    if not all(part.isdecimal() and len(part) < 10 for part in parts):
        raise SpecError(f"{option} is a position per axis, counted from 0, such as 3,4, not {text!r}")
    return tuple(map(int, parts))
