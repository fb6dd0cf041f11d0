"""`restore_after`: running a model's own code without leaving a trace of it."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import nn

from convcalc.errors import ShapeError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator

BOXES: tuple[type, ...] = (list, dict, set, OrderedDict)
"""Containers a module may hold, put back with what was in them; parameters, buffers and modules lie in such too."""


@contextmanager
def restore_after(model: nn.Module) -> Iterator[None]:
    """Put every module's attributes and the random state back as they were."""
    plain = [module for module in model.modules() if not isinstance(module, torch.jit.ScriptModule)]
    attributes_before = [(module.__dict__, dict(module.__dict__)) for module in plain]
    containers = [
        (box, type(box)(box))
        for _, attributes in attributes_before
        for box in attributes.values()
        if type(box) in BOXES
    ]
    state = torch.get_rng_state()
    try:
        yield
    except NotImplementedError as error:
        raise UnsupportedError(f"the model's forward needs values, not sizes: {_first_line(error)}") from None
    except RuntimeError as error:
        raise ShapeError(f"the model's forward failed on these sizes: {_first_line(error)}") from None
    finally:
        torch.set_rng_state(state)
        for attributes, before in attributes_before:
            attributes.clear()
            attributes.update(before)
        for box, before in containers:
            if isinstance(box, list):
                box[:] = before
            else:
                box.clear()
                box.update(before)


def _first_line(error: Exception) -> str:
    return str(error).split("\n")[0]
