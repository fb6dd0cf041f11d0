"""`compare_interleaved` and `compare_pair`: variants timed in turns, with the ratio to the first and a verdict."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from convcalc.documents import plain
from convcalc.profiling.causes import explain_pair
from convcalc.profiling.fields import to_json
from convcalc.profiling.intervals import AMBIGUOUS, SAME_WITHIN, Interval, ratio, verdict
from convcalc.profiling.report import DEFAULT
from convcalc.profiling.results import doubted
from convcalc.profiling.row import Comparison, Row, documents
from convcalc.profiling.run import Limits, Run, measure_groups
from convcalc.profiling.status import MIN_SAMPLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.profiling.plan import Job
    from convcalc.profiling.progress import Progress
    from convcalc.profiling.roofline import Peaks

MIN_ROUNDS: Final = MIN_SAMPLES
"""Fewer rounds say nothing."""


def compare_interleaved(
    groups: Sequence[Sequence[Job]], limits: Limits, progress: Progress | None = None
) -> tuple[Run, dict[int, list[Row]]]:
    """Time each group in turns; the rows of the groups that were done, by number, each compared with its first.

    Raises KeyboardInterrupt where it was interrupted before the first group was done.
    """
    run = measure_groups(groups, limits, progress=progress)
    if run.interruption is not None and not run.observations:
        raise run.interruption
    results: dict[int, list[Row]] = {}
    for number, group in enumerate(groups):
        if number not in run.observations:
            continue
        rows: list[Row] = []
        base = run.observations[number][0].warm_cache
        for job, observation in zip(group, run.observations[number], strict=True):
            row, times = doubted(run.row(job, observation), run.roofs(job.setup)), observation.warm_cache
            interval = ratio(times.times, base.times) if times and base and times is not base else None
            rows.append(replace(row, comparison=_comparison(interval, row, rows[0] if rows else row)))
        results[number] = rows
    return run, results


def _comparison(interval: Interval | None, row: Row, base: Row) -> Comparison:
    """Few rounds say nothing, nor does a ratio that the medians contradict."""
    if interval is None or row.timing.median_s is None or base.timing.median_s is None:
        return Comparison(time_ratio=None, time_ratio_interval=None, verdict=None)
    medians = row.timing.median_s / base.timing.median_s
    contradiction = (interval.value - 1) * (medians - 1) < 0 and not 1 / (1 + SAME_WITHIN) < medians < 1 + SAME_WITHIN
    unclear = row.timing.samples < MIN_ROUNDS or contradiction
    return Comparison(
        time_ratio=interval.value,
        time_ratio_interval=(interval.low, interval.high),
        verdict=AMBIGUOUS if unclear else verdict(interval),
    )


@dataclass(frozen=True, slots=True)
class PairReport:
    """Two stacks timed in turns: their rows, A first, and why they differ as they do."""

    rows: tuple[Row, Row]
    run: Run
    explanation: tuple[str, ...]

    @property
    def peaks(self) -> Peaks | None:
        """The roofs of the run, where there are any."""
        return next(iter(self.run.peaks.values()), None)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document without its envelope."""
        comparison = self.rows[1].comparison
        document: dict[str, Any] = plain(
            {
                "machine": self.run.machine,
                "peaks": to_json(self.peaks) if self.peaks else None,
                "layers": documents(self.rows),
                "verdict": comparison.verdict if comparison else None,
                "time_ratio": comparison.time_ratio if comparison else None,
                "time_ratio_interval": to_json(comparison.time_ratio_interval) if comparison else None,
                "explanation": list(self.explanation),
            }
        )
        return document


def compare_pair(first: Job, second: Job, limits: Limits, progress: Progress | None = None) -> PairReport:
    """Time two jobs in turns and say how and why they differ."""
    run, results = compare_interleaved([(first, second)], limits, progress)
    base, other = (replace(row, variant=DEFAULT) for row in results[0])
    comparison, roofs = other.comparison, next(iter(run.peaks.values()), None)
    clear = comparison is not None and comparison.verdict not in (None, AMBIGUOUS)
    explanation: list[str] = []
    if clear and comparison is not None and comparison.time_ratio is not None:
        explanation = explain_pair(base, other, comparison.time_ratio, roofs)
    return PairReport((base, other), run, tuple(explanation))
