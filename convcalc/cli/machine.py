"""`convcalc machine`: what this machine can do at most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from convcalc.cli.options import AsFormat, Format, Out, check_output, emit
from convcalc.cli.read.quantities import quantity
from convcalc.cli.read.variants import setups, threads
from convcalc.cli.timed import Limits, measured
from convcalc.errors import SpecError
from convcalc.render.table import SCHEMA_VERSION, Answer, Column, Table
from convcalc.render.units import figures

if TYPE_CHECKING:
    from convcalc.timing.roofline import Peaks
    from convcalc.timing.setup import Setup

COLUMNS = (Column("what", "roof"), Column("peak", "peak", right=True), Column("source", "from"))


def command(
    device: Annotated[
        str, typer.Option(metavar="NAME", help="auto, cpu, cuda, mps or xpu; auto takes a GPU if there is one.")
    ] = "auto",
    dtype: Annotated[str, typer.Option(metavar="NAME", help="fp32, bf16 or fp16.")] = "fp32",
    thread_count: Annotated[
        str, typer.Option("--threads", metavar="N", help="CPU threads; all is every core.")
    ] = "all",
    refresh: Annotated[bool, typer.Option("--refresh", help="Measure again, whatever is kept.")] = False,
    flops: Annotated[
        str | None, typer.Option("--peak-flops", metavar="N", help="Compute roof by hand, FLOP/s, such as 989T.")
    ] = None,
    bandwidth: Annotated[
        str | None, typer.Option("--peak-bw", metavar="N", help="Memory roof by hand, bytes/s, such as 3.35T.")
    ] = None,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """The roofs of this machine: FLOP/s of matrix products, bytes/s of memory and of the last cache, and the ridge.

    Measured with the threads and the numbers of a run, and kept for the next time. Example:
    convcalc machine --threads 1
    """
    check_output(out)
    given = tuple(
        None if text is None else float(quantity(text, option))
        for text, option in ((flops, "--peak-flops"), (bandwidth, "--peak-bw"))
    )
    wanted = setups(device, dtype, "nchw", "eager", "forward", threads(thread_count))
    if len(wanted) > 1:
        raise SpecError("machine takes one --dtype and one number of --threads")
    setup = wanted[0]
    there, peaks, hints = roofs(setup, refresh=refresh)
    found = peaks.given(*given)
    plural = "s" if setup.threads > 1 else ""
    rows = [
        {"what": "compute", "peak": f"{figures(found.flops_per_s / 1e9)} GFLOP/s", "source": _compute(found)},
        {"what": "memory", "peak": f"{figures(found.bytes_per_s / 1e9)} GB/s", "source": found.bytes_from},
    ]
    if found.near_bytes_per_s is not None:
        near = f"{figures(found.near_bytes_per_s / 1e9)} GB/s"
        rows.append({"what": "last cache, half full", "peak": near, "source": "measured"})
    head = [f"{there['name']}, {there['device']}, {setup.threads} thread{plural}, {setup.dtype}"]
    foot = [
        f"ridge: a kernel below {figures(found.ridge)} FLOPs per byte is bound by memory, above it by compute",
        "bytes are counted as STREAM does; the traffic of write-allocate is not",
    ]
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "command": "machine",
        "device": there["device"],
        "name": there["name"],
        "threads": setup.threads,
        "dtype": setup.dtype,
        **found.as_dict(),
        "ridge": found.ridge,
    }
    return emit(Answer(document, [Table(columns=COLUMNS, rows=rows, head=head, foot=foot)], hints=hints), form, out)


def _compute(found: Peaks) -> str:
    return (
        f"measured, {found.gemm_side} x {found.gemm_side} products in {found.gemm_in}"
        if found.flops_from == "measured"
        else "given"
    )


def roofs(setup: Setup, *, refresh: bool = False) -> tuple[dict[str, Any], Peaks, list[str]]:
    """Return the machine, its peaks, kept or measured now in a process of its own, and what to say on stderr."""
    run = measured([], Limits(refresh=refresh), peaks=[setup])
    if run.interrupted:
        raise KeyboardInterrupt
    return run.machine, run.peaks[setup.dtype, setup.threads], run.hints
