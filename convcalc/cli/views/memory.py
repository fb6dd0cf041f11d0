"""`memory_table`: the table of memory, and what inference and training hold in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convcalc.cli.views.counts import at_least_line, shape_text
from convcalc.render.table import Column, Table
from convcalc.sizes import total
from convcalc.units import count, size_of

if TYPE_CHECKING:
    from convcalc.analyses.counts.memory_report import BlockMemory

COLUMNS = (
    Column("name", "#"),
    Column("layer", "layer"),
    Column("output", "output"),
    Column("param_bytes", "parameters", size_of, right=True),
    Column("activation_bytes", "made", size_of, right=True),
    Column("alive_bytes", "alive", size_of, right=True),
    Column("kept_bytes", "kept", size_of, right=True),
)


BYTES = ("param_bytes", "activation_bytes", "alive_bytes", "kept_bytes")


def memory_table(block: BlockMemory) -> Table:
    """Return the table of one stack."""
    rows: list[dict[str, Any]] = [
        {
            "name": row.row.name,
            "layer": row.row.text,
            "output": shape_text(row.row.outputs),
            **{key: getattr(row, key) for key in BYTES},
        }
        for row in block.rows
    ]
    sums = {key: total(row[key] for row in rows) for key in ("param_bytes", "activation_bytes", "kept_bytes")}
    last = {"layer": "total", **sums, "alive_bytes": max((row["alive_bytes"] for row in rows), default=0)}
    foot = [*_inference(block), *(_training(block) if block.trains else [])]
    foot += [f"training: {block.untrained}"] if block.untrained else []
    foot += at_least_line(block.block.at_least, "the memory")
    return Table(columns=COLUMNS, rows=rows, total=last, head=[block.block.subject.reading], foot=foot)


def _inference(block: BlockMemory) -> list[str]:
    run, peak = block.inference, block.peak_row
    where = f" (layer {peak.name}, {peak.text})" if peak is not None else ""
    lines = [
        f"inference: {size_of(run.held + run.peak)} = parameters and buffers {size_of(run.held)} and at most"
        f" {size_of(run.peak)} alive at once{where}; the input is {size_of(block.input_bytes)}"
    ]
    if run.workspace:
        lines.append(
            f"a kernel that lays out columns (im2col) takes up to {size_of(run.workspace)} more, for one sample"
        )
    return lines


def _training(block: BlockMemory) -> list[str]:
    step, work = block.step, block.gradients
    if not step.gradients:
        return ["training: there is no trained parameter"]
    return [
        f"training: {size_of(step.peak)} at its peak: parameters and buffers, their gradients"
        f" {size_of(step.gradients)}, {size_of(step.saved)} kept for backward (the input among it where a layer needs"
        " it), and the gradients of activations alive at once",
        f"optimizer: nothing more for SGD, {size_of(step.gradients)} with momentum,"
        f" {size_of(2 * step.gradients)} for Adam",
        f"work of a step: {count(block.block.macs)} MACs forward, {count(work.data)} for the gradients of activations,"
        f" {count(work.weights)} for those of weights (macs --backward lists them)",
    ]
