"""`moves`: where each step carries the positions of what it reads: onto which axis, and which each output reads.

Channels are summed over, so that a slice of channels reads what any of them reads. What is asked of the ways through
a graph, how many there are (`ways`) or which positions they come from (`seen`), follows these moves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, assert_never

from convcalc import ops
from convcalc.analyses.field.resampling import copies, ratio, reader
from convcalc.errors import UnsupportedError
from convcalc.window import Window, adaptive_window

if TYPE_CHECKING:
    from convcalc.graph import Node

Reads: TypeAlias = Callable[[int], Sequence[int]]
"""From a position of the output's axis to those of the input's, also past its border, where nothing is."""


class Move(NamedTuple):
    """Onto which axis of the output one axis of an input goes (None: every output sees all of it), and how.

    Position by position, where neither `window` nor `reads` says otherwise. With `transposed` the window is walked
    the other way: each position of the input writes.
    """

    along: int | None
    window: Window | None = None
    transposed: bool = False
    reads: Reads | None = None


Follow: TypeAlias = Callable[[int], Move]
"""From an axis of what a step reads to where it goes."""
SUMMED = Move(None)


def moves(node: Node, carried: Sequence[bool]) -> list[tuple[int, Follow]]:
    """Return for each operand of a step that is followed its number, and the move of each of its axes.

    `carried` says which operands depend on an input at all; an operand may be followed twice, the second time to
    what a normalisation sees of whole axes. Raises UnsupportedError where the ways depend on the data.
    """
    op, shape = node.op, node.output.shape
    match op:
        case ops.Input() | ops.Parameter() | ops.Constant():
            return []
        case ops.Conv():
            return _windowed(op.windows, carried)
        case ops.ConvTranspose():
            return _windowed(op.windows, carried, transposed=True)
        case ops.Pool():
            if op.random:
                raise UnsupportedError("the ways through windows at random places differ from run to run")
            if op.windows:
                return _windowed(op.windows, carried)
            return [(0, lambda axis: _tiled(axis, node))]
        case ops.Unfold():
            rank, windows = len(op.windows), op.windows
            return [(0, lambda axis: Move(axis + rank, windows[axis - 2]))]
        case ops.Fold():
            rank, laid = len(op.windows), op.windows
            return [(0, lambda axis: Move(axis - rank, laid[axis - 2 - rank], transposed=True))]
        case ops.Einsum():
            return _lettered(op.equation)
        case ops.Resample():
            return [(0, lambda axis: _resampled(axis, op, node))]
        case ops.Pad():
            return [(0, lambda axis: _padded(axis, op, node))]
        case ops.Reduce():
            return [(0, lambda axis: _reduced(axis, op))]
        case ops.Concat():
            return _joined(op, node)
        case ops.Slice():
            window = Window(kernel=1, stride=op.step, before=-op.start)
            return [(0, lambda axis: Move(axis, window if axis == op.axis else None))]
        case ops.Rearrange():
            return [(0, lambda axis: _rearranged(axis, op))]
        case ops.Elementwise():
            if op.about.partial_write:
                raise UnsupportedError("the ways through a write into part of a tensor are not followed")
            aligned = [(n, _aligned(value.shape, shape)) for n, value in enumerate(node.inputs)]
            return aligned + [(n, _spread(follow, op.axes)) for n, follow in aligned if op.axes and carried[n]]
        case ops.Sample() if op.axes and all(axis < 2 for axis in op.axes) and not any(carried[1:]):
            return [(0, Move)]
        case ops.Sample() | ops.Recurrent() | ops.Opaque():
            raise UnsupportedError(f"the ways through a {type(op).__name__.lower()} step depend on the data")
    assert_never(op)


def _windowed(
    windows: tuple[Window, ...], carried: Sequence[bool], *, transposed: bool = False
) -> list[tuple[int, Follow]]:
    if any(carried[1:]):
        raise UnsupportedError("the ways through a generated kernel depend on the data")
    return [(0, lambda axis: Move(axis, windows[axis - 2], transposed))]


def _tiled(axis: int, node: Node) -> Move:
    inputs, outputs = node.inputs[0].shape[axis], node.output.shape[axis]
    return Move(axis, reads=lambda j: adaptive_window(j, inputs, outputs))


def _lettered(equation: str) -> list[tuple[int, Follow]]:
    reads, result = equation.split("->")

    def follow(letters: str) -> Follow:
        return lambda axis: Move(result.index(letters[axis])) if letters[axis] in result else SUMMED

    return [(n, follow(letters)) for n, letters in enumerate(reads.split(","))]


def _resampled(axis: int, op: ops.Resample, node: Node) -> Move:
    size = node.inputs[0].shape[axis]
    if copies(op, axis - 2, size):
        return Move(axis)
    reads = reader(op, ratio(op, axis - 2, size))
    return Move(axis, reads=lambda i: sorted({min(max(place, 0), size - 1) for place in reads(i)}))


def _padded(axis: int, op: ops.Pad, node: Node) -> Move:
    size, before, after = node.inputs[0].shape[axis], op.before[axis], op.after[axis]
    if op.mode == "constant":
        return Move(axis, Window(kernel=1, before=before))
    start, length = max(-before, 0), size + min(before, 0) + min(after, 0)

    def reads(i: int) -> tuple[int, ...]:
        place = i - before
        if op.mode == "reflect":
            place = -place if place < 0 else 2 * (size - 1) - place if place >= size else place
        elif op.mode == "replicate":
            place = min(max(place, 0), size - 1)
        elif op.mode == "circular":
            place = start + (place - start) % length
        return (place,)

    return Move(axis, reads=reads)


def _reduced(axis: int, op: ops.Reduce) -> Move:
    if axis in op.axes:
        return SUMMED
    return Move(axis if op.keep else axis - sum(gone < axis for gone in op.axes))


def _joined(op: ops.Concat, node: Node) -> list[tuple[int, Follow]]:
    def follow(start: int) -> Follow:
        return lambda axis: Move(axis, Window(kernel=1, before=start) if axis == op.axis else None)

    starts = [sum(value.shape[op.axis] for value in node.inputs[:n]) for n in range(len(node.inputs))]
    return [(n, follow(start)) for n, start in enumerate(starts)]


def _rearranged(axis: int, op: ops.Rearrange) -> Move:
    """Follow the factors of an axis: those that land among the channels are summed over, as channels are.

    Raises UnsupportedError where two factors land on spatial axes: the ways are then no product over axes.
    """
    first = sum(len(factors) for factors in op.split[:axis])
    factors = op.split[axis]
    landings = op.landings()[first : first + len(factors)]
    spatial = [n for n, landing in enumerate(landings) if landing.axis > 1]
    moving = [n for n in spatial if factors[n] != 1]
    if len(moving) > 1:
        raise UnsupportedError("the ways through this rearrangement are not a product over axes")
    if not spatial:
        return SUMMED
    lead = (moving or spatial)[0]
    landing = landings[lead]
    inner, outer, size = prod(factors[lead + 1 :]), prod(factors[:lead]), factors[lead]
    below = prod(landing.inner)
    if inner == outer == below == prod(landing.outer) == 1:
        return Move(landing.axis)

    def reads(i: int) -> list[int]:
        place = i // below % size
        return [(o * size + place) * inner + n for o in range(outer) for n in range(inner)]

    return Move(landing.axis, reads=reads)


def _aligned(shape: Sequence[int], onto: Sequence[int]) -> Follow:
    shift = len(onto) - len(shape)

    def follow(axis: int) -> Move:
        repeated = shape[axis] == 1 and onto[axis + shift] != 1
        return Move(axis + shift, reads=(lambda _: (0,)) if repeated else None)

    return follow


def _spread(follow: Follow, axes: Sequence[int]) -> Follow:
    """The same where every output sees all of some axes."""

    def spread(axis: int) -> Move:
        move = follow(axis)
        return SUMMED if move.along in axes else move

    return spread
