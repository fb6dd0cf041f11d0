"""What solve says about layers: the inputs that fit, the smallest, what floor drops, torch's and TensorFlow's same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convcalc.analyses.inverse import Loss, Same, losses, sames
from convcalc.cli.options import InputLayout
from convcalc.cli.read.source import Block, blocks
from convcalc.cli.read.stack import Stack, assemble
from convcalc.cli.read.tensors import Tensor
from convcalc.errors import ConvcalcError, SpecError, Spot, UnsupportedError
from convcalc.graph import Graph
from convcalc.ops import Conv
from convcalc.render.table import SCHEMA_VERSION, Answer, Column, Table
from convcalc.shapes import show
from convcalc.sizes import UNKNOWN, Size

RUNS = 8
LOSSES = (
    Column("layer", "layer"),
    Column("input", "input", show),
    Column("lost", "never read at the end", lambda lost: " x ".join(map(str, lost))),
)
SAMES = (
    Column("name", "padding"),
    Column("before", "before", lambda sides: " x ".join(map(str, sides))),
    Column("after", "after", lambda sides: " x ".join(map(str, sides))),
    Column("outputs", "output", show),
)


class Sweep:
    """Which inputs n x n fit a block, for n from 1 to a limit, and the output sizes they give."""

    def __init__(self, block: Block, layout: InputLayout, limit: int) -> None:
        self.block, self.layout, self.limit = block, layout, limit
        self.rank = _rank(block, layout)
        self.valid: list[int] = []
        self.outputs: dict[int, tuple[int, ...]] = {}
        self.lossless: set[int] = set()
        try:
            self._at_once()
        except UnsupportedError:  # a size decides the structure somewhere: ask for one after the other
            self._in_turn()

    def _at_once(self) -> None:
        import numpy

        sizes: Any = numpy.arange(1, self.limit + 1)
        graph = self._graph(sizes)
        fits = numpy.broadcast_to(numpy.asarray(graph.valid), sizes.shape)
        spatial = [numpy.broadcast_to(size, sizes.shape) for size in graph.outputs[0].spatial]
        dropped = sum((numpy.asarray(part) for loss in losses(graph) for part in loss.positions), start=sizes * 0)
        for place, size in enumerate(sizes.tolist()):
            if fits[place]:
                self._note(size, tuple(int(axis[place]) for axis in spatial), not dropped[place])

    def _in_turn(self) -> None:
        for size in range(1, self.limit + 1):
            try:
                graph = self._graph(size)
            except ConvcalcError:
                continue
            dropped = any(part for loss in losses(graph) for part in loss.positions)
            self._note(size, graph.outputs[0].spatial, not dropped)

    def _note(self, size: int, outputs: tuple[int, ...], whole: bool) -> None:
        self.valid.append(size)
        self.outputs[size] = outputs
        if whole:
            self.lossless.add(size)

    def _graph(self, size: Size) -> Graph:
        channels: Size = UNKNOWN
        batch: tuple[Size, ...] = ()
        if self.block.inputs:
            given = _as_chw(self.block.inputs[0].sizes, self.layout)
            batch, channels = given[: -self.rank - 1], given[-self.rank - 1]
        stated = self.block.layers[0].arguments.get(self.block.layers[0].kind.channels or "in_channels")
        channels = stated if stated is not None and not self.block.inputs else channels
        sizes = (*batch, channels, *(size,) * self.rank)
        text = "x".join("n" if part is size else str(part) for part in sizes)
        return assemble(self.block._replace(inputs=(Tensor(sizes, text, Spot("", 0, 0)),))).graph

    def refusal(self, size: int) -> str:
        """Return why a size does not fit, with the layer's name; empty where it does."""
        try:
            self._graph(size)
        except ConvcalcError as error:
            return str(error)
        return ""


def _as_chw(sizes: tuple[Size, ...], layout: InputLayout) -> tuple[Size, ...]:
    return sizes if layout is InputLayout.chw else (*sizes[:-3], sizes[-1], *sizes[-3:-1])


def _rank(block: Block, layout: InputLayout) -> int:
    if len(block.inputs) > 1:
        raise SpecError("solve sweeps one input, not several")
    rank = len(assemble(block, layout=layout.value, needs_input=False).graph.inputs[0].shape) - 2
    if rank < 1:
        raise SpecError("solve needs an input with spatial axes")
    return rank


def answer(
    spec: Sequence[str], inputs: Sequence[str] | None, layout: InputLayout, goal: tuple[int, ...] | None, limit: int
) -> Answer:
    """Return what there is to say about the inputs of one block. Raises SpecError for several."""
    block, *more = blocks(spec, inputs or ())
    if more:
        raise SpecError("solve takes one stack, not several blocks")
    sweep = Sweep(block, layout, limit)
    if goal is not None and len(goal) not in (1, sweep.rank):
        raise SpecError(f"--out names {len(goal)} axes, but the layers have {sweep.rank}")
    document: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "command": "solve", "max_size": limit}
    tables = [Table(columns=(), rows=(), head=_smallest(sweep))]
    document["minimum_input"] = sweep.valid[0] if sweep.valid else None
    document["valid"] = runs(sweep.valid)
    refusal = _collapse(sweep)
    document["collapses"] = refusal or None
    if goal is not None:
        found = _giving(sweep, goal)
        document["out"], document["inputs"] = goal, found
        tables.append(Table(columns=(), rows=(), head=_reached(sweep, goal, found)))
    if block.inputs:
        stack = assemble(block, layout=layout.value)
        some, part = _dropped(stack, sweep)
        tables += some
        document.update(part)
    return Answer(document=document, tables=tables)


def runs(sizes: Sequence[int]) -> list[list[int]]:
    """Return sizes as [first, last, step], neighbours and even steps together."""
    found: list[list[int]] = []
    for size in sizes:
        last = found[-1] if found else None
        if last is None:
            found.append([size, size, 0])
        elif last[2] == 0 or size - last[1] == last[2]:
            last[1], last[2] = size, size - last[1]
        else:
            found.append([size, size, 0])
    return [[first, last, step or 1] for first, last, step in found]


def _said(sizes: Sequence[int], limit: int) -> str:
    """Sizes in words: every size from 61 on, 16, 32, 48 ... in steps of 16."""
    parts = []
    every = runs(sizes)
    for first, last, step in every[:RUNS]:
        end = " on" if last + step > limit else f" to {last}"
        if first == last:
            parts.append(str(first))
        else:
            parts.append(f"every size from {first}{end}" if step == 1 else f"every {step}th size from {first}{end}")
    return ", ".join(parts) + (f" and {len(every) - RUNS} runs more" if len(every) > RUNS else "")


def _collapse(sweep: Sweep) -> str:
    if not sweep.valid:
        return sweep.refusal(sweep.limit)
    return sweep.refusal(sweep.valid[0] - 1) if sweep.valid[0] > 1 else ""


def _smallest(sweep: Sweep) -> list[str]:
    if not sweep.valid:
        return [f"no input up to {sweep.limit} fits: {_collapse(sweep)}"]
    least = sweep.valid[0]
    lines = [f"smallest input: {_square(least, sweep.rank)}, which gives {_by(sweep.outputs[least])}"]
    if least > 1:
        lines.append(f"one less collapses: {_collapse(sweep)}")
    lines.append(f"inputs that fit: {_said(sweep.valid, sweep.limit)} (up to {sweep.limit} was asked)")
    return lines


def _square(size: int, rank: int) -> str:
    return "x".join([str(size)] * rank)


def _by(sizes: Sequence[int]) -> str:
    return "x".join(map(str, sizes))


def _giving(sweep: Sweep, goal: tuple[int, ...]) -> list[list[int]]:
    """The sizes of each axis that give the output asked for."""
    wanted = goal * sweep.rank if len(goal) == 1 else goal
    return [[size for size in sweep.valid if sweep.outputs[size][axis] == want] for axis, want in enumerate(wanted)]


def _reached(sweep: Sweep, goal: tuple[int, ...], found: list[list[int]]) -> list[str]:
    lines = []
    same = all(one == found[0] for one in found)
    for axis, sizes in enumerate(found[:1] if same else found):
        name = "" if same else f"axis {axis}: "
        want = _by(goal) if same else str(goal[axis])
        if sizes:
            lines.append(f"{name}output {want} comes from {_said(sizes, sweep.limit)}")
            continue
        given = sorted({out[axis] for out in sweep.outputs.values()})
        below = [out for out in given if out < goal[axis if len(goal) > 1 else 0]][-1:]
        above = [out for out in given if out > goal[axis if len(goal) > 1 else 0]][:1]
        near = " and ".join(map(str, below + above)) or "none"
        lines.append(f"{name}no input up to {sweep.limit} gives {want} (the nearest outputs: {near})")
    return lines


def _dropped(stack: Stack, sweep: Sweep) -> tuple[list[Table], dict[str, Any]]:
    """What floor drops at the size given, and the nearest sizes that lose nothing; same beside SAME for one layer."""
    lost = [loss for loss in losses(stack.graph) if any(loss.positions)]
    rows = [_lost(loss, stack) for loss in lost]
    spatial = stack.graph.inputs[0].spatial
    below = max((size for size in sweep.lossless if size < max(spatial)), default=None)
    above = min((size for size in sweep.lossless if size > max(spatial)), default=None)
    near = " and ".join(_square(size, sweep.rank) for size in (below, above) if size is not None)
    if rows:
        foot = [f"the nearest inputs of which nothing is dropped: {near}" if near else "every size drops something"]
        tables = [Table(columns=LOSSES, rows=rows, head=[f"dropped by floor at {_by(spatial)}:"], foot=foot)]
    else:
        tables = [Table(columns=(), rows=(), head=[f"nothing is dropped by floor at {_by(spatial)}"])]
    part: dict[str, Any] = {"input": stack.graph.inputs[0].shape, "lost": rows, "lossless_near": [below, above]}
    found = _sames(stack)
    if found:
        tables.append(Table(columns=SAMES, rows=[one._asdict() for one in found], head=["ways to pad this layer:"]))
        part["same"] = [one._asdict() for one in found]
    return tables, part


def _lost(loss: Loss, stack: Stack) -> dict[str, Any]:
    text = next((one.text for one in stack.graph.scopes if one.path == loss.node.scope[:1]), "")
    name = loss.node.scope[0] if loss.node.scope else ""
    return {"layer": f"{name} {text}".strip(), "input": loss.node.inputs[0].spatial, "lost": loss.positions}


def _sames(stack: Stack) -> list[Same]:
    convs = [node for node in stack.graph.nodes if isinstance(node.op, Conv)]
    if len(convs) != 1 or len(stack.block.layers) != 1 or not isinstance(convs[0].op, Conv):
        return []
    return sames(convs[0].inputs[0].spatial, convs[0].op.windows)
