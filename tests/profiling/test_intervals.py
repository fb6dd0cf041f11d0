"""Intervals and verdicts, against the binomial distribution and simulated timings."""

from __future__ import annotations

import math
import random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcalc.profiling.intervals import (
    AMBIGUOUS,
    FASTER,
    SAME,
    SLOWER,
    Interval,
    apart,
    half_width,
    median_interval,
    outliers,
    percentile,
    ratio,
    verdict,
)


def test_the_interval_of_the_median_is_by_order_statistics() -> None:
    assert half_width([1.0] * 20) == 0
    assert half_width([1.0, 2.0]) == pytest.approx(1 / 3)
    many = ([1.0] * 9 + [9.0]) * 10  # far outliers do not move the median's interval
    assert half_width(many) == 0


@pytest.mark.parametrize("count", [10, 25, 100, 1000])
def test_the_interval_covers_the_true_median_as_often_as_it_says(count: int) -> None:
    """The chance that the true median lies between the order statistics is a sum of binomial coefficients."""
    values = [float(n) for n in range(count)]
    random.Random(2).shuffle(values)
    _, low, high = median_interval(values)
    inside = sum(math.comb(count, n) for n in range(int(low) + 1, int(high) + 1)) / 2**count
    assert 0.945 <= inside <= 0.985


def test_samples_that_resemble_their_neighbours_are_worth_less() -> None:
    """A slow wave with noise, 300 times: its interval holds the true median as often as that of noise alone."""
    chance = random.Random(1)

    def covers(persistence: float) -> float:
        held = 0
        for _ in range(300):
            drift, values = 0.0, []
            for _ in range(200):
                drift = persistence * drift + chance.gauss(0, 1)
                values.append(100 + drift)
            _, low, high = median_interval(values)
            held += low <= 100 <= high
        return held / 300

    assert covers(0.0) >= 0.92
    assert covers(0.8) >= 0.85  # without it 0.5


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=60))
def test_the_median_lies_in_its_interval_and_in_the_samples(values: list[float]) -> None:
    found = median_interval(values)
    assert min(values) <= found.low <= found.value <= found.high <= max(values)
    assert found.value == median(values)
    assert percentile(values, 0) == min(values) and percentile(values, 1) == max(values)


def test_percentiles_agree_with_numpy() -> None:
    numpy = pytest.importorskip("numpy")
    values = [random.Random(3).random() for _ in range(37)]
    for share in (0.05, 0.2, 0.5, 0.8, 0.95):
        assert percentile(values, share) == pytest.approx(numpy.percentile(values, 100 * share))


def test_outliers_by_the_modified_z_score() -> None:
    """0.6745 |x - m| / MAD > 14.8: with MAD 1 that is 22 away from the median."""
    base = [8.0, 9.0, 10.0, 11.0, 12.0] * 3
    assert outliers([*base, 31.0]) == 0
    assert outliers([*base, 32.0]) == 1
    assert outliers([5.0] * 10) == 0


def test_what_slows_both_of_a_round_cancels() -> None:
    machine = [1.0, 1.5, 3.0, 1.2] * 10
    assert ratio([1.1 * slow for slow in machine], machine) == (
        pytest.approx(1.1), pytest.approx(1.1), pytest.approx(1.1),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [
        (1.021, 1.2, SLOWER), (0.5, 0.98, FASTER), (0.985, 1.015, SAME), (0.9, 1.1, AMBIGUOUS),
        (1.01, 1.05, AMBIGUOUS), (0.95, 0.99, AMBIGUOUS),
    ],
)  # fmt: skip
def test_verdicts_need_the_whole_interval(low: float, high: float, says: str) -> None:
    assert verdict(Interval((low + high) / 2, low, high)) == says


@pytest.mark.parametrize(("shift", "right"), [(1.0, {SAME, AMBIGUOUS}), (1.1, {SLOWER}), (1 / 1.1, {FASTER})])
def test_simulated_comparisons_are_judged_right(shift: float, right: set[str]) -> None:
    """Log-normal noise of 5% and a common drift of 30%: of 200 comparisons at most 5 are judged wrong."""
    chance = random.Random(7)
    wrong = 0
    for _ in range(200):
        drift = [math.exp(0.3 * math.sin(n / 9)) for n in range(120)]
        one = [slow * chance.lognormvariate(0, 0.05) for slow in drift]
        two = [shift * slow * chance.lognormvariate(0, 0.05) for slow in drift]
        wrong += verdict(ratio(two, one)) not in right
    assert wrong <= 5


def test_runs_apart_keep_what_their_intervals_and_the_yardstick_allow() -> None:
    one, two = Interval(1.0, 0.99, 1.01), Interval(1.1, 1.09, 1.11)
    assert apart(one, two) == (pytest.approx(1.1), pytest.approx(1.09 / 1.01), pytest.approx(1.11 / 0.99))
    slower_machine = apart(one, two, drift=1 / 1.1)  # the matrix product took 10% longer too
    assert slower_machine.low < 1 < slower_machine.high
