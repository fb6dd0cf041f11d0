"""`reads`: the table of readers by the names torch's functions, methods and operators carry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from convcalc.sizes import PerAxis

Reader: TypeAlias = Callable[..., Any]
R = TypeVar("R", bound=Reader)
READERS: dict[str, Reader] = {}


def reads(*names: str) -> Callable[[R], R]:
    """Register a reader under the names torch's functions, methods and operators carry.

    Raises ValueError where another reader has one of them.
    """

    def register(reader: R) -> R:
        for name in names:
            if name in READERS:
                raise ValueError(f"two readers are called {name}")
            READERS[name] = reader
        return reader

    return register


def axes_of(value: Any, rank: int) -> Any:
    """Return torch's int, list or tuple as one value per axis."""
    if isinstance(value, (list, tuple)):
        return PerAxis(value if len(value) > 1 else tuple(value) * rank)
    return value
