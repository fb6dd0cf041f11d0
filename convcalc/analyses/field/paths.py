"""`paths`: how many ways lead from each input position to each output position, exactly, borders included.

One matrix per axis and step, chained; branches are a sum of such products. Channels are summed over, so that a
slice of channels sees what any of them sees.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, assert_never

from convcalc import ops
from convcalc.analyses.field.path_counts import Axis, Paths, Term, gathered, places
from convcalc.analyses.field.resampling import copies, ratio, reader
from convcalc.errors import UnsupportedError
from convcalc.window import adaptive_window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from convcalc.graph import Graph, Node
    from convcalc.sizes import Shape
    from convcalc.window import Window


def paths(graph: Graph, *, reached_only: bool = False) -> dict[int, Paths]:
    """Return for each value the ways to it from every input. Raises UnsupportedError where they depend on data.

    With `reached_only` rows say which positions are reached, not by how many ways.
    """
    by_value: dict[int, Paths] = {}
    inputs = 0
    for node in graph.nodes:
        if isinstance(node.op, ops.Input):
            axes = tuple(
                Axis(axis, tuple(1 << i if reached_only else {i: 1} for i in range(size)))
                for axis, size in enumerate(node.op.shape)
                if axis > 1
            )
            by_value[node.output.index] = ((inputs, axes),)
            inputs += 1
        else:
            terms = _through(node, [by_value[value.index] for value in node.inputs])
            by_value[node.output.index] = gathered(terms, reached_only=reached_only) if len(terms) > 1 else terms
    return by_value


def _each(terms: Paths, change: Callable[[Axis], Axis]) -> Paths:
    return tuple((i, tuple(axis if axis.along is None else change(axis) for axis in axes)) for i, axes in terms)


def _through(node: Node, operands: list[Paths]) -> Paths:
    op, out = node.op, node.output.shape
    match op:
        case ops.Input() | ops.Parameter() | ops.Constant():
            return ()
        case ops.Conv():
            _no_generated(operands[1:])
            return _each(operands[0], lambda axis: _through_windows(axis, op.windows, out))
        case ops.ConvTranspose():
            _no_generated(operands[1:])
            return _each(operands[0], lambda axis: _spread(axis, op.windows, out))
        case ops.Pool():
            if op.random:
                raise UnsupportedError("the ways through windows at random places differ from run to run")
            if op.windows:
                return _each(operands[0], lambda axis: _through_windows(axis, op.windows, out))
            return _each(operands[0], lambda axis: _tiled(axis, out))
        case ops.Unfold():
            rank = len(op.windows)
            windowed = _each(operands[0], lambda axis: _through_windows(axis, op.windows, out[rank:]))
            return _each(windowed, lambda axis: axis.at(_along(axis) + rank))
        case ops.Fold():
            rank = len(op.windows)
            laid = _each(operands[0], lambda axis: axis.at(_along(axis) - rank) if _along(axis) >= 2 + rank else axis)
            return _each(laid, lambda axis: _spread(axis, op.windows, out))
        case ops.Einsum():
            return _lettered(operands, op.equation)
        case ops.Resample():
            return _each(operands[0], lambda axis: _resampled(axis, op, node))
        case ops.Pad():
            return _each(operands[0], lambda axis: _padded(axis, op, node))
        case ops.Reduce():
            return _each(operands[0], lambda axis: _reduced(axis, op))
        case ops.Concat():
            return _concatenated(operands, op, node)
        case ops.Slice():
            step, start = op.step, op.start
            return _each(
                operands[0],
                lambda axis: axis.after(out[op.axis], lambda i: (start + step * i,)) if axis.along == op.axis else axis,
            )
        case ops.Rearrange():
            return _each(operands[0], lambda axis: _rearranged(axis, op))
        case ops.Elementwise():
            return _elementwise(operands, op, node)
        case ops.Sample() | ops.Recurrent() | ops.Opaque():
            raise UnsupportedError(f"the ways through a {type(op).__name__.lower()} step depend on the data")
    assert_never(op)


def _along(axis: Axis) -> int:
    return axis.along or 0


def _no_generated(operands: list[Paths]) -> None:
    if any(operands):
        raise UnsupportedError("the ways through a generated kernel depend on the data")


def _through_windows(axis: Axis, windows: tuple[Window, ...], out: Shape) -> Axis:
    return axis.after(out[_along(axis)], windows[_along(axis) - 2].reads)


def _spread(axis: Axis, windows: tuple[Window, ...], out: Shape) -> Axis:
    return axis.after(out[_along(axis)], windows[_along(axis) - 2].written_by)


def _tiled(axis: Axis, out: Shape) -> Axis:
    inputs, outputs = len(axis.rows), out[_along(axis)]
    return axis.after(outputs, lambda j: adaptive_window(j, inputs, outputs))


def _lettered(operands: list[Paths], equation: str) -> Paths:
    reads, result = equation.split("->")
    terms: list[Term] = []
    for letters, operand in zip(reads.split(","), operands, strict=True):
        operand_paths = _each(
            operand,
            lambda axis, of=letters: (  # type: ignore[misc]
                axis.at(result.index(of[_along(axis)])) if of[_along(axis)] in result else axis.summed()
            ),
        )
        terms += operand_paths
    return tuple(terms)


def _resampled(axis: Axis, op: ops.Resample, node: Node) -> Axis:
    along = _along(axis)
    size, out = node.inputs[0].shape[along], node.output.shape[along]
    if copies(op, along - 2, size):
        return axis
    reads = reader(op, ratio(op, along - 2, size))
    return axis.after(out, lambda i: {min(max(place, 0), size - 1) for place in reads(i)})


def _padded(axis: Axis, op: ops.Pad, node: Node) -> Axis:
    along = _along(axis)
    size, before, after = node.inputs[0].shape[along], op.before[along], op.after[along]
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

    return axis.after(node.output.shape[along], reads)


def _reduced(axis: Axis, op: ops.Reduce) -> Axis:
    along = _along(axis)
    if along in op.axes:
        return axis.summed()
    return axis if op.keep else axis.at(along - sum(gone < along for gone in op.axes))


def _concatenated(operands: list[Paths], op: ops.Concat, node: Node) -> Paths:
    terms: list[Term] = []
    start, size = 0, node.output.shape[op.axis]
    for operand, value in zip(operands, node.inputs, strict=True):
        part = _each(
            operand,
            lambda axis, at=start: (  # type: ignore[misc]
                axis.after(size, lambda i: (i - at,)) if axis.along == op.axis else axis
            ),
        )
        terms += part
        start += value.shape[op.axis]
    return tuple(terms)


def _rearranged(axis: Axis, op: ops.Rearrange) -> Axis:
    """Follow the factors of an axis: those that land among the channels are summed over, as channels are.

    Raises UnsupportedError where two factors land on spatial axes: the ways are then no product over axes.
    """
    along = _along(axis)
    first = sum(len(factors) for factors in op.split[:along])
    factors = op.split[along]
    landings = op.landings()[first : first + len(factors)]
    spatial = [n for n, landing in enumerate(landings) if landing.axis > 1]
    moving = [n for n in spatial if factors[n] != 1]
    if len(moving) > 1:
        raise UnsupportedError("the ways through this rearrangement are no product over axes")
    if not spatial:
        return axis.summed()
    lead = (moving or spatial)[0]
    landing = landings[lead]
    inner, outer, size = prod(factors[lead + 1 :]), prod(factors[:lead]), factors[lead]
    below = prod(landing.inner)
    length = prod(landing.outer) * size * below

    def reads(i: int) -> Iterable[int]:
        place = i // below % size
        return ((o * size + place) * inner + n for o in range(outer) for n in range(inner))

    return axis.after(length, reads).at(landing.axis)


def _elementwise(operands: list[Paths], op: ops.Elementwise, node: Node) -> Paths:
    if op.about.partial_write:
        raise UnsupportedError("the ways through a write into part of a tensor are not followed")
    rank, shape = len(node.output.shape), node.output.shape
    terms: list[Term] = []
    for operand, value in zip(operands, node.inputs, strict=True):
        shift = rank - len(value.shape)

        def aligned(axis: Axis, by: int = shift) -> Axis:
            along = _along(axis) + by
            if len(axis.rows) == 1 and shape[along] != 1:
                return axis.after(shape[along], lambda _: (0,)).at(along)
            return axis.at(along)

        terms += _each(operand, aligned)
    mixed = [
        (i, tuple(axis.summed() if axis.along in op.axes else axis for axis in axes))
        for i, axes in terms
        if any(axis.along in op.axes for axis in axes)
    ]
    return (*terms, *mixed)


def reached(terms: Paths, source: int, position: tuple[int, ...]) -> set[tuple[int, ...]]:
    """Return the positions of one input that one output position sees (`position` counts spatial axes)."""
    from itertools import product

    positions: set[tuple[int, ...]] = set()
    for i, axes in terms:
        if i == source:
            rows = [axis.rows[0] if axis.along is None else axis.rows[position[axis.along - 2]] for axis in axes]
            positions.update(product(*map(places, rows)))
    return positions
