"""`convcalc machine`: what this machine can do at most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from convcalc.cli.options import AsFormat, DeviceName, Format, Out, PeakBandwidth, PeakFlops, check_output, emit
from convcalc.cli.quantities import per_second
from convcalc.cli.timed import Limits, measured
from convcalc.cli.variants import setups, threads
from convcalc.errors import SpecError
from convcalc.render.table import Answer, Column, Table
from convcalc.units import figures, plural

if TYPE_CHECKING:
    from convcalc.profiling.plan import Setup
    from convcalc.profiling.roofline import Peaks

COLUMNS = (Column("what", "roof"), Column("peak", "peak", right=True), Column("source", "from"))


def command(
    device: DeviceName = "auto",
    dtype: Annotated[str, typer.Option(metavar="NAME", help="fp32, bf16 or fp16.")] = "fp32",
    thread_count: Annotated[
        str, typer.Option("--threads", metavar="N", help="CPU threads; all is every core.")
    ] = "all",
    refresh: Annotated[bool, typer.Option("--refresh", help="Measure again, whatever is kept.")] = False,
    flops: PeakFlops = None,
    bandwidth: PeakBandwidth = None,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """The roofs of this machine: FLOP/s of matrix products, bytes/s of memory and of the last cache, and the ridge.

    Measured with the threads and the numbers of a run, and kept for the next time. Example:
    convcalc machine --threads 1
    """
    check_output(out)
    given = per_second(flops, "--peak-flops"), per_second(bandwidth, "--peak-bw")
    wanted = setups(device, dtype, "nchw", "eager", "forward", threads(thread_count))
    if len(wanted) > 1:
        raise SpecError("machine takes one --dtype and one number of --threads")
    setup = wanted[0]
    there, peaks, hints = roofs(setup, refresh=refresh)
    found = peaks.given(*given)
    rows = [
        {"what": "compute", "peak": f"{figures(found.flops_per_s / 1e9)} GFLOP/s", "source": _compute(found)},
        {"what": "memory", "peak": f"{figures(found.bytes_per_s / 1e9)} GB/s", "source": found.bytes_from},
    ]
    if found.near_bytes_per_s is not None:
        near = f"{figures(found.near_bytes_per_s / 1e9)} GB/s"
        rows.append({"what": "last cache, half full", "peak": near, "source": "measured"})
    head = [f"{there['name']}, {there['device']}, {plural(setup.threads, 'thread')}, {setup.dtype}"]
    foot = [
        f"ridge: a kernel below {figures(found.ridge)} FLOPs per byte is bound by memory, above it by compute",
        "bytes are counted as STREAM does; the traffic of write-allocate is not",
    ]
    document: dict[str, Any] = {
        "device": there["device"],
        "name": there["name"],
        "threads": setup.threads,
        "dtype": setup.dtype,
        **found.as_dict(),
        "ridge": found.ridge,
    }
    return emit(
        Answer("machine", document, [Table(columns=COLUMNS, rows=rows, head=head, foot=foot)], hints=hints), form, out
    )


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
