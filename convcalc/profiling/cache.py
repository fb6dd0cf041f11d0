"""`read`, `write`: small files of what was measured or derived once, each written whole or not at all."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from convcalc.documents import SCHEMA_VERSION, json_text, read_json
from convcalc.errors import SpecError
from convcalc.files import replacing
from convcalc.limits import MAX_FILE_BYTES


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


def digest(question: str) -> str:
    """Return a name for a question to this very version of convcalc: of any other the answer may differ."""
    import hashlib
    from importlib.metadata import version

    import convcalc

    room = Path(convcalc.__file__).parent
    code = sorted((str(path), path.stat().st_mtime_ns) for path in room.rglob("*.*") if path.suffix in (".py", ".toml"))
    return hashlib.sha256(repr((version("convcalc"), code, question)).encode()).hexdigest()[:32]


def read(name: str, key: str) -> dict[str, Any] | None:
    """Return what is kept under a key; None where there is nothing, or nothing that can be read."""
    entry = _entries(folder() / name).get(key)
    return entry if isinstance(entry, dict) else None


def _entries(path: Path) -> dict[str, Any]:
    """What a file holds; nothing where it is missing, of another version or of something else."""
    try:
        with path.open("rb") as file:
            document = read_json(file.read(MAX_FILE_BYTES).decode("utf-8"))
    except (OSError, ValueError, SpecError):
        return {}
    ours = isinstance(document, dict) and document.get("schema_version") == SCHEMA_VERSION
    entries = document.get("entries") if ours else None
    return entries if isinstance(entries, dict) else {}


def write(name: str, key: str, value: dict[str, Any]) -> str:
    """Keep a value under a key, beside the others. Return why that was not possible, or an empty string."""
    path = folder() / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        entries = {**_entries(path), key: value}
        text = json_text({"schema_version": SCHEMA_VERSION, "entries": entries}, indent=2) + "\n"
        with replacing(path) as beside:
            beside.write_text(text, encoding="utf-8")
    except OSError as error:
        return f"{path} cannot be written: {error.strerror or error}"
    return ""
