"""`TensorValues`: which tensor of a forward stands for which value of the graph that is being written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch._C._functorch import is_functorch_wrapped_tensor

from convcalc import ops
from convcalc.builder import Builder
from convcalc.pytorch.constants import Constants
from convcalc.pytorch.module_scopes import ModuleScopes

if TYPE_CHECKING:
    from convcalc.graph import Path, Value
    from convcalc.sizes import Shape


class TensorValues:
    """The graph written so far, and the tensors that stand for its values.

    What an input or a parameter decides is in `values`; parameters, buffers and constants are written down when a step
    first reads them.
    """

    def __init__(self, model: nn.Module) -> None:
        self.b = Builder()
        self.scopes = ModuleScopes(model, self.b)
        self.constants = Constants()
        self.given: list[Value] = []
        self.values: dict[int, tuple[Tensor, Value]] = {}
        self.learned: dict[int, tuple[Tensor, Path, str, nn.Module]] = {}
        self._buffers: dict[int, tuple[Tensor, Path, str]] = {}
        self._stored: dict[int, tuple[Tensor, Value]] = {}
        self._views: dict[int, tuple[Tensor, Tensor]] = {}
        for path, module in self.scopes.modules:
            attributes = vars(module)
            for key, tensor in attributes.get("_parameters", {}).items():
                if tensor is not None:
                    self.learned.setdefault(id(tensor), (tensor, path, key, module))
            for key, tensor in attributes.get("_buffers", {}).items():
                if tensor is not None:
                    self._buffers.setdefault(id(tensor), (tensor, path, key))
            for key, tensor in attributes.items():
                if isinstance(tensor, Tensor):
                    self._buffers.setdefault(id(tensor), (tensor, path, key))

    def input(self, shape: Shape, name: str, dtype: torch.dtype) -> Tensor:
        """Write an input, and return the tensor that stands for it."""
        value = self.b.input(shape, name)
        self.given.append(value)
        return self.fresh(value, dtype)

    def fresh(self, value: Value, dtype: torch.dtype, base: Tensor | None = None) -> Tensor:
        """Return a new meta tensor that stands for a value; `base` is what it is a view of."""
        tensor = torch.empty(value.shape, dtype=dtype, device="meta")
        self.values[id(tensor)] = tensor, value
        if base is not None:
            self._views[id(tensor)] = tensor, base
        return tensor

    def depends(self, tensor: Tensor) -> bool:
        """Whether a tensor stands for a value that an input or a parameter decides."""
        return id(tensor) in self.values or id(tensor) in self.learned

    def value(self, tensor: Tensor) -> Value:
        """Return the value a tensor stands for; a parameter, buffer or constant is written down when first read."""
        known = self.values.get(id(tensor)) or self._stored.get(id(tensor))
        if known is not None:
            return known[1]
        if id(tensor) in self.learned:
            _, path, name, module = self.learned[id(tensor)]
            role = _role(name, path, module)
            op: ops.Op = ops.Parameter(shape=tuple(tensor.shape), name=name, role=role, trained=tensor.requires_grad)
            self.values[id(tensor)] = tensor, self._write(op, path)
            return self.values[id(tensor)][1]
        buffer = self._buffers.get(id(tensor))
        if buffer is None and tensor.device.type == "meta" and not self.constants.knows(tensor):
            # a tensor that came from nowhere seen: it may depend on every input
            op = ops.Opaque(name="a tensor of unknown origin", shape=tuple(tensor.shape))
            self.values[id(tensor)] = tensor, self.b.write(op, *self.given)
            return self.values[id(tensor)][1]
        _, path, name = buffer or (tensor, self.b.path, "constant")
        op = ops.Constant(shape=tuple(tensor.shape), name=name, value=1.0 if name == "running_var" else 0.0)
        self._stored[id(tensor)] = tensor, self._write(op, path)
        return self._stored[id(tensor)][1]

    def _write(self, op: ops.Op, path: Path) -> Value:
        outer = self.b.path
        self.scopes.enter(path)
        value = self.b.write(op)
        self.b.path = outer
        return value

    def store(self, tensor: Tensor, value: Value) -> None:
        """Let a tensor that no input decides stand for a value."""
        self._stored[id(tensor)] = tensor, value

    def write_unused(self) -> None:
        """Write down the parameters no step has read."""
        for tensor, *_ in list(self.learned.values()):
            self.value(tensor)

    def replace(self, target: Tensor, value: Value) -> None:
        """Let a tensor stand for a new value; what it is a view of was written into as well."""
        self.values[id(target)] = target, value
        if id(target) in self._views:
            base = self._views[id(target)][1]
            self.replace(base, self.b.elementwise("put", self.value(base), value))

    def forget(self, steps: int) -> None:
        """Take back all but the first steps."""
        del self.b.nodes[steps:]
        for known in (self.values, self._stored):
            for key in [key for key, (_, value) in known.items() if value.index >= steps]:
                del known[key]

    def all_values(self, part: Any) -> Any:
        """Return the same, nested or not, with every tensor as the value it stands for."""
        return mapped(self.value, part)

    def on_meta(self, part: Any) -> Any:
        """Return the same with a meta tensor for every tensor of the user's, which stands for the same value."""
        return mapped(self._meta, part)

    def _meta(self, tensor: Tensor) -> Tensor:
        if tensor.device.type == "meta" or is_functorch_wrapped_tensor(tensor):
            return tensor
        return self.fresh(self.value(tensor), tensor.dtype)


class Arguments:
    """The arguments of one call with values for tensors: `ours` if there are any, `others` if some are constants."""

    __slots__ = ("others", "ours", "tensors", "wrapped")

    def __init__(self, tensors: TensorValues) -> None:
        self.tensors = tensors
        self.ours = self.others = self.wrapped = False

    def read(self, part: Any) -> Any:
        """Return one argument with the values of ours in place of their tensors; constants stay as they are."""
        if isinstance(part, Tensor):
            known = self.tensors.values.get(id(part))
            if known is not None:
                self.ours = True
                return known[1]
            if id(part) in self.tensors.learned:
                self.ours = True
                return self.tensors.value(part)
            self.others = True
            self.wrapped = self.wrapped or is_functorch_wrapped_tensor(part)
            return part
        kind = type(part)
        if kind is tuple or kind is list:
            parts = [self.read(item) for item in part]
            return tuple(parts) if kind is tuple else parts
        if kind is dict:
            return {key: self.read(item) for key, item in part.items()}
        return part


def mapped(change: Any, part: Any) -> Any:
    """Return nested tuples, lists and dicts with every tensor changed."""
    if isinstance(part, Tensor):
        return change(part)
    if isinstance(part, (list, tuple)) and not isinstance(part, torch.Size):
        parts = [mapped(change, item) for item in part]
        return tuple(parts) if isinstance(part, tuple) else parts
    if isinstance(part, dict):
        return {key: mapped(change, item) for key, item in part.items()}
    return part


def _role(name: str, path: Path, module: nn.Module) -> ops.Role:
    """Norm layers are known by their class, or in a GraphModule by the scope the builder names."""
    kind = type(module).__name__
    if "Norm" in kind or (kind == "ScopeModule" and path and path[-1].startswith("norm")):
        return "norm"
    return "bias" if "bias" in name else "weight"
