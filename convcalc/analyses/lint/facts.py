"""`Facts`: what lint's rules look at and what they find."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from convcalc.analyses.field.fields import Field, fields
from convcalc.analyses.field.receptive import Receptive, receptive
from convcalc.errors import UnsupportedError
from convcalc.sizes import known

if TYPE_CHECKING:
    from convcalc.graph import Graph, Node, Path, Value


class Finding(NamedTuple):
    """One thing found: where (scopes), a sentence, its numbers, and what to do instead."""

    code: str
    where: tuple[Path, ...]
    text: str
    numbers: dict[str, Any]
    remedy: str


Findings: TypeAlias = Iterator[Finding]


class Facts(NamedTuple):
    """What rules look at: the graph, who reads each value, what each sees (None where that needs sizes), an object.

    `ridge` is the machine's FLOPs per byte below which memory bounds a kernel, None where it is not known.
    """

    graph: Graph
    readers: dict[int, list[Node]]
    fields: dict[int, Field] | None
    smallest: int | None
    ridge: float | None = None

    @classmethod
    def of(cls, graph: Graph, smallest: int | None = None, ridge: float | None = None) -> Facts:
        """Work out once what several rules ask for."""
        try:
            by_value: dict[int, Field] | None = fields(graph)
        except UnsupportedError:
            by_value = None
        return cls(graph, graph.readers(), by_value, smallest, ridge)

    def steps(self, *kinds: type) -> Iterator[Node]:
        """The steps of these kinds."""
        return (node for node in self.graph.nodes if isinstance(node.op, kinds))

    @property
    def sized(self) -> bool:
        """Whether every size is known."""
        return all(known(*node.output.shape) for node in self.graph.nodes)

    def field(self, value: Value) -> Receptive | None:
        """What a value sees of the first input."""
        if self.fields is None:
            return None
        return receptive(self.fields[value.index], len(self.graph.inputs[0].shape) - 2, 0, value.shape)
