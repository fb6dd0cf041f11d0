"""`useful`: multiply-adds that touch real input rather than zero padding: the non-zeros of the convolution's matrix.

A tap on padding multiplies a zero; a tap of a transposed convolution that its padding cuts away writes nothing.
Papers and counters include both; oneDNN's own count leaves them out.
"""

from __future__ import annotations

from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from convcalc import ops
from convcalc.analyses.counts.macs import macs_of
from convcalc.analyses.counts.memory import is_stored
from convcalc.sizes import Size, largest, product, smallest

if TYPE_CHECKING:
    from convcalc.graph import Graph, Node, Value
    from convcalc.window import Window


def taps_inside(window: Window, size: int, outputs: int) -> int:
    """Count the (output, tap) pairs of a window that read a position of an axis of `size`, not its padding.

    >>> from convcalc.window import Window
    >>> taps_inside(Window(kernel=3, before=1, after=1), 4, 4)
    10
    """
    return _taps_up_to(window, size - 1, outputs) - _taps_up_to(window, -1, outputs)


def _taps_up_to(window: Window, last: int, outputs: int) -> int:
    """Count the (output, tap) pairs that read a position up to the last: stride*output + dilation*tap <= last + before.

    The first taps do for every output, later ones for as many as fit, the last for none.
    """
    limit, stride, dilation = last + window.before, window.stride, window.dilation
    if limit < 0 or outputs < 1:
        return 0
    all_taps = min(max((limit - stride * (outputs - 1)) // dilation + 1, 0), window.kernel)
    some_taps = min(limit // dilation + 1, window.kernel) - all_taps
    rest = limit - dilation * (all_taps + some_taps - 1)
    return all_taps * outputs + some_taps + floor_sum(some_taps, stride, dilation, rest)


def floor_sum(count: int, divisor: int, factor: int, start: int) -> int:
    """Return the sum of floor((factor*i + start) / divisor) over i = 0..count-1, by Euclid's algorithm.

    >>> floor_sum(4, 3, 2, 1)  # 0 + 1 + 1 + 2
    4
    """
    total = 0
    while count > 0:
        total += factor // divisor * (count * (count - 1) // 2) + start // divisor * count
        factor, start = factor % divisor, start % divisor
        top = factor * count + start
        if top < divisor:
            break
        count, divisor, factor, start = top // divisor, factor, divisor, top % divisor
    return total


def useful(graph: Graph) -> dict[int, Size]:
    """Return the useful multiply-adds of each step that has any, by the index of its output. Sizes must be numbers.

    Sampled (deformable) taps count as they lie without offsets.
    """
    counts: dict[int, Size] = {}
    real: dict[int, Fraction] = {}  # of values laid out by taps: the share of them that is no padding
    for node in graph.nodes:
        op = node.op
        match op:
            case ops.Conv():
                counts[node.output.index] = _convolved(node, op, graph)
            case ops.ConvTranspose():
                x, weight = node.inputs[:2]
                pairs = (
                    taps_inside(window, out, size)
                    for window, out, size in zip(op.windows, node.output.spatial, x.spatial, strict=True)
                )
                counts[node.output.index] = product((x.batch, *weight.shape[:2], *pairs))
            case ops.Recurrent():
                counts[node.output.index] = macs_of(node)
            case ops.Einsum():
                share = prod((real.get(value.index, Fraction(1)) for value in node.inputs), start=Fraction(1))
                counts[node.output.index] = int(macs_of(node) * share)
            case ops.Unfold() | ops.Sample():
                real[node.output.index] = _share(node, op.windows)
            case ops.Rearrange() | ops.Elementwise():
                shares = [real[value.index] for value in node.inputs if value.index in real]
                if shares:
                    real[node.output.index] = min(shares)
    return counts


class NonZeroExtent(NamedTuple):
    """An axis as zeros before, real positions, and zeros after: what steps of padding have made of it."""

    before: Size
    size: Size
    after: Size


def extents(value: Value, graph: Graph) -> list[NonZeroExtent]:
    """Return the real positions of each spatial axis, through zero padding and functions that keep a zero."""
    node = graph.nodes[value.index]
    data = [operand for operand in node.inputs if not is_stored(graph.nodes[operand.index])]
    if isinstance(node.op, ops.Pad) and node.op.mode == "constant" and not node.op.value and len(node.inputs) == 1:
        inner = extents(node.inputs[0], graph)
        sides = zip(inner, node.op.before[2:], node.op.after[2:], strict=True)
        return [_padded(operand, before, after) for operand, before, after in sides]
    if isinstance(node.op, ops.Elementwise) and _zeros_stay(node.op, data, value):
        return extents(data[0], graph)
    return [NonZeroExtent(0, size, 0) for size in value.spatial]


def _zeros_stay(op: ops.Elementwise, data: list[Value], value: Value) -> bool:
    """Whether the zeros of the one tensor a function reads stay where they are."""
    return len(data) == 1 and data[0].shape == value.shape and op.about.zero_stays(dict(op.settings))


def _padded(inner: NonZeroExtent, before: Size, after: Size) -> NonZeroExtent:
    """One more pair of pads, negative ones cut: first the zeros, then what is real."""
    left, right = inner.before + before, inner.after + after
    size = inner.size + smallest(left, 0) + smallest(right, 0)
    return NonZeroExtent(largest(left, 0), size, largest(right, 0))


def _convolved(node: Node, op: ops.Conv, graph: Graph) -> Size:
    """A convolution's pairs; zeros that steps of their own have put around the input are padding as well."""
    x, weight = node.inputs[:2]
    each = zip(op.windows, extents(x, graph), node.output.spatial, strict=True)
    pairs = (
        taps_inside(window._replace(before=window.before + real.before), real.size, out) for window, real, out in each
    )
    return product((x.batch, *weight.shape[:2], *pairs))


def _share(node: Node, windows: tuple[Window, ...]) -> Fraction:
    if not windows:
        return Fraction(1)
    outputs = node.output.shape[-len(windows) :]
    each = zip(windows, node.inputs[0].spatial, outputs, strict=True)
    pairs = prod(taps_inside(window, size, out) for window, size, out in each)
    return Fraction(pairs, prod(window.kernel for window in windows) * prod(outputs))
