"""`convcalc profile`: real timings on this machine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convcalc.cli.options import (
    AsFormat,
    Depth,
    Format,
    InputLayout,
    Inputs,
    Layout,
    Out,
    Spec,
    check_output,
    emit,
    immediate_interrupts,
)
from convcalc.cli.read.stack import Stack
from convcalc.cli.report import hints, runnable, shapes, stacks
from convcalc.errors import SpecError
from convcalc.render.table import SCHEMA_VERSION, Answer, Column, Table
from convcalc.render.units import count, figures, percent, seconds, share, size_of

if TYPE_CHECKING:
    from rich.progress import Progress

    from convcalc.analyses.report import Row
    from convcalc.graph import Graph
    from convcalc.runtime.profile import Setup, Timed


class Pass(StrEnum):
    """Which direction is timed."""

    forward = "forward"
    backward = "backward"
    both = "both"


class Device(StrEnum):
    """Where."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class Dtype(StrEnum):
    """With which numbers."""

    fp32 = "fp32"
    bf16 = "bf16"
    fp16 = "fp16"


class MemoryLayout(StrEnum):
    """How tensors lie in memory."""

    nchw = "nchw"
    channels_last = "channels_last"


def command(
    spec: Spec = None,
    inputs: Inputs = None,
    input_layout: Layout = InputLayout.chw,
    depth: Depth = 1,
    direction: Annotated[Pass, typer.Option("--pass", help="Time the forward, the backward, or both.")] = Pass.forward,
    device: Annotated[Device, typer.Option(help="Where to run; auto takes a GPU if there is one.")] = Device.auto,
    dtype: Annotated[Dtype, typer.Option(help="Numbers to compute with.")] = Dtype.fp32,
    threads: Annotated[int, typer.Option(min=0, max=1024, help="CPU threads; 0 takes all cores.")] = 0,
    layout: Annotated[MemoryLayout, typer.Option(help="How tensors lie in memory.")] = MemoryLayout.nchw,
    time: Annotated[float, typer.Option(min=0.01, max=600.0, help="At most this many seconds of samples a row.")] = 1.0,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Run the layers here and time each, and the whole: median, spread (IQR), samples, GFLOP/s.

    The batch is the first size of -i (8x3x224x224). GFLOP/s = 2 x MACs / median; a backward
    has twice the MACs of its forward.
    Example: convcalc profile @resnet_stem
    """
    if not isfinite(time):
        raise SpecError(f"--time takes seconds, not {time}")
    check_output(out)
    found = stacks(spec, inputs, input_layout)
    runnable(found)
    with immediate_interrupts():
        from convcalc.runtime import machine, profile
        from convcalc.runtime.measure import Task

    place = machine.pick_device(device.value)
    setup = profile.Setup(
        device=place,
        dtype=profile.DTYPES[dtype.value],
        threads=threads or machine.default_threads(),
        channels_last=layout is MemoryLayout.channels_last,
        direction=direction.value,
    )
    task = Task(max_s=time, min_s=min(0.2, time))
    for stack in found:
        profile.check_memory(stack.graph, setup)
    memory = max(profile.needed(stack.graph, setup) for stack in found)
    plural = "s" if setup.threads > 1 else ""
    head = [
        f"{machine.describe(place)}, {place.type}, {setup.threads} thread{plural}, {dtype.value}, {layout.value}, "
        f"{direction.value} pass, about {size_of(memory)}",
    ]
    results = []
    jobs = [(stack, profile.tasks(stack.graph, depth)) for stack in found]
    with progress(sum(len(rows) + 1 for _, rows in jobs)) as bar:
        for stack, rows in jobs:
            results.append((stack, *_timed(stack, rows, setup, task, bar)))
    tables = [
        _table(stack, parts, whole, setup, head if not n else []) for n, (stack, parts, whole) in enumerate(results)
    ]
    document = _document(results, setup, dtype.value, layout.value, machine.describe(place), int(memory))
    return emit(Answer(document=document, tables=tables, hints=hints(found)), form, out)


@contextmanager
def progress(steps: int) -> Iterator[Progress]:
    """A bar on stderr; nothing where stderr is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from convcalc.render.terminal import console

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    quiet = not sys.stderr.isatty()
    with Progress(*columns, console=console(sys.stderr), transient=True, disable=quiet) as bar:
        bar.add_task("timing", total=steps)
        yield bar


def _timed(
    stack: Stack, rows: list[tuple[Row, Graph]], setup: Setup, task: Any, bar: Progress
) -> tuple[list[Timed], Timed]:
    from convcalc.runtime import profile

    job = bar.task_ids[0]
    parts = []
    for row, graph in rows:
        text = row.scope.text or ".".join(row.scope.path[1:])
        bar.update(job, description=text[:40])
        parts.append(profile.run(graph, row.name, text, row.scope.times, setup, task))
        bar.advance(job)
    bar.update(job, description="the whole")
    whole = profile.run(stack.graph, profile.WHOLE, "the whole", 1, setup, task)
    bar.advance(job)
    return parts, whole


def _row(one: Timed, everything: float) -> dict[str, Any]:
    return {
        "name": one.name,
        "layer": one.text,
        "macs": one.macs,
        "median_s": one.measured.median,
        "iqr_s": one.measured.iqr,
        "share": share(one.measured.median * one.times, everything),
        "samples": one.measured.samples,
        "calls": one.measured.calls,
        "flops_per_s": one.flops_per_s,
        "settled": one.measured.settled,
    }


def _rate(value: float | None) -> str:
    return "-" if value is None else figures(value / 1e9)


NAMED = 5
UNEVEN = 2.0
"""Past this ratio of the whole to the sum of its layers one of them was disturbed."""
COLUMNS = (
    Column("name", "#"),
    Column("layer", "layer"),
    Column("macs", "MACs", count, right=True),
    Column("median_s", "median", seconds, right=True),
    Column("iqr_s", "IQR", seconds, right=True),
    Column("samples", "samples", right=True),
    Column("share", "share", percent, right=True),
    Column("flops_per_s", "GFLOP/s", _rate, right=True),
)


def _table(stack: Stack, parts: list[Timed], whole: Timed, setup: Setup, head: list[str]) -> Table:
    summed = sum(one.measured.median * one.times for one in parts)
    foot = [f"the layers one by one add up to {seconds(summed)}; together they take {seconds(whole.measured.median)}"]
    noisy = [
        f"{one.name} {one.text}" if one is not whole else one.text
        for one in (whole, *parts)
        if not one.measured.settled
    ]
    if noisy:
        more = f" and {len(noisy) - NAMED} more" if len(noisy) > NAMED else ""
        foot.append(
            f"not settled within 1% in the time given (--time 5 gives longer): {', '.join(noisy[:NAMED])}{more}"
        )
    if summed and not 1 / UNEVEN <= whole.measured.median / summed <= UNEVEN:
        foot.append("the whole and the sum of its layers are far apart: the cores were busy; try again, or --threads 1")
    work = {"forward": "MACs", "backward": "2 MACs (input and weight gradient)", "both": "3 MACs"}[setup.direction]
    foot.append(f"GFLOP/s = 2 x {work} / median")
    return Table(
        columns=COLUMNS,
        rows=[_row(one, summed) for one in parts],
        total={**_row(whole, summed), "name": ""},
        head=[*head, stack.reading],
        foot=foot,
    )


def _document(
    results: list[tuple[Stack, list[Timed], Timed]],
    setup: Setup,
    dtype: str,
    layout: str,
    name: str,
    memory: int,
) -> dict[str, Any]:
    import torch

    blocks = []
    for stack, parts, whole in results:
        summed = sum(one.measured.median * one.times for one in parts)
        rows = [_json(one, summed) for one in parts]
        blocks.append(
            {
                "input": shapes(stack.graph.inputs),
                "output": shapes(stack.graph.outputs),
                "macs": whole.macs,
                "layers": rows,
                "whole": _json(whole, summed),
            }
        )
    machine = {
        "device": setup.device.type,
        "name": name,
        "torch": torch.__version__,
        "threads": setup.threads,
    }
    head = {
        "schema_version": SCHEMA_VERSION,
        "command": "profile",
        "machine": machine,
        "dtype": dtype,
        "layout": layout,
        "pass": setup.direction,
        "memory_bytes": memory,
    }
    return {**head, **blocks[0]} if len(blocks) == 1 else {**head, "blocks": blocks}


def _json(one: Timed, summed: float) -> dict[str, Any]:
    row = _row(one, summed)
    row["text"] = row.pop("layer")
    low, high = one.measured.quartiles
    return {**row, "q1_s": low, "q3_s": high, "first_s": one.measured.first_s}
