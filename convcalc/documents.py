"""`envelope` and `plain`: what every JSON document begins with, and values as JSON holds them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

from convcalc.sizes import UNKNOWN

SCHEMA_VERSION: Final = 1


def envelope(command: str, document: dict[str, Any]) -> dict[str, Any]:
    """Return a command's document under its version and name."""
    return {"schema_version": SCHEMA_VERSION, "command": command, **document}


def plain(value: Any) -> Any:
    """Return a value as JSON holds it: exact ints, fractions as strings, unknown sizes as null."""
    if value is UNKNOWN:
        return None
    if isinstance(value, Fraction):
        return int(value) if value.denominator == 1 else str(value)
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return value
