"""`reads`: the table of readers by the names torch's functions, methods and operators carry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from convcalc.sizes import PerAxis

Reader: TypeAlias = Callable[..., Any]
R = TypeVar("R", bound=Reader)
READERS: dict[str, Reader] = {}
NEEDS_VALUES = frozenset(
    {
        *("item", "tolist", "numpy", "nonzero", "masked_select", "unique"),
        *("__bool__", "__int__", "__float__", "__index__"),
    }
)
"""Functions that ask for the values of a tensor, which sizes do not give."""
METADATA = frozenset({"size", "dim", "numel", "is_floating_point", "__len__", "stride", "is_contiguous", "nelement"})
"""Functions that ask for what a meta tensor knows."""
VIEWS = frozenset(
    {
        *("__getitem__", "view", "narrow", "chunk", "split", "transpose", "permute", "squeeze", "unsqueeze"),
        *("flatten", "reshape", "unflatten", "t", "expand"),
    }
)
"""Functions whose results share memory with their first argument: writing into one writes into the other."""


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
