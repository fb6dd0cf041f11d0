"""`Reading`: every torch call of a forward, written down as it is made.

A function mode sees torch.*, F.*, methods and operators by name, and hands each to its reader; what has none runs on
meta tensors, and a dispatch mode beneath reads the aten calls it is made of.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from convcalc.errors import ShapeError, UnsupportedError
from convcalc.graph import Value
from convcalc.pytorch.calls import IDENTITIES, About, about, reader_of, signature
from convcalc.pytorch.constants import by_places, tensors_of
from convcalc.pytorch.dispatch import Beneath
from convcalc.pytorch.forward_errors import MISTAKE
from convcalc.pytorch.readers.registry import Typed
from convcalc.pytorch.tensor_values import Arguments, TensorValues, mapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

STRICT_READERS = False
"""Whether an exception inside a reader is raised (as in tests) rather than noted on the Opaque step it leaves."""
CPU = torch.device("cpu")


class Reading(TorchFunctionMode):
    """Writes down every torch call made while it is active."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.tensors = TensorValues(model)
        self.b = self.tensors.b
        self.reason = ""  # why a reader of ours failed on the call that is being read
        self._beneath = False

    @contextmanager
    def beneath(self) -> Iterator[None]:
        """Read the aten calls that are made inside, once."""
        if self._beneath:
            yield
            return
        self._beneath = True
        try:
            with Beneath(self):
                yield
        finally:
            self._beneath = False

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Read one call, or run it on meta tensors with the dispatch mode beneath."""
        call = about(func)
        if call.metadata:
            return func(*args, **(kwargs or {}))
        if call.attribute:
            return self._attribute(func, call, args)
        kwargs = kwargs or {}
        arguments = Arguments(self.tensors)
        values: Sequence[Any] = [arguments.read(arg) for arg in args]
        named = {key: arguments.read(arg) for key, arg in kwargs.items()} if kwargs else kwargs
        if not arguments.ours:
            if arguments.wrapped:
                return self._run_on_meta(func, call, args, kwargs)
            if not self._writes_into_theirs(call, args, kwargs):
                return self._run_constant(func, call, args, kwargs)
        if call.needs_values:
            raise UnsupportedError(
                f"{self._where} calls {call.name} on a tensor: what follows needs values, which sizes do not give"
            )
        if call.is_like and arguments.ours:
            return self.tensors.constants.like(func, args[0], args[1:], kwargs)
        if call.name == "type" and len(args) == 1:
            return func(*args)
        if arguments.others:
            if call.name == "__getitem__" and self.tensors.depends(args[0]):
                values = [values[0], by_places(args[1])]
            values, named = self.tensors.all_values(values), self.tensors.all_values(named)
        self.reason = ""
        answer = None
        if "out" not in kwargs and not arguments.wrapped:
            try:
                answer = self.read(call.reading, values, named)
            except ShapeError:
                empty = self._empty(func, args, kwargs)
                if empty is None:
                    raise
                return empty
        if answer is None:
            return self._run_on_meta(func, call, args, kwargs)
        if call.in_place or kwargs.get("inplace"):
            self.tensors.replace(args[0], answer.value if isinstance(answer, Typed) else answer)
            return None if call.name == "__setitem__" else args[0]
        return self._results(answer, _dtype(args, kwargs), base=args[0] if call.is_view else None)

    @property
    def _where(self) -> str:
        return ".".join(self.b.path) or "forward()"

    def _run_constant(self, func: Callable[..., Any], call: About, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Run what no input or parameter decides."""
        if call.needs_values and any(tensor.device.type == "meta" for tensor in tensors_of(args)):
            raise UnsupportedError(f"{self._where} calls {call.name} on a tensor that is only there by its size")
        result = self.tensors.constants.call(call, func, args, kwargs)
        if call.contracts and isinstance(result, Tensor):
            answer = self.read(call.reading, self.tensors.all_values(args), self.tensors.all_values(kwargs))
            if isinstance(answer, Value):
                self.tensors.store(result, answer)
        return result

    def _empty(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """What a call makes where all of it is without elements; None where it is not, or where torch refuses."""
        tensors = self.tensors
        metas = mapped(lambda tensor: torch.empty_like(tensor, device="meta"), (tuple(args), kwargs))
        try:
            result = func(*metas[0], **metas[1])
        except (RuntimeError, IndexError, ValueError, TypeError):
            return None
        parts = tensors_of(result)
        if not parts or any(part.numel() for part in parts):
            return None
        return tensors.constants.note(mapped(lambda part: torch.empty(part.shape, dtype=part.dtype), result), ())

    def _writes_into_theirs(self, call: About, args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
        """Whether a call writes into a tensor that was there before the forward."""
        target = kwargs.get("out") if "out" in kwargs else args[0] if args and call.in_place else None
        if target is None and kwargs.get("inplace") and args:
            target = args[0]
        return isinstance(target, Tensor) and not self.tensors.constants.holds(target)

    def _run_on_meta(self, func: Callable[..., Any], call: About, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Run a call that no reader takes; what it calls in turn is read beneath."""
        tensors = self.tensors
        with self.beneath():
            result = func(*tensors.on_meta(tuple(args)), **tensors.on_meta(kwargs))
        if isinstance(kwargs.get("out"), Tensor):
            tensors.replace(kwargs["out"], tensors.value(result))
            return kwargs["out"]
        if call.in_place and args and isinstance(args[0], Tensor):
            if isinstance(result, Tensor) and result is not args[0]:
                tensors.replace(args[0], tensors.value(result))
            return None if call.name == "__setitem__" else args[0]
        return result

    def _results(self, answer: Any, dtype: torch.dtype, base: Any) -> Any:
        """Tensors for the values of an answer; `base` is what they are views of."""
        if isinstance(answer, Value):
            return self.tensors.fresh(answer, dtype, base)
        if isinstance(answer, Typed):
            return self.tensors.fresh(answer.value, answer.dtype, base)
        if isinstance(answer, (tuple, list)):
            parts = [self._results(part, dtype, base) for part in answer]
            return type(answer)(parts)  # named results (torch.return_types.max) take a sequence as well
        return answer

    def _attribute(self, func: Callable[..., Any], call: About, args: Sequence[Any]) -> Any:
        """Reading `.data` or `.T` makes a value; setting `.data` replaces it; other attributes are the tensor's own."""
        tensor, tensors = args[0], self.tensors
        if call.attribute == "shape" or not isinstance(tensor, Tensor):
            return func(*args)
        if call.attribute == "device":
            return CPU  # so that what a forward makes of no tensor has values
        if not tensors.depends(tensor) and not (call.setter and not tensors.constants.holds(tensor)):
            return func(*args)
        if call.setter:
            if call.attribute == "data" and isinstance(args[1], Tensor):
                tensors.replace(tensor, tensors.value(args[1]))
            return None
        reading = IDENTITIES.get(call.attribute)
        value = self.read(reading, [tensors.value(tensor)], {}) if reading else None
        return func(*args) if value is None else tensors.fresh(value, tensor.dtype)

    def read(self, name: str, values: Sequence[Any], named: dict[str, Any]) -> Any:
        """Write a call down by its reader and return what it makes; None where there is none that takes it."""
        reader = reader_of(name)
        if reader is None:
            return None
        steps = len(self.b.nodes)
        try:
            return reader(self.b, *values, **named)
        except UnsupportedError:
            pass
        except (TypeError, ValueError, IndexError, AttributeError) as error:  # ours: never a reason to stop a user
            if isinstance(error, TypeError) and not _takes(reader, values, named):
                return None  # a form of the function that the reader does not take
            if STRICT_READERS:
                error.add_note(MISTAKE)
                raise
            self.reason = f"{name}: {type(error).__name__}: {error}"
        self.tensors.forget(steps)
        return None


def _takes(reader: Any, values: Sequence[Any], named: dict[str, Any]) -> bool:
    try:
        signature(reader).bind(None, *values, **named)
    except TypeError:
        return False
    return True


def _dtype(args: Sequence[Any], kwargs: dict[str, Any]) -> torch.dtype:
    """The dtype of what a call makes, where its reader does not say: that of the first tensor of real numbers."""
    for arg in args:
        if isinstance(arg, Tensor) and (arg.is_floating_point() or arg.is_complex()):
            return arg.dtype
    leaves = tensors_of((tuple(args), kwargs))
    return next((leaf.dtype for leaf in leaves if leaf.is_floating_point() or leaf.is_complex()), leaves[0].dtype)
