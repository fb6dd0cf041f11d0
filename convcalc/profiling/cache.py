"""`read`, `write`: a small file of what was measured once: one JSON object per machine, written whole or not at all."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from convcalc.documents import SCHEMA_VERSION


def folder() -> Path:
    """Return where caches lie: $XDG_CACHE_HOME, or the platform's usual place."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    if home:
        return Path(home) / "convcalc"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "convcalc"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", str(Path.home()))) / "convcalc"
    return Path.home() / ".cache" / "convcalc"


def read(name: str, key: str) -> dict[str, Any] | None:
    """Return what is kept under a key; None where there is nothing, or nothing that can be read."""
    try:
        document = json.loads((folder() / name).read_text(encoding="utf-8"))
        entry = document["entries"][key] if document["schema_version"] == SCHEMA_VERSION else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return entry if isinstance(entry, dict) else None


def write(name: str, key: str, value: dict[str, Any]) -> str:
    """Keep a value under a key, beside the others. Return why that was not possible, or an empty string."""
    path = folder() / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            entries = dict(document["entries"]) if document["schema_version"] == SCHEMA_VERSION else {}
        except (OSError, ValueError, KeyError, TypeError):
            entries = {}
        entries[key] = value
        text = json.dumps({"schema_version": SCHEMA_VERSION, "entries": entries}, indent=2) + "\n"
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=name)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(beside).replace(path)
    except OSError as error:
        return f"{path} cannot be written: {error.strerror or error}"
    return ""
