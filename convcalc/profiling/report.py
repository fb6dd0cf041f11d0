"""`profile`: layers and whole stacks under every setup, timed and told as a `ProfileReport`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from convcalc.documents import plain
from convcalc.profiling.causes import explain
from convcalc.profiling.fields import to_json
from convcalc.profiling.results import doubted
from convcalc.profiling.roofline import stored_peaks
from convcalc.profiling.row import Row, Shares, documents
from convcalc.profiling.run import Limits, Run, jobs, measure_groups, take_given_roofs
from convcalc.profiling.store import RowStore, SavedRow
from convcalc.units import plural, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.graph import Graph
    from convcalc.profiling.observation import Observation
    from convcalc.profiling.plan import Job, Setup
    from convcalc.profiling.progress import Progress

DEFAULT = "default"
"""The words of the first setup among several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantTotal:
    """The sums of one variant: of its layers, all copies counted, and the seconds of its stacks run whole.

    These are None where one failed or did not run; `graph_*` are an accelerator's own time, without the host's.
    """

    variant: str
    macs: int
    flops: int
    layers_s: float | None
    median_s: float | None
    failed: int
    complete: bool
    images_per_s: float | None = None
    graph_layers_s: float | None = None
    graph_s: float | None = None


@dataclass(frozen=True, slots=True)
class ProfileReport:
    """Timed rows, the run they are of, and how many rows of each variant were asked for."""

    rows: tuple[Row, ...]
    run: Run
    limits: Limits
    asked: Mapping[str, int]
    store_failure: str = ""

    @property
    def row_count(self) -> int:
        """How many rows were asked for."""
        return sum(self.asked.values())

    @property
    def totals(self) -> list[VariantTotal]:
        """The sums of each variant, in the order of the rows."""
        return [self.total(name) for name in dict.fromkeys(row.variant or DEFAULT for row in self.rows)]

    def total(self, variant: str) -> VariantTotal:
        """Return the sums of one variant."""
        layers, blocks = by_variant(self.rows, variant)
        done = sum(row.variant == variant for row in self.rows) == self.asked.get(variant, 0)
        together = seconds_of(blocks) if done else None
        batches = {row.identity.input[0][0] for row in blocks}
        return VariantTotal(
            variant=variant,
            macs=sum(row.work.macs * row.times for row in layers),
            flops=sum(row.work.flops * row.times for row in layers),
            layers_s=seconds_of(layers),
            median_s=together,
            complete=done,
            images_per_s=batches.pop() / together if together and len(batches) == 1 else None,
            graph_layers_s=seconds_of(layers, graph_s),
            graph_s=seconds_of(blocks, graph_s) if done else None,
            failed=sum(row.failed for row in self.rows if row.variant == variant),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document without its envelope; seconds, operations and bytes in base units."""
        totals = [to_json(total) for total in self.totals]
        document: dict[str, Any] = plain(
            {
                "machine": self.run.machine,
                "peaks": [
                    {"dtype": dtype, "threads": threads, **to_json(peaks), "ridge": peaks.ridge}
                    for (dtype, threads), peaks in self.run.peaks.items()
                ],
                "budget_s": self.limits.seconds_for(self.row_count),
                "interrupted": self.run.interrupted,
                "layers": documents([row for row in self.rows if not row.whole]),
                "wholes": documents([row for row in self.rows if row.whole]),
                "total": totals[0] if totals else None,
                "totals": totals,
            }
        )
        return document


def profile(
    graphs: Mapping[int | None, Sequence[Graph]],
    setups: Sequence[Setup],
    limits: Limits | None = None,
    *,
    depth: int = 1,
    store: RowStore | None = None,
    progress: Progress | None = None,
) -> ProfileReport:
    """Time every layer and whole stack of graphs, by batch, under every setup.

    Rows that a store holds are taken from it. Raises UnavailableError without the device, KeyboardInterrupt where
    it was interrupted before the first row.
    """
    limits, store = limits or Limits(), store or RowStore()
    work = [
        (job, variant(setup, setups[0], batch if len(graphs) > 1 else None))
        for batch, stacks in graphs.items()
        for setup in setups
        for job in jobs(stacks, depth, setup)
    ]
    run = Run()
    rows = measure_jobs([job for job, _ in work], run, limits, store, progress)
    if run.interruption is not None and not rows:
        raise run.interruption
    judged = {number: doubted(row, run.roofs(row.identity.setup)) for number, row in rows.items()}
    named = with_shares([replace(row, variant=work[number][1]) for number, row in judged.items()])
    explained = tuple(replace(row, explanation=tuple(explain(row, run.roofs(row.identity.setup)))) for row in named)
    asked = Counter(name for _, name in work)
    return ProfileReport(explained, run, limits, asked, store.failure)


def measure_jobs(
    work: Sequence[Job], run: Run, limits: Limits, store: RowStore, progress: Progress | None
) -> dict[int, Row]:
    """Time what a store does not hold yet, and return the rows by the number of their job."""
    saved = {number: row for number, job in enumerate(work) if (row := store.find(job, cold=limits.cold)) is not None}
    missing = {id(job): number for number, job in enumerate(work) if number not in saved}
    rows: dict[int, Row] = {}

    def arrive(job: Job, observation: Observation) -> None:
        row = rows[missing[id(job)]] = run.row(job, observation)
        store.keep(row, run.machines.get(job.setup.threads, run.machine))

    if missing:
        measure_groups([(work[number],) for number in missing.values()], limits, run, arrive, progress=progress)
    if saved:
        run.hints.append(f"{plural(len(saved), 'row')} taken from {store.path}")
        run.machine = run.machine or next(iter(saved.values())).machine
        take_given_roofs([job.setup for job in work], limits, run)
        for number, before in saved.items():
            _take_stored_roofs(before, run, limits)
            rows[number] = before.row.on_roofs(run.roofs(before.row.identity.setup))
    return dict(sorted(rows.items()))


def _take_stored_roofs(saved: SavedRow, run: Run, limits: Limits) -> None:
    """The roofs of a row that was saved, where they are still kept."""
    setup, machine = saved.row.identity.setup, saved.machine
    if run.roofs(setup) is None:
        peaks = stored_peaks(machine["name"], machine["torch"], setup.threads, setup.dtype)
        if peaks is not None:
            run.peaks[setup.dtype, setup.threads] = peaks.override(limits.flops, limits.bandwidth)


def variant(setup: Setup, first: Setup, batch: int | None) -> str:
    """Return in words how a setup differs from the first, with its batch where there are several."""
    words = [f"batch {batch}"] if batch is not None else []
    words += [word for word in [setup.differs(first)] if word]
    return ", ".join(words) or DEFAULT


def with_shares(rows: Sequence[Row]) -> list[Row]:
    """Return rows with their part of the time and multiply-adds of their variant's layers, all copies counted."""
    time: dict[str | None, float] = {}
    work: dict[str | None, int] = {}
    for row in rows:
        if not row.whole:
            time[row.variant] = time.get(row.variant, 0.0) + (row.timing.median_s or 0.0) * row.times
            work[row.variant] = work.get(row.variant, 0) + row.work.macs * row.times
    shared = []
    for row in rows:
        alone = None if row.whole or row.timing.median_s is None else row.timing.median_s * row.times
        macs = None if row.whole else share(row.work.macs * row.times, work.get(row.variant, 0))
        shared.append(replace(row, shares=Shares(share=share(alone, time.get(row.variant, 0.0)), macs_share=macs)))
    return shared


def by_variant(rows: Sequence[Row], variant: str) -> tuple[list[Row], list[Row]]:
    """Return the layers of one variant, and its stacks run whole; a block of one layer is its own whole."""
    same = [row for row in rows if row.variant == variant]
    layers = [row for row in same if not row.whole]
    wholes = {row.identity.block: row for row in same if row.whole}
    alone = [row for row in layers if row.identity.block not in wholes]
    return layers, [*wholes.values(), *alone]


def median_s(row: Row) -> float | None:
    """The median of a row."""
    return row.timing.median_s


def graph_s(row: Row) -> float | None:
    """An accelerator's own time for a row, in a graph of calls."""
    return (row.device_state or {}).get("graph_s")


def seconds_of(rows: Sequence[Row], of: Callable[[Row], float | None] = median_s) -> float | None:
    """Return the sum of medians, or of another time, all copies counted; None where a row has none."""
    times = [of(row) for row in rows]
    if None in times or not times:
        return None
    return sum((time or 0.0) * row.times for time, row in zip(times, rows, strict=True))
