"""`torch_counts`, `fvcore_counts`: what two counters give for steps that ran, predicted from what each cannot see.

A difference is explained only where the number that its reason predicts is the number that came. Sources:
torch.utils.flop_counter; fvcore 0.1.5, nn/jit_handles.py (`einsum_flop_jit` halves the cost that numpy prints).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from convcalc import ops
from convcalc.analyses.counts.macs import macs_of
from convcalc.equations import letter_sizes, linear_equation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Set

    from convcalc.graph import Node

SPARSE = "the sparse product of a graph is a gather and a sum there"
WORDED = "fvcore counts 0 for padding='same' or 'valid' (aten::_convolution_mode)"
PRINTED = "fvcore reads an einsum's cost from four digits that numpy prints"
FUSED = "torch runs an LSTM on the CPU as calls of oneDNN, which its counter does not see"
SINGLE = "torch multiplies element by element where an einsum sums single terms"
DEAD = "fvcore traces only the layers that its result needs"
ATTENTION = "fvcore has no rule for aten::scaled_dot_product_attention"
UNSEEN_RECURRENT = "fvcore has no rule for {name}"
EXACT_EINSUMS = ("abc,abd->acd", "abc,adc->adb")
"""The equations, in letters by their first place, that fvcore counts itself."""


class Prediction(NamedTuple):
    """What a counter gives, and why that is not what we count."""

    macs: int
    reasons: tuple[str, ...]


def torch_counts(nodes: Iterable[Node]) -> Prediction:
    """Predict FlopCounterMode's FLOPs / 2: it sees every product but sparse ones, and those of a fused LSTM."""

    def special(node: Node) -> tuple[int, str] | None:
        if isinstance(node.op, ops.Recurrent) and node.op.cell == "lstm":
            return 0, FUSED
        if isinstance(node.op, ops.Einsum) and not _is_sparse(node) and _sums_single_terms(node.op.equation, node):
            return 0, SINGLE
        return (0, SPARSE) if _is_sparse(node) else None

    return _predicted(nodes, special)


def fvcore_counts(
    nodes: Iterable[Node],
    worded: Set[int] = frozenset(),
    attended: Set[int] = frozenset(),
    dropped: Set[int] = frozenset(),
) -> Prediction:
    """Predict fvcore's multiply-adds.

    `worded` are the outputs of convolutions that ran with a padding in words, `attended` those of the products that
    torch's own attention runs in one call, `dropped` those that no result of the whole needs.
    """

    def special(node: Node) -> tuple[int, str] | None:
        op = node.op
        if node.output.index in dropped:
            return 0, DEAD
        if _is_sparse(node):
            return 0, SPARSE
        if node.output.index in worded and isinstance(op, ops.Conv):
            return 0, WORDED
        if node.output.index in attended:
            return 0, ATTENTION
        if isinstance(op, ops.Recurrent):
            return 0, UNSEEN_RECURRENT.format(name=f"aten::{op.cell}")
        if isinstance(op, ops.Einsum):
            printed = _einsum(op.equation, node)
            return None if printed is None else (printed, PRINTED)
        return None

    return _predicted(nodes, special)


def _predicted(nodes: Iterable[Node], special: Callable[[Node], tuple[int, str] | None]) -> Prediction:
    count = 0
    reasons: dict[str, None] = {}
    for node in nodes:
        ours = macs_of(node)
        other = special(node)
        count += ours if other is None else other[0]
        if other is not None and other[0] != ours:
            reasons[other[1]] = None
    return Prediction(count, tuple(reasons))


def _is_sparse(node: Node) -> bool:
    return isinstance(node.op, ops.Einsum) and any(value.nonzeros is not None for value in node.inputs)


def _sums_single_terms(equation: str, node: Node) -> bool:
    """Whether every letter that is summed has one value: torch then multiplies element by element."""
    sizes = letter_sizes(equation, tuple(value.shape for value in node.inputs), lambda *_, **__: None)
    reads, kept = equation.split("->")
    linear = equation == linear_equation(len(node.inputs[0].shape)) and len(node.inputs[1].shape) == 2
    return not linear and math.prod(sizes[letter] for letter in set(reads) - {",", *kept}) == 1


def _einsum(equation: str, node: Node) -> int | None:
    """Half of what numpy prints for a contraction of two tensors: one or two operations per combination of letters.

    None where it runs as a linear layer, which fvcore counts itself.
    """
    shapes = tuple(value.shape for value in node.inputs)
    if equation == linear_equation(len(shapes[0])) and len(shapes[1]) == 2:
        return None
    letters = dict.fromkeys(letter for letter in equation if letter.isalpha())
    canonical = equation.translate({ord(letter): 97 + place for place, letter in enumerate(letters)})
    if canonical in EXACT_EINSUMS:
        return None
    sizes = letter_sizes(equation, shapes, lambda *_, **__: None)
    combinations = math.prod(sizes.values())
    summed = set(letters) - set(equation.split("->")[1])
    cost = float(f"{combinations * (2 if summed else 1):.3e}")
    return math.floor(cost / 2)
