"""`restore_after`: running a model's own code without leaving a trace of it."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BOXES: tuple[type, ...] = (list, dict, set, OrderedDict)
"""Containers a module may hold, put back with what was in them; parameters, buffers and modules lie in such too."""
ELEMENTS = frozenset(("_parameters", "_buffers", "_modules"))
"""Containers of a module in which no others lie."""


@contextmanager
def restore_after(modules: Sequence[nn.Module]) -> Iterator[None]:
    """Put every module's attributes and the random state back as they were."""
    plain = [module for module in modules if not isinstance(module, torch.jit.ScriptModule)]
    attributes_before = [(module.__dict__, module.__dict__.copy()) for module in plain]
    full: list[tuple[Any, Any]] = []
    empty: list[Any] = []
    for attributes, _ in attributes_before:
        for name, box in attributes.items():
            if type(box) in BOXES:
                _note(box, full, empty, inside=name not in ELEMENTS)
    state = torch.get_rng_state()
    try:
        yield
    finally:
        torch.set_rng_state(state)
        for attributes, before in attributes_before:
            attributes.clear()
            attributes.update(before)
        for box in empty:
            if box:
                box.clear()
        for box, before in full:
            if isinstance(box, list):
                box[:] = before
            else:
                box.clear()
                box.update(before)


def _note(box: Any, full: list[tuple[Any, Any]], empty: list[Any], *, inside: bool) -> None:
    """Note what is in a container, and in those inside it."""
    if not box:
        empty.append(box)
        return
    full.append((box, box.copy()))
    if inside and len(full) < MAX_BOXES:
        for item in box.values() if isinstance(box, dict) else box:
            if type(item) in BOXES:
                _note(item, full, empty, inside=True)


MAX_BOXES = 100_000
"""A container that holds itself ends the search for what is inside."""
