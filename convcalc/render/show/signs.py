"""`sign`: the letter that stands for a tap of a kernel."""

from __future__ import annotations

from string import ascii_letters, digits
from typing import Final

SIGNS: Final = ascii_letters + digits


def sign(tap: int) -> str:
    """Return the letter of a tap, a for the first; # past the last.

    >>> sign(0), sign(26), sign(100)
    ('a', 'A', '#')
    """
    return SIGNS[tap] if tap < len(SIGNS) else "#"
