"""`VerifyReport`: every layer of some stacks, and each whole, run by torch and counted by two others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from convcalc.analyses.counts.macs import at_least, macs
from convcalc.analyses.counts.params import params
from convcalc.analyses.counts.report import CountReport, count, shapes_json
from convcalc.analyses.counts.segments import standalone
from convcalc.documents import plain
from convcalc.pytorch.module import GraphModule
from convcalc.pytorch.verify import ModuleCall, Verdict, compare, layer_module, observe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.analyses.counts.report import BlockReport, CountedRow
    from convcalc.graph import Graph
    from convcalc.subject import Subject

WHOLE = "the whole"
AS_MODULE = "the graph as a module"


class VerifiedLayer(NamedTuple):
    """A layer, or the whole of a stack, what ran, and a verdict for each figure."""

    name: str
    text: str
    ran: str
    verdicts: dict[str, Verdict]

    @property
    def holds(self) -> bool:
        """Whether every figure agrees or differs for a reason."""
        return all(verdict.holds for verdict in self.verdicts.values())

    def to_dict(self) -> dict[str, Any]:
        """Return the layer as JSON holds it."""
        figures = {
            figure: {"ours": verdict.ours, "theirs": verdict.theirs, "verdict": verdict.text}
            for figure, verdict in self.verdicts.items()
        }
        return {"name": self.name, "text": self.text, "ran": self.ran, **figures}


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """The layers of each stack, its whole last where it has several."""

    counts: CountReport
    blocks: tuple[tuple[VerifiedLayer, ...], ...]

    @property
    def holds(self) -> bool:
        """Whether every figure of every stack agrees or differs for a reason."""
        return all(layer.holds for block in self.blocks for layer in block)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document without its envelope."""
        inputs = [shapes_json(block.subject.graph.inputs) for block in self.counts.blocks]
        document: dict[str, Any] = plain(
            {
                "input": inputs[0] if len(inputs) == 1 else inputs,
                "agrees": self.holds,
                "layers": [layer.to_dict() for block in self.blocks for layer in block],
            }
        )
        return document


def verify(subjects: Sequence[Subject]) -> VerifyReport:
    """Run every layer on the CPU and put our figures beside torch's own and fvcore's. Raises ShapeError if refused."""
    counts = count(subjects)
    return VerifyReport(counts, tuple(tuple(_layers(block)) for block in counts.blocks))


def _layers(block: BlockReport) -> list[VerifiedLayer]:
    layers = []
    for row in block.rows:
        call = _call(row, block.subject)
        shapes = [value.shape for value in row.outputs]
        verdicts = compare(shapes, row.params.total, row.macs, at_least(row.segment.nodes), call)
        layers.append(VerifiedLayer(row.name, row.segment.scope.text, call.run_as, verdicts))
    if len(layers) > 1:
        graph = block.subject.graph
        call = _graph_call(graph)
        shapes = [value.shape for value in graph.outputs]
        verdicts = compare(shapes, params(graph).total, macs(graph), at_least(graph), call)
        layers.append(VerifiedLayer("", WHOLE, call.run_as, verdicts))
    return layers


def _call(row: CountedRow, subject: Subject) -> ModuleCall:
    layer = subject.block.layers[int(row.segment.scope.path[0])]
    shapes = [value.shape for value in row.segment.inputs]
    module = None
    if len(shapes) == 1:
        module = layer_module(layer.kind, layer.rank, layer.arguments, shapes[0], layer.repeat)
    if module is not None:
        return observe(module, shapes, f"torch.nn.{type(module).__name__}")
    return _graph_call(standalone(row.segment))


def _graph_call(graph: Graph) -> ModuleCall:
    return observe(GraphModule(graph), [value.shape for value in graph.inputs], AS_MODULE)
