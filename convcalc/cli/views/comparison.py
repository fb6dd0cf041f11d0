"""`ratio_text`: ratios with their intervals, and verdicts, as people write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcalc.profiling.compare import MIN_ROUNDS
from convcalc.profiling.intervals import AMBIGUOUS, SAME
from convcalc.units import figures, plural

if TYPE_CHECKING:
    from convcalc.profiling.intervals import Interval
    from convcalc.profiling.row import Row


def ratio_text(ratio: Interval | None) -> str:
    """Return a ratio with its 95% interval; - where there is none."""
    return "-" if ratio is None else f"{figures(ratio.value)}x [{figures(ratio.low)}, {figures(ratio.high)}]"


def gain_text(ratio: Interval | None) -> str:
    """Return the inverse of a ratio of times, the speed-up, with its interval."""
    if ratio is None:
        return "the default failed"
    return f"{figures(1 / ratio.value)}x [{figures(1 / ratio.high)}, {figures(1 / ratio.low)}]"


def verdict_text(row: Row, name: str = "B", base: str = "A") -> str:
    """Return a row's verdict beside its base as a sentence."""
    ratio = row.comparison.interval if row.comparison else None
    verdict = row.comparison.verdict if row.comparison else None
    if ratio is None or verdict is None:
        return f"{name} was not timed beside {base}"
    if row.timing.samples < MIN_ROUNDS:
        return f"AMBIGUOUS: {plural(row.timing.samples, 'round')} say nothing: more --time or --budget gives more"
    bounds = f"95% interval {figures(ratio.low)} to {figures(ratio.high)}"
    sentence = f"{name}'s time is {figures(ratio.value)} of {base}'s, {bounds}"
    if verdict == SAME:
        return f"SAME: {sentence}, all within 2%"
    if verdict == AMBIGUOUS:
        return f"AMBIGUOUS: {sentence}: more --time or --budget narrows it"
    return f"{verdict}: {sentence}"
