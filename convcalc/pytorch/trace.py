"""`trace`: from an nn.Module to a graph: its own forward runs on meta tensors and every torch call is written down.

A function mode sees torch.*, F.*, methods and operators by name; a dispatch mode beneath reads what has no reader;
what is left runs once on meta for its shape and becomes Opaque, so that the graph stays connected. Nothing runs on
the user's tensors, no mode is flipped, and every module is put back as it was.
"""

from __future__ import annotations

import inspect
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch._C._functorch import is_functorch_wrapped_tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from convcalc import ops
from convcalc.builder import Builder
from convcalc.errors import UnsupportedError
from convcalc.graph import Graph, Path, Value
from convcalc.pytorch.aten import as_function
from convcalc.pytorch.readers import READERS
from convcalc.pytorch.readers.registry import METADATA, NEEDS_VALUES, VIEWS
from convcalc.pytorch.state_guard import restore_after

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from convcalc.pytorch.readers.registry import Reader
    from convcalc.sizes import Shape

STRICT_READERS = False
"""Whether an exception inside a reader is raised (as in tests) rather than noted on the Opaque step it leaves."""


def trace(model: nn.Module, *shapes: Shape, dtype: torch.dtype = torch.float32) -> Graph:
    """Return the graph of a model's forward on inputs of these shapes.

    Raises UnsupportedError where the forward asks for values (`.item()`, `if x.sum() > 0`), naming the call.
    """
    reading = _Reading(model)
    inputs = [
        reading.fresh(reading.b.input(shape, f"input_{i}" if i else "input"), dtype) for i, shape in enumerate(shapes)
    ]
    reading.given = tuple(reading.value(tensor) for tensor in inputs)
    with restore_after(model), reading.scopes(), _Beneath(reading), reading:
        result = model(*inputs)
    outputs = [reading.value(leaf) for leaf in tree_flatten(result)[0] if isinstance(leaf, Tensor)]
    reading.write_unused()
    return reading.b.graph(*outputs)


class _Reading(TorchFunctionMode):
    """Writes down every torch call made while it is active."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.b = Builder()
        self.given: tuple[Value, ...] = ()
        self.reason = ""  # why a reader of ours failed on the call that is being read
        self.model = model
        self.values: dict[int, tuple[Tensor, Value]] = {}
        self.names: dict[int, Path] = {}
        self.tensors: dict[int, tuple[Path, str, nn.Module | None, bool]] = {}
        self.views: dict[int, tuple[Tensor, Tensor]] = {}
        for name, module in model.named_modules():
            path = tuple(name.split(".")) if name else ()
            self.names.setdefault(id(module), path)
            for key, parameter in module.named_parameters(recurse=False):
                self.tensors.setdefault(id(parameter), (path, key, module, True))
            plain = ((key, value) for key, value in vars(module).items() if isinstance(value, Tensor))
            for key, tensor in (*module.named_buffers(recurse=False), *plain):
                self.tensors.setdefault(id(tensor), (path, key, module, False))

    def fresh(self, value: Value, dtype: torch.dtype) -> Tensor:
        """Return a new meta tensor that stands for a value."""
        tensor = torch.empty(value.shape, dtype=dtype, device="meta")
        self.values[id(tensor)] = tensor, value
        return tensor

    def value(self, tensor: Tensor) -> Value:
        """Return the value a tensor stands for; a parameter or buffer is written down when first read."""
        if id(tensor) in self.values:
            return self.values[id(tensor)][1]
        if tensor.device.type == "meta" and id(tensor) not in self.tensors:
            return self._unread(tensor)
        path, name, module, learned = self.tensors.get(id(tensor), (self.b.path, "constant", None, False))
        with self.b.inside(path) if path else ExitStack():
            shape = tuple(tensor.shape)
            if learned:
                role = _role(name, path, module)
                op: ops.Op = ops.Parameter(shape=shape, name=name, role=role, trained=tensor.requires_grad)
            else:
                op = ops.Constant(shape=shape, name=name, value=1.0 if name == "running_var" else 0.0)
            value = self.b.write(op)
        self.values[id(tensor)] = tensor, value
        return value

    def _unread(self, tensor: Tensor) -> Value:
        """A tensor that came from nowhere seen: it may depend on every input."""
        value = self.b.write(ops.Opaque(name="a tensor of unknown origin", shape=tuple(tensor.shape)), *self.given)
        self.values[id(tensor)] = tensor, value
        return value

    def write_unused(self) -> None:
        """Write down the parameters no step has read."""
        for parameter in self.model.parameters():
            self.value(parameter)

    @contextmanager
    def scopes(self) -> Iterator[None]:
        """Follow the modules being called through torch's global hooks."""
        opened: list[ExitStack] = []

        def enter(module: nn.Module, _: Any) -> None:
            stack = ExitStack()
            path = self.names.get(id(module))
            if path:
                stack.enter_context(self.b.inside(path, kind=type(module).__name__))
            opened.append(stack)

        def leave(*_: Any) -> None:
            opened.pop().close()

        register = torch.nn.modules.module
        hooks = (
            register.register_module_forward_pre_hook(enter),
            register.register_module_forward_hook(leave, always_call=True),
        )
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Read one call, or run it on meta tensors with the dispatch mode beneath."""
        kwargs = kwargs or {}
        name = getattr(func, "__name__", str(func))
        leaves = [leaf for leaf in tree_flatten((args, kwargs))[0] if isinstance(leaf, Tensor)]
        reads_ours = any(id(leaf) in self.values or id(leaf) in self.tensors for leaf in leaves)
        if name in NEEDS_VALUES and reads_ours:
            where = ".".join(self.b.path) or "forward()"
            raise UnsupportedError(f"{where} calls {name} on a tensor: what follows depends on values, not on sizes")
        if name in ("__get__", "__set__") and reads_ours:
            return self._attribute(func, name, args)
        if not reads_ours or name in METADATA or (name == "type" and len(args) == 1):
            return func(*args, **kwargs)
        self.reason = ""
        inplace = (name.endswith("_") and not name.endswith("__")) or name.startswith("__i") or name == "__setitem__"
        answer = None
        if "out" not in kwargs and not any(map(is_functorch_wrapped_tensor, leaves)):
            answer = self._read(name.rstrip("_") if inplace and not name.startswith("__") else name, args, kwargs)
        if answer is None:
            return self._run_on_meta(func, args, kwargs)
        if inplace or kwargs.get("inplace"):
            self._replace(args[0], answer)
            return None if name == "__setitem__" else args[0]
        return self._results(answer, _dtype(leaves), base=args[0] if name in VIEWS else None)

    def _run_on_meta(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Run a call that no reader takes; what it calls in turn is read beneath."""
        result = func(*tree_map(self.meta, tuple(args)), **tree_map(self.meta, kwargs))
        if isinstance(kwargs.get("out"), Tensor):
            self._replace(kwargs["out"], self.value(result))
            return kwargs["out"]
        return result

    def _results(self, answer: Any, dtype: torch.dtype, base: Any) -> Any:
        """Tensors for the values of an answer; `base` is what they are views of."""
        result = tree_map(lambda part: self.fresh(part, dtype) if isinstance(part, Value) else part, answer)
        if base is not None:
            for part in tree_flatten(result)[0]:
                self.views[id(part)] = part, base
        return result

    def _attribute(self, func: Callable[..., Any], name: str, args: Sequence[Any]) -> Any:
        """Reading `.data` or `.T` makes a value; setting `.data` replaces it; other attributes are the tensor's own."""
        attribute = getattr(getattr(func, "__self__", None), "__name__", "")
        tensor = args[0]
        if name == "__set__":
            if attribute == "data" and isinstance(args[1], Tensor):
                self._replace(tensor, self.value(args[1]))
            return None
        readers = {"data": "clone", "T": "t", "mT": "t", "real": "clone"}
        value = self._read(readers[attribute], (tensor,), {}) if attribute in readers else None
        return func(*args) if value is None else self.fresh(value, tensor.dtype)

    def _replace(self, target: Tensor, value: Value) -> None:
        """Let a tensor stand for a new value; what it is a view of was written into as well."""
        self.values[id(target)] = target, value
        if id(target) in self.views:
            base = self.views[id(target)][1]
            self._replace(base, self.b.elementwise("put", self.value(base), value))

    def _read(self, name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        reader = READERS.get(name)
        if reader is None:
            return None
        values, named = tree_map(self.replaced, (tuple(args), kwargs))
        steps = len(self.b.nodes)
        try:
            _signature(reader).bind(self.b, *values, **named)
        except TypeError:  # a form of the function that the reader does not take
            return None
        try:
            return reader(self.b, *values, **named)
        except UnsupportedError:
            pass
        except (TypeError, ValueError, IndexError, AttributeError) as error:  # ours: never a reason to stop a user
            if STRICT_READERS:
                raise
            self.reason = f"{name}: {type(error).__name__}: {error}"
        del self.b.nodes[steps:]
        self._forget(steps)
        return None

    def _forget(self, steps: int) -> None:
        for key in [key for key, (_, value) in self.values.items() if value.index >= steps]:
            del self.values[key]

    def replaced(self, leaf: Any) -> Any:
        """Return the value a tensor stands for; anything else as it is."""
        return self.value(leaf) if isinstance(leaf, Tensor) else leaf

    def meta(self, leaf: Any) -> Any:
        """Return a meta tensor for a tensor of the user's; it stands for the same value."""
        if not isinstance(leaf, Tensor) or leaf.device.type == "meta" or is_functorch_wrapped_tensor(leaf):
            return leaf
        value = self.value(leaf)
        return self.fresh(value, leaf.dtype)


class _Beneath(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Reads aten calls of functions without a reader; what it cannot read becomes Opaque."""

    def __init__(self, reading: _Reading) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.reading = reading

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        reading = self.reading
        leaves = [leaf for leaf in tree_flatten((args, kwargs))[0] if isinstance(leaf, Tensor)]
        if not any(id(leaf) in reading.values or id(leaf) in reading.tensors for leaf in leaves):
            return func(*args, **kwargs)
        name = func._schema.name.split("::")[1]
        args, kwargs = tree_map(reading.meta, tuple(args)), tree_map(reading.meta, kwargs)
        result = func(*args, **kwargs)
        answer = reading._read(*as_function(name, args, kwargs))
        outputs = [leaf for leaf in tree_flatten(result)[0] if isinstance(leaf, Tensor)]
        values = [part for part in tree_flatten(answer)[0] if isinstance(part, Value)]
        if [value.shape for value in values] != [tuple(leaf.shape) for leaf in outputs]:
            inputs = [reading.value(leaf) for leaf in leaves]
            shapes = [tuple(leaf.shape) for leaf in outputs]
            values = [reading.b.write(ops.Opaque(name, shape, reading.reason), *inputs) for shape in shapes]
        for leaf, value in zip(outputs, values, strict=True):
            reading.values[id(leaf)] = leaf, value
        return result


@cache
def _signature(reader: Reader) -> inspect.Signature:
    return inspect.signature(reader)


def _dtype(leaves: Sequence[Tensor]) -> torch.dtype:
    return next((leaf.dtype for leaf in leaves if leaf.is_floating_point() or leaf.is_complex()), leaves[0].dtype)


def _role(name: str, path: Path, module: nn.Module | None) -> ops.Role:
    """Norm layers are known by their class, or in a GraphModule by the scope the builder names."""
    kind = type(module).__name__
    if "Norm" in kind or (kind == "ScopeModule" and path and path[-1].startswith("norm")):
        return "norm"
    return "bias" if "bias" in name else "weight"
