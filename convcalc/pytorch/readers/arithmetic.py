"""Activations, operators, reductions and contractions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from convcalc.errors import ShapeError, UnsupportedError
from convcalc.functions import FUNCTIONS
from convcalc.graph import Value
from convcalc.pytorch.readers.registry import Reader, Typed, reads
from convcalc.shapes import axis_in

if TYPE_CHECKING:
    from convcalc.builder import Builder


def _one_input(name: str, *settings: str) -> Reader:
    """An activation whose settings are these arguments, in torch's order, after `inplace` where it has one."""

    def read(b: Builder, input: Value, *more: Any, inplace: bool = False, **named: Any) -> Value:
        arguments = dict(zip(settings, more, strict=False))
        arguments.update({key: value for key, value in named.items() if key in settings})
        if any(isinstance(value, Value) for value in arguments.values()):
            raise UnsupportedError(f"{name} with a tensor among its settings")
        return b.elementwise(name, input, **arguments)

    return read


for _function in FUNCTIONS.values():
    if _function.arity == 1 and _function.torch and "dim" not in _function.settings:
        _called = _function.torch.rpartition(".")[2]
        reads(*dict.fromkeys((_called, *_function.aliases)))(_one_input(_function.name, *_function.settings))
reads("contiguous", "clone", "detach", "cpu", "cuda", "requires_grad", "alias", "lift_fresh", "pin_memory")(
    _one_input("identity")
)
TYPES: dict[str, torch.dtype] = {
    "float": torch.float32, "double": torch.float64, "half": torch.float16, "bfloat16": torch.bfloat16,
    "long": torch.int64, "int": torch.int32, "short": torch.int16, "byte": torch.uint8, "bool": torch.bool,
}  # fmt: skip
"""Methods that give a tensor another dtype."""


@reads("to", "type", "_to_copy")
def cast(b: Builder, input: Value, *more: Any, **named: Any) -> Value | Typed:
    value = b.elementwise("identity", input)
    dtypes = [part for part in (*more, *named.values()) if isinstance(part, torch.dtype)]
    return Typed(value, dtypes[0]) if dtypes else value


def _cast(dtype: torch.dtype) -> Reader:
    return lambda b, input, **_: Typed(b.elementwise("identity", input), dtype)


for _name, _dtype in TYPES.items():
    reads(_name)(_cast(_dtype))


@reads("type_as")
def type_as(b: Builder, input: Value, other: Value) -> Value:
    return b.elementwise("identity", input)


@reads("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")
def dropout(b: Builder, input: Value, p: float = 0.5, training: bool = True, inplace: bool = False) -> Value:
    return b.elementwise("dropout", input, p=p)


@reads("prelu")
def prelu(b: Builder, input: Value, weight: Value) -> Value:
    if weight.shape not in ((1,), input.shape[1:2]):
        raise ShapeError(f"prelu of {list(input.shape)} with {list(weight.shape)} weights")
    return b.elementwise("prelu", input, weight)


@reads("softmax")
def softmax(b: Builder, input: Value, dim: int | None = None, *_: Any, **__: Any) -> Value:
    return _softmax(b, "softmax", input, dim)


@reads("log_softmax")
def log_softmax(b: Builder, input: Value, dim: int | None = None, *_: Any, **__: Any) -> Value:
    return _softmax(b, "log_softmax", input, dim)


def _softmax(b: Builder, function: str, x: Value, dim: int | None) -> Value:
    axis = (0 if len(x.shape) in (0, 1, 3) else 1) if dim is None else dim
    return b.elementwise(function, x, axes=(axis_in(axis, len(x.shape)),), dim=axis)


def _two_inputs(name: str, *, swapped: bool = False) -> Reader:
    """An operator of two tensors, or of a tensor and a number (kept in `other`, or `first` where it comes first)."""

    def read(b: Builder, input: Any, other: Any, *, alpha: float = 1, **more: Any) -> Value:
        if alpha != 1 or more:
            raise UnsupportedError(f"{name} with {', '.join(more) or 'alpha'}")
        left, right = (other, input) if swapped else (input, other)
        if isinstance(left, Value) and isinstance(right, Value):
            return b.elementwise(name, left, right)
        return (
            b.elementwise(name, left, other=right)
            if isinstance(left, Value)
            else b.elementwise(name, right, first=left)
        )

    return read


def _comparison(name: str) -> Reader:
    read = _two_inputs(name)
    return lambda b, input, other: Typed(read(b, input, other), torch.bool)


for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    reads(_name, f"__{_name}__")(_comparison(_name))
for _name in ("logical_and", "logical_or"):
    reads(_name, *FUNCTIONS[_name].aliases)(_comparison(_name))
for _name, _names in {
    "maximum": ("maximum",),
    "minimum": ("minimum",),
    "floor_divide": ("floor_divide", "__floordiv__"),
    "remainder": ("remainder", "__mod__", "fmod"),
    "add": ("add", "__add__", "__radd__", "__iadd__"),
    "subtract": ("sub", "subtract", "__sub__", "__isub__"),
    "multiply": ("mul", "multiply", "__mul__", "__rmul__", "__imul__"),
    "divide": ("div", "divide", "true_divide", "__truediv__", "__itruediv__"),
}.items():
    reads(*_names)(_two_inputs(_name))


@reads("where")
def where(b: Builder, condition: Value, input: Any, other: Any) -> Value:
    return b.elementwise("where", condition, _tensor(b, input), _tensor(b, other))


@reads("masked_fill")
def masked_fill(b: Builder, input: Value, mask: Value, value: Any) -> Value:
    return where(b, mask, value, input)


def _tensor(b: Builder, number: Any) -> Value:
    """A number as a value of its own."""
    return number if isinstance(number, Value) else b.constant("constant", (), float(number))


@reads("square")
def square(b: Builder, input: Value) -> Value:
    return b.elementwise("power", input, exponent=2)


@reads("__pow__", "__ipow__", "float_power")
def power(b: Builder, input: Value, exponent: Any) -> Value:
    if isinstance(exponent, Value):
        raise UnsupportedError("a power whose exponent is a tensor")
    return b.elementwise("power", input, exponent=exponent)


@reads("clamp_min")
def clamp_min(b: Builder, input: Value, min: Any) -> Value:
    return b.elementwise("maximum", input, min) if isinstance(min, Value) else b.elementwise("clamp", input, min=min)


@reads("clamp_max")
def clamp_max(b: Builder, input: Value, max: Any) -> Value:
    return b.elementwise("minimum", input, max) if isinstance(max, Value) else b.elementwise("clamp", input, max=max)


def _adding(function: str) -> Reader:
    """What is added to the input: two tensors multiplied or divided, and a number times that."""

    def read(b: Builder, input: Value, tensor1: Value, tensor2: Value, *, value: float = 1) -> Value:
        both = b.elementwise(function, tensor1, tensor2)
        scaled = both if value == 1 else b.elementwise("multiply", both, other=value)
        return b.elementwise("add", input, scaled)

    return read


reads("addcmul")(_adding("multiply"))
reads("addcdiv")(_adding("divide"))


@reads("lerp")
def lerp(b: Builder, input: Value, end: Value, weight: Any) -> Value:
    difference = b.elementwise("subtract", end, input)
    step = (
        b.elementwise("multiply", difference, weight)
        if isinstance(weight, Value)
        else b.elementwise("multiply", difference, other=weight)
    )
    return b.elementwise("add", input, step)


@reads("normalize")
def normalize(b: Builder, input: Value, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: None = None) -> Value:
    if not isinstance(dim, int):
        raise UnsupportedError("normalize over several axes")
    return b.elementwise("normalize", input, axes=(axis_in(dim, len(input.shape)),), p=p, dim=dim, eps=eps)


@reads("cumsum")
def cumsum(b: Builder, input: Value, dim: int, **_: Any) -> Value:
    return b.elementwise("cumsum", input, axes=(axis_in(dim, len(input.shape)),), dim=dim)


reads("__rsub__", "rsub")(_two_inputs("subtract", swapped=True))
reads("__rtruediv__", "__rdiv__")(_two_inputs("divide", swapped=True))


def _reducer(function: str) -> Reader:
    def read(b: Builder, input: Value, dim: Any = None, keepdim: bool = False, **_: Any) -> Value:
        rank = len(input.shape)
        chosen = range(rank) if dim in (None, [], ()) else dim if isinstance(dim, (list, tuple)) else [dim]
        return b.reduce(function, input, tuple(chosen), keep=keepdim)

    return read


for _name, _names in {
    "mean": ("mean",), "sum": ("sum",), "max": ("amax",), "min": ("amin",), "var": ("var",), "std": ("std",),
    "logsumexp": ("logsumexp",), "prod": ("prod",),
}.items():  # fmt: skip
    reads(*_names)(_reducer(_name))


def _truth(function: str) -> Reader:
    read = _reducer(function)
    return lambda b, input, dim=None, keepdim=False: Typed(read(b, input, dim, keepdim), torch.bool)


def _place(function: str) -> Reader:
    def read(b: Builder, input: Value, dim: int | None = None, keepdim: bool = False) -> Typed:
        if dim is None:
            raise UnsupportedError(f"{function} of a whole tensor")
        return Typed(b.reduce(function, input, (dim,), keep=keepdim), torch.int64)

    return read


for _name in ("any", "all"):
    reads(_name)(_truth(_name))
for _name in ("argmax", "argmin"):
    reads(_name)(_place(_name))


def _extremum(function: str) -> Reader:
    """torch.max and min: of everything, along an axis with places, or of two tensors."""

    def read(b: Builder, input: Value, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
        second = dim if isinstance(dim, Value) else other
        if isinstance(second, Value):
            return b.elementwise(f"{function}imum", input, second)
        if dim is None:
            return b.reduce(function, input, tuple(range(len(input.shape))))
        values = b.reduce(function, input, (dim,), keep=keepdim)
        places = Typed(b.reduce(f"arg{function}", input, (dim,), keep=keepdim), torch.int64)
        result: Any = getattr(torch.return_types, function)((values, places))
        return result

    return read


for _name in ("max", "min"):
    reads(_name)(_extremum(_name))


@reads("linalg_vector_norm", "norm")
def norm(b: Builder, input: Value, p: Any = 2, dim: Any = None, keepdim: bool = False, **_: Any) -> Value:
    """Torch.norm's p and linalg.vector_norm's ord stand in the same place."""
    value: Value = _reducer("norm")(b, input, dim, keepdim)
    return value


@reads("_weight_norm")
def weight_norm(b: Builder, v: Value, g: Value, dim: int = 0) -> Value:
    return b.elementwise("weight_norm", v, g)
