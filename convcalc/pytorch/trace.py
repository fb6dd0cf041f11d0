"""`trace`: from an nn.Module to a graph: its own forward runs on meta tensors and every torch call is written down.

Nothing runs on the user's tensors, no mode is flipped, and every module is put back as it was.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn

from convcalc.collection import uncollected
from convcalc.errors import UnsupportedError
from convcalc.pytorch.constants import tensors_of
from convcalc.pytorch.forward_errors import in_words
from convcalc.pytorch.reading import Reading
from convcalc.pytorch.state_guard import restore_after
from convcalc.pytorch.summed_products import with_contractions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.graph import Graph, Value
    from convcalc.sizes import Shape


class ModelInput(NamedTuple):
    """One tensor that a forward takes: its own shape, batch included; a name where it is passed by keyword."""

    shape: Shape
    dtype: torch.dtype = torch.float32
    name: str = ""


def trace(model: nn.Module, *inputs: Shape | ModelInput) -> Graph:
    """Return the graph of a model's forward on inputs of these shapes.

    Raises UnsupportedError where the forward asks for values (`.item()`, `if x.sum() > 0`), naming the call.
    """
    reading = Reading(model)
    outputs = run(reading, model, inputs)
    return with_contractions(reading.b.graph(*outputs))


def run(reading: Reading, model: nn.Module, inputs: Sequence[Shape | ModelInput]) -> list[Value]:
    """Run a model's forward under a reading, and return the values of what it gives."""
    tensors = reading.tensors
    positional: list[torch.Tensor] = []
    keyword: dict[str, torch.Tensor] = {}
    for place, given in enumerate(inputs):
        tensor = given if isinstance(given, ModelInput) else ModelInput(given)
        name = tensor.name or (f"input_{place}" if place else "input")
        meta = tensors.input(tensor.shape, name, tensor.dtype)
        if tensor.name:
            keyword[name] = meta
        else:
            positional.append(meta)
    modules = [module for _, module in tensors.scopes.modules]
    scripted = any(isinstance(module, torch.jit.ScriptModule) for module in modules)
    beneath = reading.beneath() if scripted else nullcontext()
    with in_words(), uncollected(), restore_after(modules), tensors.scopes.open(), beneath, reading:
        result = model(*positional, **keyword)
    outputs = [tensors.value(leaf) for leaf in tensors_of(result)]
    if not outputs:
        raise UnsupportedError(f"the model's forward returns no tensor, but a {type(result).__name__}")
    tensors.write_unused()
    return outputs
