"""`schema`, `keys`: the JSON Schema of every command's document, and what its keys are, in words."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

from convcalc.errors import SpecError, nearest

FOLDER: Final = Path(__file__).parents[1] / "schemas"
COMMON: Final = "common"
SHARED = re.compile(r"common\.json(#/\$defs/(\w+))")


def schema_names() -> list[str]:
    """Return the commands that answer with a document."""
    return sorted(path.stem for path in FOLDER.glob("*.json") if path.stem != COMMON)


@cache
def schema(command: str) -> dict[str, Any]:
    """Return the schema of a command's document, with all that it refers to. Raises SpecError for no such command."""
    names = schema_names()
    if command not in names:
        raise SpecError(f"there is no document of {command!r}{nearest(command, names)} (there are {', '.join(names)})")
    text, shared = _text(command), json.loads(_text(COMMON))["$defs"]
    wanted = [match[2] for match in SHARED.finditer(text)]
    parts: dict[str, Any] = {}
    while wanted:
        name = wanted.pop()
        if name not in parts:
            part = json.dumps(shared[name])
            wanted += [match[2] for match in SHARED.finditer(part)]
            parts[name] = json.loads(SHARED.sub(r"\1", part))
    document: dict[str, Any] = json.loads(SHARED.sub(r"\1", text))
    return {**document, "$defs": {**document.get("$defs", {}), **dict(sorted(parts.items()))}}


def keys(command: str) -> dict[str, str]:
    """Return the keys of a command's document with what each holds, those of its layers as `layers[].key`."""
    whole = schema(command)
    rows: dict[str, str] = {}

    def resolved(part: dict[str, Any]) -> dict[str, Any]:
        reference = part.get("$ref", "").removeprefix("#/$defs/")
        return {**resolved(whole["$defs"][reference]), **part} if reference else part

    def add(prefix: str, part: dict[str, Any]) -> None:
        part = resolved(part)
        for variant in part.get("anyOf", ()):
            add(prefix, variant)
        for key, value in part.get("properties", {}).items():
            entry = resolved(value)
            rows.setdefault(f"{prefix}{key}", entry.get("description", ""))
            if key != "blocks":
                add(f"{prefix}{key}{'[]' if 'items' in entry else ''}.", entry.get("items", entry))

    add("", whole)
    return {key: text for key, text in rows.items() if key not in ("schema_version", "command")}


def _text(name: str) -> str:
    return (FOLDER / f"{name}.json").read_text(encoding="utf-8")
