"""What solve says about layers: the inputs that fit, the smallest, what floor drops, torch's and TensorFlow's same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from convcalc.analyses.inverse import Loss, Same, losses, sames
from convcalc.cli.options import InputLayout
from convcalc.cli.report import AXIS_NAMES
from convcalc.errors import ConvcalcError, ShapeError, SpecError, Spot
from convcalc.graph import Graph
from convcalc.ops import Conv
from convcalc.render.table import Answer, Column, Table
from convcalc.shapes import show
from convcalc.sizes import UNKNOWN, Size
from convcalc.spec.assemble import Stack, assemble
from convcalc.spec.source import Block, blocks
from convcalc.spec.tensors import Tensor
from convcalc.units import plural

RUNS = 8
AXES = (
    Column("axis", "axis"),
    Column("smallest", "smallest", lambda size: "-" if size is None else str(size), right=True),
    Column("gives", "gives", lambda size: "-" if size is None else str(size), right=True),
    Column("fit", "inputs that fit"),
    Column("giving", "giving --out", lambda sizes: _said(sizes, 2**60)),
)
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


class Fit(NamedTuple):
    """Along one axis: the input sizes that fit, the output each gives, and those of which floor drops nothing."""

    outputs: dict[int, int | None]
    whole: set[int]

    @property
    def valid(self) -> list[int]:
        """The sizes that fit, rising."""
        return list(self.outputs)


class Sweep:
    """Which inputs fit a block: each axis by itself, from 1 to a limit; the others keep a size that fits."""

    def __init__(self, block: Block, layout: InputLayout, limit: int, axes: tuple[int, tuple[int, ...]]) -> None:
        self.block, self.layout, self.limit = block, layout, limit
        self.rank, given = axes
        square = self._swept(tuple(range(self.rank)), None)
        # what the other axes keep: the input given where it fits, else the largest that fits on all of them
        self.others = given if given and not self.refused(given) else (max(square.valid, default=0),) * self.rank
        alone = [self._swept((axis,), self.others) for axis in range(self.rank)] if any(self.others) else [square]
        self.axes = alone if any(fit.valid for fit in alone) else [square] * self.rank

    def _swept(self, moving: tuple[int, ...], others: tuple[int, ...] | None) -> Fit:
        """Sweep some axes together while the others keep their size."""
        import numpy

        sizes: Any = numpy.arange(1, self.limit + 1)
        spatial = tuple(sizes if axis in moving else (others or ())[axis] for axis in range(self.rank))
        graph = self._graph(spatial)
        fits = numpy.broadcast_to(numpy.asarray(graph.valid), sizes.shape)
        out = graph.outputs[0].spatial
        given = out[moving[0]] if len(out) == self.rank else None
        outputs = None if given is None else numpy.broadcast_to(given, sizes.shape)
        lost = (loss.positions[axis] for loss in losses(graph) for axis in moving if len(loss.positions) == self.rank)
        dropped = sum((numpy.asarray(part) for part in lost), start=sizes * 0)
        kept = [place for place in range(self.limit) if fits[place]]
        return Fit(
            {place + 1: None if outputs is None else int(outputs[place]) for place in kept},
            {place + 1 for place in kept if not dropped[place]},
        )

    def _graph(self, spatial: tuple[Size, ...]) -> Graph:
        channels: Size = UNKNOWN
        batch: tuple[Size, ...] = ()
        if self.block.inputs:
            given = _as_chw(self.block.inputs[0].sizes, self.layout)
            batch, channels = given[: -self.rank - 1], given[-self.rank - 1]
        stated = self.block.layers[0].arguments.get(self.block.layers[0].kind.channels or "in_channels")
        channels = stated if stated is not None and not self.block.inputs else channels
        sizes = (*batch, channels, *spatial)
        return assemble(self.block._replace(inputs=(Tensor(sizes, "the input", Spot("", 0, 0)),))).graph

    def refused(self, spatial: tuple[int, ...]) -> str:
        """Why a size does not fit, with the layer's name; empty where it does."""
        try:
            self._graph(spatial)
        except ConvcalcError as error:
            return str(error)
        return ""

    @property
    def smallest(self) -> list[int]:
        """The smallest size of each axis; empty where nothing fits."""
        return [fit.valid[0] for fit in self.axes] if all(fit.valid for fit in self.axes) else []

    def collapse(self) -> str:
        """Why an input one smaller does not fit; empty where the smallest is 1."""
        least = self.smallest or [self.limit] * self.rank
        if self.smallest and max(least) == 1:
            return ""
        return self.refused(tuple(max(size - 1, 1) for size in least) if self.smallest else tuple(least))


def _as_chw(sizes: tuple[Size, ...], layout: InputLayout) -> tuple[Size, ...]:
    return sizes if layout is InputLayout.chw else (*sizes[:-3], sizes[-1], *sizes[-3:-1])


def _axes(block: Block, layout: InputLayout) -> tuple[int, tuple[int, ...]]:
    """How many spatial axes the input has, and their sizes where they were given."""
    if len(block.inputs) > 1:
        raise SpecError("solve sweeps one input, not several")
    without = assemble(block._replace(inputs=()), needs_input=False)
    rank = len(without.graph.inputs[0].shape) - 2
    if block.inputs:
        sizes = _as_chw(block.inputs[0].sizes, layout)
        fixed = any(one.rank is not None or one.kind.spatial is not None for one in block.layers)
        rank = rank if fixed else {2: 1, 3: 2, 4: 2, 5: 3}.get(len(sizes), rank)
        if len(sizes) not in (rank + 1, rank + 2):
            given = block.inputs[0]
            raise ShapeError(
                f"{given.text} has {plural(len(sizes), 'size')}: give channels and {plural(rank, 'spatial size')}",
                given.spot,
            )
        return rank, tuple(sizes[-rank:]) if rank else ()
    return rank, ()


def answer(
    spec: Sequence[str], inputs: Sequence[str] | None, layout: InputLayout, goal: tuple[int, ...] | None, limit: int
) -> Answer:
    """Return what there is to say about the inputs of one block. Raises SpecError for several."""
    block, *more = blocks(spec, inputs or ())
    if more:
        raise SpecError("solve takes one stack, not several blocks")
    rank, given = _axes(block, layout)
    if rank < 1:
        raise SpecError("solve needs an input with spatial axes")
    if goal is not None and len(goal) not in (1, rank):
        raise SpecError(f"--out names {len(goal)} axes, but the layers have {rank}")
    sweep = Sweep(block, layout, limit, (rank, given))
    wanted = None if goal is None else goal * rank if len(goal) == 1 else goal
    if wanted and sweep.smallest and sweep.axes[0].outputs[sweep.smallest[0]] is None:
        raise SpecError("the output has other axes than the input (flattened?): --out has nothing to compare with")
    why = sweep.collapse()
    rows = [_row(sweep, axis, wanted) for axis in range(rank)]
    shown = [{**rows[0], "axis": "each"}] if rank > 1 and all(_alike(one, rows[0]) for one in rows) else rows
    columns = AXES if wanted else AXES[:-1]
    head = [f"input sizes up to {limit}, each axis by itself (the others keep {show(sweep.others)})"]
    foot = [f"one less collapses: {why}"] if why and sweep.smallest else [f"nothing fits: {why}"] if why else []
    tables = [Table(columns=columns, rows=shown, head=head, foot=[*foot, *_nearest(sweep, wanted)], name="inputs")]
    document: dict[str, Any] = {
        "max_size": limit,
        "minimum_input": sweep.smallest or None,
        "valid": [runs(fit.valid) for fit in sweep.axes],
        "collapses": why or None,
    }
    if wanted:
        document["out"], document["inputs"] = wanted, [row["giving"] for row in rows]
    if block.inputs and not sweep.refused(given):
        some, part = _dropped(assemble(block, layout=layout.value), sweep)
        tables += some
        document.update(part)
    return Answer("solve", document=document, tables=tables)


def _alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return {**one, "axis": ""} == {**other, "axis": ""}


def _row(sweep: Sweep, axis: int, wanted: tuple[int, ...] | None) -> dict[str, Any]:
    fit = sweep.axes[axis]
    least = fit.valid[0] if fit.valid else None
    row: dict[str, Any] = {
        "axis": AXIS_NAMES[sweep.rank][axis],
        "smallest": least,
        "gives": None if least is None else fit.outputs[least],
        "fit": _said(fit.valid, sweep.limit),
    }
    if wanted:
        row["giving"] = [size for size, out in fit.outputs.items() if out == wanted[axis]]
    return row


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
    """Sizes in words: every size from 61 on, 16 to 48 in steps of 16."""
    parts = []
    every = runs(sizes)
    for first, last, step in every[:RUNS]:
        if first == last:
            parts.append(str(first))
        else:
            end = "on" if last + step > limit else f"to {last}"
            parts.append(f"from {first} {end}" + ("" if step == 1 else f" in steps of {step}"))
    return ", ".join(parts) + (f" and {plural(len(every) - RUNS, 'run')} more" if len(every) > RUNS else "") or "none"


def _nearest(sweep: Sweep, wanted: tuple[int, ...] | None) -> list[str]:
    """For outputs that no input gives, those nearest to them."""
    lines = []
    for axis, want in enumerate(wanted or ()):
        given = sorted({out for out in sweep.axes[axis].outputs.values() if out is not None})
        if given and want not in given:
            near = [str(out) for out in ([o for o in given if o < want][-1:] + [o for o in given if o > want][:1])]
            name = AXIS_NAMES[sweep.rank][axis]
            lines.append(f"{name}: no input up to {sweep.limit} gives {want} (nearest: {', '.join(near)})")
    return lines


def _dropped(stack: Stack, sweep: Sweep) -> tuple[list[Table], dict[str, Any]]:
    """What floor drops at the size given, and the nearest sizes that lose nothing; same beside SAME for one layer."""
    lost = [loss for loss in losses(stack.graph) if any(loss.positions)]
    rows = [_lost(loss, stack) for loss in lost]
    spatial = stack.graph.inputs[0].spatial
    below = [
        max((n for n in fit.whole if n <= size), default=None) for fit, size in zip(sweep.axes, spatial, strict=True)
    ]
    above = [
        min((n for n in fit.whole if n >= size), default=None) for fit, size in zip(sweep.axes, spatial, strict=True)
    ]
    near = " and ".join(show(tuple(size or 0 for size in sizes)) for sizes in (below, above) if None not in sizes)
    if rows:
        foot = [f"the nearest inputs of which nothing is dropped: {near}" if near else "every size drops something"]
        tables = [
            Table(columns=LOSSES, rows=rows, head=[f"dropped by floor at {show(spatial)}:"], foot=foot, name="dropped")
        ]
    else:
        tables = [Table(columns=(), rows=(), head=[f"nothing is dropped by floor at {show(spatial)}"])]
    part: dict[str, Any] = {"input": stack.graph.inputs[0].shape, "lost": rows, "lossless_near": [below, above]}
    found = _sames(stack)
    if found:
        tables.append(
            Table(
                columns=SAMES, rows=[one._asdict() for one in found], head=["ways to pad this layer:"], name="padding"
            )
        )
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
