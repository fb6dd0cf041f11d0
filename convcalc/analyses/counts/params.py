"""`params`: how many learned numbers there are, by what they do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convcalc.graph import Graph, Node
from convcalc.ops import Parameter
from convcalc.sizes import Size, product, total

if TYPE_CHECKING:
    from collections.abc import Iterable


PARTS = ("weights", "biases", "norm", "other", "trainable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """Learned numbers: weights of convolutions and linear layers, biases, norm scales and shifts, other."""

    weights: Size = 0
    biases: Size = 0
    norm: Size = 0
    other: Size = 0
    trainable: Size = 0

    @property
    def total(self) -> Size:
        """All of them, frozen ones included."""
        return total((self.weights, self.biases, self.norm, self.other))

    def __add__(self, more: Params) -> Params:
        return Params(**{part: total((getattr(self, part), getattr(more, part))) for part in PARTS})

    def __mul__(self, times: int) -> Params:
        return Params(**{part: product((getattr(self, part), times)) for part in PARTS})


def params_of(node: Node) -> Params:
    """Return the learned numbers one step holds: a shared tensor is one step and counts once."""
    if not isinstance(node.op, Parameter):
        return Params()
    count = product(node.op.shape)
    trainable = count if node.op.trained else 0
    match node.op.role:
        case "weight":
            return Params(weights=count, trainable=trainable)
        case "bias":
            return Params(biases=count, trainable=trainable)
        case "norm":
            return Params(norm=count, trainable=trainable)
        case "other":
            return Params(other=count, trainable=trainable)


def params(steps: Graph | Iterable[Node]) -> Params:
    """Return the learned numbers of a graph or of some of its steps."""
    nodes = steps.nodes if isinstance(steps, Graph) else steps
    return sum((params_of(node) for node in nodes if isinstance(node.op, Parameter)), Params())


def unused(graph: Graph) -> tuple[Node, ...]:
    """Return the parameters that no step reads."""
    read = {value.index for node in graph.nodes for value in node.inputs}
    return tuple(node for node in graph.nodes if isinstance(node.op, Parameter) and node.output.index not in read)
