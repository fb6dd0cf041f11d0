"""`convcalc profile`: real timings on this machine."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import typer

from convcalc.cli import best, profiled, versus
from convcalc.cli.options import (
    AsFormat,
    Depth,
    DeviceName,
    Format,
    InputLayout,
    Inputs,
    Layout,
    Out,
    PeakBandwidth,
    PeakFlops,
    Spec,
    check_output,
)
from convcalc.cli.quantities import per_second
from convcalc.cli.report import runnable, stacks
from convcalc.cli.timed import Keeper, Limits
from convcalc.cli.variants import batches, duration, setups, threads, words
from convcalc.errors import SpecError, UnsupportedError
from convcalc.profiling.plan import ALLOCATORS
from convcalc.spec.assemble import Stack, assemble


def command(
    spec: Spec = None,
    inputs: Inputs = None,
    input_layout: Layout = InputLayout.chw,
    depth: Depth = 1,
    direction: Annotated[
        str, typer.Option("--pass", metavar="LIST", help="forward, backward, both; a list makes a row of each.")
    ] = "forward",
    device: DeviceName = "auto",
    dtype: Annotated[str, typer.Option(metavar="LIST", help="fp32, bf16, fp16.")] = "fp32",
    thread_counts: Annotated[
        str, typer.Option("--threads", metavar="LIST", help="CPU threads, such as 1,all; all is every core.")
    ] = "all",
    layout: Annotated[str, typer.Option(metavar="LIST", help="nchw, channels_last, prepacked.")] = "nchw",
    mode: Annotated[
        str, typer.Option(metavar="LIST", help="eager, compile (torch.compile), search (cuDNN's algorithms).")
    ] = "eager",
    batch: Annotated[
        str | None, typer.Option(metavar="LIST", help="Batch sizes in place of the input's: 1,8 or 1:64:pow2.")
    ] = None,
    time: Annotated[str, typer.Option(metavar="SECONDS", help="At most this long for the samples of a row.")] = "3s",
    budget: Annotated[str, typer.Option(metavar="SECONDS", help="At most this long for all measuring.")] = "60s",
    cold: Annotated[bool, typer.Option("--cold/--no-cold", help="Time with weights out of cache too.")] = True,
    vs: Annotated[
        str | None, typer.Option("--vs", metavar="SPEC", help="Another stack, in quotes or @FILE: take turns with it.")
    ] = None,
    fastest: Annotated[bool, typer.Option("--best", help="Which layout and mode is fastest for each layer.")] = False,
    details: Annotated[bool, typer.Option("--details", help="All that was recorded, and repro lines.")] = False,
    why: Annotated[bool, typer.Option("--explain", help="Say why each layer takes its time.")] = False,
    roofline: Annotated[bool, typer.Option("--roofline", help="Draw the rows under the machine's roofs.")] = False,
    plot: Annotated[
        str | None, typer.Option("--plot", metavar="FILE", help="Draw the roofline into FILE.svg, .png or .pdf.")
    ] = None,
    save: Annotated[
        str | None, typer.Option("--save", metavar="FILE", help="Append each row to FILE (JSON lines) when it is done.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Skip the rows that --save's file has.")] = False,
    flops: PeakFlops = None,
    bandwidth: PeakBandwidth = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Measure the machine's roofs again.")] = False,
    allocator: Annotated[
        str, typer.Option(metavar="NAME", help="keep freed pages, or leave them to the system's allocator.")
    ] = "keep",
    keep_denormals: Annotated[bool, typer.Option("--keep-denormals", help="Do not flush subnormals to zero.")] = False,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Run the layers here and time each, and the whole: median, kernel, GFLOP/s, and how near the machine's roofs.

    The batch is the first size of -i (8x3x224x224). A process of its own measures, with threads and environment
    fixed; lists make variants. Ctrl-C prints what is done.
    Example: convcalc profile @resnet_stem
    """
    limits = Limits(
        budget=duration(budget, "--budget"),
        row=duration(time, "--time"),
        cold=cold and vs is None and not fastest,
        refresh=refresh,
        flops=per_second(flops, "--peak-flops"),
        bandwidth=per_second(bandwidth, "--peak-bw"),
    )
    counts, sizes = threads(thread_counts), batches(batch) if batch else [None]
    for file in (out, save, plot):
        check_output(file)
    if resume and not save:
        raise SpecError("--resume goes on with a file: name it with --save")
    if plot is not None:
        from convcalc.render.roofline import check

        check(plot)
    process: dict[str, Any] = {
        "allocator": words(allocator, ALLOCATORS, "--allocator")[-1],
        "keep_denormals": keep_denormals,
    }
    lists = setups(device, dtype, best.layouts(layout) if fastest else layout, mode, direction, counts)
    wanted = [replace(setup, **process) for setup in lists]
    beside = [
        name
        for name, given in (
            ("--save", save), ("--plot", plot), ("--roofline", roofline), ("--details", details), ("--explain", why),
            ("a list of --batch", len(sizes) > 1), ("--best", fastest and vs is not None),
            ("a list of variants", len(wanted) > 1 and not fastest),
        )
        if given
    ]  # fmt: skip
    found = stacks(spec, inputs, input_layout)
    runnable(found)
    if vs is not None:
        if beside:
            raise SpecError(f"--vs compares two stacks under one setup, in a table of its own: leave out {beside[0]}")
        other = stacks([vs], inputs, input_layout)
        runnable(other)
        return versus.command(_batched(found, sizes[0]), _batched(other, sizes[0]), wanted[0], limits, form, out)
    if fastest:
        if beside:
            raise SpecError(f"--best compares variants of each layer, in a table of its own: leave out {beside[0]}")
        return best.command(_batched(found, sizes[0]), wanted, depth, limits, form, out)
    shown = profiled.Shown(details=details, why=why, roofline=roofline, plot=plot)
    by_size = {size: _batched(found, size) for size in sizes}
    return profiled.command(by_size, wanted, depth, limits, Keeper(save, resume=resume), shown, form, out)


def _batched(found: list[Stack], size: int | None) -> list[Stack]:
    """The same stacks on inputs of another batch. Raises UnsupportedError for inputs that have none."""
    if size is None:
        return found
    made = []
    for stack in found:
        given = stack.block.inputs
        if stack.block.layers[0].kind.rows or any(len(value.shape) < 2 for value in stack.graph.inputs):
            raise UnsupportedError(f"--batch: the input of {stack.block.layers[0].kind.name} has no batch")
        sizes = [(size, *value.shape[1:]) for value in stack.graph.inputs]
        inputs = tuple(one._replace(sizes=shape) for one, shape in zip(given, sizes, strict=True))
        made.append(assemble(stack.block._replace(inputs=inputs)))
    return made
