"""Timed rows as tables: how long, how near the roofs, and on request everything else that was recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from convcalc.profiling.plan import Setup
from convcalc.profiling.roofline import GIVEN, MEASURED, Peaks
from convcalc.profiling.row import Record, shape_text
from convcalc.profiling.status import FAILED, OK
from convcalc.render.table import Column, Table
from convcalc.units import count, dashed, figures, percent, plural, seconds, share, size_of

NAMED, FEW = 5, 3
UNEVEN = 2.0
"""Past this ratio of the whole to the sum of its layers one of them was disturbed."""


optional_seconds = dashed(seconds)
"""A time, or - where there is none."""
_number, _bytes, _plain = dashed(figures), dashed(size_of), dashed(str)
_rate = dashed(lambda value: figures(value / 1e9))


NAME, LAYER = Column("name", "#"), Column("spec", "layer")
INPUT, VARIANT, STATUS = Column("input", "input"), Column("variant", "variant"), Column("status", "status")
TIME = (
    Column("macs", "MACs", count, right=True),
    Column("median_s", "median", optional_seconds, right=True),
    Column("spread", "±", percent, right=True),
    Column("cold_median_s", "cold", optional_seconds, right=True),
    Column("share", "of time", percent, right=True),
    Column("macs_share", "of MACs", percent, right=True),
)
ROOF = (
    Column("implementation", "kernel", _plain),
    Column("flops", "FLOPs", count, right=True),
    Column("bytes", "bytes", _bytes, right=True),
    Column("intensity", "FLOP/B", _number, right=True),
    Column("flops_per_s", "GFLOP/s", _rate, right=True),
    Column("useful_flops_per_s", "useful", _rate, right=True),
    Column("attainable_flops_per_s", "roof", _rate, right=True),
    Column("fraction_of_attainable", "of roof", percent, right=True),
    Column("bound", "bound", _plain),
)
DETAILS = (
    Column("p20_s", "p20", optional_seconds, right=True),
    Column("p80_s", "p80", optional_seconds, right=True),
    Column("min_s", "least", optional_seconds, right=True),
    Column("samples", "samples", right=True),
    Column("calls", "calls each", right=True),
    Column("outliers", "far off", right=True),
    Column("first_s", "first call", optional_seconds, right=True),
    Column("page_faults_per_call", "page faults", _number, right=True),
    Column("preemptions", "preempted", _plain, right=True),
    Column("run_queue_delay", "waited", percent, right=True),
    Column("steal", "stolen", percent, right=True),
    Column("yardstick_after_over_before", "drift", _number, right=True),
    Column("reorder_share", "reorders", percent, right=True),
    Column("kernel_share", "kernels", percent, right=True),
    Column("checked", "checked against"),
)


def shares(rows: Sequence[Record]) -> None:
    """Add to each row its part of the time and of the multiply-adds of its variant's layers, all copies counted."""
    for variant in {row["variant"] for row in rows}:
        own = [row for row in rows if row["variant"] == variant and not row["whole"]]
        time = sum((row["median_s"] or 0.0) * row["times"] for row in own)
        work = sum(row["macs"] * row["times"] for row in own)
        for row in rows:
            if row["variant"] == variant:
                alone = None if row["whole"] or row["median_s"] is None else row["median_s"] * row["times"]
                row["share"] = share(alone, time)
                row["macs_share"] = None if row["whole"] else share(row["macs"] * row["times"], work)


def tables(rows: Sequence[Record], head: Sequence[str], foot: Sequence[str], *, details: bool) -> list[Table]:
    """Return the table of times and the table of roofs, and with `details` a third."""
    shown = [_shown(row) for row in rows]
    several = len({str(row["input"]) for row in rows if not row["whole"]}) > 1 and any(row.get("block") for row in rows)
    lead = [NAME, LAYER, *([INPUT] if several else [])]
    varied = [VARIANT] if len({row["variant"] for row in rows}) > 1 else []
    made = [
        Table([*lead, *varied, *TIME, STATUS], shown, head=head, name="time"),
        Table([NAME, *varied, *ROOF], shown, foot=() if details else foot, name="roofline"),
    ]
    if details:
        made.append(Table([NAME, *varied, *DETAILS], shown, foot=[*_lines(rows), *foot], name="details"))
    return made


def _shown(row: Record) -> dict[str, Any]:
    spread = None
    if row["interval_s"] and row["median_s"] and row["samples"] >= FEW:
        spread = (row["interval_s"][1] - row["interval_s"][0]) / 2 / row["median_s"]
    copies = f" (x{row['times']})" if row["times"] > 1 and "times=" not in row["spec"] else ""
    check = row["check"]
    return {
        **row,
        "name": label(row),
        "spec": row["spec"] + copies,
        "input": shape_text(row),
        "spread": spread,
        "checked": "-" if check is None else check["against"] if check["verdict"] != "unchecked" else "not",
    }


def label(row: Record) -> str:
    """Return a row's name in its block, with the block's number where that does not say it; nothing for a whole."""
    name = "" if row["whole"] else row["name"]
    return f"{row['block']}:{name}" if row.get("block") and name != str(row["block"]) else name


def _kernel(one: Record, whole: float) -> str:
    layouts = f" ({one['layouts']})" if one["layouts"] else ""
    return f"{one['implementation']}{layouts} {percent(share(one['seconds'], whole))}"


def _lines(rows: Sequence[Record]) -> list[str]:
    """Each kernel's layouts and part of the kernels' time, and the commands that run a row's convolution elsewhere."""
    found = []
    for row in rows:
        whole = sum(one["seconds"] for one in row["kernels"])
        kernels = [_kernel(one, whole) for one in row["kernels"]]
        if kernels:
            found.append(f"{label(row) or 'the whole'}: {', '.join(kernels)}")
        if not row["whole"]:
            repros = [one["repro"] for one in row["kernels"] if one["repro"]]
            others = [line for tool, line in row["repro"].items() if tool != "benchdnn" or not repros]
            found += [f"  {line}" for line in (*repros, *others)]
    return found


def variant(setup: Setup, first: Setup, batch: int | None) -> str:
    """Return in words how a setup differs from the first, with its batch where there are several."""
    words = [f"batch {batch}"] if batch is not None else []
    words += [word for word in [setup.differs(first)] if word]
    return ", ".join(words) or "default"


Roofs = Mapping[tuple[str, int], Peaks]
"""By dtype and number of threads."""


def notes(rows: Sequence[Record], peaks: Roofs) -> list[str]:
    """Return the lines below the tables: sums, what rows are worth, the roofs, what columns mean."""
    return [*_sums(rows), *compiling(rows), *worth(rows), *roofs(peaks)]


def compiling(rows: Sequence[Record]) -> list[str]:
    """Return a line on what compiling took, where anything was compiled."""
    took = sum(row["compile_s"] or 0.0 for row in rows)
    return [f"compiling took {seconds(took)}, outside of --budget"] if took else []


def _sums(rows: Sequence[Record]) -> list[str]:
    found = []
    for kind in dict.fromkeys(row["variant"] for row in rows):
        layers, together = by_variant(rows, kind)
        alone = seconds_of(layers)
        if len(layers) < 2:
            continue
        prefix = f"{kind}: " if kind != "default" else ""
        if alone is None:
            found.append(f"{prefix}a layer failed: there is no sum")
        elif together is None or any(row["times"] > 1 for row in layers):
            found.append(f"{prefix}the layers add up to {seconds(alone)}")
        else:
            found.append(
                f"{prefix}the layers one by one add up to {seconds(alone)}; together they take {seconds(together)}"
            )
            if alone and not 1 / UNEVEN <= together / alone <= UNEVEN:
                found.append("  far apart: the cores were busy, or what one layer leaves in cache helps the next")
    return found


def by_variant(rows: Sequence[Record], kind: str) -> tuple[list[Record], float | None]:
    """Return the layers of one variant, and the seconds of all stacks run whole.

    A block of one layer is its own whole. None where one failed, or where there was no time for it.
    """
    own = [row for row in rows if row["variant"] == kind]
    layers = [row for row in own if not row["whole"]]
    wholes = {row.get("block", 0): row for row in own if row["whole"]}
    alone = [row for row in layers if row.get("block", 0) not in wholes]
    each = [*wholes.values(), *alone]
    return layers, None if any(not row["median_s"] for row in each) else seconds_of(each)


def seconds_of(rows: Sequence[Record]) -> float | None:
    """Return the sum of medians, all copies counted; None where a row has none."""
    if any(row["median_s"] is None for row in rows):
        return None
    return float(sum(row["median_s"] * row["times"] for row in rows))


def worth(rows: Sequence[Record]) -> list[str]:
    """Return a line for each thing that was wrong with rows, with their names and what to do."""
    found: dict[tuple[str, str], list[Record]] = {}
    for row in rows:
        if row["reasons"] and row["status"] != FAILED:
            found.setdefault((row["status"], "; ".join(row["advice"])), []).append(row)
    lines = []
    several = len({row["variant"] for row in rows}) > 1
    for (status, advice), own in found.items():
        names = ", ".join(dict.fromkeys(_of_variant(row, several=several) for row in own[:NAMED]))
        more = f" and {len(own) - NAMED} more" if len(own) > NAMED else ""
        reason = "; ".join(own[0]["reasons"])
        word = "note" if status == OK else status
        said = f"{word}: {reason}" if len(own) == 1 else f"{word} (the first: {reason})"
        lines.append(f"{names}{more} {said}: {advice}")
    return lines


def _of_variant(row: Record, *, several: bool) -> str:
    name = label(row) or "the whole"
    return f"{name} ({row['variant']})" if several else name


def roofs(peaks: Roofs) -> list[str]:
    """Return the lines that say where the roofs are from, and what the columns mean."""
    found = []
    for (dtype, threads), one in peaks.items():
        source = {MEASURED: "measured here", GIVEN: "as given"}[one.flops_from]
        if one.flops_from != one.bytes_from:
            source = f"compute {one.flops_from}, memory {one.bytes_from}"
        whose = f" of {dtype} and {plural(threads, 'thread')}" if len(peaks) > 1 else ""
        found.append(
            f"roofs{whose} {source}: {figures(one.flops_per_s / 1e9)} GFLOP/s, {figures(one.bytes_per_s / 1e9)} GB/s,"
            f" ridge {figures(one.ridge)} FLOP/B"
        )
    found.append("± is half the median's 95% interval; cold: weights out of cache; FLOPs = 2 x MACs; bytes: all once")
    return found


def named(row: Record) -> str:
    """Return a row's name and words."""
    return f"{label(row)} {row['spec']}".strip()


def failures(rows: Sequence[Record]) -> list[str]:
    """Return a line for each row that failed, for stderr."""
    bad = [row for row in rows if row["status"] == FAILED]
    lines = [f"{named(row)} failed: {row['reasons'][0]}" for row in bad[:NAMED]]
    return lines + ([f"and {plural(len(bad) - NAMED, 'more row')} failed"] if len(bad) > NAMED else [])
