"""Embeddings, recurrent layers, and what folds columns back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

from convcalc import ops
from convcalc.errors import UnsupportedError
from convcalc.graph import Value
from convcalc.kinds import shaping
from convcalc.pytorch.readers.registry import Reader, axes_of, reads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.builder import Builder


@reads("embedding")
def embedding(b: Builder, input: Value, weight: Value, *_: Any, **__: Any) -> Value:
    if len(weight.shape) != 2 or weight.shape == input.shape:
        raise UnsupportedError("an embedding is a table looked up by whole numbers")
    return b.write(ops.Sample(shape=(*input.shape, weight.shape[1]), taps=1), weight, input)


def _recurrent_reader(cell: Literal["rnn_tanh", "rnn_relu", "lstm", "gru"]) -> Reader:
    def read(
        b: Builder,
        input: Value,
        hx: Value | Sequence[Value],
        params: Sequence[Value],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: bool,
    ) -> tuple[Value, ...]:
        states = (hx,) if isinstance(hx, Value) else tuple(hx)
        if not isinstance(has_biases, bool) or len(input.shape) != 3:
            raise UnsupportedError("a packed sequence cannot be read")
        gates = ops.Recurrent(cell, 1).gates
        hidden, features = params[0].shape[0] // gates, states[0].shape[-1]
        op = ops.Recurrent(
            cell, hidden, num_layers, bidirectional, 0 if features == hidden else features,
            0 if batch_first else 1, has_biases,
        )  # fmt: skip
        output = b.write(op, input, *params)
        last = (b.write(ops.Sample(shape=state.shape, taps=1), output) for state in states)
        return (output, *last)

    return read


for _cell in ("rnn_tanh", "rnn_relu", "lstm", "gru"):
    reads(_cell)(_recurrent_reader(cast("Any", _cell)))


@reads("fold", "col2im")
def fold(
    b: Builder, input: Value, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Value:
    if len(input.shape) != 3:
        raise UnsupportedError("a fold of one sample is not read")
    size, kernel, spacing, pad, step = (axes_of(v, 2) for v in (output_size, kernel_size, dilation, padding, stride))
    return shaping.fold(
        b, input, output_size=size, kernel_size=kernel, dilation=spacing, padding=pad, stride=step
    )  # fmt: skip
