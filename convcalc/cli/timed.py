"""What all commands that time have in common: jobs from stacks, the child heard, a bar, rows kept as they come."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convcalc.analyses.report import rows, standalone
from convcalc.analyses.steps import SILENT
from convcalc.errors import ConvcalcError, SpecError
from convcalc.profiling import store
from convcalc.profiling.machine import cores, cpu_name, torch_version
from convcalc.profiling.observation import NOT_ASKED, Seen
from convcalc.profiling.observation import from_dict as seen_from
from convcalc.profiling.plan import WHOLE, Job, Plan, Setup, Task, environment, recorded
from convcalc.profiling.roofline import GIVEN, Peaks, from_dict
from convcalc.profiling.row import Record, identity, record
from convcalc.profiling.status import FAILED
from convcalc.spec.assemble import Stack
from convcalc.units import seconds

if TYPE_CHECKING:
    from rich.progress import Progress

    from convcalc.graph import Graph


@dataclass(slots=True)
class Run:
    """What came of a run so far: the machine, its roofs by dtype, each group's rows, and what to say on stderr.

    `machines` has the machine as each child saw it, by its threads: their environments differ.
    """

    machine: dict[str, Any] = field(default_factory=dict)
    machines: dict[int, dict[str, Any]] = field(default_factory=dict)
    peaks: dict[tuple[str, int], Peaks] = field(default_factory=dict)
    seen: dict[int, list[Seen]] = field(default_factory=dict)
    hints: list[str] = field(default_factory=list)
    interrupted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long: seconds for everything, and at most for the samples of one row; what is asked beside the time."""

    budget: float = 60.0
    row: float = 3.0
    cold: bool = True
    refresh: bool = False
    flops: float | None = None
    bandwidth: float | None = None
    roofs: bool = True


def work(graph: Graph) -> bool:
    """Whether a row computes anything at all (a row of parameters only does not)."""
    return any(not isinstance(node.op, SILENT) for node in graph.nodes)


def jobs(found: Sequence[Stack], depth: int, setup: Setup) -> list[Job]:
    """Return a job for every row that computes something, and one for each whole stack of several.

    The only row of a block is called by the block's number, where there are several blocks.
    """
    made: list[Job] = []
    for block, stack in enumerate(found):
        parts = [(row, standalone(row)) for row in rows(stack.graph, depth)]
        own = [(row, graph) for row, graph in parts if work(graph)]
        for row, graph in own:
            text = row.scope.text or ".".join(row.scope.path[1:]) or row.name
            name = str(block) if len(own) == 1 and len(found) > 1 else row.name
            made.append(Job(name=name, text=text, graph=graph, setup=setup, block=block, times=row.scope.times))
        if len(own) > 1:
            made.append(Job(name=WHOLE, text="the whole", graph=stack.graph, setup=setup, block=block, whole=True))
    return made


def measured(
    groups: Sequence[Sequence[Job]],
    limits: Limits,
    run: Run | None = None,
    on_row: Callable[[Job, Seen], None] = lambda job, seen: None,
    *,
    peaks: Sequence[Setup] = (),
) -> Run:
    """Time groups of jobs, one child for each number of threads, and return what came of it, also when interrupted.

    `on_row` is called with each job and what was seen of it, as soon as it is there; `peaks` are setups whose roofs
    are wanted without any job. Raises UnavailableError without the device.
    """
    made = run if run is not None else Run()
    by_hand([job.setup for group in groups for job in group], limits, made)
    by_threads: dict[int, list[int]] = {setup.threads: [] for setup in peaks}
    for number, group in enumerate(groups):
        by_threads.setdefault(max(job.setup.threads for job in group), []).append(number)
    left, waiting = limits.budget, len(groups)
    with _bar(groups) as bar:
        for count, numbers in by_threads.items():
            own = [groups[number] for number in numbers]
            plan = _plan(own, count, limits, left * len(numbers) / max(1, waiting), peaks)
            try:
                left -= _one_child(plan, own, numbers, made, limits, bar, on_row)
            except KeyboardInterrupt:
                made.interrupted = True
                return made
            waiting -= len(numbers)
    return made


def _one_child(
    plan: Plan, groups: Sequence[Sequence[Job]], numbers: Sequence[int], run: Run, limits: Limits, bar: Progress,
    on_row: Callable[[Job, Seen], None],
) -> float:  # fmt: skip
    """Hear one plan's children out, and return the seconds of the budget they took."""
    from convcalc.profiling import session

    deadline = session.Deadline(plan.seconds, len(plan.groups))
    for event in session.run(plan, deadline):
        if event["event"] == "row":
            run.seen[numbers[event["group"]]] = found = [seen_from(one) for one in event["seen"]]
            for job, one in zip(groups[event["group"]], found, strict=True):
                on_row(job, one)
        _heard(event, run, limits, bar, groups)
    return plan.seconds - deadline.left()


def _plan(groups: Sequence[Sequence[Job]], threads: int, limits: Limits, budget: float, peaks: Sequence[Setup]) -> Plan:
    asked = [*peaks, *(job.setup for group in groups for job in group)]
    wanted = {(setup.dtype, setup.threads): setup for setup in asked}
    first = next(iter(wanted.values()))
    given = limits.flops is not None and limits.bandwidth is not None
    return Plan(
        device=first.device,
        threads=threads,
        groups=tuple(tuple(group) for group in groups),
        task=Task(max_s=limits.row, min_s=min(0.5, limits.row)),
        seconds=max(budget, 0.0),
        cold=limits.cold,
        allocator=first.allocator,
        peaks=tuple(wanted.values()) if limits.roofs and not given else (),
        refresh=limits.refresh,
        keep_denormals=first.keep_denormals,
    )


def by_hand(setups: Sequence[Setup], limits: Limits, run: Run) -> None:
    """Take roofs that were given both as they are; one that was given stands beside a measured one."""
    if limits.flops is None or limits.bandwidth is None:
        return
    for setup in setups:
        run.peaks[setup.dtype, setup.threads] = Peaks(
            flops_per_s=limits.flops, bytes_per_s=limits.bandwidth, near_bytes_per_s=None,
            flops_from=GIVEN, bytes_from=GIVEN,
        )  # fmt: skip


def _heard(event: dict[str, Any], run: Run, limits: Limits, bar: Progress, groups: Sequence[Sequence[Job]]) -> None:
    """Take in what a child tells, and show it."""
    task = bar.task_ids[0]
    match event["event"]:
        case "ready":
            own = event["machine"]
            run.machines[own["threads"]] = own
            run.machine = {**(run.machine or own), "threads": max(run.machines)}
        case "peaks":
            found = from_dict(event["peaks"])
            if found is not None:
                run.peaks[event["dtype"], event["threads"]] = found.given(limits.flops, limits.bandwidth)
            if event["took_s"] is not None:
                kept = f"they are not kept: {event['unkept']}" if event["unkept"] else "they are kept for the next run"
                run.hints.append(f"measured this machine's peaks in {seconds(event['took_s'])}; {kept}")
        case "begin":
            job = groups[event["group"]][0]
            bar.update(task, description=f"{job.name} {job.text}"[:40])
        case "outside":
            bar.update(task, description=event["what"][:40])
        case "row":
            bar.advance(task)
    bar.refresh()


@contextmanager
def _bar(groups: Sequence[Sequence[Job]]) -> Iterator[Progress]:
    """A bar on stderr, drawn when something happens and not by a clock, which would take time from the kernels."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from convcalc.render.terminal import console

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    quiet = not sys.stderr.isatty()
    with Progress(*columns, console=console(sys.stderr), transient=True, disable=quiet, auto_refresh=False) as bar:
        bar.add_task("starting", total=len(groups))
        bar.refresh()
        yield bar


def headline(run: Run, setup: Setup) -> str:
    """Return what was measured on and how, in words, with the device that `auto` turned out to be."""
    device = run.machine.get("device", setup.device)
    return f"{run.machine.get('name', '')}, {replace(setup, device=device).words()}"


def placed(job: Job, seen: Seen, run: Run) -> Record:
    """Return a row's record under the roofs of its dtype and threads, on the device that was there."""
    device = run.machine.get("device", job.setup.device)
    there = replace(job, setup=replace(job.setup, device=device))
    return record(there, seen, run.peaks.get((job.setup.dtype, job.setup.threads)))


class Keeper:
    """Rows in a file: those that are there already, and each new one as soon as it is done.

    A file that can no longer be written ends the keeping, not the run: `failed` says why.
    """

    def __init__(self, path: str | None, *, resume: bool) -> None:
        self.path = Path(path) if path else None
        self.rows: dict[str, Record] = {}
        self.failed = ""
        if self.path is not None and resume and self.path.exists():
            self.rows = {store.key(row): row for row in store.read(self.path) if row["status"] != FAILED}
            circumstances = {
                repr((row["machine"], row["setup"]["threads"], row["setup"]["allocator"])): row
                for row in self.rows.values()
            }
            for row in circumstances.values():
                self._same_machine(row)

    def _same_machine(self, row: Record) -> None:
        """Refuse rows of another machine, torch or environment, which would stand beside rows of this one."""
        setup = row["setup"]
        variables = recorded(environment(setup["threads"], cores(), setup["allocator"]))
        here = {**row["machine"], "torch": torch_version(), "environment": variables}
        if row["machine"].get("device") == "cpu":
            here["name"] = cpu_name()
        found = store.differences(row["machine"], here, "there", "here")
        if found:
            raise SpecError(f"{self.path} holds rows of another run: {found[0]}: --save to another file")

    def found(self, job: Job, *, cold: bool) -> Record | None:
        """Return the row of a job where it was saved before; `auto` is whatever device it ran on.

        A row that was timed without cold weights is none where they are asked for.
        """
        there = (
            {row["setup"]["device"] for row in self.rows.values()} if job.setup.device == "auto" else {job.setup.device}
        )
        for device in there:
            row = self.rows.get(store.key(identity(replace(job, setup=replace(job.setup, device=device)))))
            if row is not None and not (cold and row["cold_note"] == NOT_ASKED):
                return row
        return None

    def keep(self, row: Record, machine: dict[str, Any]) -> None:
        """Append a row."""
        if self.path is not None and not self.failed:
            try:
                store.append(self.path, row, machine)
            except ConvcalcError as error:
                self.failed = str(error)
