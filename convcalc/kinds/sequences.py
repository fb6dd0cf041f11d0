"""Layers over sequences of features: embeddings and recurrent layers. Shapes are torch's: see `batch_first`."""

from typing import Any, Literal

from convcalc import ops
from convcalc.builder import Builder
from convcalc.errors import ShapeError
from convcalc.graph import Value
from convcalc.kinds.parts import SEQUENCE, check_sequence
from convcalc.registry import kind
from convcalc.shapes import show
from convcalc.sizes import Size

lookup: dict[str, Any] = {
    "channels": "", "spatial": 0, "layout": ("N", "L"), "letters": {"num_embeddings": "V", "embedding_dim": "E"},
}  # fmt: skip
"""What both tables of vectors say of themselves."""


@kind(source="torch.nn.Embedding", torch="Embedding", **lookup)
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


@kind(source="torch.nn.EmbeddingBag", torch="EmbeddingBag", **lookup)
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
    padding_idx: int | None = None,
) -> Value:
    """Look up a learned vector for each whole number of a bag and reduce them: (N, L) -> (N, embedding_dim)."""
    if len(x.shape) != 2:
        raise ShapeError(f"embedding_bag takes bags of equal length, NxL, but its input is {show(x.shape)}")
    vectors = embedding(b, x, num_embeddings=num_embeddings, embedding_dim=embedding_dim)
    return b.reduce(mode, vectors, (1,))


recurrent: dict[str, Any] = {
    **SEQUENCE, "channels": "input_size", "as_structure": ("proj_size",), "letters": {"hidden_size": "n"},
}  # fmt: skip
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
    op = ops.Recurrent(cell, hidden_size, num_layers, bidirectional, batch=int(not batch_first), bias=bias)
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
    batch = int(not batch_first)
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
    op = ops.Recurrent("gru", hidden_size, num_layers, bidirectional, batch=int(not batch_first), bias=bias)
    return _recurrent(b, x, op)


cell: dict[str, Any] = {
    "channels": "input_size", "spatial": 0, "axis": -1, "layout": ("N", "F"), "letters": {"hidden_size": "n"},
}  # fmt: skip
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
    check_sequence("a recurrent layer", x)
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
            reads = op.features * op.directions
        return b.write(op, x, *weights)
