"""`run`: a plan carried out in the child; prepares each row, asks what ran and whether it is right, has it timed."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from convcalc.errors import ConvcalcError
from convcalc.profiling import noise
from convcalc.profiling.child.backends import open_backend
from convcalc.profiling.child.check import check
from convcalc.profiling.child.devices import describe, pick_device, versions
from convcalc.profiling.child.kernels import library
from convcalc.profiling.child.peaks import send_peaks
from convcalc.profiling.child.prepare import Prepared, prepare, subnormals
from convcalc.profiling.child.timing import Contender, quiet, time_contenders
from convcalc.profiling.environment import recorded
from convcalc.profiling.fields import to_json
from convcalc.profiling.observation import Check, Kernel, Observation

if TYPE_CHECKING:
    from convcalc.profiling.child.backends.cpu import Backend
    from convcalc.profiling.plan import Job, Plan
    from convcalc.profiling.sampling import Block

Send = Callable[..., None]
RUNS = 5
"""How many calls are asked what ran in them, where there is time."""
RECOMPILE_LIMITS = tuple(
    f"{whose}{name}" for name in ("recompile_limit", "cache_size_limit") for whose in ("", "accumulated_")
)
MAX_RECOMPILES = 2**12
"""Of each of these limits of torch's: past them it runs what it was to compile as it is, and says so to nobody."""
ELSEWHERE = Observation(failure="it is for another device")
OUT_OF_MEMORY = ("can't allocate memory", "out of memory", "DefaultCPUAllocator", "Invalid buffer size")


def run(plan: Plan, send: Send) -> None:
    """Carry a plan out. Raises UnavailableError where the device is not there."""
    device = pick_device(plan.device)
    torch.set_num_threads(plan.threads)
    if not plan.keep_denormals:
        torch.set_flush_denormal(True)
    backend = open_backend(device)
    with backend.modes():
        _start(plan, device, backend, send)
        send("ready", machine=_machine(device, plan, backend))
        for setup in plan.peaks:
            send_peaks(replace(setup, device=device.type), plan.refresh, backend, send)
        torch.set_num_threads(plan.threads)
        _groups(plan, device, backend, send)


def _start(plan: Plan, device: torch.device, backend: Backend, send: Send) -> None:
    """Let a device start before any row, and say how long that took."""
    if device.type == "cpu":
        return
    send("outside", what=f"starting {describe(device)}")
    begin = time.perf_counter()
    backend.start([*plan.peaks, *(job.setup for group in plan.groups for job in group)])
    send("started", name=describe(device), seconds=time.perf_counter() - begin)


def _machine(device: torch.device, plan: Plan, backend: Backend) -> dict[str, Any]:
    import os

    return {
        "device": device.type,
        "name": describe(device),
        **versions(device),
        "threads": plan.threads,
        "cores": plan.cores,
        "environment": recorded(dict(os.environ)),
        **noise.conditions(),
        **backend.state(),
    }


def _groups(plan: Plan, device: torch.device, backend: Backend, send: Send) -> None:
    end = time.perf_counter() + plan.seconds
    done, total = 0, sum(len(group) for group in plan.groups)
    for number, group in enumerate(plan.groups):
        begin = time.perf_counter()
        gc.collect()
        backend.clear()
        end += time.perf_counter() - begin
        share = max(end - time.perf_counter(), 0.0) * len(group) / (total - done)
        jobs = [
            replace(job, setup=replace(job.setup, device=device.type))
            for job in group
            if job.setup.device in ("auto", device.type)
        ]
        send("begin", group=number, seconds=share)
        torch.manual_seed(0)
        end += _fresh_compiler(jobs, send)
        begin = time.perf_counter()
        observations, timed_s = time_group(jobs, plan, share, backend, send)
        end += time.perf_counter() - begin - timed_s  # compiling and asking take nothing from the others
        rest = iter(observations)
        told = [next(rest) if job.setup.device in ("auto", device.type) else ELSEWHERE for job in group]
        send("row", group=number, observations=[to_json(observation) for observation in told])
        done += len(group)


def _fresh_compiler(jobs: Sequence[Job], send: Send) -> float:
    """Load the compiler and forget what it has compiled for other groups, which counts against a limit; the seconds."""
    if all(job.setup.mode != "compile" for job in jobs):
        return 0.0
    start = time.perf_counter()
    send("outside", what="loading the compiler")
    torch._dynamo.reset()
    for limit in RECOMPILE_LIMITS:
        if hasattr(torch._dynamo.config, limit):
            setattr(torch._dynamo.config, limit, MAX_RECOMPILES)
    send("inside")
    return time.perf_counter() - start


def time_group(
    jobs: Sequence[Job], plan: Plan, share: float, backend: Backend, send: Send
) -> tuple[list[Observation], float]:
    """Time jobs whose blocks take turns; one that fails leaves the others. Also the seconds of the share it took."""
    begin = time.perf_counter()
    contenders = [Contender(job, thread=ThreadPoolExecutor(1) if job.setup.mode == "search" else None) for job in jobs]
    for contender in contenders:
        _guarded(contender, lambda row: _ready(row, plan, share / len(jobs), backend, send))
    outside = sum(row.untimed_s for row in contenders)
    alive = [contender for contender in contenders if not contender.observation.failure]
    if alive:
        left = share - (time.perf_counter() - begin - outside)
        try:
            with quiet(jobs):
                time_contenders(alive, plan, left, share, backend)
        except Exception as error:
            for contender in alive:
                contender.observation = Observation(failure=reason(error))
    for contender in contenders:
        if contender.thread is not None:
            contender.thread.shutdown()
    return [contender.observation for contender in contenders], time.perf_counter() - begin - outside


def _guarded(contender: Contender, work: Callable[[Contender], None]) -> None:
    try:
        contender.apply(lambda: work(contender))
    except Exception as error:
        contender.prepared = None
        contender.observation = Observation(failure=reason(error), compile_s=contender.observation.compile_s)


def reason(error: Exception) -> str:
    """Return why a row failed, in one line."""
    lines = str(error).strip().splitlines()
    if isinstance(error, ConvcalcError):
        return str(error)
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(word in str(error) for word in OUT_OF_MEMORY):
        return "it does not fit into memory: use a smaller input or batch"
    return f"torch refuses it: {lines[0]}" if lines else f"torch refuses it: {type(error).__name__}"


def _ready(contender: Contender, plan: Plan, share: float, backend: Backend, send: Send) -> None:
    """Prepare a row, call it once, and ask in calls that are not timed what ran and whether it is right.

    Neither preparing nor asking is part of its share; where one call is too long for its share, nothing is asked.
    """
    job, setup = contender.job, contender.job.setup
    with backend.settings(setup):
        with _outside(contender, send, f"compiling {job.title}" if setup.mode == "compile" else job.title):
            prepared = contender.prepared = _prepare(job)
            block = backend.block(prepared.call)
            contender.block = backend.under(setup, block)
            if setup.mode == "search":
                first = _quiet_call(block, job)  # in which cuDNN tries its algorithms: it is no measuring either
        if setup.mode != "search":
            first = _quiet_call(block, job)
        contender.observation = Observation(compile_s=prepared.compile_s, first_s=first)
        if first < share and _quiet_call(block, job) < share / 8:
            with _outside(contender, send, f"checking {job.title}"):
                _ask(contender, prepared, block, share, backend)


def _quiet_call(block: Block, job: Job) -> float:
    """Seconds of a call."""
    with quiet([job]):
        return block(1)


@contextmanager
def _outside(contender: Contender, send: Send, what: str) -> Iterator[None]:
    """Let something be no part of a row's time, whatever comes of it."""
    send("outside", what=what)
    begin = time.perf_counter()
    try:
        yield
    finally:
        contender.untimed_s += time.perf_counter() - begin
        send("inside")


def _ask(contender: Contender, prepared: Prepared, block: Block, share: float, backend: Backend) -> None:
    """Ask which kernels ran, and whether the result is that of double precision."""
    setup, graph = contender.job.setup, contender.job.graph
    with quiet([contender.job]):
        kernels = tuple(_kernels(prepared.call, block, share / 4, backend))
        chosen = library(prepared, graph, setup)
    with torch.no_grad() if setup.direction == "forward" else nullcontext():
        small = subnormals(prepared)
        try:
            verdict = check(prepared, graph, setup)
        except (RuntimeError, MemoryError) as error:  # of the reference, which takes more memory than the row
            verdict = Check("unchecked", f"its reference: {reason(error)}")
    contender.observation = replace(
        contender.observation, kernels=kernels, backend=chosen, check=verdict, subnormals=small
    )


def _prepare(job: Job) -> Prepared:
    """Prepare a row, and compile it where that is asked, in the mode it is timed in."""
    if job.setup.mode != "compile":
        return prepare(job.graph, job.setup)
    with quiet([job]):
        prepared = prepare(job.graph, job.setup)
        prepared.call()
    return prepared


def _kernels(call: Callable[[], Any], block: Block, seconds: float, backend: Backend) -> list[Kernel]:
    """What ran in a call that is warm; nothing where there is no time to ask."""
    runs = min(RUNS, int(seconds / max(block(1), 1e-9) / 3))
    if not runs:
        return []
    block(runs)
    return backend.kernels(call, runs)
