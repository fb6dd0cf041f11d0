"""`parse_rates`: dilation rates and kernel sizes as people list them, `1,2,5` or per axis `1x2,2x1`."""

from __future__ import annotations

import re
from typing import TypeAlias

from convcalc.errors import SpecError
from convcalc.limits import MAX_RATES
from convcalc.spec.lexer import normal

Numbers: TypeAlias = list[tuple[int, ...]]
"""One value, or one per axis, of each layer."""
_RATE = re.compile(r"\d+(x\d+)*")
_RATES = re.compile(r"[\[(]*[\dx,\s]+[\])]*")


def looks_like_rates(text: str) -> bool:
    """Whether a text is rates rather than layers."""
    return bool(_RATES.fullmatch(text))


def parse_rates(rates: str, kernels: str) -> tuple[Numbers, Numbers]:
    """Return the rates and the kernel sizes, one for all layers or one for each. Raises SpecError."""
    return _numbers(rates, "a rate"), _numbers(normal(kernels), "a kernel")


def _numbers(text: str, what: str) -> Numbers:
    numbers = []
    for part in re.split(r"\s*,\s*|\s+", text.strip(" []()")):
        if not _RATE.fullmatch(part) or any(len(number) > 9 for number in part.split("x")):
            raise SpecError(f"{what} is a whole number below a billion, not {part!r} (per axis: 1x2)")
        numbers.append(tuple(map(int, part.split("x"))))
    if len(numbers) > MAX_RATES:
        raise SpecError(f"{len(numbers):,} rates are too many for a stack of layers (the limit is {MAX_RATES:,})")
    return numbers
