"""`Constants`: tensors that a forward makes of nothing: small ones are real, on the CPU: their values are known.

Masks, index tables and grids are computed as they are on a user's machine; where one meets an input it is a Constant.
"""

from __future__ import annotations

import weakref
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from convcalc.pytorch.calls import About

META = torch.device("meta")
MAX_ELEMENTS: Final = 1 << 20
"""A tensor of more is only known by its shape."""


class Constants:
    """The tensors that were made during a forward and depend neither on an input nor on a parameter."""

    def __init__(self) -> None:
        self._made: dict[int, weakref.ref[Tensor]] = {}
        self._views: dict[int, weakref.ref[Tensor]] = {}

    def knows(self, tensor: Tensor) -> bool:
        """Whether a tensor was made during this forward, or is a view of one that was there before."""
        view = self._views.get(id(tensor))
        return self.holds(tensor) or (view is not None and view() is tensor)

    def holds(self, tensor: Tensor) -> bool:
        """Whether a tensor was made during this forward, so that it may be written into."""
        made = self._made.get(id(tensor))
        return made is not None and made() is tensor

    def call(self, about: About, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Run a call without any tensor that is ours: for real, or where it is large for its shape only."""
        tensors = tensors_of((*args, kwargs))
        if about.is_factory:
            return self.note(_factory(func, args, kwargs), ())
        if any(tensor.device.type == "meta" for tensor in tensors):
            args, kwargs = _on_meta(tuple(args)), _on_meta(kwargs)
            if about.name in ("cpu", "cuda"):
                return args[0]
            return self.note(func(*args, **({**kwargs, "device": META} if "device" in kwargs else kwargs)), tensors)
        return self.note(func(*args, **_on_cpu(kwargs)), tensors)

    def like(self, func: Callable[..., Any], tensor: Tensor, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Run a call that makes a tensor of the kind of one of ours."""
        if tensor.numel() > MAX_ELEMENTS:
            return self.note(func(tensor, *args, **{**_on_cpu(kwargs), "device": "meta"}), ())
        stand_in = torch.empty((), dtype=tensor.dtype).expand(tensor.shape)
        return self.note(func(stand_in, *args, **_on_cpu(kwargs)), ())

    def note(self, result: Any, sources: Iterable[Tensor]) -> Any:
        """Remember new tensors; a view of one that was there before is not new."""
        theirs = {_storage(tensor) for tensor in sources if not self.holds(tensor)}
        for tensor in tensors_of(result):
            kept = self._views if _storage(tensor) in theirs else self._made
            kept[id(tensor)] = weakref.ref(tensor)
        return result


def tensors_of(value: Any) -> list[Tensor]:
    """Return the tensors in nested tuples, lists and dicts, and in the fields of dataclasses, in order."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, (tuple, list)):
        return [tensor for part in value for tensor in tensors_of(part)]
    if isinstance(value, dict):
        return [tensor for part in value.values() for tensor in tensors_of(part)]
    if is_dataclass(value) and not isinstance(value, type):
        return [tensor for field in fields(value) for tensor in tensors_of(getattr(value, field.name))]
    return []


def _storage(tensor: Tensor) -> int:
    try:
        return int(tensor.untyped_storage()._cdata)
    except (NotImplementedError, RuntimeError):  # a tensor without one: sparse, wrapped
        return id(tensor)


def _factory(func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    if kwargs.get("out") is None:
        shape_only = func(*args, **{**kwargs, "device": "meta"})
        if isinstance(shape_only, Tensor) and shape_only.numel() > MAX_ELEMENTS:
            return shape_only
    return func(*args, **_on_cpu(kwargs))


def by_places(key: Any) -> Any:
    """Return an index with the places of what is true for every mask whose values are known."""
    parts: list[Any] = []
    for part in key if isinstance(key, tuple) else (key,):
        known = isinstance(part, Tensor) and part.dtype == torch.bool and part.device.type != "meta"
        parts += part.nonzero(as_tuple=True) if known else [part]
    return tuple(parts) if isinstance(key, tuple) or len(parts) > 1 else parts[0]


def _on_cpu(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {**kwargs, "device": "cpu"} if kwargs.get("device") is not None else kwargs


def _on_meta(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value if value.device.type == "meta" else torch.empty_like(value, device="meta")
    if isinstance(value, torch.device):
        return META
    if isinstance(value, (tuple, list)):
        parts = [_on_meta(part) for part in value]
        return tuple(parts) if isinstance(value, tuple) else parts
    if isinstance(value, dict):
        return {key: _on_meta(part) for key, part in value.items()}
    return value
