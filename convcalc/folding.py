"""`folded`: folding: what depends on no input is computed once and kept, as a network is deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcalc.graph import Node, Value
from convcalc.ops import Constant, Conv, ConvTranspose, Parameter, Role

if TYPE_CHECKING:
    from collections.abc import Sequence


def folded(nodes: Sequence[Node], start: int) -> tuple[list[Node], dict[int, Value]]:
    """Replace every value of nodes[start:] that depends on no input by one parameter, where a step reads it.

    Returns the shorter list of steps and where each value that is left has moved to.
    """
    fixed = _fixed(nodes, start)
    roles = _roles(nodes[start:], fixed)
    result = list(nodes[:start])
    replacements: dict[int, Value] = {}
    for node in nodes[start:]:
        old = node.output
        if old.index in fixed:
            if old.index not in roles:
                continue
            op = node.op
            if not isinstance(op, (Parameter, Constant)):
                op = Parameter(shape=old.shape, name=roles[old.index], role=roles[old.index])
            node = node._replace(op=op, inputs=())  # noqa: PLW2901  the step as it stays
        new = Value(len(result), old.shape, old.nonzeros)
        replacements[old.index] = new
        result.append(node._replace(inputs=tuple(replacements.get(v.index, v) for v in node.inputs), output=new))
    return result, replacements


def _fixed(nodes: Sequence[Node], start: int) -> set[int]:
    """Values that depend on no input (nor on anything written before)."""
    fixed: set[int] = set()
    for node in nodes[start:]:
        if isinstance(node.op, (Parameter, Constant)) or (
            node.inputs and all(value.index in fixed for value in node.inputs)
        ):
            fixed.add(node.output.index)
    return fixed


def _roles(nodes: Sequence[Node], fixed: set[int]) -> dict[int, Role]:
    """What each fixed value that a remaining step reads is to that step: the bias of a convolution, or a weight."""
    roles: dict[int, Role] = {}
    for node in nodes:
        if node.output.index in fixed:
            continue
        for place, value in enumerate(node.inputs):
            if value.index in fixed:
                bias = place == 2 and isinstance(node.op, (Conv, ConvTranspose))
                roles[value.index] = "bias" if bias else "weight"
    return roles
