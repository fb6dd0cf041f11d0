"""The rows of a plan in this process: what is seen of each, and what disturbs them."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from convcalc.errors import ShapeError
from convcalc.profiling.child import prepare as preparing
from convcalc.profiling.child import rows
from convcalc.profiling.child.backends import Backend
from convcalc.profiling.fields import from_json
from convcalc.profiling.observation import Observation
from convcalc.profiling.plan import Job, Plan, Setup, Task
from tests.profiling.samples import graph

QUICK = Task(warmup_s=0.0, min_s=0.0, max_s=0.05, samples=5)


def job(spec: str = "conv2d c=4 k=3", size: str = "3x8x8", **setup: Any) -> Job:
    return Job(name="0", text=spec, graph=graph(spec, size), setup=Setup(**setup))


def told(*groups: tuple[Job, ...], **more: Any) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    plan = replace(Plan(device="cpu", threads=1, groups=groups, task=QUICK, seconds=5.0), **more)
    threads = torch.get_num_threads()
    try:
        rows.run(plan, lambda event, **rest: events.append({"event": event, **rest}))
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)
    return events


def seen(*groups: tuple[Job, ...], **more: Any) -> list[list[Observation]]:
    return [
        [from_json(Observation, one) for one in event["observations"]]
        for event in told(*groups, **more)
        if event["event"] == "row"
    ]


def test_a_row_is_timed_examined_checked_and_watched() -> None:
    ((one,),) = seen((job("conv2d c=64 k=3 p=1", "64x14x14"),))
    assert one.warm_cache is not None and one.warm_cache.median > 0 and one.first_s is not None and one.first_s > 0
    assert one.cold_cache is not None and one.kernels and one.check is not None and one.check.verdict == "agrees"
    assert one.noise is not None and one.drift_ratio is not None and one.reference_matmul_s
    assert one.page_faults is None or one.page_faults >= 0


def test_less_can_be_asked() -> None:
    ((one,),) = seen((job(),), cold=False)
    assert one.warm_cache is not None and one.cold_cache is None and one.cold_note == "not asked for"


def test_rows_share_what_time_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0

    def half_a_second(jobs: Sequence[Job], *_: Any) -> tuple[list[Observation], float]:
        nonlocal now
        now += 0.5 + 7.0  # seven seconds of asking are nobody's
        return [Observation() for _ in jobs], 0.5

    monkeypatch.setattr(rows, "time", SimpleNamespace(perf_counter=lambda: now))
    monkeypatch.setattr(rows, "time_group", half_a_second)
    events = told((job(),), (job("relu"),), (job("relu"), job("relu")), seconds=4.0)
    shares = [event["seconds"] for event in events if event["event"] == "begin"]
    assert shares == pytest.approx([4.0 / 4, 3.5 / 3, 3.0])  # what the first leaves is the others'


def test_asking_takes_nothing_from_a_rows_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first use of a GPU's profiler takes 5.9 s: the row has its whole share all the same, by a clock of ours."""
    now, lefts = [0.0], []
    asked, timed = rows._ask, rows.time_contenders

    def slowly(*arguments: Any) -> None:
        now[0] += 5.9
        asked(*arguments)

    def of_share(alive: Any, plan: Any, left: float, share: float, backend: Backend) -> None:
        lefts.append((left, share))
        timed(alive, plan, left, share, backend)

    monkeypatch.setattr(rows, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    monkeypatch.setattr(rows, "_ask", slowly)
    monkeypatch.setattr(rows, "time_contenders", of_share)
    events = told((job("conv2d c=4 k=3", "3x8x8"),), seconds=1.0)
    assert lefts == [(pytest.approx(1.0), pytest.approx(1.0))] and now == [5.9]
    (one,) = [
        from_json(Observation, one) for event in events if event["event"] == "row" for one in event["observations"]
    ]
    assert one.warm_cache is not None and one.kernels
    kinds = [event["event"] for event in events]
    assert kinds[kinds.index("begin") :] == ["begin", *["outside", "inside"] * 2, "row"]


def test_a_device_starts_before_the_rows_and_says_how_long_it_took(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []

    class Slow(Backend):
        def start(self, setups: Sequence[Setup]) -> None:
            started.extend(setups)
            time.sleep(0.3)

    monkeypatch.setattr(rows, "pick_device", lambda name: SimpleNamespace(type="meta"))
    monkeypatch.setattr(rows, "describe", lambda device: "a GPU")
    monkeypatch.setattr(rows, "versions", lambda device: {})
    monkeypatch.setattr(rows, "open_backend", lambda device: Slow(torch.device("cpu")))
    monkeypatch.setattr(rows, "_groups", lambda *_: None)
    events = told((job(),))
    assert [event["event"] for event in events] == ["outside", "started", "ready"]
    assert events[1]["seconds"] >= 0.3 and events[1]["name"] == "a GPU" and len(started) == 1


def test_a_group_takes_turns_and_one_that_fails_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    odd = job("relu", "3x8x8", layout="prepacked")
    ((one, failed, two),) = seen((job("relu"), odd, job("relu", "3x16x16")))
    assert "no convolution whose weights can be packed" in failed.failure and failed.warm_cache is None
    assert (
        one.warm_cache is not None and two.warm_cache is not None and one.warm_cache.samples == two.warm_cache.samples
    )
    assert one.noise == two.noise


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 9 bytes"), "does not fit into memory"),
        (MemoryError(), "does not fit into memory"),
        (torch.OutOfMemoryError("CUDA out of memory."), "does not fit into memory"),
        (RuntimeError("kernel says no\nwith a long trace"), "torch refuses it: kernel says no"),
        (NotImplementedError(""), "torch refuses it: NotImplementedError"),
        (ShapeError("as we say it"), "as we say it"),
    ],
)  # fmt: skip
def test_why_a_row_failed_is_one_line(error: Exception, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0

    def fails(*_: Any) -> Any:
        nonlocal calls
        calls += 1
        raise error

    monkeypatch.setattr(rows, "prepare", fails)
    ((one,),) = seen((job(),))
    assert reason in one.failure and "\n" not in one.failure and calls == 1


def test_a_call_that_raises_while_it_is_timed_fails_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    real = preparing.prepare

    def sometimes(graph_: Any, setup: Setup) -> Any:
        made = real(graph_, setup)
        count = 0
        call = made.call

        def counted() -> Any:
            nonlocal count
            count += 1
            if count > 20:
                raise RuntimeError("tired")
            return call()

        made.call = counted
        return made

    monkeypatch.setattr(rows, "prepare", sometimes)
    ((one,), (two,)) = seen((job(),), (job("relu"),))
    assert one.failure == two.failure == "torch refuses it: tired"


def test_a_machine_that_moves_is_given_a_second_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([1.0, 1.3, 1.0, 1.01])
    monkeypatch.setattr(Backend, "reference_matmul", lambda self, setup: lambda seconds: next(readings))
    ((one,),) = seen((job(),), cold=False)
    assert one.retried and one.drift_ratio == pytest.approx(1.01)


def test_threads_of_a_variant_are_set_for_its_blocks_only() -> None:
    before = torch.get_num_threads()
    ((one, two),) = seen((job(threads=1), job(threads=2)), threads=2)
    assert one.warm_cache is not None and two.warm_cache is not None
    assert torch.get_num_threads() == before


def test_subnormals_are_flushed_unless_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[float] = []
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor flushes nothing")

    def halves(one: Any, *_: Any) -> Any:
        made.append(float((torch.tensor([2e-38]) / 4)[0]))
        raise ShapeError("enough")

    monkeypatch.setattr(rows, "_ready", halves)
    seen((job("relu"),))
    seen((job("relu"),), keep_denormals=True)
    assert made[0] == 0.0 and made[1] == pytest.approx(5e-39)


def test_roofs_come_first_and_are_kept(toy_peaks: Any) -> None:
    first = told((job(),), peaks=(Setup(),))
    assert [event["event"] for event in first] == [
        "ready",
        "outside",
        "peaks",
        "begin",
        *["outside", "inside"] * 2,
        "row",
    ]
    assert first[2]["took_s"] > 0 and not first[2]["unkept"] and toy_peaks.exists()
    second = told((job(),), peaks=(Setup(),))
    assert [event["event"] for event in second] == ["ready", "peaks", "begin", *["outside", "inside"] * 2, "row"]
    assert second[1]["took_s"] is None and second[1]["peaks"] == first[2]["peaks"]
    assert [event["event"] for event in told(peaks=(Setup(),), refresh=True)] == ["ready", "outside", "peaks"]


@pytest.mark.skipif(not hasattr(torch, "compile"), reason="needs torch.compile")
@pytest.mark.skipif(not hasattr(torch, "compile"), reason="needs torch.compile")
def test_variants_are_compiled_with_their_own_threads_and_within_torchs_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[int] = []

    def compiles(module: Any, dynamic: bool) -> Any:
        def call(*inputs: Any) -> Any:
            compiled.append(torch.get_num_threads())
            return module(*inputs)

        return call

    monkeypatch.setattr(torch, "compile", compiles)
    ((one, two),) = seen((job(mode="compile", threads=1), job(mode="compile", threads=2)), threads=2)
    assert one.compile_s is not None and two.compile_s is not None
    assert compiled[0] == 1 and 2 in compiled
    limits = [
        getattr(torch._dynamo.config, name) for name in rows.RECOMPILE_LIMITS if hasattr(torch._dynamo.config, name)
    ]
    assert limits and min(limits) >= 4096


def test_compiling_is_outside_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda module, dynamic: module)
    events = told((job(mode="compile"),))
    assert [event["event"] for event in events] == ["ready", "begin", *["outside", "inside"] * 3, "row"]
    assert from_json(Observation, events[-1]["observations"][0]).compile_s is not None


def test_a_comparison_without_time_for_its_rounds_says_what_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Backend, "block", lambda self, call: lambda calls: time.sleep(0.05) or 0.05)
    ((one, two),) = seen((job("relu"), job("relu")), seconds=0.3)
    assert one.failure == two.failure and one.warm_cache is None
    assert "5 rounds take about" in one.failure and "raise --budget" in one.failure
    monkeypatch.undo()
    ((one, two),) = seen((job("relu"), job("relu")), seconds=2.0)
    assert one.warm_cache is not None and one.warm_cache.samples >= 5


def test_a_search_runs_in_a_thread_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch keeps cuDNN's plans by thread: after an eager row of the same shape nothing would be searched."""
    threads: dict[str, set[int]] = {}
    block = Backend.block

    def watched(self: Backend, call: Any) -> Any:
        name = mode[0]
        timed = block(self, call)

        def other(calls: int) -> float:
            threads.setdefault(name, set()).add(threading.get_ident())
            assert torch.is_inference_mode_enabled()
            return timed(calls)

        return other

    mode = [""]
    prepare_ = rows.prepare

    def prepares(graph: Any, setup: Setup) -> Any:
        mode[0] = setup.mode
        return prepare_(graph, replace(setup, mode="eager"))

    monkeypatch.setattr(Backend, "block", watched)
    monkeypatch.setattr(rows, "prepare", prepares)
    ((one, two),) = seen((job("conv2d c=4 k=3"), job("conv2d c=4 k=3", mode="search")))
    assert one.warm_cache is not None and two.warm_cache is not None and two.kernels
    assert threads["eager"] == {threading.get_ident()}
    assert len(threads["search"]) == 1 and not threads["search"] & threads["eager"]


def test_a_check_that_fails_is_no_failure_of_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(rows, "check", fails)
    ((one,),) = seen((job("relu"),))
    assert one.warm_cache is not None and not one.failure and one.check is not None
    assert one.check.verdict == "unchecked" and "does not fit into memory" in one.check.against


def test_what_is_for_another_device_is_not_tried() -> None:
    ((one, other),) = seen((job("relu"), job("relu", device="cuda")))
    assert one.warm_cache is not None and other.failure == "it is for another device"


@pytest.mark.skipif(shutil.which("g++") is None and shutil.which("clang++") is None, reason="needs a C++ compiler")
def test_norms_are_compiled_and_modes_mixed() -> None:
    """A norm under the compiler, and rows of it beside eager ones, in a process of its own as a run has it."""
    from convcalc.profiling import session

    norm = job("conv2d c=4 k=3 batch_norm relu", "3x8x8")
    compiled = replace(norm, setup=replace(norm.setup, mode="compile"))
    plan = Plan(device="cpu", threads=1, groups=((norm, compiled), (norm,)), task=QUICK, seconds=5.0)
    told = [
        [from_json(Observation, one) for one in event["observations"]]
        for event in session.run(plan)
        if event["event"] == "row"
    ]
    assert [one.failure for group in told for one in group] == [""] * 3
    assert all(one.warm_cache is not None and one.check is not None for group in told for one in group)
    assert {one.check.verdict for group in told for one in group if one.check} == {"agrees"}
    assert told[0][1].compile_s is not None and told[0][0].compile_s is None
