"""`measure_groups`: jobs timed in children, one for each number of threads; `jobs` makes them of stacks of layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from convcalc.analyses.counts.segments import segments, standalone
from convcalc.ops import SOURCES
from convcalc.profiling import session
from convcalc.profiling.fields import from_json
from convcalc.profiling.machine import cores, cpu_name, torch_version
from convcalc.profiling.observation import Observation
from convcalc.profiling.plan import WHOLE, Job, Plan, Setup, Task
from convcalc.profiling.progress import Progress, Silence
from convcalc.profiling.results import to_row
from convcalc.profiling.roofline import GIVEN, Peaks, read_peaks, stored_peaks
from convcalc.units import plural, seconds

if TYPE_CHECKING:
    from convcalc.graph import Graph
    from convcalc.profiling.row import Row
    from convcalc.profiling.session import Event

USUAL_ROW_S, LEAST_S, MOST_S = 0.8, 10.0, 60.0
"""Seconds to measure a row, and the bounds of all of them, where no budget is given."""
START_S, PEAKS_S, COMPILE_S, SETTLED_S, LONG_S = 2.0, 3.0, 5.0, 1.5, 10.0
"""What starting a child, measuring roofs, compiling a row and a row that settles usually take; past how many seconds it
is told beforehand."""

Roofs = Mapping[tuple[str, int], Peaks]
"""By dtype and number of threads."""


@dataclass(slots=True)
class Run:
    """What came of a run so far: the machine, its roofs, each group's observations, and what to say on stderr.

    `machines` has the machine as each child saw it, by its threads: their environments differ. `interruption` is the
    signal that ended it early.
    """

    machine: dict[str, Any] = field(default_factory=dict)
    machines: dict[int, dict[str, Any]] = field(default_factory=dict)
    peaks: dict[tuple[str, int], Peaks] = field(default_factory=dict)
    observations: dict[int, list[Observation]] = field(default_factory=dict)
    hints: list[str] = field(default_factory=list)
    interruption: KeyboardInterrupt | None = None

    @property
    def interrupted(self) -> bool:
        """Whether it was stopped before everything was measured."""
        return self.interruption is not None

    def roofs(self, setup: Setup) -> Peaks | None:
        """Return the roofs of a setup's dtype and threads, where there are any."""
        return self.peaks.get((setup.dtype, setup.threads))

    def is_on_device(self, setup: Setup) -> bool:
        """Whether a setup is for the device that was there."""
        return setup.device in ("auto", self.machine.get("device", setup.device))

    def setup_on_device(self, setup: Setup) -> Setup:
        """Return a setup with the device that `auto` turned out to be."""
        return replace(setup, device=self.machine.get("device", setup.device))

    def row(self, job: Job, observation: Observation) -> Row:
        """Return a job's row under the roofs of its dtype and threads, on the device that was there."""
        return to_row(replace(job, setup=self.setup_on_device(job.setup)), observation, self.roofs(job.setup))

    def headline(self, setup: Setup) -> str:
        """Return what was measured on and how, in words."""
        return f"{self.machine.get('name', '')}, {self.setup_on_device(setup).describe()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long: seconds for everything, and at most for the samples of one row; what is asked beside the time.

    Without a budget there is about a second for each row, within bounds. `flops` and `bandwidth` are roofs by hand,
    FLOP/s and bytes/s.
    """

    budget: float | None = None
    row: float = 3.0
    cold: bool = True
    refresh: bool = False
    flops: float | None = None
    bandwidth: float | None = None
    roofs: bool = True

    def seconds_for(self, rows: int) -> float:
        """Return the seconds there are to measure so many rows."""
        return self.budget if self.budget is not None else min(max(rows * USUAL_ROW_S, LEAST_S), MOST_S)


def computes(graph: Graph) -> bool:
    """Whether a row computes anything at all (a row of parameters only does not)."""
    return any(not isinstance(node.op, SOURCES) for node in graph.nodes)


def jobs(graphs: Sequence[Graph], depth: int, setup: Setup) -> list[Job]:
    """Return a job for every layer that computes something, and one for each whole stack of several.

    The only layer of a block is called by the block's number, where there are several blocks.
    """
    jobs: list[Job] = []
    for block, graph in enumerate(graphs):
        parts = [(segment, standalone(segment)) for segment in segments(graph, depth)]
        working = [(segment, part) for segment, part in parts if computes(part)]
        for segment, part in working:
            text = segment.scope.text or ".".join(segment.scope.path[1:]) or segment.name
            name = str(block) if len(working) == 1 and len(graphs) > 1 else segment.name
            scope = segment.scope
            jobs.append(
                Job(name=name, text=text, kind=scope.kind, graph=part, setup=setup, block=block, times=scope.times)
            )
        if len(working) > 1:
            jobs.append(Job(name=WHOLE, text="the whole", graph=graph, setup=setup, block=block, whole=True))
    return jobs


def measure_groups(
    groups: Sequence[Sequence[Job]],
    limits: Limits,
    run: Run | None = None,
    on_row: Callable[[Job, Observation], None] = lambda job, observation: None,
    *,
    peaks: Sequence[Setup] = (),
    progress: Progress | None = None,
) -> Run:
    """Time groups of jobs, one child for each number of threads, and return what came of it, also when interrupted.

    `on_row` is called with each job and what was seen of it, as soon as it is there; `peaks` are setups whose roofs
    are wanted without any job. Raises UnavailableError without the device.
    """
    run, progress = run or Run(), progress or Silence()
    progress.begin(len(groups))
    budget = limits.seconds_for(row_count(groups))
    _say_beforehand(groups, budget, limits, run, progress)
    take_given_roofs([job.setup for group in groups for job in group], limits, run)
    by_threads: dict[int, list[int]] = {setup.threads: [] for setup in peaks}
    for number, group in enumerate(groups):
        by_threads.setdefault(max(job.setup.threads for job in group), []).append(number)
    left, waiting = budget, len(groups)
    for threads, numbers in by_threads.items():
        share = left * len(numbers) / max(1, waiting)
        child = _Child(run, limits, {place: groups[number] for place, number in enumerate(numbers)}, numbers, on_row)
        plan = _plan(list(child.groups.values()), threads, limits, share, peaks)
        try:
            left -= child.run_plan(plan, progress)
        except KeyboardInterrupt as stop:
            run.interruption = stop
            return run
        waiting -= len(numbers)
    return run


def counts(job: Job, groups: Sequence[Sequence[Job]]) -> bool:
    """Whether a row is to be reckoned with before the device is known: not one for a GPU beside others for any."""
    return job.setup.device in ("auto", groups[0][0].setup.device)


def row_count(groups: Sequence[Sequence[Job]]) -> int:
    """Return how many rows there will be, as far as that is known before the device is."""
    return sum(counts(job, groups) for group in groups for job in group)


def _say_beforehand(
    groups: Sequence[Sequence[Job]], budget: float, limits: Limits, run: Run, progress: Progress
) -> None:
    """Say how long it will take, where that is long, and that threads outnumber cores."""
    jobs = [job for group in groups for job in group if counts(job, groups)]
    setups = {(job.setup.threads, job.setup.dtype): job.setup for job in jobs}
    name, torch, here = cpu_name(), torch_version(), cores()
    rows = len(jobs)
    on_cpu = [setup for setup in setups.values() if setup.device in ("auto", "cpu") and limits.roofs]
    unknown = [setup for setup in on_cpu if limits.refresh or not stored_peaks(name, torch, setup.threads, setup.dtype)]
    measuring = min(budget, rows * min(SETTLED_S, 2 * limits.row))
    compiling = COMPILE_S * sum(job.setup.mode == "compile" for job in jobs)
    starting = START_S * len({threads for threads, _ in setups})
    expected = measuring + starting + PEAKS_S * len(unknown) + compiling
    if rows and expected > LONG_S:
        progress.announce(f"this takes about {expected:.0f} s for {plural(rows, 'row')} (--budget bounds it)")
    most = max((threads for threads, _ in setups), default=0)
    if most > here:
        run.hints.append(f"{plural(most, 'thread')} on {plural(here, 'core')}: they wait for one another")


@dataclass(slots=True)
class _Child:
    """One plan carried out, and where what it tells goes."""

    run: Run
    limits: Limits
    groups: dict[int, Sequence[Job]]
    numbers: Sequence[int]
    on_row: Callable[[Job, Observation], None]
    title: str = ""

    def run_plan(self, plan: Plan, progress: Progress) -> float:
        """Hear a plan's children out, and return the seconds of the budget they took."""
        deadline = session.Deadline(plan)
        for event in session.run(plan, deadline, progress.wait):
            self.hear(event, progress)
        return plan.seconds - deadline.seconds_left()

    def hear(self, event: Event, progress: Progress) -> None:
        """Take in what a child tells, and show it."""
        run = self.run
        match event["event"]:
            case "ready":
                machine = event["machine"]
                run.machines[machine["threads"]] = machine
                run.machine = {**(run.machine or machine), "threads": max(run.machines)}
            case "peaks":
                self._peaks(event)
            case "begin":
                self.title = self.groups[event["group"]][0].title
                progress.show(self.title)
            case "inside":
                progress.show(self.title)
            case "started":
                took = seconds(event["seconds"])
                run.hints.append(f"starting {event['name']} took {took}, which is not a part of --budget")
            case "outside":
                progress.show(event["what"])
            case "row":
                observations = [from_json(Observation, document) for document in event["observations"]]
                run.observations[self.numbers[event["group"]]] = observations
                for job, observation in zip(self.groups[event["group"]], observations, strict=True):
                    self.on_row(job, observation)
                progress.advance()

    def _peaks(self, event: Event) -> None:
        peaks = read_peaks(event["peaks"])
        if peaks is not None:
            self.run.peaks[event["dtype"], event["threads"]] = peaks.override(self.limits.flops, self.limits.bandwidth)
        if event["took_s"] is not None:
            fate = f"not kept: {event['unkept']}" if event["unkept"] else "kept for the next run"
            if not event["unkept"] and peaks is not None and (why := peaks.circumstances.provisional):
                fate = f"provisional, as {why}: measured again when the machine is calmer"
            self.run.hints.append(f"measured this machine's peak speeds in {seconds(event['took_s'])}; {fate}")
        if event["doubt"]:
            self.run.hints.append(event["doubt"])


def _plan(groups: Sequence[Sequence[Job]], threads: int, limits: Limits, budget: float, peaks: Sequence[Setup]) -> Plan:
    setups: dict[tuple[str, int], Setup] = {}
    for setup in (*peaks, *(job.setup for group in groups for job in group)):
        setups.setdefault((setup.dtype, setup.threads), setup)
    first = next(iter(setups.values()))
    overridden = limits.flops is not None and limits.bandwidth is not None
    return Plan(
        device=first.device,
        threads=threads,
        groups=tuple(tuple(group) for group in groups),
        task=Task(max_s=limits.row, min_s=min(0.5, limits.row)),
        seconds=max(budget, 0.0),
        cold=limits.cold,
        allocator=first.allocator,
        peaks=tuple(setups.values()) if limits.roofs and not overridden else (),
        refresh=limits.refresh,
        keep_denormals=first.keep_denormals,
    )


def take_given_roofs(setups: Sequence[Setup], limits: Limits, run: Run) -> None:
    """Take roofs that were given both as they are; one that was given stands beside a measured one."""
    if limits.flops is None or limits.bandwidth is None:
        return
    for setup in setups:
        run.peaks[setup.dtype, setup.threads] = Peaks(
            flops_per_s=limits.flops, bytes_per_s=limits.bandwidth, near_bytes_per_s=None,
            flops_from=GIVEN, bytes_from=GIVEN,
        )  # fmt: skip


def measure_roofs(setup: Setup, *, refresh: bool = False, progress: Progress | None = None) -> tuple[Run, Peaks]:
    """Return the roofs of a setup, kept or measured now in a process of its own, and the run that gave them."""
    run = measure_groups([], Limits(refresh=refresh), peaks=[setup], progress=progress)
    if run.interruption is not None:
        raise run.interruption
    return run, run.peaks[setup.dtype, setup.threads]
