"""`time_contenders`: rows that are ready are timed in turns between two looks at a yardstick, then cold."""

from __future__ import annotations

import time
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from convcalc.errors import UnavailableError
from convcalc.profiling import noise
from convcalc.profiling.child.prepare import Prepared
from convcalc.profiling.observation import NOT_ASKED, Observation
from convcalc.profiling.plan import Job
from convcalc.profiling.sampling import Block, clock_cost, interleaved, measure
from convcalc.profiling.status import MAX_DRIFT, MIN_SAMPLES
from convcalc.units import seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convcalc.profiling.child.backends.cpu import Backend
    from convcalc.profiling.plan import Plan, Task

T = TypeVar("T")
REFERENCE_S = 0.05
COLD_SHARE, MIN_COLD_S = 0.3, 0.02
"""How much of a row's time its cold variant gets."""
WARM_ROUNDS, ROUNDS_SHARE = 3, 0.5
"""How many rounds a comparison takes before the first that counts; what of all the time its rounds may take, where
others have used up its share."""


@dataclass(slots=True)
class Contender:
    """One row on its way: what is timed, what was seen so far, and the seconds that were not spent on timing it.

    A search of cuDNN's has a `thread` of its own: torch keeps the plans of convolutions by thread and not by mode, so
    that in a thread where the same layer ran before, its plan would be taken and nothing be searched.
    """

    job: Job
    untimed_s: float = 0.0
    prepared: Prepared | None = None
    observation: Observation = field(default_factory=Observation)
    block: Block = field(default=lambda calls: 0.0)
    thread: Executor | None = None

    def apply(self, work: Callable[[], T]) -> T:
        """Do a piece of work in the row's thread, and without gradients as it is timed there."""
        if self.thread is None:
            return work()
        return self.thread.submit(self._quietly, work).result()

    def _quietly(self, work: Callable[[], T]) -> T:
        with quiet([self.job]):
            return work()


def quiet(jobs: Sequence[Job]) -> AbstractContextManager[Any]:
    """Without gradients for a forward; compiled code was compiled without them, but not in inference mode."""
    if jobs[0].setup.direction != "forward":
        return nullcontext()
    return torch.no_grad() if any(job.setup.mode == "compile" for job in jobs) else torch.inference_mode()


def time_contenders(contenders: Sequence[Contender], plan: Plan, left: float, share: float, backend: Backend) -> None:
    """Time what is ready: hot in turns between two looks at a yardstick, once more if the machine moved; then cold."""
    end = time.perf_counter() + left
    if len(contenders) > 1:
        _check_rounds(contenders, max(left, ROUNDS_SHARE * plan.seconds))
    reference = backend.reference_matmul(contenders[0].job.setup)
    reference_s = min(REFERENCE_S, share / 40)
    wants_cold = plan.cold and len(contenders) == 1
    least = MIN_SAMPLES if len(contenders) > 1 else 1
    task = replace(plan.task, block_s=max(plan.task.block_s, 1000 * clock_cost()), least_samples=least)
    each = (left - 3 * reference_s) / len(contenders) * ((1 - COLD_SHARE) if wants_cold else 1.0)
    retried = False
    backend.throttled()  # gives clocks that are low a moment to rise
    while True:
        before = reference(reference_s)
        counters, begin = noise.read(), time.perf_counter()
        measured = interleaved([_block(row) for row in contenders], task.within(each))
        during = noise.between(counters, noise.read(), plan.threads)
        took = time.perf_counter() - begin
        drift = reference(reference_s) / before
        room = end - time.perf_counter() > 1.5 * took
        if retried or not room or 1 / (1 + MAX_DRIFT) <= drift <= 1 + MAX_DRIFT:
            break
        retried = True
    for row, timing in zip(contenders, measured, strict=True):
        row.observation = replace(
            row.observation, warm_cache=timing, noise=during, drift_ratio=drift, reference_matmul_s=before,
            retried=retried, page_faults=_faults(row, timing.median, end), throttling=backend.throttled(),
            device_state=_state(row, timing.median, backend, end),
        )  # fmt: skip
    if wants_cold:
        _cold(contenders[0], task, end - time.perf_counter(), backend)
    else:
        contenders[0].observation = replace(contenders[0].observation, cold_note=NOT_ASKED)


def _check_rounds(contenders: Sequence[Contender], most: float) -> None:
    """Refuse before anything is timed what has no time for as many rounds as a comparison needs."""
    round_s = sum(_block(row)(1) for row in contenders)
    need = (MIN_SAMPLES + WARM_ROUNDS) * round_s
    if need > most:
        raise UnavailableError(
            f"{MIN_SAMPLES} rounds take about {seconds(need)}, and there are {seconds(most)}: raise --budget"
        )


def _block(contender: Contender) -> Block:
    """A row's block in the row's own thread."""
    if contender.thread is None:
        return contender.block
    return lambda calls: contender.apply(lambda: contender.block(calls))


def _state(contender: Contender, each: float, backend: Backend, end: float) -> tuple[tuple[str, Any], ...]:
    """Readings of the device under the row's settings, and what its backend tells beside the time."""
    prepared, setup = contender.prepared, contender.job.setup
    left = end - time.perf_counter()
    assert prepared is not None
    with backend.settings(setup):
        state = backend.state()
        if left > 0:
            state |= contender.apply(lambda: backend.extras(prepared.call, setup, each, left / 2))
    return tuple(state.items())


def _faults(contender: Contender, each: float, end: float) -> float | None:
    """Page faults per call, over a few calls that are not timed."""
    if time.perf_counter() + 3 * each > end:
        return None
    block = _block(contender)
    block(1)  # the yardstick has been between
    before = noise.read().faults
    block(2)
    after = noise.read().faults
    return None if before is None or after is None else (after - before) / 2


def _cold(contender: Contender, task: Task, left: float, backend: Backend) -> None:
    """The same with weights out of cache: copies that take turns on the CPU, a GPU's cache overwritten."""
    prepared = contender.prepared
    assert prepared is not None
    if left < MIN_COLD_S:
        contender.observation = replace(contender.observation, cold_note="no time was left")
        return
    end = time.perf_counter() + left
    block, why = backend.cold(prepared, contender.job.setup)
    if block is None:
        contender.observation = replace(contender.observation, cold_note=why)
        return
    cold = backend.under(contender.job.setup, block)
    measurement = contender.apply(lambda: measure(cold, task.within(end - time.perf_counter())))
    sparse = measurement.samples < MIN_SAMPLES
    contender.observation = replace(
        contender.observation,
        cold_cache=None if sparse else measurement,
        cold_note="no time was left" if sparse else "",
    )
