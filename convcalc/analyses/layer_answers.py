"""`ParamsReport`, `MacsReport` and `SummaryReport`: what `params`, `macs` and `summary` answer, over one count."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from convcalc.analyses.counts.modules import FP32
from convcalc.analyses.counts.report import CountReport, blocks_json
from convcalc.analyses.counts.training import gradients_of, needs_gradient
from convcalc.analyses.counts.useful import useful as useful_macs
from convcalc.analyses.field.report import FieldReport, field_report
from convcalc.analyses.module_tree import ModuleTree
from convcalc.errors import UnsupportedError
from convcalc.ops import Constant
from convcalc.sizes import Size, product, total
from convcalc.units import share

if TYPE_CHECKING:
    from collections.abc import Callable

    from convcalc.analyses.counts.params import Params
    from convcalc.analyses.counts.report import BlockReport
    from convcalc.graph import Node, Path

PARTS = ("weights", "biases", "norm", "other")


def params_json(params: Params) -> dict[str, Any]:
    """Return learned numbers by what they do, as JSON holds them."""
    return {"trainable": params.trainable, **{part: getattr(params, part) for part in PARTS}}


@dataclass(frozen=True, slots=True)
class ParamsReport:
    """Learned numbers of every layer, by what they do."""

    counts: CountReport

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document without its envelope."""
        blocks = [
            block.to_dict([{"params": row.params.total, **params_json(row.params)} for row in block.rows])
            for block in self.counts.blocks
        ]
        return blocks_json(blocks, **params_json(self.counts.params), **self.counts.folded_json())


@dataclass(frozen=True, slots=True)
class MacsReport:
    """Multiply-adds of every layer; `extras` are those on real input and those of gradients, where asked for.

    One dict for each row of each block, of one copy: `macs_useful`, `macs_input_grad`, `macs_weight_grad`.
    """

    counts: CountReport
    extras: tuple[tuple[dict[str, Size], ...], ...]

    @property
    def sums(self) -> dict[str, Size]:
        """The sums of the extras, all copies counted."""
        every = [extra for rows in self.extras for extra in rows]
        keys = list(every[0]) if every else []
        pairs = list(zip(every, self.counts.rows, strict=True))
        return {key: total(extra[key] * row.times for extra, row in pairs) for key in keys}

    @property
    def training(self) -> Size:
        """Multiply-adds of a training step, forward and backward, where the gradients were asked for."""
        sums = self.sums
        return total((self.counts.macs, sums["macs_input_grad"], sums["macs_weight_grad"]))

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document without its envelope."""
        counts, blocks = self.counts, []
        for block, extras in zip(counts.blocks, self.extras, strict=True):
            keys_by_row = [{"flops": 2 * row.macs, "other": row.other} for row in block.rows]
            blocks.append(block.to_dict([{**keys, **extra} for keys, extra in zip(keys_by_row, extras, strict=True)]))
        return blocks_json(blocks, flops=counts.flops, **self.sums, other=counts.other, **counts.folded_json())


def macs_report(counts: CountReport, *, useful: bool = False, backward: bool = False) -> MacsReport:
    """Count what was asked for besides: multiply-adds on real input, and those of the gradients."""
    return MacsReport(counts, tuple(_extras(block, useful=useful, backward=backward) for block in counts.blocks))


def _extras(block: BlockReport, *, useful: bool, backward: bool) -> tuple[dict[str, Size], ...]:
    extras: tuple[dict[str, Size], ...] = tuple({} for _ in block.rows)
    graph = block.subject.graph
    if useful:
        real = useful_macs(graph)
        for row, extra in zip(block.rows, extras, strict=True):
            extra["macs_useful"] = total(real.get(node.output.index, 0) for node in row.segment.nodes)
    if backward:
        needs = needs_gradient(graph)
        for row, extra in zip(block.rows, extras, strict=True):
            extra["macs_input_grad"], extra["macs_weight_grad"] = gradients_of(row.segment.nodes, needs)
    return extras


def lost_share(real: Size, macs: Size) -> float | None:
    """Return the share of the multiply-adds that land on padding; None where there are none."""
    real_share = share(real, macs)
    return None if real_share is None else 1 - real_share


@dataclass(frozen=True)
class SummaryReport:
    """Every layer's counts and fields; a block whose field cannot be given has None.

    `trees` hold the modules of each block, where they are asked for: layers with parts, or a model.
    """

    counts: CountReport
    fields: tuple[FieldReport | None, ...]
    trees: tuple[ModuleTree, ...] = ()

    @cached_property
    def buffer_bytes(self) -> Size:
        """Bytes of the buffers that steps read, in single precision."""
        graphs = [block.subject.graph for block in self.counts.blocks]
        buffers = (node.output for graph in graphs for node in graph.nodes if _is_buffer(node))
        return FP32 * total(product(value.shape) for value in buffers)

    def treed(self, depth: int | None = None) -> SummaryReport:
        """Return the same with the modules of each block, down to a depth (None: as deep as a screen holds)."""
        if self.trees:
            return self
        pairs = zip(self.counts.blocks, self.fields, strict=True)
        return replace(self, trees=tuple(ModuleTree(block, field, depth) for block, field in pairs))

    def timed(self, seconds: Callable[[ModuleTree], dict[Path, float]]) -> SummaryReport:
        """Return the same with measured times of the modules of every block."""
        return replace(self, trees=tuple(replace(tree, seconds=seconds(tree)) for tree in self.trees))

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document without its envelope: the layers, or every module, parents before their parts."""
        if self.trees:
            blocks = [
                {**tree.block.to_dict(), "layers": [tree.to_dict(*pair) for pair in enumerate(tree.rows)]}
                for tree in self.trees
            ]
            parts = self.counts.params
            return blocks_json(
                blocks, flops=self.counts.flops, other=self.counts.other, trainable=parts.trainable,
                buffer_bytes=self.buffer_bytes,
            )  # fmt: skip
        blocks = []
        for block, field in zip(self.counts.blocks, self.fields, strict=True):
            extras = [{"other": row.other, **(field.value_json(row.outputs) if field else {})} for row in block.rows]
            blocks.append(block.to_dict(extras))
        return blocks_json(blocks, flops=self.counts.flops, other=self.counts.other)


def summarise(
    counts: CountReport, depth: int | None = None, *, flat: bool = False, treed: bool = False
) -> SummaryReport:
    """Add the fields of every layer, where they can be given, and the tree of modules: of a model, or to a depth."""
    report = SummaryReport(counts, tuple(_field(block) for block in counts.blocks))
    models = any(not block.subject.block.layers for block in counts.blocks)
    if flat or not (treed or models or (depth or 1) > 1):
        return report
    return report.treed(depth)


def _is_buffer(node: Node) -> bool:
    """Whether a step is a tensor that a module holds: not one that its forward makes."""
    return isinstance(node.op, Constant) and node.op.name not in ("constant", "like", "index")


def _field(block: BlockReport) -> FieldReport | None:
    try:
        return field_report(block)
    except UnsupportedError:
        return None
