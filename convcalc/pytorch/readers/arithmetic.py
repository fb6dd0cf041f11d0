"""Activations, operators, reductions and contractions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convcalc import ops
from convcalc.errors import ShapeError, UnsupportedError
from convcalc.functions import FUNCTIONS
from convcalc.graph import Value
from convcalc.pytorch.readers.registry import Reader, reads
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
reads(
    *("contiguous", "clone", "detach", "to", "type", "type_as", "float", "double", "half", "bfloat16", "cpu", "cuda"),
    *("requires_grad_", "alias", "_to_copy", "lift_fresh"),
)(_one_input("identity"))


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


for _name, _names in {
    "add": ("add", "__add__", "__radd__", "__iadd__"),
    "subtract": ("sub", "subtract", "__sub__", "__isub__"),
    "multiply": ("mul", "multiply", "__mul__", "__rmul__", "__imul__"),
    "divide": ("div", "divide", "true_divide", "__truediv__", "__itruediv__"),
}.items():
    reads(*_names)(_two_inputs(_name))
reads("__rsub__", "rsub")(_two_inputs("subtract", swapped=True))
reads("__rtruediv__", "__rdiv__")(_two_inputs("divide", swapped=True))


def _reducer(function: str) -> Reader:
    def read(b: Builder, input: Value, dim: Any = None, keepdim: bool = False, **_: Any) -> Value:
        rank = len(input.shape)
        chosen = range(rank) if dim in (None, [], ()) else dim if isinstance(dim, (list, tuple)) else [dim]
        return b.reduce(function, input, tuple(chosen), keep=keepdim)

    return read


for _name, _names in {"mean": ("mean",), "sum": ("sum",), "max": ("amax",), "min": ("amin",)}.items():
    reads(*_names)(_reducer(_name))


@reads("mm")
def mm(b: Builder, input: Value, mat2: Value) -> Value:
    if (len(input.shape), len(mat2.shape)) != (2, 2):
        raise ShapeError("mm takes two matrices")
    return matmul(b, input, mat2)


@reads("bmm")
def bmm(b: Builder, input: Value, mat2: Value) -> Value:
    if (len(input.shape), len(mat2.shape)) != (3, 3):
        raise ShapeError("bmm takes two batches of matrices")
    return matmul(b, input, mat2)


@reads("matmul", "__matmul__", "mv")
def matmul(b: Builder, input: Value, other: Value) -> Value:
    """(..., m, k) @ (..., k, n); batch axes must be equal, or missing on one side."""
    left_rank, right_rank = len(input.shape), len(other.shape)
    batch = "abcdefgh"[: max(left_rank, right_rank) - 2] if max(left_rank, right_rank) > 2 else ""
    left = (batch if left_rank > 2 else "") + ("mk" if left_rank > 1 else "k")
    right = (batch if right_rank > 2 else "") + ("kn" if right_rank > 1 else "k")
    if (
        len(left) != left_rank
        or len(right) != right_rank
        or (batch and left_rank > 2 and right_rank > 2 and input.shape[:-2] != other.shape[:-2])
    ):
        raise UnsupportedError("matmul with stretched batch axes")
    out = batch + ("m" if left_rank > 1 else "") + ("n" if right_rank > 1 else "")
    return b.write(ops.Einsum(f"{left},{right}->{out}"), input, other)


@reads("addmm", "baddbmm")
def addmm(b: Builder, input: Value, mat1: Value, mat2: Value, **_: Any) -> Value:
    return b.elementwise("add_bias", matmul(b, mat1, mat2), input)


@reads("einsum")
def einsum(b: Builder, equation: str, *operands: Any) -> Value:
    values = operands[0] if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else operands
    equation = equation.replace(" ", "")
    if "." in equation or len(values) != 2:
        raise UnsupportedError("einsum with `...` or more than two tensors")
    if "->" not in equation:
        letters = equation.replace(",", "")
        equation += "->" + "".join(sorted(letter for letter in set(letters) if letters.count(letter) == 1))
    if any(len(set(part)) != len(part) for part in equation.split("->")[0].split(",")):
        raise UnsupportedError("einsum with a letter twice in one tensor")
    parts = equation.split("->")[0].split(",")
    for letter in set("".join(parts)):
        sizes = {x.shape[part.index(letter)] for part, x in zip(parts, values, strict=True) if letter in part}
        if len(sizes) > 1 and 1 in sizes:
            raise UnsupportedError("einsum that stretches a letter of size 1")
    return b.write(ops.Einsum(equation), *values)


@reads("scaled_dot_product_attention")
def attention(b: Builder, query: Value, key: Value, value: Value, *_: Any, **__: Any) -> Value:
    """Two contractions and a softmax: q k^T over the features, then the weights times v."""
    if query.shape[:-2] != key.shape[:-2]:
        raise UnsupportedError("attention with stretched heads")
    batch = "ABCDEFGH"[: len(query.shape) - 2]
    scores = b.write(ops.Einsum(f"{batch}ld,{batch}sd->{batch}ls"), query, key)
    weights = b.elementwise("softmax", scores, axes=(len(scores.shape) - 1,), dim=-1)
    return b.write(ops.Einsum(f"{batch}ls,{batch}sv->{batch}lv"), weights, value)


@reads("_weight_norm")
def weight_norm(b: Builder, v: Value, g: Value, dim: int = 0) -> Value:
    return b.elementwise("weight_norm", v, g)
