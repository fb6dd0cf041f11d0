"""`StackLayer` and `StackLayers`: a layer of a stack as every document writes it, and the layers of a graph by path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convcalc.analyses.counts.segments import Segment, segments
from convcalc.documents import plain
from convcalc.graph import Scope, Value

if TYPE_CHECKING:
    from convcalc.graph import Graph, Node, Path

STACK = "stack"
"""The kind of layers that are taken together."""
LAYER_KEYS = ("index", "name", "kind", "text", "input", "output")
"""What every row that is about a layer begins with."""


@dataclass(frozen=True, slots=True)
class StackLayer:
    """A layer or a part of one: its place from 0, its scope, and the tensors it reads and makes."""

    index: int
    scope: Scope
    inputs: Sequence[Value]
    outputs: Sequence[Value]

    @property
    def name(self) -> str:
        """The scope joined with dots, as torch names a module."""
        return self.scope.name

    def to_dict(self) -> dict[str, Any]:
        """Return the layer's object: `index`, `name`, `kind`, `text`, `input` and `output`."""
        return layer_json(
            self.index,
            self.name,
            self.scope.kind,
            self.scope.text or ".".join(self.scope.path[1:]),
            shapes_json(self.inputs),
            shapes_json(self.outputs),
        )


class StackLayers:
    """The layers of a graph, and the parts of them, each found by its path; a part has its outermost layer's place."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._by_depth: dict[int, dict[Path, Segment]] = {}
        self._places: dict[Path, int] = {}
        for segment in segments(graph):
            self._places.setdefault(segment.scope.path[:1], len(self._places))

    def of(self, path: Path) -> StackLayer:
        """Return the layer, or the part, that a step of this scope is in."""
        depth = max(len(path), 1)
        if depth not in self._by_depth:
            self._by_depth[depth] = {segment.scope.path: segment for segment in segments(self.graph, depth)}
        segment = self._by_depth[depth][path]
        return StackLayer(self._places[path[:1]], segment.scope, segment.inputs, segment.outputs)

    def around(self, path: Path) -> StackLayer:
        """Return the layer, or the part, whose one step this is: a step of a recipe that is no module is in one."""
        layer = self.of(path)
        return layer if layer.scope.kind or len(path) < 2 else self.of(path[:-1])

    def of_steps(self, steps: Sequence[Node]) -> tuple[StackLayer, ...]:
        """Return a layer for each step: the outermost it is in, or the parts where several steps share one."""
        top = [node.scope[:1] for node in steps]
        return tuple(map(self.of, top if len(set(top)) == len(top) else [node.scope for node in steps]))


def whole_stack(graph: Graph, index: int = 0) -> StackLayer:
    """Return a stack as a whole, in a row of its own."""
    return StackLayer(index, Scope((), STACK), graph.inputs, graph.outputs)


def layer_json(index: int, name: str, kind: str, text: str, inputs: Any, outputs: Any) -> dict[str, Any]:
    """Return the object of a layer, the beginning of every row that is about one."""
    return dict(zip(LAYER_KEYS, (index, name, kind, text, inputs, outputs), strict=True))


def shapes_json(values: Sequence[Value]) -> Any:
    """Return a shape as JSON holds it: a list of ints for one tensor, a list of lists for several."""
    return single_shape([plain(value.shape) for value in values])


def single_shape(shapes: Sequence[Any]) -> Any:
    """Return the one shape there is, or the list of several."""
    return shapes[0] if len(shapes) == 1 else list(shapes)
