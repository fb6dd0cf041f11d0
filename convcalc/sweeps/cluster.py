"""`Cluster`: the same rows from many machines: boxes of a sweep, and single measurements, as tasks of dask.distributed.

Blocks as they are written travel there, and rows back. A measurement runs alone on its
worker: workers offer one of the resource `convcalc` (`dask worker ... --nthreads 1 --resources convcalc=1`).
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convcalc.errors import SpecError, UnavailableError
from convcalc.subject import Block
from convcalc.sweeps.evaluate import Sweep
from convcalc.sweeps.grid import Box, grid_of

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Sequence

    from convcalc.profiling.plan import Setup
    from convcalc.profiling.run import Limits
    from convcalc.sweeps.rows import Rows

RESOURCE = "convcalc"
AHEAD = 4
"""Tasks that wait for each worker, so that memory is the same however many there are."""
CONNECT_S = 10


@dataclass(frozen=True, slots=True)
class Task:
    """A box of a sweep: the block as it is written, and from which place to which of each axis."""

    block: Block
    spans: tuple[tuple[int, int], ...]
    columns: tuple[str, ...]
    layout: str
    dtype: str
    itemsize: int

    @property
    def box(self) -> Box:
        """The box itself."""
        return Box(grid_of(self.block, self.layout), self.spans)

    def rows(self) -> tuple[list[Rows], dict[str, int]]:
        """Return the valid rows of the box, and how many others break which rule."""
        box = self.box
        sweep = Sweep(box.grid, self.columns, self.layout, self.dtype, self.itemsize)
        return list(sweep.rows(box)), dict(sweep.dropped)


def rows_of(task: Task) -> tuple[list[Rows], dict[str, int]]:
    """Work on one box; what a worker runs."""
    return task.rows()


def measure(task: Task, number: int, text: str, kind: str, setup: Setup, limits: Limits) -> dict[str, Any]:
    """Time one configuration on this worker; its row as it is saved, and the machine that it ran on."""
    from convcalc.profiling.plan import Job
    from convcalc.profiling.report import measure_jobs
    from convcalc.profiling.run import Run
    from convcalc.profiling.store import RowStore
    from convcalc.spec.assemble import assemble

    graph = assemble(task.box.block(), layout=task.layout).graph
    run = Run()
    (row,) = measure_jobs(
        [Job(name=str(number), text=text, kind=kind, graph=graph, setup=setup)], run, limits, RowStore(), None
    ).values()
    return {"row": row.to_json(), "machine": run.machine}


class Cluster:
    """A connection to a scheduler. Raises UnavailableError where dask.distributed is missing, or nobody answers."""

    def __init__(self, scheduler: str) -> None:
        self.scheduler = scheduler
        try:
            from distributed import Client
        except ImportError:
            raise UnavailableError("dask.distributed is not installed here: pip install 'dask[distributed]'") from None
        for name in list(logging.root.manager.loggerDict):
            if name.partition(".")[0] in ("distributed", "tornado", "asyncio"):
                logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # what cannot be done is said here, in a line
        try:
            self.client = Client(scheduler, timeout=CONNECT_S, set_as_default=False)  # type: ignore[no-untyped-call]
        except (OSError, TimeoutError, ValueError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UnavailableError(f"the scheduler at {scheduler} cannot be reached: {reason}") from None

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        with _quietly():
            self.client.close(timeout=2)  # type: ignore[no-untyped-call]

    @property
    def workers(self) -> dict[str, Any]:
        """The workers there are, and what each offers."""
        try:
            information = self.client.scheduler_info(n_workers=-1)
        except TypeError:  # before 2025.4 it has them all
            information = self.client.scheduler_info()
        found: dict[str, Any] = information["workers"]
        if not found:
            raise UnavailableError(f"the scheduler at {self.scheduler} has no workers: start some with dask worker")
        return found

    def batches(self, tasks: Sequence[Task], dropped: Counter[str]) -> Iterator[tuple[Task, list[Rows]]]:
        """Yield the rows of every box, in order, a few boxes ahead on each worker."""
        for task, (batches, broken) in self._results(tasks, [(rows_of, (task,), {}) for task in tasks]):
            dropped.update(broken)
            yield task, batches

    def measured(
        self, tasks: Sequence[Task], words: Sequence[tuple[int, str, str]], setup: Setup, limits: Limits
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield each measurement as it is done; one that its worker does not live to end is made on another.

        Raises SpecError where no worker offers to be alone with one.
        """
        if not any(worker.get("resources", {}).get(RESOURCE) for worker in self.workers.values()):
            raise SpecError(
                f"no worker offers to measure alone: start workers with --nthreads 1 --resources {RESOURCE}=1"
            )
        calls = [
            (measure, (task, number, text, kind, setup, limits), {"resources": {RESOURCE: 1}})
            for task, (number, text, kind) in zip(tasks, words, strict=True)
        ]
        yield from self._results([number for number, _, _ in words], calls, ordered=False)

    def _results(
        self,
        names: Sequence[Any],
        calls: Sequence[tuple[Any, tuple[Any, ...], dict[str, Any]]],
        *,
        ordered: bool = True,
    ) -> Iterator[Any]:
        """The result of each call by its name: in order, or as they are done."""
        from distributed import wait

        waiting: list[tuple[Any, Any]] = []
        most = AHEAD * max(len(self.workers), 1)
        rest = iter(zip(names, calls, strict=True))
        with self._reachable():
            while True:
                while len(waiting) < most and (entry := next(rest, None)) is not None:
                    name, (function, arguments, options) = entry
                    waiting.append((name, self.client.submit(function, *arguments, pure=False, **options)))
                if not waiting:
                    return
                first = 0
                if not ordered:
                    with self.client.as_current():
                        wait([future for _, future in waiting], return_when="FIRST_COMPLETED")  # type: ignore[no-untyped-call]
                    first = next(place for place, (_, future) in enumerate(waiting) if future.done())
                name, future = waiting.pop(first)
                yield name, future.result()

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        """Say in a line that the scheduler is gone. Raises UnavailableError."""
        from distributed.comm.core import CommClosedError

        try:
            yield
        except (CommClosedError, OSError, TimeoutError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UnavailableError(f"the scheduler at {self.scheduler} is gone: {reason}") from None
        except Exception as error:
            if type(error).__name__ in ("FutureCancelledError", "FuturesCancelledError", "CancelledError"):
                raise UnavailableError(
                    f"the scheduler at {self.scheduler} is gone, and with it what was not done"
                ) from None
            if type(error).__name__ == "KilledWorker":
                raise UnavailableError("a row ended every worker that worked on it, such as by its memory") from None
            raise


@contextmanager
def _quietly() -> Iterator[None]:
    try:
        yield
    except Exception:
        return
