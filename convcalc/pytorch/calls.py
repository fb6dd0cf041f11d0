"""`about`: what is known of a torch function before it is called, looked up once for each function."""

from __future__ import annotations

import inspect
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from convcalc.pytorch.readers import READERS
from convcalc.pytorch.readers.registry import CONTRACTIONS, FACTORIES, LIKES, METADATA, NEEDS_VALUES, VIEWS

if TYPE_CHECKING:
    from collections.abc import Callable

    from convcalc.pytorch.readers.registry import Reader

IDENTITIES = {"data": "clone", "T": "t", "mT": "adjoint", "mH": "adjoint", "H": "t", "real": "clone"}
"""Attributes of a tensor that are tensors, and the functions whose readers know them."""


class About(NamedTuple):
    """A torch function: the name of its reader, and what kind of call it is."""

    name: str
    reading: str
    attribute: str
    setter: bool
    metadata: bool
    needs_values: bool
    in_place: bool
    is_view: bool
    is_factory: bool
    is_like: bool
    contracts: bool


@cache
def about(function: Callable[..., Any]) -> About:
    """Look at a function as torch's modes hand it over."""
    name = getattr(function, "__name__", str(function))
    attribute = ""
    if name in ("__get__", "__set__"):
        attribute = getattr(getattr(function, "__self__", None), "__name__", "")
    in_place = (name.endswith("_") and not name.endswith("__")) or name.startswith("__i") or name == "__setitem__"
    in_place = in_place and name not in ("__index__", "__int__", "__invert__")
    return About(
        name=name,
        reading=name.rstrip("_") if in_place and not name.startswith("__") else name,
        attribute=attribute,
        setter=name == "__set__",
        metadata=name in METADATA,
        needs_values=name in NEEDS_VALUES,
        in_place=in_place,
        is_view=name in VIEWS,
        is_factory=name in FACTORIES,
        is_like=name in LIKES,
        contracts=name in CONTRACTIONS,
    )


def name_of(function: Any) -> str:
    """Return the name under which calls of an operator are read: without its library and overload."""
    if isinstance(function, str):
        name = function
    else:
        own = getattr(function, "_qualname", "") or getattr(function, "_qualified_op_name", "")
        schema = getattr(getattr(function, "_schema", None), "name", "")
        name = own or schema or getattr(function, "__name__", str(function))
    return name.rpartition("::")[2].partition(".")[0]


def reader_of(name: str) -> Reader | None:
    """Return the reader of a function's name, where it has one."""
    return READERS.get(name)


@cache
def signature(reader: Reader) -> inspect.Signature:
    """Return what a reader takes."""
    return inspect.signature(reader)
