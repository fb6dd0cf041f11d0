"""What `convcalc profile` times row by row: variants of each layer and of the whole, saved, shared out, drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from convcalc.cli.app import INTERRUPTED, MISUSED
from convcalc.cli.options import Format, emit, once_interrupted
from convcalc.cli.report import hints
from convcalc.cli.timed import Keeper, Limits, Run, by_hand, headline, jobs, measured, placed
from convcalc.cli.timetables import by_variant, failures, named, notes, seconds_of, shares, tables, variant
from convcalc.errors import ConvcalcError
from convcalc.profiling.causes import explain
from convcalc.profiling.observation import Seen
from convcalc.profiling.plan import Job, Setup
from convcalc.profiling.roofline import Peaks, kept
from convcalc.profiling.row import Record, roofed
from convcalc.profiling.status import FAILED
from convcalc.render.table import Answer, Table
from convcalc.spec.assemble import Stack
from convcalc.units import plural

READINGS = 3
"""More inputs than these stand in a column of their own."""


class Shown(NamedTuple):
    """What is to be seen beside the two tables."""

    details: bool
    why: bool
    roofline: bool
    plot: str | None


def command(
    by_size: dict[int | None, list[Stack]],
    wanted: Sequence[Setup],
    depth: int,
    limits: Limits,
    keeper: Keeper,
    shown: Shown,
    form: Format,
    out: str | None,
) -> int:
    """Time every layer and whole under every setup and batch, and print what was seen; return the exit code."""
    groups = [
        (job, variant(setup, wanted[0], size if len(by_size) > 1 else None))
        for size, stacks in by_size.items()
        for setup in wanted
        for job in jobs(stacks, depth, setup)
    ]
    run, rows = _measured(groups, limits, keeper)
    if run.interrupted and not rows:
        raise KeyboardInterrupt
    shares(rows)
    for row in rows:
        row["explanation"] = explain(row, _roofs(row, run))
    head = _head(by_size, run, wanted[0])
    foot = notes(rows, run.peaks)
    if shown.why or len(rows) == 1:
        foot += [f"{named(row)}: {' '.join(row['explanation'])}" for row in rows if row["explanation"]]
    drawn = tables(rows, head, foot, details=shown.details)
    stacked = next(iter(by_size.values()))
    undrawn = _draw(drawn, rows, run, head[0], shown)
    told = [*hints(stacked), *run.hints, *undrawn, *failures(rows)]
    told += [keeper.failed] if keeper.failed else []
    if run.interrupted:
        told.append(f"interrupted: {plural(len(rows), 'row')} of {len(groups)} done")
    with once_interrupted(run.interrupted):
        code = emit(Answer("profile", _document(rows, run, limits), drawn, hints=told), form, out)
    if run.interrupted:
        return INTERRUPTED
    return (
        MISUSED if keeper.failed or (undrawn and shown.plot) or any(row["status"] == FAILED for row in rows) else code
    )


def _measured(groups: list[tuple[Job, str]], limits: Limits, keeper: Keeper) -> tuple[Run, list[Record]]:
    """Time what is not in the file yet; the rows in the order of the jobs, with the words of their variant."""
    run = Run()
    rows = {number: keeper.found(job, cold=limits.cold) for number, (job, _) in enumerate(groups)}
    missing = [number for number, row in rows.items() if row is None]
    before = [row for row in rows.values() if row is not None]

    def arrived(job: Job, seen: Seen) -> None:
        number = next(n for n in missing if groups[n][0] is job)
        rows[number] = placed(job, seen, run)
        keeper.keep(rows[number] or {}, run.machines.get(job.setup.threads, run.machine))

    if missing:
        measured([(groups[number][0],) for number in missing], limits, run, arrived)
    if before:
        run.hints.append(f"{plural(len(before), 'row')} taken from {keeper.path}")
        run.machine = run.machine or before[0]["machine"]
        by_hand([job.setup for job, _ in groups], limits, run)
        for number, row in rows.items():
            if row is not None and number not in missing:
                _remember(row, run, limits)
                rows[number] = roofed(row, _roofs(row, run))
    made = [{**row, "variant": groups[number][1]} for number, row in rows.items() if row is not None]
    for row in made:
        row.pop("machine", None)
    return run, made


def _remember(row: Record, run: Run, limits: Limits) -> None:
    """The roofs of a row that was saved, where they are still kept."""
    setup, machine = row["setup"], row["machine"]
    there = (setup["dtype"], setup["threads"])
    found = (
        kept(machine["name"], machine["torch"], setup["threads"], setup["dtype"]) if there not in run.peaks else None
    )
    if found is not None:
        run.peaks[there] = found.given(limits.flops, limits.bandwidth)


def _roofs(row: Record, run: Run) -> Peaks | None:
    return run.peaks.get((row["setup"]["dtype"], row["setup"]["threads"]))


def _head(by_size: dict[int | None, list[Stack]], run: Run, first: Setup) -> list[str]:
    """The machine and the first setup, and how inputs were read, where that is not in the rows."""
    stacks = next(iter(by_size.values()))
    readings = list(dict.fromkeys(stack.reading for stack in stacks))
    told = readings if len(readings) <= READINGS and len(by_size) == 1 else []
    return [headline(run, first), *told]


def _draw(drawn: list[Table], rows: list[Record], run: Run, title: str, shown: Shown) -> list[str]:
    """Draw the rows of the first row's roofs under them, and return what stands in the way."""
    if not shown.roofline and shown.plot is None:
        return []
    from convcalc.render import roofline as picture

    peaks = _roofs(rows[0], run)
    own = [row for row in rows if _roofs(row, run) is peaks]
    points = picture.points(own)
    if peaks is None or not points:
        return ["no roofline: " + ("there are no roofs" if points else "no row has multiply-adds")]
    said: list[str] = []
    if len(own) < len(rows):
        run.hints.append("the roofline shows the rows of the first --dtype and --threads")
    if shown.plot is not None:
        try:
            picture.save(shown.plot, points, peaks, title)
        except ConvcalcError as error:
            said.append(str(error))
    if shown.roofline:
        drawn[-1] = drawn[-1]._replace(lines=picture.drawing(points, peaks))
    return said


def _document(rows: list[Record], run: Run, limits: Limits) -> dict[str, Any]:
    totals = [_total(name, rows) for name in dict.fromkeys(row["variant"] for row in rows)]
    return {
        "machine": run.machine,
        "peaks": [{"dtype": d, "threads": t, **one.as_dict(), "ridge": one.ridge} for (d, t), one in run.peaks.items()],
        "budget_s": limits.budget,
        "interrupted": run.interrupted,
        "layers": [row for row in rows if not row["whole"]],
        "wholes": [row for row in rows if row["whole"]],
        "total": totals[0] if totals else None,
        "totals": totals,
    }


def _total(name: str, rows: list[Record]) -> dict[str, Any]:
    """The sums of one variant: of its layers, all copies counted, and the seconds of its stacks run whole."""
    layers, together = by_variant(rows, name)
    return {
        "variant": name,
        "macs": sum(row["macs"] * row["times"] for row in layers),
        "flops": sum(row["flops"] * row["times"] for row in layers),
        "layers_s": seconds_of(layers),
        "median_s": together,
        "failed": sum(row["status"] == FAILED for row in rows if row["variant"] == name),
    }
