"""`convcalc about`: what is installed here, for a report of a bug."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from convcalc.cli.options import AsFormat, Format, Out, emit, immediate_interrupts
from convcalc.profiling.cache import folder
from convcalc.profiling.machine import cores, cpu_name
from convcalc.render.table import Answer, Column, Table
from convcalc.spec.model_words import ZOOS
from convcalc.units import plural

PACKAGES: Final = ("convcalc", "torch", "numpy", "sympy", "fvcore", "typer", "rich", "matplotlib", "onnx", "pandas")
COLUMNS = (Column("what", "what"), Column("value", "here"))


def command(form: AsFormat = Format.table, out: Out = None) -> int:
    """Versions, devices, the cache and the zoos of networks that are installed, for a report of a bug."""
    devices = _devices()
    document: dict[str, Any] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "executable": sys.executable,
        "packages": {name: _version(name) for name in PACKAGES},
        "zoos": {name: _version(name) for name in ZOOS},
        "cpu": cpu_name(),
        "cores": cores(),
        "devices": devices,
        "cache": str(folder()),
        "package": str(Path(__file__).parents[2]),
    }
    rows = [
        {"what": "convcalc", "value": f"{document['packages']['convcalc']} in {document['package']}"},
        {"what": "python", "value": f"{document['python']} ({document['executable']})"},
        {"what": "platform", "value": document["platform"]},
        *({"what": name, "value": document["packages"][name] or "-"} for name in PACKAGES[1:]),
        *({"what": name, "value": document["zoos"][name] or "-"} for name in ZOOS),
        {"what": "cpu", "value": f"{document['cpu']}, {plural(document['cores'], 'core')}"},
        {"what": "devices", "value": ", ".join(devices) or "none but the CPU"},
        {"what": "cache", "value": document["cache"]},
    ]
    return emit(Answer("about", document, [Table(COLUMNS, rows)]), form, out)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _devices() -> list[str]:
    """The accelerators that torch sees."""
    try:
        with immediate_interrupts():
            import torch
    except (ImportError, OSError):
        return []
    names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return [*names, *(["mps"] if torch.backends.mps.is_available() else [])]
