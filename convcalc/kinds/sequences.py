"""Layers over sequences of features: embeddings, recurrent layers, attention. Shapes are torch's: see `batch_first`."""

import math
from typing import Any, Literal

from convcalc import ops
from convcalc.builder import Builder
from convcalc.equations import linear_equation
from convcalc.errors import ShapeError
from convcalc.graph import Value
from convcalc.registry import kind
from convcalc.shapes import divided, show
from convcalc.sizes import Size


@kind(
    source="torch.nn.Embedding",
    channels="",
    torch="Embedding",
    spatial=0,
    layout=("N", "L"),
)
def embedding(
    b: Builder,
    x: Value,
    *,
    num_embeddings: Size,
    embedding_dim: Size,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Value:
    """Look up a learned vector for each whole number: (N, L) -> (N, L, embedding_dim); no MACs."""
    b.require(num_embeddings >= 1, "num_embeddings ({n}) must be at least 1", n=num_embeddings)
    b.require(embedding_dim >= 1, "embedding_dim ({n}) must be at least 1", n=embedding_dim)
    with b.scope("embedding"):
        weight = b.parameter("weight", (num_embeddings, embedding_dim))
        return b.write(ops.Sample(shape=(*x.shape, embedding_dim), taps=1), weight, x)


@kind(source="torch.nn.EmbeddingBag", channels="", torch="EmbeddingBag", spatial=0, layout=("N", "L"))
def embedding_bag(
    b: Builder,
    x: Value,
    *,
    num_embeddings: Size,
    embedding_dim: Size,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: Literal["mean", "sum", "max"] = "mean",
    sparse: bool = False,
) -> Value:
    """Look up a learned vector for each whole number of a bag and reduce them: (N, L) -> (N, embedding_dim)."""
    if len(x.shape) != 2:
        raise ShapeError(f"embedding_bag takes bags of equal length, NxL, but its input is {show(x.shape)}")
    vectors = embedding(b, x, num_embeddings=num_embeddings, embedding_dim=embedding_dim)
    return b.reduce(mode, vectors, (1,))


recurrent: dict[str, Any] = {"channels": "input_size", "spatial": 1, "axis": -1, "layout": ("N", "L", "F")}
"""What all recurrent layers say of themselves."""


@kind(source="Elman 1990; torch.nn.RNN", torch="RNN", **recurrent)
def rnn(
    b: Builder,
    x: Value,
    *,
    hidden_size: Size,
    num_layers: int = 1,
    nonlinearity: Literal["tanh", "relu"] = "tanh",
    bias: bool = True,
    batch_first: bool = False,
    dropout: float = 0.0,
    bidirectional: bool = False,
) -> Value:
    """Carry one state from step to step: h = tanh(W x + U h); gives every step's state."""
    cell: Any = f"rnn_{nonlinearity}"
    op = ops.Recurrent(cell, hidden_size, num_layers, bidirectional, batch=0 if batch_first else 1, bias=bias)
    return _recurrent(b, x, op)


@kind(source="Hochreiter and Schmidhuber 1997; torch.nn.LSTM", torch="LSTM", **recurrent)
def lstm(
    b: Builder,
    x: Value,
    *,
    hidden_size: Size,
    num_layers: int = 1,
    bias: bool = True,
    batch_first: bool = False,
    dropout: float = 0.0,
    bidirectional: bool = False,
    proj_size: Size = 0,
) -> Value:
    """Carry a state and a cell from step to step through four gates; gives every step's state.

    4 H (F + H) weights per layer and direction, and 8 H biases; proj_size projects the state (arXiv:1402.1128).
    """
    b.require(proj_size >= 0, "proj_size ({p}) must not be negative", p=proj_size)
    b.require(
        proj_size < hidden_size, "proj_size ({p}) must be smaller than hidden_size ({h})", p=proj_size, h=hidden_size
    )
    batch = 0 if batch_first else 1
    return _recurrent(b, x, ops.Recurrent("lstm", hidden_size, num_layers, bidirectional, proj_size, batch, bias))


@kind(source="arXiv:1406.1078; torch.nn.GRU", torch="GRU", **recurrent)
def gru(
    b: Builder,
    x: Value,
    *,
    hidden_size: Size,
    num_layers: int = 1,
    bias: bool = True,
    batch_first: bool = False,
    dropout: float = 0.0,
    bidirectional: bool = False,
) -> Value:
    """Carry a state from step to step through two gates; gives every step's state.

    3 H (F + H) weights per layer and direction, and 6 H biases.
    """
    batch = 0 if batch_first else 1
    return _recurrent(b, x, ops.Recurrent("gru", hidden_size, num_layers, bidirectional, batch=batch, bias=bias))


cell: dict[str, Any] = {"channels": "input_size", "spatial": 0, "axis": -1}
"""What all cells say of themselves: one step, from a state of zeros."""


@kind(source="torch.nn.RNNCell", torch="RNNCell", **cell)
def rnn_cell(
    b: Builder, x: Value, *, hidden_size: Size, bias: bool = True, nonlinearity: Literal["tanh", "relu"] = "tanh"
) -> Value:
    """One step of a recurrent layer: (N, F) -> (N, hidden_size)."""
    name: Any = f"rnn_{nonlinearity}"
    return _single_step(b, x, ops.Recurrent(name, hidden_size, bias=bias))


@kind(source="torch.nn.LSTMCell", torch="LSTMCell", **cell)
def lstm_cell(b: Builder, x: Value, *, hidden_size: Size, bias: bool = True) -> Value:
    """One step of an LSTM: (N, F) -> (N, hidden_size)."""
    return _single_step(b, x, ops.Recurrent("lstm", hidden_size, bias=bias))


@kind(source="torch.nn.GRUCell", torch="GRUCell", **cell)
def gru_cell(b: Builder, x: Value, *, hidden_size: Size, bias: bool = True) -> Value:
    """One step of a GRU: (N, F) -> (N, hidden_size)."""
    return _single_step(b, x, ops.Recurrent("gru", hidden_size, bias=bias))


def _single_step(b: Builder, x: Value, op: ops.Recurrent) -> Value:
    if len(x.shape) != 2:
        raise ShapeError(f"a cell takes the features of one step, NxF, but its input is {show(x.shape)}")
    return b.merge(_recurrent(b, b.rearrange(x, "n f -> n 1 f"), op), (1, 2))


def _recurrent(b: Builder, x: Value, op: ops.Recurrent) -> Value:
    """Write torch's weights, layer by layer and direction by direction, and the step that reads them."""
    if len(x.shape) != 3:
        raise ShapeError(f"a recurrent layer takes a sequence of features, LxF, but its input is {show(x.shape[1:])}")
    b.require(op.hidden >= 1, "hidden_size ({n}) must be at least 1", n=op.hidden)
    b.require(op.layers >= 1, "num_layers ({n}) must be at least 1", n=op.layers)
    rows = op.gates * op.hidden
    weights: list[Value] = []
    with b.scope("recurrent"):
        reads = x.shape[-1]
        for layer in range(op.layers):
            for direction in ("", "_reverse") if op.bidirectional else ("",):
                end = f"l{layer}{direction}"
                weights.append(b.parameter(f"weight_ih_{end}", (rows, reads)))
                weights.append(b.parameter(f"weight_hh_{end}", (rows, op.features)))
                if op.bias:
                    weights += [b.parameter(f"bias_{side}_{end}", (rows,), "bias") for side in ("ih", "hh")]
                if op.features is not op.hidden:
                    weights.append(b.parameter(f"weight_hr_{end}", (op.features, op.hidden)))
            reads = op.features * (2 if op.bidirectional else 1)
        return b.write(op, x, *weights)


@kind(
    source="arXiv:1706.03762; torch.nn.MultiheadAttention",
    channels="embed_dim",
    torch="MultiheadAttention",
    spatial=1,
    axis=-1,
    layout=("N", "L", "F"),
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
    if any(len(tensor.shape) != 3 for tensor in (query, key, value)):
        raise ShapeError(f"attention takes a sequence of features, LxF, but its input is {show(query.shape[1:])}")
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
    spatial=1,
    axis=-1,
    layout=("N", "L", "F"),
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
    if len(x.shape) != 3:
        raise ShapeError(f"a transformer takes a sequence of features, LxF, but its input is {show(x.shape[1:])}")

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
