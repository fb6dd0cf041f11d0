"""`Scene`: what a picture of layers shows: maps of inputs and outputs, and what each output element reads of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy

from convcalc import ops
from convcalc.analyses.wiring.links import place
from convcalc.analyses.wiring.walk import Read, Walk, walk_of
from convcalc.analyses.wiring.wires import element_marks, followed, wires
from convcalc.errors import ShapeError
from convcalc.sizes import known
from convcalc.subject import Subject

if TYPE_CHECKING:
    from convcalc.graph import Value


AXES: Final = {"L": "steps", "F": "features"}
"""What the axes of a sequence count."""
MAX_ALIKE: Final = 256
"""Channels that are compared with one another."""


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
    def words(self) -> tuple[str, ...]:
        """What the axes of sequences, graphs and features count; nothing of maps, which have channels and positions."""
        layers = self.subject.block.layers
        if not layers:
            return ()
        layer, rank = layers[0], len(self.inputs[0].shape)
        if layer.kind.rows:
            return (layer.kind.rows, "features")
        if layer.kind.layout:
            return tuple(AXES.get(axis, axis) for axis in layer.kind.axes(layer.arguments) if axis != "N")
        return (*("rows",) * (rank - 2), "features") if layer.kind.axis == -1 else ()

    def shape(self, value: Value) -> tuple[int, ...]:
        """Return (channels, *positions) of one sample of a value; what has no channels has a single one."""
        if not self.words:
            return tuple(value.shape[1:]) if len(value.shape) > 1 else tuple(value.shape)
        layers = self.subject.block.layers
        if layers[0].kind.rows:
            return (1, *value.shape)
        axis = self.subject.batch_axis
        return (1, *value.shape[:axis], *value.shape[axis + 1 :])

    @property
    def nominal(self) -> list[str]:
        """What is said where the places that are read come from the data, or from chance."""
        found = []
        for node in self.subject.graph.nodes:
            if isinstance(node.op, ops.Sample) and node.op.windows:
                found.append("what is lit is read at zero offsets; with others it lies elsewhere")
            if isinstance(node.op, ops.Pool) and node.op.random:
                found.append("the windows lie at random: any of what is lit may be read")
        return list(dict.fromkeys(found))

    @cached_property
    def walk(self) -> Walk | None:
        """The single window that the layers are; None where they are anything else."""
        return walk_of(self.subject.graph)

    def reads(self, output: int, elements: list[int]) -> list[list[Read]]:
        """Return what elements of an output, numbered through one sample, read of the inputs.

        Raises LimitError where those are too many to follow one by one.
        """
        value = self.outputs[output]
        shape = self.shape(value)
        if self.walk is not None:
            indices = [numpy.unravel_index(element, shape) for element in elements]
            return [self.walk.reads(int(at[0]), tuple(map(int, at[1:]))) for at in indices]
        arrived = wires(self.subject.graph, value, element_marks(value, elements))
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
        arrived = followed(graph, value, element_marks(value, [element]))
        return [
            Between(f"{path[0]}: {texts.get(path, '')}", arrived[each.index][0].reshape(self.shape(each)))
            for path, each in lasts.items()
            if each.index != value.index and each.index in arrived
        ]

    def alike(self, output: int) -> list[list[int]]:
        """Return the channels of an output in groups whose positions read alike: at the middle, of any channel.

        Of more than MAX_ALIKE channels some, evenly chosen, are looked at. Raises as `reads` does.
        """
        value = self.outputs[output]
        shape = self.shape(value)
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
        return prod(self.shape(self.inputs[source])[1:])

    def check(self) -> None:
        """Raise ShapeError for what has no picture: sizes that are not known, several samples."""
        layers = self.subject.block.layers
        nodes = any(layer.kind.rows for layer in layers[:1])
        for value in (*self.inputs, *self.outputs):
            if not known(*value.shape):
                raise ShapeError("a picture needs the input's size: give it with -i")
            if not nodes and value.shape[self.subject.batch_axis] != 1:
                raise ShapeError("a picture is that of one sample: give -i without a batch")
