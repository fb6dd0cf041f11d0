"""Products of matrices, contractions and attention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convcalc.errors import ShapeError, UnsupportedError
from convcalc.pytorch.readers.layers import linear
from convcalc.pytorch.readers.moving import reshape
from convcalc.pytorch.readers.registry import reads

if TYPE_CHECKING:
    from convcalc.builder import Builder
    from convcalc.graph import Value


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


@reads("matmul", "__matmul__", "mv", "dot")
def matmul(b: Builder, input: Value, other: Value) -> Value:
    """(..., m, k) @ (..., k, n); a batch axis of 1, or one that is missing, is the same for all."""
    batch = "abcdefgh"[: max(len(input.shape), len(other.shape), 2) - 2]
    left = _axes(batch, input, "mk", "k")
    right = _axes(batch, other, "kn", "k")
    out = batch + ("m" if len(input.shape) > 1 else "") + ("n" if len(other.shape) > 1 else "")
    return contracted(b, f"{left},{right}->{out}", input, other)


def _axes(batch: str, x: Value, matrix: str, vector: str) -> str:
    if len(x.shape) < 2:
        return vector
    return batch[len(batch) + 2 - len(x.shape) :] + matrix


def contracted(b: Builder, equation: str, left: Value, right: Value) -> Value:
    """Write a contraction; an axis of 1 that the other tensor stretches is laid aside first.

    Raises UnsupportedError where both tensors have letters that only one of them fills with more than 1 and sums.
    """
    reads, result = equation.split("->")
    letters = reads.split(",")
    sizes = {
        letter: size
        for part, x in zip(letters, (left, right), strict=True)
        for letter, size in zip(part, x.shape, strict=True)
    }
    for part, x in zip(letters, (left, right), strict=True):
        sizes.update({letter: size for letter, size in zip(part, x.shape, strict=True) if size != 1})
    kept, values = [], []
    for part, x in zip(letters, (left, right), strict=True):
        stays = [size == sizes[letter] for letter, size in zip(part, x.shape, strict=True)]
        kept.append("".join(letter for letter, stay in zip(part, stays, strict=True) if stay))
        values.append(reshape(b, x, tuple(size for size, stay in zip(x.shape, stays, strict=True) if stay)))
    return b.contract(f"{kept[0]},{kept[1]}->{result}", *values)


@reads("addmm", "baddbmm")
def addmm(b: Builder, input: Value, mat1: Value, mat2: Value, **_: Any) -> Value:
    return b.elementwise("add_bias", matmul(b, mat1, mat2), input)


@reads("einsum")
def einsum(b: Builder, equation: str, *operands: Any) -> Value:
    """Two tensors, each letter once in each; other forms are read by the products torch makes of them."""
    values = operands[0] if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else operands
    equation = equation.replace(" ", "")
    if "." in equation or len(values) != 2:
        raise UnsupportedError("einsum with `...` or more than two tensors")
    if "->" not in equation:
        letters = equation.replace(",", "")
        equation += "->" + "".join(sorted(letter for letter in set(letters) if letters.count(letter) == 1))
    if any(len(set(part)) != len(part) for part in equation.split("->")[0].split(",")):
        raise UnsupportedError("einsum with a letter twice in one tensor")
    return contracted(b, equation, *values)


@reads("bilinear")
def bilinear(b: Builder, input1: Value, input2: Value, weight: Value, bias: Value | None = None) -> Value:
    """x1 W x2 for each output: the weight times the first, and what is left times the second."""
    batch = "ABCDEFGH"[: len(input1.shape) - 1]
    half = contracted(b, f"{batch}i,oij->{batch}oj", input1, weight)
    y = contracted(b, f"{batch}oj,{batch}j->{batch}o", half, input2)
    return y if bias is None else b.elementwise("add_bias", y, bias)


@reads("scaled_dot_product_attention")
def attention(
    b: Builder, query: Value, key: Value, value: Value, attn_mask: Value | None = None, *_: Any, **__: Any
) -> Value:
    """Two contractions and a softmax: q k^T over the features, then the weights times v.

    Where there are fewer heads of keys than of queries, each serves a run of them.
    """
    heads, kept = (query.shape[-3], key.shape[-3]) if min(len(query.shape), len(key.shape)) > 2 else (1, 1)
    runs = heads // kept if kept > 1 and kept != heads else 1
    shape = query.shape
    if runs > 1:
        query = reshape(b, query, (*shape[:-3], kept, runs, *shape[-2:]))
        key, value = (reshape(b, x, (*x.shape[:-2], 1, *x.shape[-2:])) for x in (key, value))
    batch = "ABCDEFGH"[: max(len(query.shape), len(key.shape)) - 2]
    scores = contracted(b, f"{_last(batch, query)}ld,{_last(batch, key)}sd->{batch}ls", query, key)
    if attn_mask is not None:
        scores = b.elementwise("add", reshape(b, scores, (*shape[:-1], scores.shape[-1])), attn_mask)
        scores = reshape(b, scores, (*query.shape[:-1], scores.shape[-1]))
    weights = b.elementwise("softmax", scores, axes=(len(scores.shape) - 1,), dim=-1)
    y = contracted(b, f"{_last(batch, weights)}ls,{_last(batch, value)}sv->{batch}lv", weights, value)
    return reshape(b, y, (*shape[:-1], value.shape[-1])) if runs > 1 else y


def _last(batch: str, x: Value) -> str:
    return batch[len(batch) + 2 - len(x.shape) :]


@reads("multi_head_attention_forward")
def multi_head_attention(
    b: Builder,
    query: Value,
    key: Value,
    value: Value,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Value | None,
    in_proj_bias: Value | None,
    bias_k: Value | None,
    bias_v: Value | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Value,
    out_proj_bias: Value | None,
    training: bool = True,
    key_padding_mask: Value | None = None,
    need_weights: bool = True,
    attn_mask: Value | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Value | None = None,
    k_proj_weight: Value | None = None,
    v_proj_weight: Value | None = None,
    static_k: Value | None = None,
    static_v: Value | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Value, Value | None]:
    """(L, N, E) as nn.MultiheadAttention runs it: projections, heads, attention, a projection back."""
    uncommon = (bias_k, bias_v, key_padding_mask, static_k, static_v)
    if add_zero_attn or any(part is not None for part in uncommon) or len(query.shape) != 3:
        raise UnsupportedError("attention with biases of keys, zeros, masks of padding or fixed keys")
    features = query.shape[2]
    if use_separate_proj_weight:
        weights = [part for part in (q_proj_weight, k_proj_weight, v_proj_weight) if part is not None]
        biases = [None] * 3 if in_proj_bias is None else list(_thirds(b, in_proj_bias))
        parts = [linear(b, x, w, p) for x, w, p in zip((query, key, value), weights, biases, strict=True)]
    elif in_proj_weight is not None and query == key == value:
        parts = list(_thirds(b, linear(b, query, in_proj_weight, in_proj_bias), axis=2))
    elif in_proj_weight is not None:
        biases = [None] * 3 if in_proj_bias is None else list(_thirds(b, in_proj_bias))
        rows = _thirds(b, in_proj_weight)
        parts = [linear(b, x, w, p) for x, w, p in zip((query, key, value), rows, biases, strict=True)]
    else:
        raise UnsupportedError("attention without projections")
    each = features // num_heads
    q, k, v = (b.rearrange(x, "l n (h d) -> n h l d", h=num_heads, d=x.shape[2] // num_heads) for x in parts)
    q = b.elementwise("multiply", q, other=each**-0.5)
    scores = b.contract("nhld,nhsd->nhls", q, k)
    if attn_mask is not None:
        by_head = attn_mask if len(attn_mask.shape) == 2 else reshape(b, attn_mask, scores.shape)
        scores = b.elementwise("add", scores, by_head)
    weights_by_head = b.elementwise("softmax", scores, axes=(3,), dim=-1)
    heads = b.contract("nhls,nhsd->nhld", weights_by_head, v)
    y = linear(b, b.rearrange(heads, "n h l d -> l n (h d)"), out_proj_weight, out_proj_bias)
    if not need_weights:
        return y, None
    return y, b.reduce("mean", weights_by_head, (1,)) if average_attn_weights else weights_by_head


def _thirds(b: Builder, x: Value, axis: int = 0) -> tuple[Value, ...]:
    size = x.shape[axis] // 3
    return tuple(b.slice(x, axis, n * size, (n + 1) * size) for n in range(3))
