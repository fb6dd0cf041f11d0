"""`whole`, `check_digits`: the one reader of whole numbers that people write, and how long those we write may be."""

from __future__ import annotations

from convcalc.errors import LimitError
from convcalc.limits import MAX_COUNT_DIGITS, MAX_DIGITS


def whole(text: str, least: int = 0, most: int = 10**MAX_DIGITS - 1) -> int | None:
    """Return the whole number from `least` to `most` that a text is; None for any other text.

    Digits are those of any script (Unicode's decimal digits); more than MAX_DIGITS are past any tensor.

    >>> whole("12"), whole("-1"), whole("9" * 5000), whole("0", least=1)
    (12, None, None, None)
    """
    if not text.isdecimal() or len(text) > MAX_DIGITS:
        return None
    number = int(text)
    return number if least <= number <= most else None


def check_digits(number: int, what: str) -> None:
    """Raise LimitError for a number of more digits than are written out."""
    if number.bit_length() > MAX_COUNT_DIGITS * 10 // 3:
        raise LimitError(f"{what} have over {MAX_COUNT_DIGITS:,} digits: they are not written out (give fewer layers)")
