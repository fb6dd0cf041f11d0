"""What `import convcalc` offers: questions about layers and models, answered as objects.

Every answer has `to_dict()`, the JSON document of its command without `schema_version` and `command`. Loaded on first
use: nothing heavy comes before it is needed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from convcalc.analyses.counts.report import count
from convcalc.analyses.field.report import FieldReports
from convcalc.analyses.field.report import receptive_field as field_reports
from convcalc.analyses.hdc.report import hdc_check
from convcalc.analyses.layer_answers import summarise
from convcalc.errors import SpecError, UnsupportedError
from convcalc.kinds import all_kinds, find
from convcalc.registry import kind
from convcalc.report import Report
from convcalc.spec.assemble import assemble
from convcalc.spec.model_words import model_words
from convcalc.spec.source import blocks
from convcalc.spec.tensors import tensor
from convcalc.subject import Block, Subject

if TYPE_CHECKING:
    import torch
    from torch import nn

    from convcalc.graph import Graph
    from convcalc.profiling.report import ProfileReport
    from convcalc.pytorch.module import GraphModule
    from convcalc.pytorch.trace import ModelInput
    from convcalc.registry import Kind
    from convcalc.sizes import Shape

Sizes: TypeAlias = "str | Sequence[int]"
"""An input's sizes, "3x224x224" or (1, 3, 224, 224)."""
Inputs: TypeAlias = "Sizes | Sequence[Sizes] | Mapping[str, Sizes] | None"
"""One input, several in order, or several by name."""
R = TypeVar("R", bound=Callable[..., Any])

__all__ = [
    "Report", "analyze", "find", "hdc_check", "kind", "list_kinds", "parse", "profile", "reads", "receptive_field",
    "to_module", "trace",
]  # fmt: skip


def parse(spec: str, inputs: Inputs = None, *, input_layout: str = "chw") -> Subject:
    """Read layers as the command line does, and return them as a graph with how its input was read.

    `spec` is words or calls, or "@FILE"; `inputs` their sizes. Raises SpecError for words that make no sense and for
    several blocks, ShapeError where sizes do not fit.

    >>> from convcalc import parse
    >>> parse("conv2d c=64 k=7 s=2 p=3", "3x224x224").graph.outputs[0].shape
    (1, 64, 112, 112)
    """
    subject, *more = _parse_blocks(spec, inputs, input_layout)
    if more:
        raise SpecError(f"{spec} has {len(more) + 1} blocks: parse takes one stack, analyze takes several")
    return subject


def _parse_blocks(spec: str, inputs: Inputs, input_layout: str = "chw") -> list[Subject]:
    words = _input_words(inputs)
    return [assemble(block, layout=input_layout, needs_input=bool(words)) for block in blocks([spec], words)]


def _input_words(inputs: Inputs) -> list[str]:
    """Inputs as they are typed on the command line."""
    if inputs is None:
        return []
    if isinstance(inputs, Mapping):
        return [f"{name}={_size_word(sizes)}" for name, sizes in inputs.items()]
    if isinstance(inputs, str) or all(isinstance(size, int) for size in inputs):
        return [_size_word(inputs)]  # type: ignore[arg-type]
    return [_size_word(sizes) for sizes in inputs]  # type: ignore[arg-type]


def _size_word(sizes: Sizes) -> str:
    return sizes if isinstance(sizes, str) else "x".join(map(str, sizes))


def trace(model: nn.Module, *inputs: Shape | torch.Tensor | ModelInput) -> Graph:
    """Return the graph of a model's forward on inputs of these shapes, (batch, channels, *spatial) each, or on tensors.

    Nothing runs on the model's own tensors. Raises UnsupportedError where the forward asks for values, naming the call.

    >>> import torch
    >>> from convcalc import trace
    >>> trace(torch.nn.Conv2d(3, 8, 3), (1, 3, 32, 32)).outputs[0].shape
    (1, 8, 30, 30)
    """
    from torch import Tensor

    from convcalc.pytorch.trace import ModelInput
    from convcalc.pytorch.trace import trace as read_model

    given = (ModelInput(tuple(x.shape), x.dtype) if isinstance(x, Tensor) else x for x in inputs)
    return read_model(model, *given)


def reads(function: Any) -> Callable[[R], R]:
    """Register a reader of an operator of another library: how a forward's calls of it are written down.

    `function` is the operator, or its name; the reader gets the builder, then the call's arguments with values in the
    place of tensors, and returns the value it makes. Raises ValueError where another reader has the name.

    >>> from convcalc import reads
    >>> @reads("mylib::scaled_add")
    ... def scaled_add(b, x, y, scale):
    ...     return b.elementwise("add", x, b.elementwise("multiply", y, other=scale))
    """
    from convcalc.pytorch.calls import name_of
    from convcalc.pytorch.readers.registry import reads as register

    return register(name_of(function))


def _subjects(layers: str | Graph | nn.Module, inputs: Inputs) -> list[Subject]:
    """Layers or a model as words, a graph, or a model, as subjects."""
    words = _input_words(inputs)
    if isinstance(layers, str):
        if (named := model_words([layers])) is not None:
            from convcalc.pytorch.load import load

            return [load(named, [tensor(word) for word in words])]
        return _parse_blocks(layers, inputs)
    from convcalc.graph import Graph

    if isinstance(layers, Graph):
        return [Subject(layers, Block((), ()), "a graph")]
    loaded = sys.modules.get("torch")
    if loaded is None or not isinstance(layers, loaded.nn.Module):
        raise SpecError(f"layers are words, a graph or a torch module, not {type(layers).__name__}")
    if not words:
        raise SpecError('the input\'s size is missing: give it, such as "3x224x224" or (1, 3, 224, 224)')
    from convcalc.pytorch.load import traced

    return [traced(layers, tuple(tensor(word) for word in words), type(layers).__name__)]


def analyze(layers: str | Graph | nn.Module, inputs: Inputs = None, *, depth: int | None = None) -> Report:
    """Count layers, or a model: shapes, parameters, multiply-adds and receptive field of each, and the totals.

    `layers` are words ("conv2d c=64 k=3 p=1", "@resnet_stem", "timm:resnet18"), a graph or a torch module; `inputs` are
    sizes, CxHxW for one sample. `depth` is how deep into parts rows go. Raises SpecError, ShapeError and
    UnsupportedError in one line.

    >>> from convcalc import analyze
    >>> report = analyze("conv2d c=64 k=3 p=1", "3x224x224")
    >>> report.params, report.macs, report.output
    (1792, 86704128, (1, 64, 224, 224))
    """
    return Report(summarise(count(_subjects(layers, inputs), depth or 1), depth))


def receptive_field(
    layers: str | Graph | nn.Module,
    inputs: Inputs = None,
    *,
    unit: tuple[int, ...] | None = None,
    paths: bool = False,
    depth: int = 1,
) -> FieldReports:
    """Return what each layer's output sees: size, jump, start and centre in input positions, per axis.

    `unit` asks for one output position of the last layer, `paths` for the ways through. Raises UnsupportedError where
    branches of different strides meet and the input's size is not given, ShapeError for a unit that is not there.

    >>> from convcalc import receptive_field
    >>> receptive_field("conv2d in_channels=3 c=8 k=7 s=2 maxpool2d k=3 s=2").to_dict()["size"]
    [11, 11]
    """
    return field_reports(count(_subjects(layers, inputs), depth), unit, paths=paths)


def profile(
    layers: str | Graph | nn.Module,
    inputs: Inputs = None,
    *,
    depth: int = 1,
    budget_s: float | None = None,
    row_s: float = 3.0,
    cold: bool = True,
    threads: int | None = None,
    **setup: str,
) -> ProfileReport:
    """Time layers and the whole here, in a process of its own; seconds, FLOP/s and the roofs above each row.

    `setup` is `device`, `dtype`, `layout`, `mode` or `direction` (the pass) by the words of the command line;
    `threads` are all cores. Raises UnavailableError without the device, SpecError for words that are none.

    >>> from convcalc import profile
    >>> report = profile("conv2d c=4 k=3", "3x16x16", budget_s=1, row_s=0.05, threads=1)  # doctest: +SKIP
    >>> report.rows[0].timing.median_s > 0  # doctest: +SKIP
    True
    """
    from convcalc.profiling.machine import cores
    from convcalc.profiling.plan import check_setup
    from convcalc.profiling.report import profile as profile_graphs
    from convcalc.profiling.run import Limits

    subjects = _subjects(layers, inputs)
    hidden = [name for subject in subjects for name in subject.hidden]
    if hidden:
        raise UnsupportedError(f"{', '.join(hidden)} cannot be run: its layers are not shown")
    chosen = check_setup(threads=cores() if threads is None else threads, **{"device": "auto", **setup})
    limits = Limits(budget=budget_s, row=row_s, cold=cold)
    return profile_graphs({None: [subject.graph for subject in subjects]}, [chosen], limits, depth=depth)


def to_module(layers: str | Graph, inputs: Inputs = None) -> GraphModule:
    """Return layers as a torch module that trains, moves and exports. Raises as `parse` does.

    >>> import torch
    >>> from convcalc import to_module
    >>> to_module("involution", "16x8x8")(torch.zeros(1, 16, 8, 8)).shape
    torch.Size([1, 16, 8, 8])
    """
    from convcalc.pytorch.module import GraphModule

    return GraphModule(parse(layers, inputs).graph if isinstance(layers, str) else layers)


def list_kinds() -> list[Kind]:
    """Return every kind of layer, in the order of the catalogue.

    >>> from convcalc import list_kinds
    >>> {"conv", "octave", "involution"} <= {kind.name for kind in list_kinds()}
    True
    """
    return list(all_kinds().values())
