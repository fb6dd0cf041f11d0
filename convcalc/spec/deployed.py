"""`deployed`: a stack as it is deployed, with norms and branches folded into convolutions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcalc.spec.assemble import assemble

if TYPE_CHECKING:
    from convcalc.graph import Graph
    from convcalc.subject import Layer, Subject


def deployed(subject: Subject) -> Graph | None:
    """Return the graph with norms and branches folded, or None where no layer can be folded (or all are)."""
    layers = tuple(_deployed(layer) for layer in subject.block.layers)
    if any(layer.same for layer in layers):  # weights that are folded are no longer those of the other layer
        return None
    if layers == subject.block.layers:
        return None
    return assemble(subject.block._replace(layers=layers), needs_input=False).graph


def _deployed(layer: Layer) -> Layer:
    takes = layer.kind.arguments.get("form")
    if takes is None or "folded" not in takes.choices:
        return layer
    return layer._replace(arguments={**layer.arguments, "form": "folded"})
