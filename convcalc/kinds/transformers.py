"""Attention over sequences of features, and the encoder layer made of it. Shapes are torch's: see `batch_first`."""

import math
from typing import Literal

from convcalc.builder import Builder
from convcalc.equations import linear_equation
from convcalc.graph import Value
from convcalc.kinds.parts import SEQUENCE, check_sequence
from convcalc.registry import kind
from convcalc.shapes import divided
from convcalc.sizes import Size


@kind(
    source="arXiv:1706.03762; torch.nn.MultiheadAttention",
    channels="embed_dim",
    torch="MultiheadAttention",
    **SEQUENCE,
    letters={"num_heads": "h"},
    unlike_channels=True,
)
def multihead_attention(
    b: Builder,
    query: Value,
    key: Value | None = None,
    value: Value | None = None,
    *,
    num_heads: Size,
    dropout: float = 0.0,
    bias: bool = True,
    add_bias_kv: bool = False,
    add_zero_attn: bool = False,
    kdim: Size | None = None,
    vdim: Size | None = None,
    batch_first: bool = False,
) -> Value:
    """Weigh every step's value by how its key answers each query, in num_heads groups of features.

    One input is self-attention. 4 E^2 weights; MACs 4 L E^2 and 2 L S E for L queries and S keys. Its second output
    in torch, the weights of attention, is left out.
    """
    key = query if key is None else key
    value = key if value is None else value
    check_sequence("attention", query, key, value)
    embed = query.shape[-1]
    divided(embed, num_heads, b.require, "embed_dim", "num_heads")
    for name, dim, tensor in (("kdim", kdim, key), ("vdim", vdim, value)):
        message = "{name} is {dim}, but the input has {have}"
        b.require(tensor.shape[-1] == (embed if dim is None else dim), message,
                  name=name, dim=embed if dim is None else dim, have=tensor.shape[-1])  # fmt: skip
    inner = "n l (h d)" if batch_first else "l n (h d)"
    with b.scope("attention"):
        heads = [
            b.rearrange(projected, f"{inner} -> n h l d", h=num_heads)
            for projected in _projections(b, (query, key, value), bias=bias, apart=kdim is not None or vdim is not None)
        ]
        q, k, v = heads
        if add_bias_kv:
            k, v = (_longer(b, part, b.parameter(f"bias_{name}", (1, 1, embed), "bias"), num_heads)
                    for part, name in ((k, "k"), (v, "v")))  # fmt: skip
        if add_zero_attn:
            k, v = (b.pad(part, [(0, 1), (0, 0)]) for part in (k, v))
        scaled = b.elementwise("multiply", q, other=_scale(q.shape[-1]))
        shares = b.elementwise("softmax", b.contract("nhld,nhsd->nhls", scaled, k), axes=(3,), dim=3)
        read = b.rearrange(b.contract("nhls,nhsd->nhld", shares, v), f"n h l d -> {inner}")
        return b.linear(read, embed, bias=bias)


def _scale(features: Size) -> float:
    return 1 / math.sqrt(features) if isinstance(features, int) else 1.0


def _projections(b: Builder, tensors: tuple[Value, ...], *, bias: bool, apart: bool) -> list[Value]:
    """Project query, key and value by one weight (3 E, E), or by three where the widths differ."""
    embed = tensors[0].shape[-1]
    names = ("q", "k", "v")
    if apart:
        weights = [
            b.parameter(f"{name}_proj_weight", (embed, tensor.shape[-1]))
            for name, tensor in zip(names, tensors, strict=True)
        ]
    else:
        whole = b.parameter("in_proj_weight", (3 * embed, embed))
        weights = [b.slice(whole, 0, part * embed, (part + 1) * embed) for part in range(3)]
    equation = linear_equation(3)
    projected = [b.contract(equation, tensor, weight) for tensor, weight in zip(tensors, weights, strict=True)]
    if not bias:
        return projected
    biases = b.parameter("in_proj_bias", (3 * embed,), "bias")
    return [
        b.elementwise("add_bias", part, b.slice(biases, 0, place * embed, (place + 1) * embed))
        for place, part in enumerate(projected)
    ]


def _longer(b: Builder, heads: Value, step: Value, num_heads: Size) -> Value:
    """One more step at the end, the same for every sample."""
    same = b.rearrange(step, "1 1 (h d) -> 1 h 1 d", h=num_heads)
    like = b.slice(heads, 2, 0, 1)
    return b.concat(heads, b.elementwise("expand", same, like), axis=2)


@kind(
    source="arXiv:1706.03762; torch.nn.TransformerEncoderLayer",
    channels="d_model",
    torch="TransformerEncoderLayer",
    **SEQUENCE,
    letters={"nhead": "h", "dim_feedforward": "D"},
)
def transformer_encoder_layer(
    b: Builder,
    x: Value,
    *,
    nhead: Size,
    dim_feedforward: Size = 2048,
    dropout: float = 0.1,
    activation: Literal["relu", "gelu"] = "relu",
    layer_norm_eps: float = 1e-5,
    batch_first: bool = False,
    norm_first: bool = False,
    bias: bool = True,
) -> Value:
    """Self-attention, then two linear layers at every step, each with a sum and a layer norm.

    4 E^2 + 2 E D weights for D = dim_feedforward.
    """
    check_sequence("a transformer", x)

    def attended(y: Value) -> Value:
        return multihead_attention(b, y, num_heads=nhead, bias=bias, batch_first=batch_first)

    def fed(y: Value) -> Value:
        wide = b.elementwise(activation, b.linear(y, dim_feedforward, bias=bias))
        return b.linear(wide, y.shape[-1], bias=bias)

    def normed(y: Value) -> Value:
        return b.norm("layer_norm", y, y.shape[-1:], bias=bias, axes=(2,), eps=layer_norm_eps)

    if norm_first:
        x = b.add(x, attended(normed(x)))
        return b.add(x, fed(normed(x)))
    x = normed(b.add(x, attended(x)))
    return normed(b.add(x, fed(x)))
