"""`module_rows`: a graph as the tree of its modules: every scope with all that is inside it, parents before parts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from convcalc import ops
from convcalc.analyses.counts.macs import macs_of, other_of
from convcalc.analyses.counts.memory import bytes_of, is_stored, storages
from convcalc.analyses.counts.params import Params, params_of
from convcalc.graph import Value, shared_depth
from convcalc.sizes import Size, total
from convcalc.units import ITEMSIZES
from convcalc.window import Window

if TYPE_CHECKING:
    from convcalc.graph import Graph, Node, Path, Scope

FP32 = ITEMSIZES["fp32"]


class ModuleRow(NamedTuple):
    """One module with all that is inside: counts of one copy, where it stands `times` times.

    `parts` is how many modules lie directly inside; `windows` those of the one walk that it is; `made_bytes` are those
    of all tensors made inside, `moved_bytes` what it reads, holds and gives (in single precision). `borrowed` says that
    it works with weights of another, `unused` names its parameters that no step reads.
    """

    scope: Scope
    parts: int
    params: Params
    macs: Size
    other: dict[str, Size]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    windows: tuple[Window, ...]
    made_bytes: Size
    moved_bytes: Size
    borrowed: bool
    unused: int

    @property
    def path(self) -> Path:
        """Its names, from the outside."""
        return self.scope.path

    @property
    def name(self) -> str:
        """The scope joined with dots, as torch names a module."""
        return ".".join(self.scope.path)

    @property
    def times(self) -> int:
        """How often the row counts in totals."""
        return self.scope.times


@dataclass
class _Sums:
    """What is inside one scope, as it is added up."""

    params: list[Params] = field(default_factory=list)
    macs: list[Size] = field(default_factory=list)
    other: dict[str, Size] = field(default_factory=dict)
    inputs: dict[int, Value] = field(default_factory=dict)
    outputs: dict[int, Value] = field(default_factory=dict)
    walks: list[tuple[Window, ...]] = field(default_factory=list)
    made: list[Size] = field(default_factory=list)
    held: list[Size] = field(default_factory=list)
    borrowed: bool = False
    unused: int = 0


def module_rows(graph: Graph, depth: int | None = None) -> list[ModuleRow]:
    """Return a row for every scope down to a depth, in the order they were entered, each parent before its parts."""
    sums: dict[Path, _Sums] = {scope.path: _Sums() for scope in graph.scopes}
    readers, results = graph.readers(), {value.index for value in graph.outputs}
    roots = storages(graph)
    for node in graph.nodes:
        if isinstance(node.op, ops.Input):
            continue
        above = [node.scope[:length] for length in range(1, len(node.scope) + 1)]
        for path in above:
            _add(sums[path], node, roots)
        _note_edges(sums, node, graph, 0 if node.output.index in results else _reach(node, readers))
        if isinstance(node.op, ops.Parameter) and node.output.index not in readers:
            for path in above:
                sums[path].unused += 1
    parts: dict[Path, int] = {}
    for scope in graph.scopes:
        parts[scope.path[:-1]] = parts.get(scope.path[:-1], 0) + 1
    chosen = [scope for scope in graph.scopes if depth is None or len(scope.path) <= depth]
    return [_row(scope, parts.get(scope.path, 0), sums[scope.path]) for scope in _ordered(chosen)]


def _ordered(scopes: list[Scope]) -> list[Scope]:
    """Parents before their parts, all of them before the next."""
    inside: dict[Path, list[Scope]] = {}
    for scope in scopes:
        inside.setdefault(scope.path[:-1], []).append(scope)
    ordered: list[Scope] = []
    stack = inside.get((), [])[::-1]
    while stack:
        scope = stack.pop()
        ordered.append(scope)
        stack += inside.get(scope.path, [])[::-1]
    return ordered


def _add(sums: _Sums, node: Node, roots: dict[int, int]) -> None:
    if isinstance(node.op, ops.Parameter):
        sums.params.append(params_of(node))
        sums.held.append(bytes_of(node.output, FP32))
    elif not is_stored(node):
        sums.macs.append(macs_of(node))
        for name, work in other_of(node).items():
            sums.other[name] = total((sums.other.get(name, 0), work))
        if roots[node.output.index] == node.output.index:
            sums.made.append(bytes_of(node.output, FP32))
        if isinstance(node.op, (ops.Conv, ops.ConvTranspose, ops.Pool)):
            sums.walks.append(node.op.windows)


def _reach(node: Node, readers: dict[int, list[Node]]) -> int:
    """How many names its outermost reader shares with a step: of deeper scopes its value is an output."""
    return min(
        (shared_depth(node.scope, reader.scope) for reader in readers.get(node.output.index, ())),
        default=len(node.scope),
    )


def _note_edges(sums: dict[Path, _Sums], node: Node, graph: Graph, reach: int) -> None:
    """Note of which scopes a step reads from outside, and of which its value is given out."""
    if not is_stored(node):
        for length in range(reach + 1, len(node.scope) + 1):
            sums[node.scope[:length]].outputs[node.output.index] = node.output
    for value in node.inputs:
        maker = graph.nodes[value.index]
        for length in range(shared_depth(node.scope, maker.scope) + 1, len(node.scope) + 1):
            inside = sums[node.scope[:length]]
            if not is_stored(maker):
                inside.inputs[value.index] = value
            elif isinstance(maker.op, ops.Parameter):
                inside.borrowed = True


def _row(scope: Scope, parts: int, sums: _Sums) -> ModuleRow:
    edges = total(bytes_of(value, FP32) for value in (*sums.inputs.values(), *sums.outputs.values()))
    return ModuleRow(
        scope=scope,
        parts=parts,
        params=sum(sums.params, Params()),
        macs=total(sums.macs),
        other=sums.other,
        inputs=tuple(sums.inputs.values()),
        outputs=tuple(sums.outputs.values()),
        windows=sums.walks[0] if len(sums.walks) == 1 else (),
        made_bytes=total(sums.made),
        moved_bytes=total((edges, *sums.held)),
        borrowed=sums.borrowed,
        unused=sums.unused,
    )
