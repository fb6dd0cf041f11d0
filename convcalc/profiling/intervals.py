"""`median_interval`, `ratio`: intervals of medians and of ratios, outliers, verdicts. No sample is ever dropped."""

from __future__ import annotations

import math
import operator
import statistics
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

SAME_WITHIN = 0.02
"""Ratios this close to one are called the same: two copies of one layer differ by where their tensors lie."""
ALIKE_RUNS = 0.05
"""The same of two runs, each in a process of its own with its own luck in memory."""
FAR_SCORE = 14.8
"""Modified Z-score past which a sample is flagged (Iglewicz and Hoaglin's score; the bound is hyperfine's)."""
FASTER, SLOWER, SAME, AMBIGUOUS = "FASTER", "SLOWER", "SAME", "AMBIGUOUS"


class Interval(NamedTuple):
    """A value with the bounds of its 95% interval."""

    value: float
    low: float
    high: float


def median_interval(values: Sequence[float]) -> Interval:
    """Return the median of samples in the order they were taken, with its 95% interval by order statistics.

    Samples that resemble their neighbours, as under drifting clocks, are worth less: the interval is wider for them.
    With few samples it reaches to the extremes.

    >>> median_interval([1.0, 9.0] + [1.0] * 90)
    Interval(value=1.0, low=1.0, high=1.0)
    """
    ordered = sorted(values)
    count = len(ordered)
    middle = statistics.median(ordered)
    reach = 0.98 * math.sqrt(count * _resemblance(values, middle))  # 1.96 standard deviations of a binomial, p = 1/2
    low = max(math.floor((count + 1) / 2 - reach) - 1, 0)
    return Interval(middle, ordered[low], ordered[count - 1 - low])


def _resemblance(values: Sequence[float], middle: float) -> float:
    """How many times the variance of a count above the median is that of independent samples.

    One plus twice the correlations with the samples before, as far as they stand out of chance.
    """
    above = [1.0 if value > middle else -1.0 if value < middle else 0.0 for value in values]
    count = len(above)
    whole = sum(sign * sign for sign in above)
    threshold = 2 / math.sqrt(count)
    ratio = 1.0
    for lag in range(1, count // 2):
        correlation = sum(map(operator.mul, above[lag:], above[:-lag])) / whole if whole else 0.0
        if correlation <= threshold:
            break
        ratio += 2 * correlation
    return ratio


def half_width(values: Sequence[float]) -> float:
    """Return half of the median's 95% interval, as a share of the median."""
    middle, low, high = median_interval(values)
    return (high - low) / 2 / middle if middle else 0.0


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share of the samples lies, between neighbours in proportion.

    >>> percentile([1.0, 2.0, 3.0, 4.0, 5.0], 0.2)
    1.8
    """
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def outliers(values: Sequence[float]) -> int:
    """Return how many samples lie far from the median, by the modified Z-score."""
    middle = statistics.median(values)
    spread = statistics.median([abs(value - middle) for value in values])
    if spread == 0:
        return 0
    return sum(0.6745 * abs(value - middle) / spread > FAR_SCORE for value in values)


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Interval:
    """Return the ratio of two series taken in turn: the median of the ratios of each round, and its interval.

    What slows the machine slows both of a round alike, and cancels.
    """
    return median_interval(
        [numerator / denominator for numerator, denominator in zip(numerators, denominators, strict=True)]
    )


def verdict(interval: Interval, alike: float = SAME_WITHIN) -> str:
    """Say of time B over time A whether B is FASTER or SLOWER than A, the SAME within `alike`, or AMBIGUOUS.

    >>> verdict(Interval(1.10, 1.08, 1.12)), verdict(Interval(1.01, 0.99, 1.015)), verdict(Interval(1.03, 0.9, 1.2))
    ('SLOWER', 'SAME', 'AMBIGUOUS')
    """
    most, least = 1 + alike, 1 / (1 + alike)
    if interval.low > most:
        return SLOWER
    if interval.high < least:
        return FASTER
    if least <= interval.low and interval.high <= most:
        return SAME
    return AMBIGUOUS


def apart(first: Interval, second: Interval, drift: float = 1.0) -> Interval:
    """Return second / first of two runs made at different times, with all that their intervals allow.

    `drift` is the speed of the machine in the second run over that in the first, by a yardstick timed in both: where
    it moved, the interval holds the ratio with the correction and without.
    """
    value = second.value / first.value
    low, high = second.low / first.high, second.high / first.low
    return Interval(value, min(low, low * drift), max(high, high * drift))
