"""convcalc: what a convolution costs, sees and takes.

>>> from convcalc import analyze, find
>>> kind, rank = find("Conv2d")
>>> kind.build((1, 3, 224, 224), out_channels=64, kernel_size=7, stride=2, padding=3).outputs[0].shape
(1, 64, 112, 112)
>>> analyze("conv2d c=64 k=7 s=2 p=3", "3x224x224").macs
118013952
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from convcalc.analyses.hdc.report import HdcReport
    from convcalc.api import (
        Report,
        analyze,
        find,
        hdc_check,
        kind,
        list_kinds,
        parse,
        profile,
        reads,
        receptive_field,
        to_module,
        trace,
    )
    from convcalc.errors import ConvcalcError, ShapeError, SpecError, UnavailableError, UnsupportedError

__all__ = [
    "ConvcalcError",
    "HdcReport",
    "Report",
    "ShapeError",
    "SpecError",
    "UnavailableError",
    "UnsupportedError",
    "analyze",
    "find",
    "hdc_check",
    "kind",
    "list_kinds",
    "parse",
    "profile",
    "reads",
    "receptive_field",
    "to_module",
    "trace",
]
_ERRORS: Final = ("ConvcalcError", "ShapeError", "SpecError", "UnavailableError", "UnsupportedError")


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    home = "errors" if name in _ERRORS else "analyses.hdc.report" if name == "HdcReport" else "api"
    return getattr(importlib.import_module(f"convcalc.{home}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
