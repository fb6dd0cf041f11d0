"""Stacks or variants timed in turns: medians, the ratio to the first with its interval, and a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from convcalc.cli.timed import Limits, Run, measured, placed
from convcalc.profiling.intervals import ALIKE, AMBIGUOUS, SAME, Interval, ratio, verdict
from convcalc.profiling.plan import Job
from convcalc.profiling.row import Record
from convcalc.units import figures, plural

LEAST_ROUNDS = 5


class Entrant(NamedTuple):
    """One of several timed in turns: its row, the ratio of its time to the first's, and what that says."""

    row: Record
    ratio: Interval | None
    verdict: str | None


def contest(groups: Sequence[Sequence[Job]], limits: Limits) -> tuple[Run, list[list[Entrant]]]:
    """Time each group in turns; the groups that were done, in order, each with the first's ratio left out."""
    run = measured(groups, limits)
    if run.interrupted and not run.seen:
        raise KeyboardInterrupt
    made = []
    for number, group in enumerate(groups):
        if number not in run.seen:
            continue
        entrants: list[Entrant] = []
        first = run.seen[number][0].hot
        for job, seen in zip(group, run.seen[number], strict=True):
            row = placed(job, seen, run)
            found = None
            if seen.hot is not None and first is not None and seen.hot is not first:
                found = ratio(seen.hot.times, first.times)
            entrants.append(Entrant(row, found, _verdict(found, row, entrants[0].row if entrants else row)))
        made.append(entrants)
    return run, made


def _verdict(found: Interval | None, row: Record, first: Record) -> str | None:
    """Few rounds say nothing, nor does a ratio that the medians contradict."""
    if found is None:
        return None
    means = row["median_s"] / first["median_s"]
    contradicted = (found.value - 1) * (means - 1) < 0 and not 1 / (1 + ALIKE) < means < 1 + ALIKE
    return AMBIGUOUS if row["samples"] < LEAST_ROUNDS or contradicted else verdict(found)


def interval(found: Interval | None) -> str:
    """Return a ratio with its 95% interval as people write it."""
    return "-" if found is None else f"{figures(found.value)}x [{figures(found.low)}, {figures(found.high)}]"


def as_dict(entrant: Entrant) -> dict[str, Any]:
    """Return what a contest adds to a row."""
    found = entrant.ratio
    return {
        "time_ratio": None if found is None else found.value,
        "time_ratio_interval": None if found is None else [found.low, found.high],
        "verdict": entrant.verdict,
    }


def says(entrant: Entrant, name: str = "B", base: str = "A") -> str:
    """Return a verdict as a sentence."""
    found = entrant.ratio
    if found is None or entrant.verdict is None:
        return f"{name} was not timed beside {base}"
    if entrant.row["samples"] < LEAST_ROUNDS:
        return f"AMBIGUOUS: {plural(entrant.row['samples'], 'round')} say nothing: more --time or --budget gives more"
    bounds = f"95% interval {figures(found.low)} to {figures(found.high)}"
    shown = f"{name}'s time is {figures(found.value)} of {base}'s, {bounds}"
    if entrant.verdict == SAME:
        return f"SAME: {shown}, all within 2%"
    if entrant.verdict == AMBIGUOUS:
        return f"AMBIGUOUS: {shown}: more --time or --budget narrows it"
    return f"{entrant.verdict}: {shown}"
