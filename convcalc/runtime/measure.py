"""Timing one callable: warm-up, blocks long enough for the clock, samples until the median is known.

What was asked (`Task`) is apart from what was seen (`Measurement`). The clock and the synchronisation are
arguments, so that tests need no device and no patience.
"""

from __future__ import annotations

import gc
import math
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """How to time: limits in seconds and counts."""

    warmup_s: float = 0.05
    warmup_calls: int = 3
    block_s: float = 0.001
    samples: int = 10
    min_s: float = 0.2
    max_s: float = 2.0
    precision: float = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """Seconds per call: one entry per sample (a block of `calls` calls), and the first call of all."""

    times: tuple[float, ...]
    calls: int
    first_s: float
    settled: bool
    notes: tuple[str, ...] = field(default=())

    @property
    def samples(self) -> int:
        """How many blocks were timed."""
        return len(self.times)

    @property
    def median(self) -> float:
        """The middle of the samples."""
        return statistics.median(self.times)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The first and third quartile."""
        if len(self.times) == 1:
            return self.times[0], self.times[0]
        low, _, high = statistics.quantiles(self.times, n=4, method="inclusive")
        return low, high

    @property
    def iqr(self) -> float:
        """The distance between the quartiles: the spread, in seconds."""
        low, high = self.quartiles
        return high - low


def measure(
    call: Callable[[], object],
    task: Task | None = None,
    *,
    clock: Clock = time.perf_counter,
    synchronise: Callable[[], None] = lambda: None,
    tick: Callable[[], None] = lambda: None,
) -> Measurement:
    """Time a callable.

    `synchronise` waits for the device before each reading of the clock; `tick` is called once per sample. Stops
    when the 95% interval of the median is within `precision`, or at `max_s`; no sample is ever dropped.
    """
    asked = task or Task()
    block = _blocks(call, clock, synchronise)
    first = block(1)
    _warm(block, asked, first)
    calls = _block_size(block, asked)
    times: list[float] = []
    spent = 0.0
    enabled = gc.isenabled()
    gc.disable()
    try:
        while True:
            spent += (elapsed := block(calls))
            times.append(elapsed / calls)
            tick()
            enough = len(times) >= asked.samples and spent >= asked.min_s
            settled = enough and half_width(times) <= asked.precision
            if settled or (spent >= asked.max_s and len(times) >= min(3, asked.samples)):
                break
    finally:
        if enabled:
            gc.enable()
    return Measurement(times=tuple(times), calls=calls, first_s=first, settled=settled)


def interleaved(
    calls: Sequence[Callable[[], object]],
    task: Task | None = None,
    *,
    clock: Clock = time.perf_counter,
    synchronise: Callable[[], None] = lambda: None,
    tick: Callable[[], None] = lambda: None,
    seed: int = 0,
) -> list[Measurement]:
    """Time several callables in turn, one block each per round, in an order drawn anew for every round.

    What disturbs the machine disturbs all of them alike: only so do their times compare. Stops when every median is
    known to `precision`, or when the rounds have taken `max_s` for each callable.
    """
    asked = task or Task()
    blocks = [_blocks(call, clock, synchronise) for call in calls]
    firsts = [block(1) for block in blocks]
    for block, first in zip(blocks, firsts, strict=True):
        _warm(block, asked, first)
    counts = [_block_size(block, asked) for block in blocks]
    times: list[list[float]] = [[] for _ in calls]
    order, chance, spent = list(range(len(calls))), random.Random(seed), 0.0
    enabled = gc.isenabled()
    gc.disable()
    try:
        while True:
            chance.shuffle(order)
            for place in order:
                spent += (elapsed := blocks[place](counts[place]))
                times[place].append(elapsed / counts[place])
            tick()
            enough = len(times[0]) >= asked.samples and spent >= asked.min_s * len(calls)
            settled = enough and all(half_width(one) <= asked.precision for one in times)
            if settled or (spent >= asked.max_s * len(calls) and len(times[0]) >= min(3, asked.samples)):
                break
    finally:
        if enabled:
            gc.enable()
    return [
        Measurement(times=tuple(one), calls=count, first_s=first, settled=settled)
        for one, count, first in zip(times, counts, firsts, strict=True)
    ]


def _blocks(call: Callable[[], object], clock: Clock, synchronise: Callable[[], None]) -> Callable[[int], float]:
    """Return what times a number of calls."""

    def block(calls: int) -> float:
        synchronise()
        start = clock()
        for _ in range(calls):
            call()
        synchronise()
        return clock() - start

    return block


def _warm(block: Callable[[int], float], asked: Task, first: float) -> None:
    """Call until both the time and the number of calls are reached; a call longer than the budget is warm at once."""
    spent, calls = first, 1
    while spent < asked.max_s and (spent < asked.warmup_s or calls < asked.warmup_calls):
        spent += block(1)
        calls += 1
        if calls >= 100_000:
            break


def _block_size(block: Callable[[int], float], asked: Task) -> int:
    calls = 1
    while block(calls) < asked.block_s and calls < 2**24:
        calls *= 2
    return calls


def half_width(times: list[float]) -> float:
    """Return half of the 95% interval of the median (order statistics), as a share of the median."""
    ordered = sorted(times)
    count = len(ordered)
    middle = statistics.median(ordered)
    reach = 0.98 * math.sqrt(count)
    low = max(0, math.floor(count / 2 - reach))
    high = min(count - 1, math.ceil(count / 2 + reach))
    return (ordered[high] - ordered[low]) / 2 / middle if middle else 0.0
