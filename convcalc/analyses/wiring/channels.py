"""`channel_stages`: which channels join which, step by step through layers, and through all of them together."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy

from convcalc.analyses.steps import describe_step
from convcalc.analyses.wiring.wires import channel_marks, channels_marked, followed

if TYPE_CHECKING:
    from convcalc.graph import Graph, Value

Table = numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.bool_]]


class Stage(NamedTuple):
    """A step that joins channels, and the matrix (channels out, channels in) of which joins which."""

    name: str
    table: Table


def channel_stages(graph: Graph) -> list[Stage]:
    """Return the steps of a chain of layers that mix or move channels; nothing where branches part or meet.

    Raises LimitError where there are too many channels to follow one by one.
    """
    depends = graph.dependent()
    steps = [node for node in graph.nodes if node.inputs and node.output.index in depends]
    last = graph.inputs[0]
    earlier: Value = last
    stages = []
    for node in steps:
        data = [value for value in node.inputs if value.index in depends]
        if [value.index for value in data] != [earlier.index]:
            return []
        earlier = node.output
        if len(earlier.shape) != len(graph.inputs[0].shape):
            continue  # an arrangement in between, which has no channels of its own
        arrived = followed(graph, earlier, channel_marks(earlier)).get(last.index)
        if arrived is None:
            return []
        table = channels_marked(arrived)
        if table.shape[0] != table.shape[1] or not (table == numpy.eye(len(table), dtype=bool)).all():
            stages.append(Stage(describe_step(node), table))
        last = earlier
    return stages
