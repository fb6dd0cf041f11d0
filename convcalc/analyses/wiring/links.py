"""`links`: what each element of a linear step reads, and with which factor and weight.

Elements are numbered in the flattened tensor, the last axis running fastest.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import prod
from typing import TYPE_CHECKING, NamedTuple, assert_never

from convcalc import ops
from convcalc.analyses.field.moves import moves
from convcalc.analyses.field.resampling import copies, ratio, shares
from convcalc.equations import letter_sizes
from convcalc.errors import UnsupportedError
from convcalc.window import adaptive_window

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convcalc.graph import Node, Value
    from convcalc.window import Window


class Link(NamedTuple):
    """An element of a step's output, an operand's element that it reads, times `factor` and a weight.

    `weight` is the place in the flattened tensor of operand number `of`, which is stored; None where there is none.
    """

    output: int
    operand: int
    element: int
    factor: Fraction = Fraction(1)
    of: int = 0
    weight: int | None = None


def links(node: Node, stored: Sequence[bool]) -> Iterator[Link]:
    """Yield the links of one step; `stored` says which of its operands are there from the start.

    What is added from stored tensors (a bias) is no link. Raises UnsupportedError for a step that is not linear.
    """
    op = node.op
    match op:
        case ops.Conv() | ops.ConvTranspose():
            if not stored[1]:
                raise UnsupportedError("a kernel made from the input is not linear: its matrix differs with the data")
            return _windows(node)
        case ops.Pool() if op.function == "avg" and not op.random:
            return _averages(node, op)
        case ops.Unfold() | ops.Fold():
            return _columns(node, op)
        case ops.Einsum() if any(stored) and all(value.nonzeros is None for value in node.inputs):
            return _contraction(node, op, list(stored).index(True))
        case ops.Resample() if op.mode != "unpool":
            return _resized(node, op)
        case ops.Reduce() if op.function in ("sum", "mean"):
            return _reduced(node, op)
        case ops.Rearrange():
            return _rearranged(node, op)
        case ops.Pad() if len(node.inputs) == 1 and not op.value:
            return _moved(node)
        case ops.Concat() | ops.Slice():
            return _moved(node)
        case ops.Elementwise() if op.about.terms or (op.about.scales and any(stored)):
            return _added(node, op, stored)
        case (
            ops.Pool() | ops.Einsum() | ops.Resample() | ops.Reduce() | ops.Pad() | ops.Elementwise() | ops.Input()
            | ops.Parameter() | ops.Constant() | ops.Recurrent() | ops.Sample() | ops.Opaque()
        ):  # fmt: skip
            raise UnsupportedError(f"{_name(op)} is not linear: a matrix is drawn of linear steps and their products")
    assert_never(op)


def _name(op: ops.Op) -> str:
    if isinstance(op, ops.Pool):
        return f"{op.function} pool"
    return op.function.replace("_", " ") if isinstance(op, ops.Elementwise) else type(op).__name__.lower()


def is_added(node: Node, number: int) -> bool:
    """Return whether an operand is a bias where it is stored: what it adds is no part of the matrix."""
    if isinstance(node.op, ops.CONVOLUTIONS):
        return number == 2
    return isinstance(node.op, ops.Elementwise) and bool(node.op.about.terms)


def place(index: Sequence[int], sizes: Sequence[int]) -> int:
    """Return where an element lies in the flattened tensor."""
    flat = 0
    for part, size in zip(index, sizes, strict=True):
        flat = flat * size + part
    return flat


def _everywhere(value: Value) -> Iterator[tuple[int, ...]]:
    return product(*map(range, value.shape))


def _windows(node: Node) -> Iterator[Link]:
    """Walk from the side that has the kernel's positions: the output, or a transposed layer's input."""
    op, weight = node.op, node.inputs[1]
    assert isinstance(op, ops.CONVOLUTIONS)
    direct = isinstance(op, ops.Conv)
    walks, reads = (node.output, node.inputs[0]) if direct else (node.inputs[0], node.output)
    axes = [_pairs(w, i, o) for w, i, o in zip(op.windows, walks.spatial, reads.spatial, strict=True)]
    kernel = tuple(window.kernel for window in op.windows)
    per_group, partners = walks.channels // op.groups, weight.shape[1]
    for sample in range(walks.batch):
        for triples in product(*axes):
            positions, taps, read = zip(*triples, strict=True)
            for channel in range(walks.channels):
                for partner in range(partners):
                    near = place((sample, channel, *positions), walks.shape)
                    far = place((sample, channel // per_group * partners + partner, *read), reads.shape)
                    tap = place((channel, partner, *taps), (walks.channels, partners, *kernel))
                    yield Link(*((near, 0, far) if direct else (far, 0, near)), of=1, weight=tap)


def _pairs(window: Window, positions: int, size: int) -> list[tuple[int, int, int]]:
    """(walked position, tap, position read or written) along one axis, without those outside."""
    triples = []
    for i in range(positions):
        triples += [(i, tap, at) for tap, at in enumerate(window.reads(i)) if 0 <= at < size]
    return triples


def _averages(node: Node, op: ops.Pool) -> Iterator[Link]:
    """Each axis by itself: what a window reads, and among how many positions it shares."""
    x, out = node.inputs[0], node.output
    axes = []
    for axis, (size, count) in enumerate(zip(x.spatial, out.spatial, strict=True)):
        if not op.windows:
            reads = [list(adaptive_window(at, size, count)) for at in range(count)]
            axes.append([(each, len(each)) for each in reads])
            continue
        window = op.windows[axis]
        rows = [window.reads(at) for at in range(count)]
        inside = [[at for at in row if 0 <= at < size] for row in rows]
        counted = [sum(at < size + window.after for at in row) for row in rows]
        axes.append(list(zip(inside, counted if op.count_padding else map(len, inside), strict=True)))
    for lead in product(*map(range, out.shape[:2])):
        for position in product(*map(range, out.spatial)):
            shared = [axis[at] for axis, at in zip(axes, position, strict=True)]
            share = Fraction(1, prod(count for _, count in shared) or 1)
            for read in product(*(places for places, _ in shared)):
                yield Link(place((*lead, *position), out.shape), 0, place((*lead, *read), x.shape), share)


def _columns(node: Node, op: ops.Unfold | ops.Fold) -> Iterator[Link]:
    apart = isinstance(op, ops.Unfold)
    columns, whole = (node.output, node.inputs[0]) if apart else (node.inputs[0], node.output)
    rank = len(op.windows)
    for index in _everywhere(columns):
        taps, positions = index[2 : 2 + rank], index[2 + rank :]
        read = [w.stride * at + w.offset(tap) for w, tap, at in zip(op.windows, taps, positions, strict=True)]
        if all(0 <= at < size for at, size in zip(read, whole.spatial, strict=True)):
            there = place((*index[:2], *read), whole.shape)
            here = place(index, columns.shape)
            yield Link(*((here, 0, there) if apart else (there, 0, here)))


def _contraction(node: Node, op: ops.Einsum, weight: int) -> Iterator[Link]:
    reads, result = op.equation.split("->")
    parts = reads.split(",")
    shapes = tuple(value.shape for value in node.inputs)
    sizes = letter_sizes(op.equation, shapes, lambda *_, **__: None)
    data = 1 - weight
    for index in product(*(range(sizes[letter]) for letter in sizes)):
        at = dict(zip(sizes, index, strict=True))
        elements = [place([at[letter] for letter in part], shape) for part, shape in zip(parts, shapes, strict=True)]
        output = place([at[letter] for letter in result], node.output.shape)
        yield Link(output, data, elements[data], of=weight, weight=elements[weight])


def _resized(node: Node, op: ops.Resample) -> Iterator[Link]:
    x, out = node.inputs[0], node.output
    axes = []
    for axis, (size, count) in enumerate(zip(x.spatial, out.spatial, strict=True)):
        if copies(op, axis, size):
            axes.append([[(at, Fraction(1))] for at in range(count)])
            continue
        share = shares(op, ratio(op, axis, size))
        axes.append([[(min(max(at, 0), size - 1), part) for at, part in share(output)] for output in range(count)])
    for lead in product(*map(range, out.shape[:2])):
        for position in product(*map(range, out.spatial)):
            for read in product(*(axis[at] for axis, at in zip(axes, position, strict=True))):
                source = place((*lead, *(at for at, _ in read)), x.shape)
                yield Link(
                    place((*lead, *position), out.shape), 0, source, prod((part for _, part in read), start=Fraction(1))
                )


def _reduced(node: Node, op: ops.Reduce) -> Iterator[Link]:
    x = node.inputs[0]
    share = Fraction(1, prod(x.shape[axis] for axis in op.axes)) if op.function == "mean" else Fraction(1)
    for index in _everywhere(x):
        kept = tuple(0 if axis in op.axes else at for axis, at in enumerate(index) if op.keep or axis not in op.axes)
        yield Link(place(kept, node.output.shape), 0, place(index, x.shape), share)


def _rearranged(node: Node, op: ops.Rearrange) -> Iterator[Link]:
    flat = [factor for factors in op.split for factor in factors]
    ordered = [flat[axis] for axis in op.order]
    for index in product(*map(range, flat)):
        yield Link(place([index[axis] for axis in op.order], ordered), 0, place(index, flat))


def _moved(node: Node) -> Iterator[Link]:
    """Steps whose outputs each read at most one element of each operand: pads, slices, joins."""
    for number, follow in moves(node, [False] * len(node.inputs)):
        value = node.inputs[number]
        by_axis = [follow(axis) for axis in range(len(value.shape))]
        for index in _everywhere(node.output):
            reads = [
                move.reads(at) if move.reads else move.window.reads(at) if move.window else (at,)
                for move, at in zip(by_axis, index, strict=True)
            ]
            if all(0 <= each[0] < size for each, size in zip(reads, value.shape, strict=True)):
                source = place([each[0] for each in reads], value.shape)
                yield Link(place(index, node.output.shape), number, source)


def _added(node: Node, op: ops.Elementwise, stored: Sequence[bool]) -> Iterator[Link]:
    """A sum of tensors with a factor each, or a product with a weight or a number; stored ones stretch as they do."""
    settings = dict(op.settings)
    factors = op.about.terms or (1,) * len(node.inputs)
    number = Fraction(settings.get("other") or 1) if op.about.scales else Fraction(1)
    if not op.about.scales and {"other", "first"} & set(settings):
        factors = (-1,) if "first" in settings and len(op.about.terms) > 1 and op.about.terms[1] < 0 else (1,)
    scale = list(stored).index(True) if op.about.scales and any(stored) else None
    for index in _everywhere(node.output):
        here = place(index, node.output.shape)
        elements = [_stretched(index, value) for value in node.inputs]
        for operand, (element, factor) in enumerate(zip(elements, factors, strict=False)):
            if stored[operand]:
                continue
            weight = None if scale is None else elements[scale]
            yield Link(here, operand, element, factor * number, scale or 0, weight)


def _stretched(index: tuple[int, ...], value: Value) -> int:
    own = index[len(index) - len(value.shape) :]
    return place([at if size > 1 else 0 for at, size in zip(own, value.shape, strict=True)], value.shape)
