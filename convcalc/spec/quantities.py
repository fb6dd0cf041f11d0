"""`quantity`: quantities as people write them: 300M, 3.35T, 512Ki, one reader for every budget."""

from __future__ import annotations

import re
from fractions import Fraction

from convcalc.errors import SpecError

SUFFIXES = {
    "": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
}  # fmt: skip
LARGEST = 10**30
MAX_QUANTITY_DIGITS = 60
_NUMBER = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(?:[eE]([-+]?\d{1,3}))?\s*([A-Za-z]*)")


def per_second(text: str | None, option: str) -> float | None:
    """Return a rate, or another quantity, that may be left out. Raises SpecError naming the option."""
    return None if text is None else float(quantity(text, option))


def quantity(text: str, option: str) -> Fraction:
    """Return a positive quantity, exactly. Raises SpecError naming the option.

    >>> quantity("3.35T", "--peak-bw"), quantity("512Ki", "--budget")
    (Fraction(3350000000000, 1), Fraction(524288, 1))
    """
    match = _NUMBER.fullmatch(text.strip())
    suffix = match[3] if match else ""
    known = next(
        (letter for letter in SUFFIXES if letter == suffix or (len(letter) == 1 and letter.upper() == suffix.upper())),
        None,
    )
    if match is None or known is None or suffix == "m" or len(match[1]) > MAX_QUANTITY_DIGITS:
        raise SpecError(
            f"{option} is a number with a suffix k, M, G, T, P, Ki, Mi, Gi or Ti, such as 300M, not {text!r}"
        )
    value = Fraction(match[1]) * Fraction(10) ** int(match[2] or 0) * SUFFIXES[known]
    if not 0 < value <= LARGEST:
        raise SpecError(f"{option} must be above 0{' and below 1e30' if value else ''}, not {text}")
    return value
