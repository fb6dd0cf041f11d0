"""Timing: warm-up until stable, blocks long enough for the clock, samples until the median is known.

What was asked (`Task`) is apart from what was seen (`Measurement`). A block is a function that makes so many calls
and returns the seconds they took, so that tests need no device and no patience.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from convcalc.collection import uncollected
from convcalc.profiling.intervals import half_width, median_interval, outliers, percentile
from convcalc.profiling.plan import Task

Clock = Callable[[], float]
Block = Callable[[int], float]
MOST_CALLS = 2**24


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """Seconds per call: one entry per sample, a block of `calls` calls; whether the median is known well enough."""

    times: tuple[float, ...]
    calls: int
    settled: bool

    @property
    def samples(self) -> int:
        """How many blocks were timed."""
        return len(self.times)

    @property
    def median(self) -> float:
        """The middle of the samples."""
        return statistics.median(self.times)

    def percentile(self, share: float) -> float:
        """Return the seconds below which a share of the samples lies."""
        return percentile(self.times, share)

    @property
    def iqr(self) -> float:
        """The distance between the quartiles: the spread, in seconds."""
        return self.percentile(0.75) - self.percentile(0.25)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval of the median, in seconds."""
        return median_interval(self.times)[1:]

    @property
    def outliers(self) -> int:
        """How many samples lie far from the rest; they are counted with the others."""
        return outliers(self.times)


def stopwatch(
    call: Callable[[], object],
    *,
    clock: Clock = time.perf_counter,
    synchronise: Callable[[], None] = lambda: None,
) -> Block:
    """Return what times a number of calls with a clock; `synchronise` waits for the device before each reading."""

    def block(calls: int) -> float:
        synchronise()
        start = clock()
        for _ in range(calls):
            call()
        synchronise()
        return clock() - start

    return block


def measure(block: Block, task: Task | None = None) -> Measurement:
    """Time a block.

    Stops when the 95% interval of the median is within `precision`, or at `max_s`; no sample is ever dropped. A call
    that takes longer than all the time there is, is itself the sample.
    """
    return interleaved([block], task)[0]


class StoppingRule:
    """When to stop sampling several blocks: every median is known to the task's precision, or its time is up.

    Medians of many samples are looked at ever less often, since looking costs more the more there are.
    """

    def __init__(self, task: Task, blocks: int) -> None:
        self.task = task
        self.shortest, self.longest = task.min_s * blocks, task.max_s * blocks
        self.next_check = task.samples

    def known(self, times: Sequence[float]) -> bool:
        """Whether these samples tell their median well enough."""
        return len(times) >= self.task.samples and half_width(times) <= self.task.precision

    def out_of_time(self, spent: float) -> bool:
        """Whether so many seconds are all there are."""
        return spent >= self.longest

    def done(self, times: Sequence[Sequence[float]], spent: float) -> bool:
        """Whether to stop after these samples of each block, which took so many seconds."""
        rounds = len(times[0])
        if self.out_of_time(spent):
            return rounds >= self.task.least_samples
        if spent < self.shortest or rounds < self.next_check:
            return False
        self.next_check = rounds * 21 // 20 + 1
        return all(self.known(samples) for samples in times)


def interleaved(
    blocks: Sequence[Block], task: Task | None = None, *, wall: Clock = time.perf_counter, seed: int = 0
) -> list[Measurement]:
    """Time several blocks in turn, one sample each per round, in an order drawn anew for every round.

    What disturbs the machine disturbs all of them alike: only so do their times compare. Stops when every median is
    known to `precision`, or when the rounds have taken `max_s` for each block, by the blocks' own count or by the clock
    on the wall: a device's seconds leave out what surrounds them.
    """
    limits = task or Task()
    rule, begin = StoppingRule(limits, len(blocks)), wall()
    once = [block(1) for block in blocks]
    if limits.least_samples == 1 and rule.out_of_time(max(sum(once), wall() - begin)):
        return [Measurement(times=(sample,), calls=1, settled=False) for sample in once]
    counts = [_warm(block, limits, wall) for block in blocks]
    times: list[list[float]] = [[] for _ in blocks]
    order, rng, spent, begin = list(range(len(blocks))), random.Random(seed), 0.0, wall()
    with uncollected():
        while not times[0] or not rule.done(times, spent):
            rng.shuffle(order)
            for place in order:
                elapsed = blocks[place](counts[place])
                spent += elapsed
                times[place].append(elapsed / counts[place])
            spent = max(spent, wall() - begin)
    return [
        Measurement(times=tuple(samples), calls=count, settled=rule.known(samples))
        for samples, count in zip(times, counts, strict=True)
    ]


def _warm(block: Block, limits: Task, wall: Clock) -> int:
    """Call until the time, the calls and the agreement of the last two blocks are reached; return calls per block.

    The blocks double until the clock can see them, so that they are warm and sized at once.
    """
    calls, done, spent, before, begin = 1, 0, 0.0, 0.0, wall()
    while True:
        elapsed = block(calls)
        done, spent = done + calls, max(spent + elapsed, wall() - begin)
        each = elapsed / calls
        if spent >= limits.max_s / 2:
            return calls
        if elapsed < limits.block_s and calls < MOST_CALLS:
            calls *= 2
        elif (
            done >= limits.warmup_calls
            and spent >= limits.warmup_s
            and before
            and abs(each - before) <= limits.agree * before
        ):
            return calls
        before = each


def clock_cost(clock: Clock = time.perf_counter) -> float:
    """Return the seconds one reading of the clock takes."""
    start = clock()
    for _ in range(1000):
        clock()
    return (clock() - start) / 1000
