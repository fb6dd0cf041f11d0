"""`convcalc memory`: bytes of parameters and activations, in inference and in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Any

import typer

from convcalc.analyses.memory import Memory, bytes_of, held, memory, storages
from convcalc.analyses.training import Gradients, Training, gradients_of, needs_gradient, training
from convcalc.cli.options import AsFormat, Depth, Format, InputLayout, Inputs, Layout, Out, Spec, emit
from convcalc.cli.report import Line, document, hints, label, lines, missing, part, shape_of, stacks, warning
from convcalc.ops import Input, Parameter
from convcalc.render.table import Answer, Column, Table
from convcalc.sizes import total
from convcalc.spec.assemble import Stack
from convcalc.units import count, size_of


class Dtype(StrEnum):
    """Element types and, in `ITEMSIZE`, their bytes."""

    fp64 = "fp64"
    fp32 = "fp32"
    bf16 = "bf16"
    fp16 = "fp16"
    int8 = "int8"


ITEMSIZE = {Dtype.fp64: 8, Dtype.fp32: 4, Dtype.bf16: 2, Dtype.fp16: 2, Dtype.int8: 1}
COLUMNS = (
    Column("name", "#"),
    Column("layer", "layer"),
    Column("output", "output"),
    Column("param_bytes", "parameters", size_of, right=True),
    Column("activation_bytes", "made", size_of, right=True),
    Column("alive_bytes", "alive", size_of, right=True),
    Column("kept_bytes", "kept", size_of, right=True),
)


def command(
    spec: Spec = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    depth: Depth = 1,
    dtype: Annotated[Dtype, typer.Option("--dtype", help="Element type of parameters and activations.")] = Dtype.fp32,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Bytes of parameters and activations: what is alive at once in inference, what training keeps.

    Per layer: what it makes, what is alive while it runs in inference, what is kept for its backward. Kernels' own
    workspaces come on top. Example: convcalc memory @resnet_stem --dtype fp16
    """
    itemsize = ITEMSIZE[dtype]
    tables, parts = [], []
    found = stacks(spec, inputs, layout)
    for stack in found:
        rows = lines(stack, depth)
        run, step = _copies(rows, memory(stack.graph, itemsize), training(stack.graph, itemsize), itemsize)
        body = _rows(stack, rows, run, step, itemsize)
        names = missing(stack)
        trains = dtype is not Dtype.int8
        work = _gradient_macs(stack, rows)
        after = _training(rows, step, work) if trains else []
        foot = [*_inference(stack, rows, run, itemsize), *after, *warning(names, "the memory")]
        tables.append(Table(columns=COLUMNS, rows=body, total=_total(body), head=[stack.reading], foot=foot))
        keys = ("param_bytes", "activation_bytes", "alive_bytes", *(("kept_bytes",) if trains else ()))
        extras = [{key: row[key] for key in keys} for row in body]
        parts.append({**part(stack, rows, extras), **_document(stack, run, step if trains else None, work, itemsize)})
    answer = Answer("memory", document=document(parts, dtype=dtype.value), tables=tables, hints=hints(found))
    return emit(answer, form, out)


def _copies(rows: Sequence[Line], run: Memory, step: Training, itemsize: int) -> tuple[Memory, Training]:
    """Count the parameters of a row as often as it stands there (times=); its copies run one after the other."""
    more = [(node, line.times - 1) for line in rows for node in line.row.nodes if line.times > 1 and held(node)]
    fixed = total(bytes_of(node.output, itemsize) * times for node, times in more)
    trained = total(bytes_of(node.output, itemsize) * times for node, times in more if isinstance(node.op, Parameter))
    longer = replace(step, gradients=step.gradients + trained, peak=step.peak + fixed + trained)
    return replace(run, held=run.held + fixed), longer


def _rows(stack: Stack, rows: Sequence[Line], run: Memory, step: Training, itemsize: int) -> list[dict[str, Any]]:
    roots = storages(stack.graph)
    body = []
    for line in rows:
        own = [node.output for node in line.row.nodes if not held(node)]
        fixed = [node.output for node in line.row.nodes if held(node)]
        body.append(
            {
                "name": line.row.name,
                "layer": label(line, stack),
                "output": shape_of(line.row.outputs),
                "param_bytes": total(bytes_of(value, itemsize) for value in fixed) * line.times,
                "activation_bytes": total(
                    bytes_of(value, itemsize) for value in own if roots[value.index] == value.index
                ),
                "alive_bytes": max((run.alive[value.index] for value in own), default=0),
                "kept_bytes": total(step.kept_by.get(value.index, 0) for value in own),
            }
        )
    return body


def _total(body: Sequence[dict[str, Any]]) -> dict[str, Any]:
    sums = {key: total(row[key] for row in body) for key in ("param_bytes", "activation_bytes", "kept_bytes")}
    return {"layer": "total", **sums, "alive_bytes": max((row["alive_bytes"] for row in body), default=0)}


def _given(stack: Stack, itemsize: int) -> int:
    return total(bytes_of(value, itemsize) for value in stack.graph.inputs)


def _peak_at(stack: Stack, rows: Sequence[Line], run: Memory) -> str:
    """The first layer at which as much is alive as anywhere."""
    at = {node.output.index: line for line in rows for node in line.row.nodes}
    steps = [index for index, alive in run.alive.items() if alive == run.peak and index in at]
    return f" (layer {at[steps[0]].row.name}, {label(at[steps[0]], stack)})" if steps else ""


def _inference(stack: Stack, rows: Sequence[Line], run: Memory, itemsize: int) -> list[str]:
    lines_ = [
        f"inference: {size_of(run.held + run.peak)} = parameters and buffers {size_of(run.held)} and at most"
        f" {size_of(run.peak)} alive at once{_peak_at(stack, rows, run)}; the input is"
        f" {size_of(_given(stack, itemsize))}"
    ]
    if run.workspace:
        lines_.append(
            f"a kernel that lays out columns (im2col) takes up to {size_of(run.workspace)} more, for one sample"
        )
    return lines_


def _training(rows: Sequence[Line], step: Training, work: Gradients) -> list[str]:
    if not step.gradients:
        return ["training: there is no trained parameter"]
    forward = total(line.macs * line.times for line in rows)
    return [
        f"training: {size_of(step.peak)} at its peak: parameters and buffers, their gradients"
        f" {size_of(step.gradients)}, {size_of(step.kept)} kept for backward (the input among it where a layer needs"
        " it), and the gradients of activations alive at once",
        f"optimizer: nothing more for SGD, {size_of(step.gradients)} with momentum,"
        f" {size_of(2 * step.gradients)} for Adam",
        f"work of a step: {count(forward)} MACs forward, {count(work.data)} for the gradients of activations,"
        f" {count(work.weights)} for those of weights (macs --backward lists them)",
    ]


def _gradient_macs(stack: Stack, rows: Sequence[Line]) -> Gradients:
    needs = needs_gradient(stack.graph)
    found = [(gradients_of(line.row.nodes, needs), line.times) for line in rows]
    return Gradients(total(one.data * n for one, n in found), total(one.weights * n for one, n in found))


def _document(stack: Stack, run: Memory, step: Training | None, work: Gradients, itemsize: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "inference": {
            "parameters_and_buffers": run.held,
            "peak_activations": run.peak,
            "total": run.held + run.peak,
            "all_activations": run.everything,
            "input": _given(stack, itemsize),
            "workspace": run.workspace,
        },
    }
    if step is None:
        return found
    given = {node.output.index for node in stack.graph.nodes if isinstance(node.op, Input)}
    found["training"] = {
        "total": step.peak,
        "gradients": step.gradients,
        "kept": step.kept,
        "kept_inputs": total(step.kept_by.get(index, 0) for index in given),
        "macs_input_grad": work.data,
        "macs_weight_grad": work.weights,
    }
    return found
