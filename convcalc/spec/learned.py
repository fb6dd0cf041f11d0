"""`parameters`: learned tensors that a module holds beside its layers, as a layer that hands its input on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from convcalc.registry import Kind
from convcalc.subject import Layer

if TYPE_CHECKING:
    from convcalc.builder import Builder
    from convcalc.errors import Spot
    from convcalc.graph import Value


def _parameter(b: Builder, x: Value, *, shape: tuple[int, ...]) -> Value:
    """A learned tensor that a module holds beside its layers."""
    b.parameter("weight", shape)
    return b.elementwise("identity", x)


PARAMETER: Final = Kind(name="parameter", recipe=_parameter, source="torch.nn.Parameter", channels="", any_shape=True)
FIRST_AXIS: Final = {"conv_transpose": "in_channels", "embedding": "num_embeddings", "linear": "out_features"}
"""The argument that says how long the first axis of a weight is, where it is not out_channels."""


def parameters(text: str, spot: Spot, shape: tuple[Any, ...]) -> Layer:
    """Return learned numbers of this shape as a layer."""
    return Layer(PARAMETER, None, text, spot, {"shape": shape})


def first_axis(layer: Layer, tensor: str) -> int | None:
    """Return how long the first axis of a module's weight or bias is; None where its arguments do not say."""
    axis = FIRST_AXIS.get(layer.kind.name, "out_channels") if tensor == "weight" else "out_channels"
    axis = "out_features" if tensor == "bias" and "out_features" in layer.arguments else axis
    count = layer.arguments.get(axis) if tensor in ("weight", "bias") else None
    return count if isinstance(count, int) else None
