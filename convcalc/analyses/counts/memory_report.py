"""`MemoryReport`: bytes of parameters and activations of every layer, in inference and in training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from convcalc.analyses.counts.memory import Memory, bytes_of, is_stored, memory, storages
from convcalc.analyses.counts.report import BlockReport, CountedRow, CountReport, blocks_json
from convcalc.analyses.counts.training import Gradients, Training, gradients_of, needs_gradient, training
from convcalc.errors import UnsupportedError
from convcalc.ops import Input, Parameter
from convcalc.sizes import Size, total


class MemoryRow(NamedTuple):
    """Bytes of one layer: its parameters, what it makes, what is alive while it runs, what is kept for backward."""

    row: CountedRow
    param_bytes: Size
    activation_bytes: Size
    alive_bytes: Size
    kept_bytes: Size


@dataclass(frozen=True, slots=True)
class BlockMemory:
    """One stack: its rows, what inference holds, and a training step (not of integers: `trains`).

    `peak_row` is the first row at which as much is alive as anywhere; `untrained` says why a step cannot be given.
    """

    block: BlockReport
    rows: tuple[MemoryRow, ...]
    inference: Memory
    step: Training
    gradients: Gradients
    input_bytes: Size
    kept_inputs: Size
    peak_row: CountedRow | None
    trains: bool
    untrained: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the block's part of the JSON document."""
        keys = ("param_bytes", "activation_bytes", "alive_bytes", *(("kept_bytes",) if self.trains else ()))
        document = self.block.to_dict([{key: getattr(row, key) for key in keys} for row in self.rows])
        run = self.inference
        document["inference"] = {
            "parameters_and_buffers": run.held,
            "peak_activations": run.peak,
            "total": run.held + run.peak,
            "all_activations": run.everything,
            "input": self.input_bytes,
            "workspace": run.workspace,
        }
        if self.trains:
            document["training"] = {
                "total": self.step.peak,
                "gradients": self.step.gradients,
                "kept": self.step.saved,
                "kept_inputs": self.kept_inputs,
                "macs_input_grad": self.gradients.data,
                "macs_weight_grad": self.gradients.weights,
            }
        return document


@dataclass(frozen=True, slots=True)
class MemoryReport:
    """Every block's bytes, with elements of one dtype."""

    counts: CountReport
    blocks: tuple[BlockMemory, ...]
    dtype: str

    @property
    def figures(self) -> dict[str, Size]:
        """The most bytes that any block needs: in inference, and in a training step."""
        needs = {"peak_memory": max(block.inference.held + block.inference.peak for block in self.blocks)}
        if all(block.trains for block in self.blocks):
            needs["training_memory"] = max(block.step.peak for block in self.blocks)
        return needs

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document without its envelope."""
        return blocks_json([block.to_dict() for block in self.blocks], dtype=self.dtype)


def memory_report(counts: CountReport, dtype: str, itemsize: int, *, trains: bool = True) -> MemoryReport:
    """Return the bytes of every layer of some stacks, with elements of `itemsize` bytes."""
    return MemoryReport(counts, tuple(_block(block, itemsize, trains=trains) for block in counts.blocks), dtype)


def _block(block: BlockReport, itemsize: int, *, trains: bool) -> BlockMemory:
    graph = block.subject.graph
    untrained = ""
    try:
        step = training(graph, itemsize)
    except UnsupportedError as error:
        step, trains, untrained = Training(gradients=0, saved=0, peak=0, saved_by={}), False, str(error)
    run, step = _copies(block, memory(graph, itemsize), step, itemsize)
    inputs = [node.output.index for node in graph.nodes if isinstance(node.op, Input)]
    return BlockMemory(
        block=block,
        rows=tuple(_rows(block, run, step, itemsize)),
        inference=run,
        step=step,
        gradients=_gradients(block),
        input_bytes=total(bytes_of(value, itemsize) for value in graph.inputs),
        kept_inputs=total(step.saved_by.get(index, 0) for index in inputs),
        peak_row=_peak_row(block, run),
        trains=trains,
        untrained=untrained,
    )


def _copies(block: BlockReport, run: Memory, step: Training, itemsize: int) -> tuple[Memory, Training]:
    """Count the parameters of a row as often as it stands there (times=); its copies run one after the other."""
    more = [
        (node, row.times - 1) for row in block.rows for node in row.segment.nodes if row.times > 1 and is_stored(node)
    ]
    fixed = total(bytes_of(node.output, itemsize) * times for node, times in more)
    trained = total(bytes_of(node.output, itemsize) * times for node, times in more if isinstance(node.op, Parameter))
    longer = replace(step, gradients=step.gradients + trained, peak=step.peak + fixed + trained)
    return replace(run, held=run.held + fixed), longer


def _rows(block: BlockReport, run: Memory, step: Training, itemsize: int) -> list[MemoryRow]:
    roots = storages(block.subject.graph)
    rows = []
    for row in block.rows:
        outputs = [node.output for node in row.segment.nodes if not is_stored(node)]
        stored = [node.output for node in row.segment.nodes if is_stored(node)]
        owners = [value for value in outputs if roots[value.index] == value.index]
        rows.append(
            MemoryRow(
                row=row,
                param_bytes=total(bytes_of(value, itemsize) for value in stored) * row.times,
                activation_bytes=total(bytes_of(value, itemsize) for value in owners),
                alive_bytes=max((run.alive[value.index] for value in outputs), default=0),
                kept_bytes=total(step.saved_by.get(value.index, 0) for value in outputs),
            )
        )
    return rows


def _gradients(block: BlockReport) -> Gradients:
    needs = needs_gradient(block.subject.graph)
    parts = [(gradients_of(row.segment.nodes, needs), row.times) for row in block.rows]
    return Gradients(total(part.data * n for part, n in parts), total(part.weights * n for part, n in parts))


def _peak_row(block: BlockReport, run: Memory) -> CountedRow | None:
    rows = {node.output.index: row for row in block.rows for node in row.segment.nodes}
    return next((rows[index] for index, alive in run.alive.items() if alive == run.peak and index in rows), None)
