"""Which convolutions of a graph are judged together: maximal runs of stride 1 with a dilation among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convcalc import ops
from convcalc.analyses.gridding import Gridding, check
from convcalc.errors import UnsupportedError

if TYPE_CHECKING:
    from convcalc.graph import Graph, Node, Path

TRANSPARENT = frozenset({"add_bias", "batch_norm", "identity", "dropout"})


@dataclass(frozen=True, slots=True)
class Group:
    """Convolutions on one path, first to last, judged along one axis; parallel branches are information only."""

    layers: tuple[Path, ...]
    axis: str
    gridding: Gridding
    parallel: bool


@dataclass(slots=True)
class _Run:
    nodes: list[Node]
    forked: bool


def groups(graph: Graph) -> list[Group]:
    """Return the groups of a graph, one per axis where the axes differ.

    A fork, merge, stride, pool, resize or any step that mixes positions ends a run; 1x1 convolutions, norms and
    activations do not. A run between a fork and a merge is one of several branches: `parallel`.
    """
    readers: dict[int, int] = {}
    for node in graph.nodes:
        for value in node.inputs:
            readers[value.index] = readers.get(value.index, 0) + 1
    open_runs: dict[int, _Run] = {}
    forked: dict[int, bool] = {}
    finished: list[tuple[_Run, bool]] = []
    for node in graph.nodes:
        runs = [open_runs.pop(value.index) for value in node.inputs if value.index in open_runs]
        below = any(forked.get(value.index, False) for value in node.inputs)
        if _transparent(node) and len(runs) <= 1:
            run = runs[0] if runs else None
        elif _walks(node):
            run = runs[0] if runs else _Run([], below)
            run.nodes.append(node)
        else:
            merges = len([value for value in node.inputs if not _weight(graph, value.index)]) > 1
            finished += [(done, done.forked and merges) for done in runs]
            run, below = None, below and not merges
        split = readers.get(node.output.index, 0) > 1
        if run is not None and split:
            finished.append((run, run.forked))
        elif run is not None:
            open_runs[node.output.index] = run
        forked[node.output.index] = below or split
    finished += [(run, run.forked) for run in open_runs.values()]
    return [group for run, parallel in finished for group in _judged(run, parallel)]


def _weight(graph: Graph, index: int) -> bool:
    return isinstance(graph.nodes[index].op, (ops.Parameter, ops.Constant))


def _transparent(node: Node) -> bool:
    op = node.op
    if isinstance(op, ops.Elementwise):
        return not op.axes and (op.function in TRANSPARENT or len(node.inputs) == 1 or op.function == "prelu")
    return isinstance(op, ops.Pad)


def _walks(node: Node) -> bool:
    return isinstance(node.op, ops.Conv) and all(
        isinstance(walk.stride, int) and walk.stride == 1 for walk in node.op.windows
    )


def _judged(run: _Run, parallel: bool) -> list[Group]:
    convs = [node.op.windows for node in run.nodes if isinstance(node.op, ops.Conv)]
    layers = tuple(node.scope[:1] for node in run.nodes)
    found: list[tuple[str, Gridding]] = []
    names = {1: ("",), 2: ("vertical", "horizontal"), 3: ("depth", "vertical", "horizontal")}
    for axis, name in enumerate(names[len(convs[0])] if convs else ()):
        walks = [windows[axis] for windows in convs]
        if not all(isinstance(size, int) for walk in walks for size in (walk.kernel, walk.dilation)):
            raise UnsupportedError("gridding needs plain numbers: give the rates and kernels")
        if any(walk.dilation > 1 and walk.kernel > 1 for walk in walks):
            found.append((name, check([walk.dilation for walk in walks], [walk.kernel for walk in walks])))
    if len(found) > 1 and all(one == found[0][1] for _, one in found) and len(found) == len(convs[0]):
        found = [("", found[0][1])]
    return [Group(layers, name, one, parallel) for name, one in found]
