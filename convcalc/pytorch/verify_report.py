"""`VerifyReport`: every layer of some stacks, and each whole, run by torch and counted by two others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from torch import nn

from convcalc import ops
from convcalc.analyses.counts.params import params
from convcalc.analyses.counts.report import CountReport, count
from convcalc.analyses.counts.segments import standalone
from convcalc.analyses.counts.stack_layers import StackLayer, shapes_json, whole_stack
from convcalc.documents import plain
from convcalc.pytorch.module import GraphModule
from convcalc.pytorch.verify import Verdict, compare, layer_module, observe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from convcalc.analyses.counts.report import BlockReport, CountedRow
    from convcalc.graph import Graph, Value
    from convcalc.subject import Subject

WHOLE = "the whole"
AS_MODULE = "the graph as a module"
AS_MODULES = "the layers as modules"


class VerifiedLayer(NamedTuple):
    """A layer, or the whole of a stack (whose text says so), what ran, and a verdict for each figure."""

    layer: StackLayer
    text: str
    ran: str
    verdicts: dict[str, Verdict]

    @property
    def name(self) -> str:
        """The name of its layer; nothing for a whole."""
        return "" if self.text == WHOLE else self.layer.name

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
        return {**self.layer.to_dict(), "name": self.name, "text": self.text, "ran": self.ran, **figures}


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
    if block.subject.model is not None:
        from convcalc.pytorch.verify_model import verify_model

        ran = block.subject.reading.partition(",")[0]
        return [VerifiedLayer(whole_stack(block.subject.graph), WHOLE, ran, verify_model(block.subject))]
    layers, parts = [], _parts(block)
    for index, (row, part) in enumerate(zip(block.rows, parts, strict=True)):
        call = observe(
            part.module, [value.shape for value in row.segment.inputs], part.run_as, part.worded, part.attended
        )
        nodes = (*row.segment.borrowed, *row.segment.nodes)
        verdicts = compare([value.shape for value in row.outputs], params(nodes).total, nodes, call)
        layer = StackLayer(index, row.segment.scope, row.segment.inputs, row.outputs)
        layers.append(VerifiedLayer(layer, layer.scope.text, call.run_as, verdicts))
    if len(layers) > 1:
        graph = block.subject.graph
        stack = _stack(block, parts)
        worded, attended = (
            frozenset(index for part in parts for index in indices(part))
            for indices in (attrgetter("worded"), attrgetter("attended"))
        )
        call = observe(stack, [value.shape for value in graph.inputs], AS_MODULES, worded, attended)
        dropped = frozenset(node.output.index for node in graph.nodes) - graph.needed()
        call = replace(call, dropped=dropped)
        verdicts = compare([value.shape for value in graph.outputs], params(graph).total, graph.nodes, call)
        layers.append(VerifiedLayer(whole_stack(graph, len(layers)), WHOLE, call.run_as, verdicts))
    return layers


def stack_of(block: BlockReport) -> Stack:
    """Return the layers of a stack as modules, torch's own where it has them, wired as the graph is."""
    return _stack(block, _parts(block))


def _stack(block: BlockReport, parts: Sequence[_Part]) -> Stack:
    return Stack(block.subject.graph, [(row.segment.inputs, row.segment.outputs) for row in block.rows], parts)


class _Part(NamedTuple):
    """A layer as it is run: torch's own module or the graph's, and what counters do not see of its steps."""

    module: nn.Module
    run_as: str
    worded: frozenset[int] = frozenset()
    attended: frozenset[int] = frozenset()


def _parts(block: BlockReport) -> list[_Part]:
    """Each layer's module; one that works with another's weights has its parameters."""
    parts: list[_Part] = []
    owners: dict[str, nn.Module] = {}
    for row in block.rows:
        part = _part(row, block.subject)
        layer = block.subject.block.layers[int(row.segment.scope.path[0])]
        if layer.same:
            _share(part.module, owners[layer.same])
        if layer.called:
            owners[layer.called] = part.module
        parts.append(part)
    return parts


def _share(module: nn.Module, owner: nn.Module) -> None:
    """Let a module work with the parameters of another of its kind."""
    free = [(name.rpartition(".")[2].rstrip("_"), parameter) for name, parameter in owner.named_parameters()]
    for name, own in list(module.named_parameters()):
        path, _, last = name.rpartition(".")
        alike = ((what, other) for what, other in free if (what, other.shape) == (last.rstrip("_"), own.shape))
        pair = next(alike)
        free = [entry for entry in free if entry is not pair and entry[1] is not pair[1]]
        setattr(module.get_submodule(path), last, pair[1])


def _part(row: CountedRow, subject: Subject) -> _Part:
    layer = subject.block.layers[int(row.segment.scope.path[0])]
    shapes = [value.shape for value in row.segment.inputs]
    module = None
    if len(shapes) == 1:
        module = layer_module(layer.kind, layer.rank, layer.arguments, shapes[0], layer.repeat)
    if module is None:
        return _Part(GraphModule(standalone(row.segment)), AS_MODULE)
    words = isinstance(layer.arguments.get("padding"), str) and layer.arguments.get("padding_mode", "zeros") == "zeros"
    convs = (node.output.index for node in row.segment.nodes if words and isinstance(node.op, ops.Conv))
    products = (node for node in row.segment.nodes if isinstance(node.op, ops.Einsum))
    attended = frozenset(node.output.index for node in products if len(node.inputs[1].shape) > 2)
    return _Part(module, f"torch.nn.{type(module).__name__}", frozenset(convs), attended)


class Stack(nn.Module):
    """The layers of a stack as modules, wired as its graph is: what a user of torch would write."""

    def __init__(
        self, graph: Graph, wiring: Sequence[tuple[Sequence[Value], Sequence[Value]]], parts: Sequence[_Part]
    ) -> None:
        super().__init__()
        self.graph = graph
        self.wiring = wiring
        self.layers = nn.ModuleList(part.module for part in parts)

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Run every layer on what the layers before it gave."""
        values = {value.index: tensor for value, tensor in zip(self.graph.inputs, inputs, strict=True)}
        for module, (reads, gives) in zip(self.layers, self.wiring, strict=True):
            result = module(*(values[value.index] for value in reads))
            results = result if isinstance(result, tuple) else (result,)
            values |= {value.index: tensor for value, tensor in zip(gives, results, strict=False)}
        outputs = tuple(values[value.index] for value in self.graph.outputs)
        return outputs[0] if len(outputs) == 1 else outputs
