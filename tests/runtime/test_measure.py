"""Timing with a clock that can be faked: no test waits, no test depends on the machine."""

from __future__ import annotations

import pytest

from convcalc.runtime.measure import Measurement, Task, half_width, measure


class Clock:
    """A clock that moves when the work is done."""

    def __init__(self, costs: list[float]) -> None:
        self.now, self.costs, self.calls, self.waits = 0.0, costs, 0, 0

    def work(self) -> None:
        self.now += self.costs[min(self.calls, len(self.costs) - 1)]
        self.calls += 1

    def read(self) -> float:
        return self.now

    def wait(self) -> None:
        self.waits += 1


def timed(costs: list[float], task: Task) -> tuple[Measurement, Clock]:
    clock = Clock(costs)
    return measure(clock.work, task, clock=clock.read, synchronise=clock.wait), clock


def test_a_steady_callable_settles_at_its_cost() -> None:
    found, clock = timed([1.0, 0.5, 0.01], Task())
    assert found.first_s == 1.0
    assert found.median == pytest.approx(0.01)
    assert found.iqr == pytest.approx(0)
    assert found.settled and found.samples >= 10 and found.calls == 1
    assert sum(found.times) >= 0.2
    assert clock.waits >= 2 * found.samples  # the device is waited for before every reading of the clock


def test_short_calls_are_timed_in_blocks_the_clock_can_see() -> None:
    found, _ = timed([1e-6], Task(block_s=1e-3))
    assert found.calls >= 1000
    assert found.median == pytest.approx(1e-6)


def test_a_call_longer_than_the_budget_still_gives_samples() -> None:
    found, clock = timed([10.0], Task(max_s=1.0))
    assert found.samples == 3 and found.median == 10.0
    assert clock.calls <= 8
    assert not found.settled or found.samples >= 3


def test_noise_is_said_and_no_sample_is_dropped() -> None:
    found, _ = timed([0.01, 0.03] * 5000, Task(max_s=1.0, block_s=0.0001))
    assert not found.settled
    assert {round(time, 6) for time in found.times} == {0.01, 0.03}
    assert found.iqr == pytest.approx(0.02)
    low, high = found.quartiles
    assert (low, high) == (pytest.approx(0.01), pytest.approx(0.03))


def test_one_sample_has_no_spread() -> None:
    one = Measurement(times=(0.5,), calls=1, first_s=0.5, settled=False)
    assert one.quartiles == (0.5, 0.5) and one.median == 0.5


def test_the_interval_of_the_median_is_by_order_statistics() -> None:
    assert half_width([1.0] * 20) == 0
    assert half_width([1.0, 2.0]) == pytest.approx(1 / 3)
    many = [1.0] * 90 + [9.0] * 10  # far outliers do not move the median's interval
    assert half_width(many) == 0


def test_ticks_follow_samples() -> None:
    clock, ticks = Clock([0.01]), []
    found = measure(clock.work, Task(), clock=clock.read, tick=lambda: ticks.append(1))
    assert len(ticks) == found.samples


def test_an_exception_leaves_the_garbage_collector_on() -> None:
    import gc

    calls = 0

    def fails() -> None:
        nonlocal calls
        calls += 1
        if calls > 40:
            raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        measure(fails, Task())
    assert gc.isenabled()
