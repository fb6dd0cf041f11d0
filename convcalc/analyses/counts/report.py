"""`CountReport`: the layers of some stacks with their parameters and multiply-adds; its document is that of `shape`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from convcalc.analyses.counts.macs import at_least, macs, other
from convcalc.analyses.counts.params import Params, params
from convcalc.analyses.counts.segments import Segment, segments
from convcalc.analyses.counts.stack_layers import StackLayer, shapes_json
from convcalc.documents import plain
from convcalc.sizes import known, total
from convcalc.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.graph import Graph, Value
    from convcalc.sizes import Size


class CountedRow(NamedTuple):
    """One layer, or a part of one, with its counts: those of one copy, where it stands `times` times."""

    segment: Segment
    text: str
    params: Params
    macs: Size
    other: dict[str, Size]

    @property
    def name(self) -> str:
        """The scope joined with dots, as torch names a module."""
        return self.segment.name

    @property
    def times(self) -> int:
        """How often the row counts in totals."""
        return self.segment.scope.times

    @property
    def all_params(self) -> Params:
        """Learned numbers of all copies."""
        return self.params * self.times

    @property
    def all_macs(self) -> Size:
        """Multiply-adds of all copies."""
        return self.macs * self.times

    def all_copies(self, counts: dict[str, Size]) -> dict[str, Size]:
        """Return counts of this row, by name, for all copies."""
        return {name: count * self.times for name, count in counts.items()}

    @property
    def outputs(self) -> tuple[Value, ...]:
        """What it makes that is read outside, or all outputs that have names."""
        return self.segment.outputs


@dataclass(frozen=True)
class BlockReport:
    """One stack and its rows; sums take each row as often as it stands there."""

    subject: Subject
    rows: tuple[CountedRow, ...]

    @cached_property
    def params(self) -> Params:
        """Learned numbers, by what they do."""
        return sum((row.all_params for row in self.rows), Params())

    @cached_property
    def macs(self) -> Size:
        """Multiply-adds."""
        return total(row.all_macs for row in self.rows)

    @cached_property
    def at_least(self) -> list[str]:
        """The names of what could not be counted: with any, totals are lower bounds."""
        return [*self.subject.hidden, *at_least(self.subject.graph)]

    def to_dict(self, extras: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
        """Return the block as JSON holds it; `extras` are more keys for each layer."""
        layers = []
        for number, row in enumerate(self.rows):
            layer = {
                **StackLayer(number, row.segment.scope, row.segment.inputs, row.outputs).to_dict(),
                "params": row.params.total,
                "macs": row.macs if known(row.macs) else None,
                **({"times": row.times} if row.times > 1 else {}),
            }
            layers.append({**layer, **(extras[number] if extras else {})})
        graph, names = self.subject.graph, self.at_least
        return {
            "input": shapes_json(graph.inputs),
            "output": shapes_json(graph.outputs),
            "params": self.params.total,
            "macs": self.macs,
            "layers": layers,
            **({"at_least": names} if names else {}),
        }


class Folded(NamedTuple):
    """What is left once every layer is deployed: norms and branches folded into convolutions."""

    params: Size
    macs: Size


@dataclass(frozen=True)
class CountReport:
    """Every block, and the sums over them; `folded` where deployment leaves fewer parameters or multiply-adds."""

    blocks: tuple[BlockReport, ...]
    folded: Folded | None = None

    @cached_property
    def rows(self) -> tuple[CountedRow, ...]:
        """The rows of all blocks."""
        return tuple(row for block in self.blocks for row in block.rows)

    @cached_property
    def params(self) -> Params:
        """Learned numbers of all blocks."""
        return sum((block.params for block in self.blocks), Params())

    @cached_property
    def macs(self) -> Size:
        """Multiply-adds of all blocks."""
        return total(block.macs for block in self.blocks)

    @property
    def flops(self) -> Size:
        """Floating-point operations of the multiply-adds: two each."""
        return 2 * self.macs

    @cached_property
    def other(self) -> dict[str, Size]:
        """The work that is no multiply-add, by name."""
        sums: dict[str, Size] = {}
        for row in self.rows:
            for name, count in row.all_copies(row.other).items():
                sums[name] = sums.get(name, 0) + count
        return sums

    @cached_property
    def at_least(self) -> list[str]:
        """The names of what could not be counted, each once."""
        return list(dict.fromkeys(name for block in self.blocks for name in block.at_least))

    @property
    def hints(self) -> list[str]:
        """What the reader of each block may want to know."""
        return [block.subject.hint for block in self.blocks if block.subject.hint]

    def folded_json(self) -> dict[str, Any]:
        """Return the deployed totals as JSON holds them; nothing where they are the same."""
        return {} if self.folded is None else {"folded": self.folded._asdict()}

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document of `shape` without its envelope."""
        return blocks_json([block.to_dict() for block in self.blocks])


def count(subjects: Sequence[Subject], depth: int = 1, deployed: Sequence[Graph | None] = ()) -> CountReport:
    """Count the layers of some stacks, `depth` parts deep.

    `deployed` are the same stacks folded for deployment, None where nothing of one can be folded.
    """
    blocks = tuple(BlockReport(subject, tuple(_rows(subject, depth))) for subject in subjects)
    return CountReport(blocks, _folded(subjects, deployed))


def _rows(subject: Subject, depth: int) -> list[CountedRow]:
    """The rows of a stack; a layer whose outputs have names gives all of them."""
    texts: dict[tuple[str, ...], str] = {
        scope.path: scope.text for scope in subject.graph.scopes if len(scope.path) == 1
    }
    rows = []
    for segment in segments(subject.graph, depth):
        named = tuple(node.output for node in segment.nodes if node.output.index in subject.names)
        whole = segment._replace(outputs=named) if len(named) > 1 else segment
        path, scope = segment.scope.path, segment.scope
        text = scope.text or scope.kind if len(path) < 2 else f"{texts.get(path[:1], '')}: {'.'.join(path[1:])}"
        rows.append(CountedRow(whole, text, params(segment.nodes), macs(segment.nodes), other(segment.nodes)))
    return rows


def _folded(subjects: Sequence[Subject], deployed: Sequence[Graph | None]) -> Folded | None:
    counted_once = all(layer.times == 1 for subject in subjects for layer in subject.block.layers)
    if not any(deployed) or any(subject.hidden for subject in subjects) or not counted_once:
        return None
    before = [subject.graph for subject in subjects]
    after = [graph or graph_before for graph_before, graph in zip(before, deployed, strict=True)]
    weights, fewer = (total(params(graph).total for graph in graphs) for graphs in (before, after))
    work, less = (total(macs(graph) for graph in graphs) for graphs in (before, after))
    if weights == fewer and (not known(less) or work == less):
        return None
    return Folded(fewer, less)


def blocks_json(blocks: Sequence[dict[str, Any]], **sums: Any) -> dict[str, Any]:
    """Return the object of some blocks: one block at the top, several under `blocks` with their sums."""
    document = {**blocks[0], **sums}
    if len(blocks) > 1:
        both = {key: total(block[key] for block in blocks) for key in ("params", "macs")}
        names = list(dict.fromkeys(name for block in blocks for name in block.get("at_least", ())))
        document = {**both, **sums, "blocks": list(blocks), **({"at_least": names} if names else {})}
    result: dict[str, Any] = plain(document)
    return result
