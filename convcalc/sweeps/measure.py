"""`measure_rows`, `predictors`: the kept configurations of a sweep, timed; and what predicts their times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy

from convcalc.analyses.counts.stack_layers import STACK
from convcalc.errors import LimitError
from convcalc.limits import MAX_TIMED_ROWS
from convcalc.profiling.plan import Job, Setup
from convcalc.profiling.report import measure_jobs
from convcalc.profiling.results import doubted
from convcalc.profiling.row import Row as ProfileRow
from convcalc.profiling.run import Limits, Run
from convcalc.spec.assemble import assemble
from convcalc.sweeps.grid import PLACE, SPEC

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from convcalc.profiling.progress import Progress
    from convcalc.profiling.row import Row
    from convcalc.profiling.store import RowStore
    from convcalc.subject import Block
    from convcalc.sweeps.cluster import Cluster
    from convcalc.sweeps.grid import Box
    from convcalc.sweeps.rows import Rows
    from convcalc.sweeps.tables import SpecSweep

TIMES = ("median_s", "interval_low_s", "interval_high_s", "status")
"""What a timed row has besides; seconds."""


def _spec(sweep: SpecSweep, rows: Rows, number: int) -> str:
    """The spec that a row is of."""
    return str(rows.columns[SPEC][number]) if SPEC in rows.columns else next(iter(sweep.grids))


def _box(sweep: SpecSweep, rows: Rows, number: int) -> Box:
    """One row as a box of its grid."""
    return sweep.grids[_spec(sweep, rows, number)].row(int(rows.columns[PLACE][number]))


def _jobs(sweep: SpecSweep, rows: Rows, setup: Setup) -> Iterator[Job]:
    """A job for each row, which is timed as a whole."""
    names = [axis.argument for grid in sweep.grids.values() for axis in grid.axes if axis.argument]
    for number in range(rows.count):
        block = _box(sweep, rows, number).block()
        graph = assemble(block, layout=sweep.layout).graph
        kind = block.layers[0].kind.name if len(block.layers) == 1 else STACK
        yield Job(name=str(number), text=words_of(block, names), kind=kind, graph=graph, setup=setup)


def words_of(block: Block, names: Sequence[str]) -> str:
    """Return a block as words, the swept settings with the values they have."""
    texts = []
    for layer in block.layers:
        swept = [f"{name}={layer.arguments[name]}" for name in names if name in layer.arguments]
        texts.append(" ".join((layer.kind.name, *swept)))
    return "  ".join(texts)


def measure_rows(
    sweep: SpecSweep, rows: Rows, setup: Setup, limits: Limits, store: RowStore, progress: Progress
) -> tuple[Run, dict[int, Row]]:
    """Time each row as a whole, alone on its turn; those that a store holds are taken from it.

    Raises LimitError for more rows than are timed in a run, UnavailableError without the device.
    """
    if rows.count > MAX_TIMED_ROWS:
        raise LimitError(
            f"{rows.count:,} rows are more than are timed ({MAX_TIMED_ROWS:,}): --keep or --top says which"
        )
    run = Run()
    timed = measure_jobs(list(_jobs(sweep, rows, setup)), run, limits, store, progress)
    return run, {number: doubted(row, run.roofs(row.identity.setup)) for number, row in timed.items()}


def measure_far(
    sweep: SpecSweep, rows: Rows, setup: Setup, limits: Limits, store: RowStore, progress: Progress, cluster: Cluster
) -> Iterator[tuple[int, Row, str]]:
    """Time each row on a worker, alone there, and yield it with its machine's name when it is done; it is kept at once.

    Rows that the store holds are taken from it. Raises SpecError where no worker offers to measure alone,
    UnavailableError where the scheduler goes away.
    """
    progress.begin(rows.count)
    jobs = list(_jobs(sweep, rows, setup))
    saved = {number: row for number, job in enumerate(jobs) if (row := store.find(job, cold=False)) is not None}
    for number, before in saved.items():
        progress.advance()
        yield number, before.row, str(before.machine.get("name", ""))
    missing = [number for number in range(rows.count) if number not in saved]
    tasks = [sweep.task(_spec(sweep, rows, number), _box(sweep, rows, number)) for number in missing]
    words = [(number, jobs[number].text, jobs[number].kind) for number in missing]
    for number, result in cluster.measured(tasks, words, setup, limits):
        measured = ProfileRow.from_json(result["row"])
        store.keep(measured, result["machine"])
        progress.show(measured.identity.spec)
        progress.advance()
        yield number, measured, str(result["machine"].get("name", ""))


def with_times(rows: Rows, timed: dict[int, Row], machines: dict[int, str]) -> Rows:
    """Return rows with the columns of their times, those that were timed; with their machines where they differ."""
    numbers = sorted(timed)
    kept = rows.take(numpy.asarray(numbers, dtype=int))
    intervals = [timed[number].timing.interval_s or (None, None) for number in numbers]
    times: dict[str, list[Any]] = {
        "median_s": [timed[number].timing.median_s for number in numbers],
        "interval_low_s": [low for low, _ in intervals],
        "interval_high_s": [high for _, high in intervals],
    }
    columns = {
        name: numpy.asarray([numpy.nan if each is None else each for each in values]) for name, values in times.items()
    }
    status = numpy.empty(len(numbers), dtype=object)
    status[:] = [timed[number].status for number in numbers]
    columns["status"] = status
    if machines:
        columns["machine"] = numpy.empty(len(numbers), dtype=object)
        columns["machine"][:] = [machines[number] for number in numbers]
    return type(rows)({**kept.columns, **columns}, len(numbers))


@dataclass(frozen=True, slots=True)
class Predictor:
    """How well one count predicts the time of rows: of what, its share of the variance, and the row it misses most.

    The time is fitted as a constant and so much for each of the count, by least squares; `worst` is a row's number and
    `off` its time over the predicted one.
    """

    count: str
    r_squared: float
    constant_s: float
    each_s: float
    worst: int
    off: float


def predictors(timed: dict[int, Row], run: Run) -> list[Predictor]:
    """Return how well MACs, bytes and the roofline predict the times of some rows, the best first."""
    rows = {number: row for number, row in timed.items() if row.timing.median_s}
    if len(rows) < LEAST:
        return []
    numbers = sorted(rows)
    seconds = numpy.asarray([rows[number].timing.median_s for number in numbers], dtype=float)
    counts: dict[str, Callable[[Row], float | None]] = {
        "MACs": lambda row: float(row.work.macs),
        "bytes": lambda row: float(row.work.bytes),
        "roofline": lambda row: _roof_s(row, run),
    }
    fits = []
    for name, of in counts.items():
        values = [of(rows[number]) for number in numbers]
        if any(value is None for value in values) or len(set(values)) < 2:
            continue
        column = numpy.asarray(values, dtype=float)
        design = numpy.stack([numpy.ones_like(column), column], axis=1)
        (constant, each), *_ = numpy.linalg.lstsq(design, seconds, rcond=None)
        guess = constant + each * column
        spread = float(((seconds - seconds.mean()) ** 2).sum())
        unexplained = float(((seconds - guess) ** 2).sum())
        ratio = seconds / numpy.maximum(guess, 1e-12)
        worst = int(numpy.argmax(numpy.abs(numpy.log(ratio))))
        r_squared = 1 - unexplained / spread if spread else 0.0
        fits.append(Predictor(name, r_squared, float(constant), float(each), numbers[worst], float(ratio[worst])))
    return sorted(fits, key=lambda fit: -fit.r_squared)


LEAST = 4
"""Rows that a fit of two numbers needs to say anything."""


def _roof_s(row: Row, run: Run) -> float | None:
    """The seconds of a row at its roof; None where there is none."""
    peaks = run.roofs(row.identity.setup)
    if peaks is None:
        return None
    return max(row.work.flops / peaks.flops_per_s, row.work.bytes / peaks.bytes_per_s)
