"""`plain_layer`: the plain convolution that a layer stands in for: the same input, the same output, one kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convcalc.errors import ConvcalcError
from convcalc.kinds import find

if TYPE_CHECKING:
    from convcalc.graph import Graph
    from convcalc.subject import Layer, Subject

SHARED = ("kernel_size", "stride", "padding", "dilation")


def plain_layer(layer: Layer, subject: Subject) -> Graph | None:
    """Return the graph of a dense convolution from the input to the output of a layer, with its kernel.

    None where the layer is that, has no kernel or several inputs or outputs, or where none gives the same shape.
    """
    graph = subject.graph
    if len(graph.inputs) != 1 or len(graph.outputs) != 1 or "kernel_size" not in layer.kind.arguments:
        return None
    output = graph.outputs[0]
    if len(output.shape) < 3 or layer.kind.name == "conv":
        return None
    settings: dict[str, Any] = {"out_channels": output.channels}
    for name in SHARED:
        if name in layer.kind.arguments:
            settings[name] = layer.arguments.get(name, layer.kind.arguments[name].default)
    kind, _ = find("conv")
    for padding in ({}, {"padding": "same"}):
        try:
            plain = kind.build(graph.inputs[0].shape, **{**settings, **padding})
        except ConvcalcError:
            continue
        if plain.outputs[0].shape == output.shape:
            return plain
    return None
