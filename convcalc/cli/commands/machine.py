"""`convcalc machine`: what this machine can do at most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from convcalc.cli.options import AsFormat, DeviceName, Format, Out, PeakBandwidth, PeakFlops, check_output, emit
from convcalc.cli.variants import setups, threads
from convcalc.cli.views.progress import bar
from convcalc.errors import SpecError
from convcalc.profiling.fields import to_json
from convcalc.profiling.roofline import MEASURED, TF32
from convcalc.profiling.run import measure_roofs
from convcalc.render.table import Answer, Column, Table
from convcalc.spec.quantities import per_second
from convcalc.units import figures, giga, percent, plural

if TYPE_CHECKING:
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

    Measured with the threads and the numbers of a run, and kept for the next time.
    """
    check_output(out)
    overrides = per_second(flops, "--peak-flops"), per_second(bandwidth, "--peak-bw")
    choices = setups(device, dtype, "nchw", "eager", "forward", threads(thread_count))
    if len(choices) > 1:
        raise SpecError("machine takes one --dtype and one number of --threads")
    setup = choices[0]
    with bar() as progress:
        run, measured = measure_roofs(setup, refresh=refresh, progress=progress)
    machine, peaks = run.machine, measured.override(*overrides)
    rows = [
        {"what": "compute", "peak": f"{giga(peaks.flops_per_s)} GFLOP/s", "source": _compute(peaks)},
        {"what": "memory", "peak": f"{giga(peaks.bytes_per_s)} GB/s", "source": peaks.bytes_from},
    ]
    if peaks.tf32_flops_per_s is not None:
        tf32 = {"what": "compute, TF32", "peak": f"{giga(peaks.tf32_flops_per_s)} GFLOP/s", "source": _compute(peaks)}
        rows.insert(1, tf32)
    if machine["device"] != "cpu" and peaks.flops_from == MEASURED:
        best = giga(peaks.burst(TF32 if peaks.tf32_flops_per_s else ""))
        rows.append({"what": "compute, burst", "peak": f"{best} GFLOP/s", "source": "single products after a rest"})
    if peaks.near_bytes_per_s is not None:
        near = f"{giga(peaks.near_bytes_per_s)} GB/s"
        rows.append({"what": "last cache, half full", "peak": near, "source": "measured"})
    head = [f"{machine['name']}, {machine['device']}, {plural(setup.threads, 'thread')}, {setup.dtype}"]
    foot = [
        *_circumstances(peaks),
        f"ridge: a kernel below {figures(peaks.ridge)} FLOPs per byte is bound by memory, above it by compute",
        "bytes are counted as STREAM does; the traffic of write-allocate is not",
    ]
    document: dict[str, Any] = {
        "device": machine["device"],
        "name": machine["name"],
        "threads": setup.threads,
        "dtype": setup.dtype,
        **to_json(peaks),
        "ridge": peaks.ridge,
    }
    return emit(
        Answer("machine", document, [Table(columns=COLUMNS, rows=rows, head=head, foot=foot)], hints=run.hints),
        form,
        out,
    )


def _compute(peaks: Peaks) -> str:
    if peaks.flops_from != MEASURED:
        return peaks.flops_from
    return f"measured, {peaks.gemm_side} x {peaks.gemm_side} products in {peaks.gemm_in}"


def _circumstances(peaks: Peaks) -> list[str]:
    """When the roofs were measured and under what load, and why they are provisional where they are."""
    then = peaks.circumstances
    if peaks.flops_from != MEASURED:
        return []
    known = "" if then.interval is None else f", compute known to {percent(then.interval)}"
    load = "" if then.load is None else f", load {figures(then.load)}"
    clock = "" if then.clock_mhz is None else f", clock {figures(then.clock_mhz)} MHz"
    lines = [f"measured on {then.date}{load}{clock}{known}"]
    if then.provisional:
        lines.append(
            f"provisional, as {then.provisional}: measured again when the machine is calmer, or with --refresh"
        )
    return lines
