"""`Scene`: what a picture of layers shows: maps of inputs and outputs, and what each output element reads of them.

Of a single window (a convolution either way, a pool) it also holds the walk: the canvas that the kernel slides over,
with its padding and, of a transposed layer, the zeros between the positions, and which tap falls on which cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy

from convcalc import ops
from convcalc.analyses.wiring.links import place
from convcalc.analyses.wiring.wires import followed, wires
from convcalc.errors import ShapeError
from convcalc.folding import folded
from convcalc.graph import Graph
from convcalc.sizes import known
from convcalc.subject import Subject

if TYPE_CHECKING:
    from convcalc.graph import Node, Value
    from convcalc.window import Window


MAX_ALIKE: Final = 256
"""Channels that are compared with one another."""


class Plane(NamedTuple):
    """One axis of the canvas: `size` positions, `spacing` cells from one to the next, cells of padding at both ends.

    Output `o` puts tap number `t` of the kernel on cell `step * o + dilation * t - before + ahead`. A transposed layer
    walks with step 1 over its stretched input, with its taps in reverse order.
    """

    size: int
    spacing: int
    ahead: int
    length: int
    step: int
    before: int
    dilation: int
    kernel: int
    turned: bool

    def cell(self, position: int) -> int:
        """Return where a position of the input lies on the canvas."""
        return self.ahead + self.spacing * position

    def position(self, cell: int) -> int | None:
        """Return which position of the input lies on a cell: None for padding and for zeros put in between."""
        at, rest = divmod(cell - self.ahead, self.spacing)
        return at if not rest and 0 <= at < self.size else None

    def is_padding(self, cell: int) -> bool:
        """Whether a cell lies outside of the input."""
        return not self.ahead <= cell <= self.cell(self.size - 1)

    def covers(self, output: int) -> list[tuple[int, int]]:
        """Return the cells under the kernel at an output, each with its tap."""
        start = self.step * output - self.before + self.ahead
        taps = range(self.kernel - 1, -1, -1) if self.turned else range(self.kernel)
        return [(start + self.dilation * nth, tap) for nth, tap in enumerate(taps)]


def plane(window: Window, size: int, outputs: int, *, transposed: bool = False) -> Plane:
    """Return one axis of the canvas that a window slides over, or that a transposed one slides over when stretched."""
    spread = window.dilation * (window.kernel - 1)
    if transposed:
        spacing, step, before = window.stride, 1, spread - window.before
    else:
        spacing, step, before = 1, window.stride, window.before
    stretched = spacing * (size - 1) + 1
    last = step * (outputs - 1) - before + spread
    wanted = stretched + window.after if not transposed else stretched
    ahead = max(before, 0)
    length = ahead + max(stretched, wanted, last + 1)
    return Plane(size, spacing, ahead, length, step, before, window.dilation, window.kernel, transposed)


class Read(NamedTuple):
    """An element of an input that an output reads: the input's number, the element, and the weight or tap between."""

    source: int
    element: int
    weight: int | None = None


class Walk(NamedTuple):
    """A single window: its step, the planes of its axes, and how many weights it has of each output channel."""

    node: Node
    planes: tuple[Plane, ...]

    @property
    def transposed(self) -> bool:
        """Whether the input is stretched."""
        return isinstance(self.node.op, ops.ConvTranspose)

    @property
    def weighted(self) -> bool:
        """Whether each tap has a weight: a convolution, not a pool."""
        return isinstance(self.node.op, ops.CONVOLUTIONS)

    @property
    def kernel(self) -> tuple[int, ...]:
        """Taps along each axis."""
        return tuple(each.kernel for each in self.planes)

    @property
    def groups(self) -> int:
        """Groups of channels that do not see one another; of a pool every channel is one."""
        op = self.node.op
        return op.groups if isinstance(op, ops.CONVOLUTIONS) else self.node.output.channels

    def channels_of(self, output: int) -> range:
        """Return the input channels that an output channel reads."""
        each = self.node.inputs[0].channels // self.groups
        group = output // (self.node.output.channels // self.groups)
        return range(group * each, (group + 1) * each)

    def weight(self, output: int, channel: int, tap: tuple[int, ...]) -> int:
        """Return the place of the weight between two channels at a tap; of a pool the number of the tap."""
        if not self.weighted:
            return place(tap, self.kernel)
        shape = self.node.inputs[1].shape
        if self.transposed:
            nth = output % (self.node.output.channels // self.groups)
            return place((channel, nth, *tap), shape)
        return place((output, channel - self.channels_of(output).start, *tap), shape)

    def reads(self, output: int, position: tuple[int, ...]) -> list[Read]:
        """Return what one output reads of the input; taps on padding and on zeros read nothing."""
        x = self.node.inputs[0]
        found = []
        covers = [each.covers(at) for each, at in zip(self.planes, position, strict=True)]
        for channel in self.channels_of(output):
            for taps in product(*covers):
                at = [each.position(cell) for each, (cell, _) in zip(self.planes, taps, strict=True)]
                if None not in at:
                    element = place((channel, *(each for each in at if each is not None)), x.shape[1:])
                    found.append(Read(0, element, self.weight(output, channel, tuple(tap for _, tap in taps))))
        return found


class Between(NamedTuple):
    """A layer on the way, and which elements of its output are read: a boolean array (channels, *positions)."""

    name: str
    read: numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.bool_]]


@dataclass(frozen=True)
class Scene:
    """The layers that are drawn, on an input of known sizes; `note` says where that was chosen for the picture."""

    subject: Subject
    note: str = ""

    @property
    def inputs(self) -> tuple[Value, ...]:
        """The maps on the left."""
        return self.subject.graph.inputs

    @property
    def outputs(self) -> tuple[Value, ...]:
        """The maps on the right."""
        return self.subject.graph.outputs

    @cached_property
    def walk(self) -> Walk | None:
        """The single window that the layers are; None where they are anything else."""
        return walk_of(self.subject.graph)

    def reads(self, output: int, elements: list[int]) -> list[list[Read]]:
        """Return what elements of an output, numbered through one sample, read of the inputs.

        Raises LimitError where those are too many to follow one by one.
        """
        value = self.outputs[output]
        shape = sample_shape(value)
        if self.walk is not None:
            indices = [numpy.unravel_index(element, shape) for element in elements]
            return [self.walk.reads(int(at[0]), tuple(map(int, at[1:]))) for at in indices]
        marks = numpy.zeros((len(elements), prod(value.shape)), bool)
        marks[range(len(elements)), elements] = True
        arrived = wires(self.subject.graph, value, marks.reshape(-1, *value.shape))
        found: list[list[Read]] = [[] for _ in elements]
        for source, each in enumerate(self.inputs):
            if each.index in arrived:
                for question, element in zip(*arrived[each.index].reshape(len(elements), -1).nonzero(), strict=True):
                    found[question].append(Read(source, int(element)))
        return found

    def between(self, output: int, element: int) -> list[Between]:
        """Return what the outputs of the layers before the last hold of one output: what it reads of each.

        Nothing where there is a single layer. Raises as `reads` does.
        """
        graph = self.subject.graph
        lasts: dict[tuple[str, ...], Value] = {}
        depends = graph.dependent()
        for node in graph.nodes:
            if len(node.scope) and node.output.index in depends:
                lasts[node.scope[:1]] = node.output
        texts = {scope.path: scope.text or scope.kind for scope in graph.scopes}
        value = self.outputs[output]
        if len(lasts) < 2:
            return []
        marks = numpy.zeros((1, prod(value.shape)), bool)
        marks[0, element] = True
        arrived = followed(graph, value, marks.reshape(1, *value.shape))
        return [
            Between(f"{path[0]}: {texts.get(path, '')}", arrived[each.index][0].reshape(sample_shape(each)))
            for path, each in lasts.items()
            if each.index != value.index and each.index in arrived
        ]

    def alike(self, output: int) -> list[list[int]]:
        """Return the channels of an output in groups whose positions read alike: at the middle, of any channel.

        Of more than MAX_ALIKE channels some, evenly chosen, are looked at. Raises as `reads` does.
        """
        value = self.outputs[output]
        shape = sample_shape(value)
        step = -(-shape[0] // MAX_ALIKE)
        channels = list(range(0, shape[0], step))
        middle = place([size // 2 for size in shape[1:]], shape[1:])
        found = self.reads(output, [channel * prod(shape[1:]) + middle for channel in channels])
        groups: dict[frozenset[tuple[int, int]], list[int]] = {}
        for channel, reads in zip(channels, found, strict=True):
            positions = frozenset((read.source, read.element % self._positions(read.source)) for read in reads)
            groups.setdefault(positions, []).append(channel)
        return list(groups.values())

    def _positions(self, source: int) -> int:
        return prod(sample_shape(self.inputs[source])[1:])

    def check(self) -> None:
        """Raise ShapeError for what has no picture: sizes that are not known, several samples."""
        layers = self.subject.block.layers
        batched = not any(layer.kind.rows or layer.kind.layout for layer in layers[:1])
        for value in (*self.inputs, *self.outputs):
            if not known(*value.shape):
                raise ShapeError("a picture needs the input's size: give it with -i")
            if batched and value.shape[0] != 1:
                raise ShapeError("a picture is that of one sample: give -i without a batch")


def sample_shape(value: Value) -> tuple[int, ...]:
    """Return (channels, *positions) of a value with a batch of one; a tensor without a batch is itself."""
    return tuple(value.shape[1:]) if value.shape[0] == 1 and len(value.shape) > 1 else tuple(value.shape)


def walk_of(graph: Graph) -> Walk | None:
    """Return the walk of a graph that is one convolution, transposed convolution or pool by windows; else None."""
    nodes, _ = folded(graph.nodes, 0)
    depends = Graph(tuple(nodes), ()).dependent()
    steps = [node for node in nodes if node.output.index in depends and not isinstance(node.op, ops.SOURCES)]
    steps = [node for node in steps if not _adds_bias(node, depends)]
    if len(steps) != 1:
        return None
    (node,) = steps
    op = node.op
    if isinstance(op, ops.CONVOLUTIONS) or (isinstance(op, ops.Pool) and op.windows and not op.random):
        if isinstance(op, ops.CONVOLUTIONS) and node.inputs[1].index in depends:
            return None
        transposed = isinstance(op, ops.ConvTranspose)
        sizes = zip(op.windows, node.inputs[0].spatial, node.output.spatial, strict=True)
        return Walk(node, tuple(plane(w, size, count, transposed=transposed) for w, size, count in sizes))
    return None


def _adds_bias(node: Node, depends: set[int]) -> bool:
    stored = [value for value in node.inputs if value.index not in depends]
    return isinstance(node.op, ops.Elementwise) and bool(node.op.about.terms) and len(stored) == 1
