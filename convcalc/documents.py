"""`envelope`, `plain`, `json_text` and `read_json`: JSON documents: their beginning, values, text, and reading."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any, Final

from convcalc.errors import SpecError
from convcalc.sizes import UNKNOWN

SCHEMA_VERSION: Final = 2
READABLE_VERSIONS: Final = (1, SCHEMA_VERSION)
"""Of documents that are read again."""


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


def json_text(document: Any, indent: int | None = None) -> str:
    """Return a document as JSON in Unicode; what could steer a terminal is escaped, and reads as the same text."""
    import json

    def escape(match: re.Match[str]) -> str:
        return match[0] if match[0].isprintable() else json.dumps(match[0])[1:-1]

    return re.sub(r"[^ -~\n]", escape, json.dumps(document, indent=indent, ensure_ascii=False))


def read_json(text: str) -> Any:
    """Return the document of a text. Raises SpecError for what is no JSON, is too deep, or has endless numbers."""
    import json

    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise SpecError("this is not JSON") from None
