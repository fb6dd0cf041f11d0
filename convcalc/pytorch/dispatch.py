"""`Beneath`: the aten calls of functions without a reader; what it cannot read becomes Opaque."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from convcalc import ops
from convcalc.pytorch.aten import as_function, multiplies
from convcalc.pytorch.constants import tensors_of
from convcalc.pytorch.readers.registry import values_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.pytorch.reading import Reading


class Beneath(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Reads aten calls while one torch function without a reader runs."""

    def __init__(self, reading: Reading) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.reading = reading

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run one aten call on meta tensors, and write down what it makes."""
        kwargs = kwargs or {}
        reading, tensors = self.reading, self.reading.tensors
        leaves = tensors_of((tuple(args), kwargs))
        if not any(map(tensors.depends, leaves)):
            return tensors.constants.note(func(*args, **kwargs), leaves)
        namespace, _, name = func._schema.name.partition("::")
        args, kwargs = tensors.on_meta(tuple(args)), tensors.on_meta(kwargs)
        result = func(*args, **kwargs)
        outputs = tensors_of(result)
        shapes = [tuple(leaf.shape) for leaf in outputs]
        function, values, settings = as_function(name, args, kwargs)
        written = values_of(reading.read(function, tensors.all_values(values), tensors.all_values(settings)))
        if [value.shape for value in written] != shapes:
            inputs = [tensors.value(leaf) for leaf in leaves]
            plain = torch.Tag.pointwise in func.tags and not reading.reason
            written = [reading.b.elementwise("pointwise", *inputs)] if plain else []
        if [value.shape for value in written] != shapes:
            hidden = multiplies(namespace, name)
            written = [
                reading.b.write(ops.Opaque(name.strip("_"), shape, reading.reason, hidden), *inputs) for shape in shapes
            ]
        for leaf, value in zip(outputs, written, strict=True):
            tensors.values[id(leaf)] = leaf, value
        return result
