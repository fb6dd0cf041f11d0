"""Timing with a clock that can be faked: no test waits, no test depends on the machine."""

from __future__ import annotations

import gc
from dataclasses import replace

import pytest

from convcalc.profiling.plan import Task
from convcalc.profiling.sampling import Measurement, StoppingRule, clock_cost, interleaved, measure, stopwatch


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
    return measure(stopwatch(clock.work, clock=clock.read, synchronise=clock.wait), task), clock


def test_a_steady_callable_settles_at_its_cost() -> None:
    found, clock = timed([1.0, 0.5, 0.01], Task())
    assert found.median == pytest.approx(0.01)
    assert found.iqr == pytest.approx(0)
    assert found.settled and found.samples >= 10 and found.calls == 1
    assert sum(found.times) >= 0.5
    assert clock.waits >= 2 * found.samples  # the device is waited for before every reading of the clock


def test_short_calls_are_timed_in_blocks_the_clock_can_see() -> None:
    found, _ = timed([1e-6], Task(block_s=1e-3))
    assert found.calls >= 1000
    assert found.median == pytest.approx(1e-6)


def test_a_call_longer_than_all_the_time_is_the_sample_itself() -> None:
    found, clock = timed([10.0], Task(max_s=1.0))
    assert (found.samples, found.median, found.settled, clock.calls) == (1, 10.0, False, 1)


def test_what_takes_long_gives_the_samples_there_is_time_for() -> None:
    found, clock = timed([0.4], Task(max_s=1.0))
    assert not found.settled and 1 <= found.samples <= 3
    assert clock.now <= 0.4 + 0.8 + 1.4  # the first, a warm-up of at most half, and the samples


def test_warming_goes_on_until_two_blocks_agree() -> None:
    slow = [1.0] * 2 + [0.5, 0.25, 0.12, 0.06, 0.03] + [0.02]
    found, _ = timed(slow, Task(warmup_s=0.0, max_s=100.0))
    assert max(found.times) == pytest.approx(0.02)


def test_what_never_agrees_is_warmed_for_half_of_the_time_at_most() -> None:
    clock = Clock([0.01, 0.03] * 100_000)
    found = measure(stopwatch(clock.work, clock=clock.read), Task(max_s=1.0, block_s=0.0001))
    assert not found.settled
    assert clock.now <= 0.01 + 0.6 + 1.1


def test_noise_is_said_and_no_sample_is_dropped() -> None:
    found, _ = timed([0.01, 0.03] * 5000, Task(max_s=1.0, block_s=0.0001))
    assert not found.settled
    assert {round(time, 6) for time in found.times} == {0.01, 0.03}
    assert found.iqr == pytest.approx(0.02)
    assert (found.percentile(0.2), found.percentile(0.8)) == (pytest.approx(0.01), pytest.approx(0.03))
    assert found.interval == (pytest.approx(0.01), pytest.approx(0.03))


def test_far_samples_are_counted_and_kept() -> None:
    found = Measurement(times=(1.0, 1.01, 0.99, 1.0, 1.02, 9.0), calls=1, settled=True)
    assert found.outliers == 1 and found.samples == 6


def test_one_sample_has_no_spread() -> None:
    one = Measurement(times=(0.5,), calls=1, settled=False)
    assert one.percentile(0.2) == one.percentile(0.8) == one.median == 0.5
    assert one.interval == (0.5, 0.5) and one.iqr == 0 and one.outliers == 0


def test_blocks_take_turns_and_rounds_are_paired() -> None:
    order: list[str] = []

    def block(name: str, cost: float):  # type: ignore[no-untyped-def]
        def run(calls: int) -> float:
            order.append(name)
            return cost * calls

        return run

    task = Task(warmup_s=0, block_s=0, samples=10, min_s=0, max_s=100.0)
    one, two = interleaved([block("a", 1.0), block("b", 2.0)], task)
    assert one.samples == two.samples == 10
    assert (one.median, two.median) == (1.0, 2.0)
    rounds = ["".join(order[-20:][n : n + 2]) for n in range(0, 20, 2)]
    assert set(rounds) == {"ab", "ba"}  # each once a round, in both orders


def test_the_clock_on_the_wall_counts_where_a_device_leaves_time_out() -> None:
    now = 0.0

    def block(calls: int) -> float:
        nonlocal now
        now += calls * 1e-3  # the host's time around
        return calls * 1e-5 * (1 + now % 0.3)

    (found,) = interleaved([block], Task(max_s=1.0, block_s=1e-5), wall=lambda: now)
    assert now < 2.5 and found.samples > 1


def test_each_is_judged_by_itself() -> None:
    chance = iter(range(10**6))
    steady, shaky = lambda calls: 0.01 * calls, lambda calls: (0.01 + 0.01 * (next(chance) * 7 % 5)) * calls
    one, two = interleaved([steady, shaky], Task(max_s=1.0, block_s=0.001))
    assert one.settled and not two.settled


def test_several_slow_ones_share_the_time() -> None:
    first, second = interleaved([lambda calls: 3.0 * calls, lambda calls: 5.0 * calls], Task(max_s=1.0))
    assert (first.times, second.times) == ((3.0,), (5.0,))
    assert not first.settled and not second.settled


def test_an_exception_leaves_the_garbage_collector_on() -> None:
    calls = 0

    def fails() -> None:
        nonlocal calls
        calls += 1
        if calls > 400:
            raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        measure(stopwatch(fails), Task(min_s=10.0, max_s=10.0, block_s=1e-9))
    assert gc.isenabled()


def test_reading_the_clock_costs_little() -> None:
    assert 0 < clock_cost() < 1e-4


def test_a_task_within_less_time_asks_for_less() -> None:
    less = Task().within(0.2)
    assert (less.max_s, less.min_s, less.warmup_s) == (0.2, 0.1, 0.05)
    assert Task().within(100.0) == Task()
    assert Task().within(-1.0).max_s == 0.0


def test_a_median_is_looked_at_ever_less_often() -> None:
    """What is never known is looked at after 10 samples and from then on at each twentieth more, until time is up."""
    rule, looks = StoppingRule(Task(samples=10, precision=0.0, min_s=0.0, max_s=2.0), blocks=2), []
    for rounds in range(1, 200):
        before = rule.next_check
        assert not rule.done([list(range(1, rounds + 1))] * 2, spent=0.01 * rounds)
        looks += [rounds] if rule.next_check != before else []
    assert looks[:4] == [10, 11, 12, 13] and looks[-1] > 180 and len(looks) < 70
    assert rule.done([[1.0]] * 2, spent=4.0)  # two blocks have twice the time
    assert StoppingRule(Task(samples=3, precision=0.1, min_s=0.0), 1).done([[1.0] * 8], spent=0.0)
    assert not StoppingRule(Task(samples=3, precision=0.1, min_s=1.0), 1).done([[1.0] * 8], spent=0.9)


def test_a_comparison_has_its_rounds_however_long_they_take() -> None:
    now = [0.0]

    def slow(calls: int) -> float:
        now[0] += 0.4 * calls
        return 0.4 * calls

    task = Task(max_s=0.1, min_s=0.0, least_samples=5)
    for measurement in interleaved([slow, slow], task, wall=lambda: now[0]):
        assert measurement.samples == 5 and measurement.median == pytest.approx(0.4)
    (alone,) = interleaved([slow], replace(task, least_samples=1), wall=lambda: now[0])
    assert alone.samples == 1
