"""`FitReport`: which inputs fit a stack, the smallest, what floor drops, and torch's and TensorFlow's same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from convcalc.analyses.counts.stack_layers import StackLayer, StackLayers
from convcalc.analyses.inverse import Same, losses, sames
from convcalc.documents import plain
from convcalc.errors import ConvcalcError, LimitError, SpecError
from convcalc.limits import MAX_SWEEP
from convcalc.ops import Conv
from convcalc.sizes import AXIS_NAMES, Shape

if TYPE_CHECKING:
    from convcalc.graph import Graph
    from convcalc.subject import Subject

Build: TypeAlias = Callable[["tuple[Any, ...]"], "Graph"]
"""Writes the stack on spatial sizes; one of them may be an array."""


class Fit(NamedTuple):
    """Along one axis: the input sizes that fit, the output each gives, and those of which floor drops nothing."""

    outputs: dict[int, int | None]
    whole: set[int]

    @property
    def valid(self) -> list[int]:
        """The sizes that fit, rising."""
        return list(self.outputs)


class Sweep:
    """Which inputs fit a stack: each axis by itself, from 1 to a limit; the others keep a size that fits."""

    def __init__(self, build: Build, limit: int, rank: int, sizes: tuple[int, ...]) -> None:
        self.build, self.limit, self.rank = build, limit, rank
        square = self._swept(tuple(range(self.rank)), None)
        # what the other axes keep: the input given where it fits, else the largest that fits on all of them
        self.others = sizes if sizes and not self.refusal(sizes) else (max(square.valid, default=0),) * self.rank
        alone = [self._swept((axis,), self.others) for axis in range(self.rank)] if any(self.others) else [square]
        self.axes = alone if any(fit.valid for fit in alone) else [square] * self.rank

    def _swept(self, moving: tuple[int, ...], others: tuple[int, ...] | None) -> Fit:
        """Sweep some axes together while the others keep their size."""
        import numpy

        sizes: Any = numpy.arange(1, self.limit + 1)
        graph = self.build(tuple(sizes if axis in moving else (others or ())[axis] for axis in range(self.rank)))
        fits = numpy.broadcast_to(numpy.asarray(graph.valid), sizes.shape)
        out = graph.outputs[0].spatial
        output_size = out[moving[0]] if len(out) == self.rank else None
        outputs = None if output_size is None else numpy.broadcast_to(output_size, sizes.shape)
        lost = (loss.positions[axis] for loss in losses(graph) for axis in moving if len(loss.positions) == self.rank)
        dropped = sum((numpy.asarray(part) for part in lost), start=sizes * 0)
        places = [place for place in range(self.limit) if fits[place]]
        return Fit(
            {place + 1: None if outputs is None else int(outputs[place]) for place in places},
            {place + 1 for place in places if not dropped[place]},
        )

    def refusal(self, spatial: tuple[int, ...]) -> str:
        """Return why a size does not fit, with the layer's name; empty where it does."""
        try:
            self.build(spatial)
        except ConvcalcError as error:
            return str(error)
        return ""

    @property
    def smallest(self) -> list[int]:
        """The smallest size of each axis; empty where nothing fits."""
        return [fit.valid[0] for fit in self.axes] if all(fit.valid for fit in self.axes) else []

    def collapse(self) -> str:
        """Return why an input one smaller does not fit; empty where the smallest is 1."""
        least = self.smallest or [self.limit] * self.rank
        if self.smallest and max(least) == 1:
            return ""
        return self.refusal(tuple(max(size - 1, 1) for size in least) if self.smallest else tuple(least))


class AxisFit(NamedTuple):
    """One axis: the smallest input and what it gives, all that fit, those that give the output wanted, and near it."""

    name: str
    smallest: int | None
    gives: int | None
    valid: list[int]
    giving: list[int] | None
    wanted: int | None
    nearest: list[int]


class LayerLoss(NamedTuple):
    """What one layer never reads at the end of its input, per axis."""

    layer: StackLayer
    lost: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return its object: the layer, and how many positions it never reads, per axis."""
        return {**self.layer.to_dict(), "lost": self.lost}


@dataclass(frozen=True, slots=True)
class LossReport:
    """What floor drops at the size that was given, the nearest sizes that lose nothing, and ways to pad one layer."""

    input: Shape
    losses: tuple[LayerLoss, ...]
    below: tuple[int | None, ...]
    above: tuple[int | None, ...]
    sames: tuple[Same, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return its part of the JSON document."""
        same = {"same": [convention._asdict() for convention in self.sames]} if self.sames else {}
        rows = [loss.to_dict() for loss in self.losses]
        return {"input": self.input, "lost": rows, "lossless_near": [list(self.below), list(self.above)], **same}


@dataclass(frozen=True, slots=True)
class FitReport:
    """The inputs of one stack that fit, each axis by itself up to `limit` (the others keep `others`)."""

    limit: int
    others: tuple[int, ...]
    axes: tuple[AxisFit, ...]
    minimum: tuple[int, ...] | None
    collapses: str
    wanted: tuple[int, ...] | None
    losses: LossReport | None

    @property
    def alike(self) -> bool:
        """Whether every axis says the same."""
        return all(axis._replace(name="") == self.axes[0]._replace(name="") for axis in self.axes)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document without its envelope."""
        document: dict[str, Any] = {
            "max_size": self.limit,
            "minimum_input": list(self.minimum) if self.minimum else None,
            "valid": [runs(axis.valid) for axis in self.axes],
            "collapses": self.collapses or None,
        }
        if self.wanted:
            document["out"], document["inputs"] = self.wanted, [axis.giving for axis in self.axes]
        result: dict[str, Any] = plain({**document, **(self.losses.to_dict() if self.losses is not None else {})})
        return result


class SweepStack(Protocol):
    """Layers that are written again on other spatial sizes."""

    @property
    def rank(self) -> int:
        """How many spatial axes the input has."""

    @property
    def steps(self) -> int:
        """How many steps its graph has."""

    @property
    def spatial(self) -> tuple[int, ...]:
        """The spatial sizes that were given; empty where none were."""

    def build(self, spatial: tuple[Any, ...]) -> Graph:
        """Write the layers on these sizes, one of which may be an array."""


def fit_inputs(
    stack: SweepStack,
    goal: tuple[int, ...] | None,
    limit: int,
    given_subject: Callable[[], Subject] | None = None,
) -> FitReport:
    """Sweep the inputs of a stack up to `limit`, and those that give `goal`.

    `given_subject` writes the stack on the input that was given. Raises SpecError where a goal has other axes than
    the stack, LimitError for too many sizes through too many steps.
    """
    rank, sizes = stack.rank, stack.spatial
    if stack.steps * limit > MAX_SWEEP:
        raise LimitError(
            f"{limit:,} sizes through {stack.steps:,} steps are past the limit of {MAX_SWEEP:,}: give a --max-size"
        )
    if goal is not None and len(goal) not in (1, rank):
        raise SpecError(f"--out names {len(goal)} axes, but the layers have {rank}")
    sweep = Sweep(stack.build, limit, rank, sizes)
    goals = None if goal is None else goal * rank if len(goal) == 1 else goal
    if goals and sweep.smallest and sweep.axes[0].outputs[sweep.smallest[0]] is None:
        raise SpecError("the output has other axes than the input (flattened?): --out has nothing to compare with")
    fits = given_subject is not None and not sweep.refusal(sizes)
    return FitReport(
        limit=limit,
        others=tuple(sweep.others),
        axes=tuple(_axis(sweep, axis, goals) for axis in range(rank)),
        minimum=tuple(sweep.smallest) or None,
        collapses=sweep.collapse(),
        wanted=goals,
        losses=_losses(given_subject(), sweep) if fits and given_subject is not None else None,
    )


def _axis(sweep: Sweep, axis: int, goals: tuple[int, ...] | None) -> AxisFit:
    fit = sweep.axes[axis]
    least = fit.valid[0] if fit.valid else None
    want = None if goals is None else goals[axis]
    sizes = sorted({out for out in fit.outputs.values() if out is not None})
    near: list[int] = []
    if want is not None and sizes and want not in sizes:
        near = [out for out in sizes if out < want][-1:] + [out for out in sizes if out > want][:1]
    return AxisFit(
        name=AXIS_NAMES[sweep.rank][axis],
        smallest=least,
        gives=None if least is None else fit.outputs[least],
        valid=fit.valid,
        giving=None if want is None else [size for size, out in fit.outputs.items() if out == want],
        wanted=want,
        nearest=near,
    )


def _losses(subject: Subject, sweep: Sweep) -> LossReport:
    graph = subject.graph
    stack = StackLayers(graph)
    spatial = graph.inputs[0].spatial
    pairs = list(zip(sweep.axes, spatial, strict=True))
    return LossReport(
        input=graph.inputs[0].shape,
        losses=tuple(
            LayerLoss(stack.around(loss.node.scope), loss.positions) for loss in losses(graph) if any(loss.positions)
        ),
        below=tuple(max((n for n in fit.whole if n <= size), default=None) for fit, size in pairs),
        above=tuple(min((n for n in fit.whole if n >= size), default=None) for fit, size in pairs),
        sames=tuple(_sames(subject)),
    )


def _sames(subject: Subject) -> list[Same]:
    convs = [node for node in subject.graph.nodes if isinstance(node.op, Conv)]
    if len(convs) != 1 or len(subject.block.layers) != 1 or not isinstance(convs[0].op, Conv):
        return []
    return sames(convs[0].inputs[0].spatial, convs[0].op.windows)


def runs(sizes: Sequence[int]) -> list[list[int]]:
    """Return sizes as [first, last, step], neighbours and even steps together."""
    spans: list[list[int]] = []
    for size in sizes:
        last = spans[-1] if spans else None
        if last is None:
            spans.append([size, size, 0])
        elif last[2] == 0 or size - last[1] == last[2]:
            last[1], last[2] = size, size - last[1]
        else:
            spans.append([size, size, 0])
    return [[first, last, step or 1] for first, last, step in spans]
