"""`wires`: which elements of the inputs the marked elements of a value read: channels as well as positions.

Marks are boolean arrays with one more axis in front, a set of elements for each question, and are followed upwards
from the value to the inputs. Every step but a few is a product over axes: a matrix of zeros and ones for each.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy

from convcalc import ops
from convcalc.analyses.field.moves import SUMMED, Move, moves
from convcalc.errors import LimitError
from convcalc.limits import MAX_WIRE_CELLS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convcalc.graph import Graph, Node, Value
    from convcalc.window import Window

Marks: TypeAlias = Any
"""A boolean numpy array (questions, *shape of a value)."""
Arrivals: TypeAlias = list[tuple[int, Marks]]
"""What a step reads: the number of an operand, and its marks."""


def wires(graph: Graph, value: Value, marks: Marks) -> dict[int, Marks]:
    """Return for each input, by its value's index, the elements that marked ones of `value` (questions, *shape) read.

    Places that come from the data are followed where they are nominal: the taps of a deformable convolution at zero
    offsets. Raises LimitError where the marks of a step are too many to hold.
    """
    arrived = followed(graph, value, marks)
    return {each.index: arrived[each.index] for each in graph.inputs if each.index in arrived}


def followed(graph: Graph, value: Value, marks: Marks) -> dict[int, Marks]:
    """Return the marks of every value that depends on an input, on the way from `value` up to the inputs."""
    depends = graph.dependent()
    arrived: dict[int, Marks] = {value.index: marks}
    for node in reversed(graph.nodes[: value.index + 1]):
        if node.output.index not in arrived:
            continue
        for number, found in read_by(node, arrived[node.output.index], [v.index in depends for v in node.inputs]):
            read = node.inputs[number]
            if read.index in depends:
                _check(found)
                before = arrived.get(read.index)
                arrived[read.index] = found if before is None else before | found
    return arrived


def channel_wires(graph: Graph, value: Value) -> dict[int, Any]:
    """Return for each input the matrix (channels out of a value, channels in) that says which channel joins which."""
    return {index: channels_marked(each) for index, each in wires(graph, value, channel_marks(value)).items()}


def element_marks(value: Value, elements: Sequence[int]) -> Marks:
    """Return a question for each of some elements of a value, numbered through it, which marks that element alone."""
    marks = numpy.zeros((len(elements), prod(value.shape)), bool)
    marks[range(len(elements)), elements] = True
    return marks.reshape(-1, *value.shape)


def channel_marks(value: Value) -> Marks:
    """Return a question for each channel of a value, which marks all of its positions."""
    axis = min(len(value.shape) - 1, 1)
    channels = value.shape[axis]
    own = numpy.eye(channels, dtype=bool).reshape(channels, *(-1 if n == axis else 1 for n in range(len(value.shape))))
    return numpy.broadcast_to(own, (channels, *value.shape))


def channels_marked(marks: Marks) -> Any:
    """Return marks (questions, batch, channels, ...) as questions by channels, the other axes taken together."""
    channel = 2 if marks.ndim > 2 else 1
    return marks.any(axis=tuple(axis for axis in range(1, marks.ndim) if axis != channel))


def _check(marks: Marks) -> None:
    if marks.size > MAX_WIRE_CELLS:
        raise LimitError(
            f"{marks.size:,} pairs of elements are past what is followed one by one ({MAX_WIRE_CELLS:,}):"
            " use a smaller input or fewer channels"
        )


def read_by(node: Node, marks: Marks, carried: Sequence[bool]) -> Arrivals:
    """Return what a step's marked outputs read of each operand, of which `carried` says that it depends on an input."""
    op, inputs = node.op, node.inputs
    match op:
        case ops.Conv():
            return _convolved(node, marks)
        case ops.ConvTranspose():
            return _convolved(node, marks)
        case ops.Unfold() | ops.Sample() if op.windows:
            return [(0, _unfolded(op.windows, marks, inputs[0].shape))]
        case ops.Fold():
            return [(0, _laid(op.windows, marks, inputs[0].shape))]
        case ops.Rearrange():
            return [(0, _put_back(op, marks, inputs[0].shape))]
        case ops.Pool() if op.random:
            return [(0, _broad(marks, inputs[0].shape, 2))]
        case ops.Pool() if op.windows:
            return [(0, _by_axis(marks, inputs[0].shape, node, _positions(op.windows)))]
        case ops.Recurrent():
            return [(0, _earlier(op, marks, inputs[0].shape))]
        case ops.Sample():
            return [(0, _broad(marks, inputs[0].shape, 0)), *_places(node, marks)]
        case ops.Opaque():
            return [(number, _broad(marks, value.shape, 0)) for number, value in enumerate(inputs)]
        case ops.Elementwise() if op.about.partial_write or op.about.neighbours is not None:
            return _elementwise(op, node, marks)
        case ops.Pool() | ops.Resample():
            ((_, follow),) = moves(node, carried)
            return [(0, _by_axis(marks, inputs[0].shape, node, lambda axis: follow(axis) if axis > 1 else Move(axis)))]
        case _:
            return [(n, _by_axis(marks, inputs[n].shape, node, follow)) for n, follow in moves(node, carried)]


def _positions(windows: tuple[Window, ...], *, transposed: bool = False) -> Callable[[int], Move]:
    return lambda axis: Move(axis, windows[axis - 2], transposed) if axis > 1 else Move(axis)


def _convolved(node: Node, marks: Marks) -> Arrivals:
    """The input by windows and groups; a weight or a bias that depends on an input by its output channels."""
    op, (x, weight, *bias) = node.op, node.inputs
    assert isinstance(op, ops.CONVOLUTIONS)
    transposed = isinstance(op, ops.ConvTranspose)
    out, groups = node.output.channels, op.groups
    together = marks.reshape(*marks.shape[:2], groups, out // groups, *marks.shape[3:]).any(axis=3)
    spread = numpy.repeat(together, x.channels // groups, axis=2)
    positions = _positions(op.windows, transposed=transposed)
    arrivals = [(0, _by_axis(spread, x.shape, node, positions))]
    for number, value in enumerate((weight, *bias), 1):
        lead = 1 if number == 1 and transposed else 0
        if lead:  # (in, out/groups, ...): every group's part of the outputs
            parts = marks.reshape(*marks.shape[:2], groups, out // groups, *marks.shape[3:])
            kept = parts.any(axis=(1, *range(4, parts.ndim)))
            found = numpy.repeat(kept, value.shape[0] // groups, axis=1)
            arrivals.append((1, _wide(found, value.shape)))
        else:
            arrivals.append((number, _wide(marks.any(axis=(1, *range(3, marks.ndim))), value.shape)))
    return arrivals


def _wide(marks: Marks, shape: tuple[int, ...]) -> Marks:
    """Marks of the leading axes of a shape, for all of the others."""
    more = marks.reshape(*marks.shape, *(1,) * (len(shape) + 1 - marks.ndim))
    return numpy.broadcast_to(more, (len(marks), *shape))


def _by_axis(marks: Marks, shape: tuple[int, ...], node: Node, follow: Callable[[int], Move]) -> Marks:
    """Marks of what a step reads where each axis of an operand goes its own way: one product of 0 and 1 for each."""
    targets = [follow(axis) for axis in range(len(shape))]
    kept = [move.along for move in targets if move.along is not None]
    dropped = tuple(axis + 1 for axis in range(marks.ndim - 1) if axis not in kept)
    found = marks.any(axis=dropped) if dropped else marks
    left = sorted(kept)
    found = numpy.transpose(found, (0, *(1 + left.index(along) for along in kept)))
    place = 1
    for axis, move in enumerate(targets):
        if move.along is None:
            found = numpy.repeat(numpy.expand_dims(found, place), shape[axis], axis=place)
        else:
            table = relation(move, node.output.shape[move.along], shape[axis])
            if table is not None:
                found = _through(found, place, table)
        place += 1
    return found


def _through(marks: Marks, axis: int, table: Any) -> Marks:
    product = numpy.tensordot(marks.astype(numpy.float32), table, axes=(axis, 0))
    return numpy.moveaxis(product, -1, axis) > 0


def relation(move: Move, outputs: int, inputs: int) -> Any:
    """Return the matrix (outputs, inputs) of which position of an axis reads which; None where each reads its own."""
    if move.window is None and move.reads is None:
        return None
    if move.transposed and move.window is not None:
        return relation(move._replace(transposed=False), inputs, outputs).T
    table = numpy.zeros((outputs, inputs), numpy.float32)
    reads = move.reads or (move.window.reads if move.window is not None else None)
    assert reads is not None
    for output in range(outputs):
        for place in reads(output):
            if 0 <= place < inputs:
                table[output, place] = 1
    return table


def tap_relation(window: Window, outputs: int, inputs: int) -> Any:
    """Return (taps, outputs, inputs): which position each tap of each output reads."""
    table = numpy.zeros((window.kernel, outputs, inputs), numpy.float32)
    for output in range(outputs):
        for tap, place in enumerate(window.reads(output)):
            if 0 <= place < inputs:
                table[tap, output, place] = 1
    return table


def _unfolded(windows: tuple[Window, ...], marks: Marks, shape: tuple[int, ...]) -> Marks:
    """(questions, B, C, *taps, *outputs) to (questions, B, C, *inputs)."""
    rank = len(windows)
    found = marks.astype(numpy.float32)
    for axis, window in enumerate(windows):
        table = tap_relation(window, marks.shape[3 + rank + axis], shape[2 + axis])
        found = numpy.tensordot(found, table, axes=((3, 3 + rank - axis), (0, 1)))
    return found > 0


def _laid(windows: tuple[Window, ...], marks: Marks, shape: tuple[int, ...]) -> Marks:
    """(questions, B, C, *outputs) to (questions, B, C, *taps, *positions): what wrote each output."""
    rank = len(windows)
    found = marks.astype(numpy.float32)
    for axis, window in enumerate(windows):
        table = tap_relation(window, shape[2 + rank + axis], marks.shape[3 + axis])
        found = numpy.tensordot(found, table, axes=(3, 2))
    order = (0, 1, 2, *range(3, 3 + 2 * rank, 2), *range(4, 3 + 2 * rank, 2))
    return numpy.transpose(found, order) > 0


def _put_back(op: ops.Rearrange, marks: Marks, shape: tuple[int, ...]) -> Marks:
    flat = [factor for factors in op.split for factor in factors]
    ordered = marks.reshape(len(marks), *(flat[place] for place in op.order))
    back = [op.order.index(factor) for factor in range(len(flat))]
    return numpy.transpose(ordered, (0, *(1 + place for place in back))).reshape(len(marks), *shape)


def _broad(marks: Marks, shape: tuple[int, ...], kept: int) -> Marks:
    """Everything behind the first `kept` axes, for those of them that are marked."""
    return _wide(marks.any(axis=tuple(range(1 + kept, marks.ndim))), shape)


def _earlier(op: ops.Recurrent, marks: Marks, shape: tuple[int, ...]) -> Marks:
    """Every feature of every step up to a marked one, of those that walk back every step from there on."""
    along = 2 - op.batch
    ways = [marks[..., : op.features].any(axis=-1), marks[..., op.features :].any(axis=-1)]
    forth = numpy.flip(numpy.logical_or.accumulate(numpy.flip(ways[0], along), along), along)
    steps = forth | numpy.logical_or.accumulate(ways[1], along)
    if op.bidirectional and op.layers > 1:
        steps = numpy.broadcast_to(steps.any(axis=along, keepdims=True), steps.shape)
    return numpy.repeat(steps[..., None], shape[-1], axis=-1)


def _places(node: Node, marks: Marks) -> Arrivals:
    """The places that a look-up reads at: those of the same output where there are as many, else all of them."""
    arrivals = []
    for number, value in enumerate(node.inputs[1:], 1):
        same = node.output.shape[: len(value.shape)] == value.shape
        found = marks.any(axis=tuple(range(1 + len(value.shape), marks.ndim))) if same else None
        arrivals.append((number, _broad(marks, value.shape, 0) if found is None else found))
    return arrivals


def _elementwise(op: ops.Elementwise, node: Node, marks: Marks) -> Arrivals:
    """A function that looks at neighbours along an axis, or writes into a part of its first tensor."""
    about, shape = op.about, node.inputs[0].shape
    if about.neighbours is None:
        return [(number, _broad(marks, value.shape, 0)) for number, value in enumerate(node.inputs)]
    axis, *others = op.axes
    size, near = shape[axis], about.neighbours(dict(op.settings))
    own = Move(axis, reads=lambda place: near(place, size))
    return [(0, _by_axis(marks, shape, node, lambda at: own if at == axis else SUMMED if at in others else Move(at)))]
