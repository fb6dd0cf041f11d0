"""`convcalc machine`: what this machine can do at most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from convcalc.cli.options import AsFormat, Format, Out, check_output, emit, immediate_interrupts
from convcalc.cli.profile import Device, Dtype
from convcalc.cli.read.quantities import quantity
from convcalc.render.table import SCHEMA_VERSION, Answer, Column, Table
from convcalc.render.units import figures, seconds

if TYPE_CHECKING:
    from convcalc.runtime.peaks import Peaks
    from convcalc.runtime.profile import Setup

FILE = "peaks.json"
COLUMNS = (Column("what", "roof"), Column("peak", "peak", right=True), Column("source", "from"))


def command(
    device: Annotated[Device, typer.Option(help="Where to run; auto takes a GPU if there is one.")] = Device.auto,
    dtype: Annotated[Dtype, typer.Option(help="Numbers to compute with.")] = Dtype.fp32,
    threads: Annotated[int, typer.Option(min=0, max=1024, help="CPU threads; 0 takes all cores.")] = 0,
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
    with immediate_interrupts():
        from convcalc.runtime import machine, profile

    place = machine.pick_device(device.value)
    setup = profile.Setup(device=place, dtype=profile.DTYPES[dtype.value], threads=threads or machine.default_threads())
    peaks, hints = roofs(setup, refresh=refresh)
    found = peaks.given(*given)
    plural = "s" if setup.threads > 1 else ""
    rows = [
        {"what": "compute", "peak": f"{figures(found.flops_per_s / 1e9)} GFLOP/s", "source": _compute(found)},
        {"what": "memory", "peak": f"{figures(found.bytes_per_s / 1e9)} GB/s", "source": found.bytes_from},
    ]
    if found.near_bytes_per_s is not None:
        near = f"{figures(found.near_bytes_per_s / 1e9)} GB/s"
        rows.append({"what": "last cache, half full", "peak": near, "source": "measured"})
    head = [f"{machine.describe(place)}, {place.type}, {setup.threads} thread{plural}, {dtype.value}"]
    foot = [
        f"ridge: a kernel below {figures(found.ridge)} FLOPs per byte is bound by memory, above it by compute",
        "bytes are counted as STREAM does; the traffic of write-allocate is not",
    ]
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "command": "machine",
        "device": place.type,
        "name": machine.describe(place),
        "threads": setup.threads,
        "dtype": dtype.value,
        **found.as_dict(),
        "ridge": found.ridge,
    }
    return emit(Answer(document, [Table(columns=COLUMNS, rows=rows, head=head, foot=foot)], hints=hints), form, out)


def _compute(found: Peaks) -> str:
    return f"measured, {found.gemm_side} x {found.gemm_side} products" if found.flops_from == "measured" else "given"


def roofs(setup: Setup, *, refresh: bool = False) -> tuple[Peaks, list[str]]:
    """Return the machine's peaks, kept or measured now, and what to say about it on stderr."""
    import time

    from convcalc.runtime import cache
    from convcalc.runtime.peaks import Peaks, key, measure_peaks
    from convcalc.runtime.profile import synchroniser, threads

    kept = None if refresh else cache.read(FILE, key(setup))
    if kept is not None:
        try:
            return Peaks(**kept), []
        except TypeError:  # written by another version
            pass
    start = time.perf_counter()
    with threads(setup.threads):
        found = measure_peaks(setup, synchronise=synchroniser(setup.device))
    hints = [f"measured this machine's peaks in {seconds(time.perf_counter() - start)}; they are kept for the next run"]
    failed = cache.write(FILE, key(setup), found.as_dict())
    if failed:
        hints = [f"the peaks are not kept: {failed}"]
    return found, hints
