"""Multiply-adds that touch real input rather than zero padding: the non-zeros of the convolution's matrix.

A tap on padding multiplies a zero; a tap of a transposed convolution that its padding cuts away writes nothing.
Papers and counters include both; oneDNN's own count leaves them out.
"""

from __future__ import annotations

from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING

from convcalc import ops
from convcalc.analyses.macs import macs_of
from convcalc.sizes import product

if TYPE_CHECKING:
    from convcalc.graph import Graph, Node
    from convcalc.sizes import Size
    from convcalc.window import Window


def taps_inside(window: Window, size: int, outputs: int) -> int:
    """Count the (output, tap) pairs of a window that read a position of an axis of `size`, not its padding.

    >>> from convcalc.window import Window
    >>> taps_inside(Window(kernel=3, before=1, after=1), 4, 4)
    10
    """
    pairs = 0
    for tap in range(window.kernel):
        offset = window.dilation * tap - window.before  # output i reads stride * i + offset
        first = max(0, -(offset // window.stride))
        last = min(outputs - 1, (size - 1 - offset) // window.stride)
        pairs += max(0, last - first + 1)
    return pairs


def useful(graph: Graph) -> dict[int, Size]:
    """Return the useful multiply-adds of each step that has any, by the index of its output. Sizes must be numbers.

    Sampled (deformable) taps count as they lie without offsets.
    """
    found: dict[int, Size] = {}
    real: dict[int, Fraction] = {}  # of values laid out by taps: the share of them that is no padding
    for node in graph.nodes:
        op = node.op
        match op:
            case ops.Conv():
                found[node.output.index] = _convolved(node, op, graph)
            case ops.ConvTranspose():
                x, weight = node.inputs[:2]
                pairs = (
                    taps_inside(window, out, size)
                    for window, out, size in zip(op.windows, node.output.spatial, x.spatial, strict=True)
                )
                found[node.output.index] = product((x.batch, *weight.shape[:2], *pairs))
            case ops.Einsum():
                share = prod((real.get(value.index, Fraction(1)) for value in node.inputs), start=Fraction(1))
                found[node.output.index] = int(macs_of(node) * share)
            case ops.Unfold() | ops.Sample():
                real[node.output.index] = _share(node, op.windows)
            case ops.Rearrange() | ops.Elementwise():
                shares = [real[value.index] for value in node.inputs if value.index in real]
                if shares:
                    real[node.output.index] = min(shares)
    return found


def _convolved(node: Node, op: ops.Conv, graph: Graph) -> Size:
    """A convolution's pairs; zeros that a step of its own has put around the input are padding as well."""
    x, weight = node.inputs[:2]
    before = [window.before for window in op.windows]
    sizes = list(x.spatial)
    maker = graph.nodes[x.index]
    if isinstance(maker.op, ops.Pad) and maker.op.mode == "constant" and not maker.op.value and len(maker.inputs) == 1:
        sides = list(zip(maker.op.before[2:], maker.op.after[2:], strict=True))  # negative ones cut
        before = [own + max(added, 0) for own, (added, _) in zip(before, sides, strict=True)]
        sizes = [size + min(a, 0) + min(b, 0) for size, (a, b) in zip(maker.inputs[0].spatial, sides, strict=True)]
    pairs = (
        taps_inside(window._replace(before=add), size, out)
        for window, add, size, out in zip(op.windows, before, sizes, node.output.spatial, strict=True)
    )
    return product((x.batch, *weight.shape[:2], *pairs))


def _share(node: Node, windows: tuple[Window, ...]) -> Fraction:
    if not windows:
        return Fraction(1)
    outputs = node.output.shape[-len(windows) :]
    each = zip(windows, node.inputs[0].spatial, outputs, strict=True)
    pairs = prod(taps_inside(window, size, out) for window, size, out in each)
    return Fraction(pairs, prod(window.kernel for window in windows) * prod(outputs))
