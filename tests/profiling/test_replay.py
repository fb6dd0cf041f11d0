"""The whole of a run on a GPU, replayed from what a real one gave: every fault that was seen there stays away."""

from __future__ import annotations

import bisect
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from convcalc.profiling.causes import host_bound
from convcalc.profiling.child import kernels, rows, timing
from convcalc.profiling.child.backends import cuda
from convcalc.profiling.child.backends.cuda import CudaBackend
from convcalc.profiling.child.nvidia_smi import readings
from convcalc.profiling.fields import from_json
from convcalc.profiling.observation import Check, Kernel, Observation
from convcalc.profiling.plan import Job, Plan, Setup, Task
from convcalc.profiling.results import to_row
from convcalc.profiling.row import Row
from convcalc.profiling.sampling import interleaved, stopwatch
from convcalc.units import plural
from tests.profiling.replay import RECORD, Gpu, Host
from tests.profiling.samples import PEAKS, graph

PROFILER_S = 5.9
"""What the first use of torch's profiler took on that machine."""
H200 = replace(
    PEAKS,
    flops_per_s=50.8e12,
    tf32_flops_per_s=380e12,
    tf32_burst_flops_per_s=414e12,
    bytes_per_s=4.2e12,
    near_bytes_per_s=None,
    gemm_side=8192,
)
"""That machine's roofs: 50.8 TFLOP/s without TF32, 346 to 414 with it; in bf16 664 sustained and 792 in a burst."""
H200_BF16 = replace(
    H200, flops_per_s=664e12, burst_flops_per_s=792e12, tf32_flops_per_s=None, tf32_burst_flops_per_s=None
)
STEADY = [
    ("Conv2d(96, 96, 7, padding=3, groups=96)", "bf16"),
    ("Conv2d(3, 64, 7, stride=2, padding=3)", "bf16"),
    ("Conv2d(64, 64, 3, padding=1)", "bf16"),
    ("MaxPool2d(3, 2, 1)", "fp32"),
]
NAMES = [f"{one['spec']} {one['dtype']}" for one in RECORD["rows"]]


def job(recorded: dict[str, Any]) -> Job:
    words = recorded["spec"].replace("MaxPool2d(3, 2, 1)", "MaxPool2d(3, stride=2, padding=1)")
    shape = "x".join(map(str, recorded["shape"]))
    setup = Setup(device="cuda", dtype=recorded["dtype"])
    return Job(name="0", text=recorded["spec"], graph=graph(words, shape), setup=setup)


class Replay:
    """A run of recorded rows, one after another, and what its child told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.host = Host()
        self.gpu = Gpu(self.host)
        self.recorded: dict[str, Any] = {}
        self.events: list[dict[str, Any]] = []
        self.profiler_uses = 0
        replay = self

        class Backend(CudaBackend):
            def __init__(self, device: Any) -> None:
                super().__init__(torch.device("cpu"), api=replay.gpu)

            def kernels(self, call: Callable[[], Any], runs: int) -> list[Kernel]:
                return kernels.on_gpu(call)

            def read_clocks(self) -> dict[str, float]:
                self.readings = readings(RECORD["nvidia_smi"])
                return self.readings

        class Profile:
            """torch.profiler as the record has it; its first use takes seconds."""

            def __init__(self, **_: Any) -> None:
                replay.profiler_uses += 1

            def __enter__(self) -> Profile:
                replay.host.now += PROFILER_S if replay.profiler_uses == 1 else 0.01
                return self

            def __exit__(self, *_: object) -> None:
                pass

            def key_averages(self) -> list[Any]:
                return [
                    SimpleNamespace(
                        key=name,
                        device_type=device,
                        self_device_time_total=us / 5,
                        is_user_annotation=name.startswith("##"),
                    )
                    for name, device, _, us in replay.recorded.get("events", [])
                ]

        def prepare(graph: Any, setup: Setup) -> Any:
            return SimpleNamespace(call=replay.gpu.call, compile_s=None)

        clock = SimpleNamespace(perf_counter=self.host.perf_counter, sleep=self.host.sleep)
        for module in (rows, timing, cuda):
            monkeypatch.setattr(module, "time", clock)
        monkeypatch.setattr(timing, "interleaved", partial(interleaved, wall=self.host.perf_counter))
        monkeypatch.setattr(timing, "measure", lambda block, task: self.measured(block, task))
        monkeypatch.setattr(cuda, "stopwatch", partial(stopwatch, clock=self.host.perf_counter))
        monkeypatch.setattr(cuda, "YARDSTICK_SIDE", 8)
        monkeypatch.setattr(cuda, "LEAST_FLUSH", 2**10)
        monkeypatch.setattr(torch, "mm", lambda left, right, out: self.gpu.work(0.9e-3))
        monkeypatch.setattr("torch.profiler.profile", Profile)
        monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
        for name, value in {
            "pick_device": lambda name: SimpleNamespace(type="cuda"),
            "open_backend": Backend,
            "prepare": prepare,
            "describe": lambda device: RECORD["device"],
            "versions": lambda device: {"torch": RECORD["torch"]},
            "check": lambda *_: Check("agrees", "float64's root mean square", 1e-6, 5e-3),
            "library": lambda *_: "Cudnn",
            "subnormals": lambda prepared: 0,
        }.items():
            monkeypatch.setattr(rows, name, value)

    def measured(self, block: Any, task: Task) -> Any:
        (measurement,) = interleaved([block], task, wall=self.host.perf_counter)
        return measurement

    def run(self, recorded: Sequence[dict[str, Any]], seconds: float) -> Any:
        """Return what was seen of recorded rows, timed one after another in so many of the host's seconds."""
        waiting = iter(recorded)

        def send(event: str, **more: Any) -> None:
            self.events.append({"event": event, "at": self.host.now, **more})
            if event == "begin":
                self.recorded = next(waiting)
                self.gpu.load(self.recorded["event_us"], self.recorded["host_us_per_call"])

        groups = tuple((job(one),) for one in recorded)
        rows.run(Plan(device="cuda", threads=1, groups=groups, seconds=seconds, task=Task()), send)
        return [from_json(Observation, e["observations"][0]) for e in self.events if e["event"] == "row"]

    def measuring_s(self) -> float:
        """Seconds from the first row on that are not outside of the budget."""
        total, since = 0.0, None
        for event in self.events:
            if since is not None:
                total += event["at"] - since
            if event["event"] in ("begin", "inside"):
                since = event["at"]
            elif event["event"] in ("outside", "row"):
                since = None
        return total


@pytest.fixture
def replay(monkeypatch: pytest.MonkeyPatch) -> Replay:
    return Replay(monkeypatch)


def row_of(recorded: dict[str, Any], observation: Observation) -> Row:
    return to_row(job(recorded), observation, H200 if recorded["dtype"] == "fp32" else H200_BF16)


@pytest.mark.parametrize("recorded", RECORD["rows"], ids=NAMES)
def test_a_recorded_row_is_told_as_it_was(recorded: dict[str, Any], replay: Replay) -> None:
    (seen,) = replay.run([recorded], seconds=4.0)
    row = row_of(recorded, seen)
    assert row.status in ("ok", "noisy"), row.reasons
    if (recorded["spec"], recorded["dtype"]) in STEADY:
        assert row.status == "ok", row.reasons
    times = seen.warm_cache
    assert times is not None and times.samples >= 10
    assert (row.status == "ok") == times.settled  # noisy is what its own interval says
    fed = recorded["event_us"]
    low, high = (statistics.quantiles(fed, n=20)[place] * 1e-6 for place in (1, 17))
    assert low <= times.median <= high
    if (recorded["spec"], recorded["dtype"]) in STEADY:
        assert times.median == pytest.approx(statistics.median(fed) * 1e-6, rel=0.02)


def test_samples_are_the_calls_that_were_fed(replay: Replay) -> None:
    """Every sample is the mean of calls that followed one another, to the nanosecond: nothing of the host is in it."""
    recorded = RECORD["rows"][3]
    (seen,) = replay.run([recorded], seconds=4.0)
    times, calls = seen.warm_cache.times, seen.warm_cache.calls
    fed = replay.gpu.fed
    sums = [0.0]
    for one in fed:
        sums.append(sums[-1] + one)
    means = sorted((sums[n + calls] - sums[n]) / calls for n in range(len(fed) - calls + 1))
    for sample in times:
        place = bisect.bisect_left(means, sample - 1e-11)
        assert place < len(means) and means[place] == pytest.approx(sample, abs=2e-11)


def test_the_profilers_first_use_is_before_the_rows_and_the_budget_is_kept(replay: Replay) -> None:
    recorded = RECORD["rows"]
    seen = replay.run(recorded, seconds=10.0)
    kinds = [event["event"] for event in replay.events]
    assert kinds.index("started") < kinds.index("begin")
    started = replay.events[kinds.index("started")]
    assert started["seconds"] >= PROFILER_S and started["name"] == "NVIDIA H200"
    assert replay.measuring_s() <= 10.0 * 1.02
    rows = [row_of(one, observation) for one, observation in zip(recorded, seen, strict=True)]
    assert {row.status for row in rows} <= {"ok", "noisy"}, [plural(len(row.reasons), "reason") for row in rows]
    assert all(row.kernels.kernels for row in rows)


@pytest.mark.parametrize("recorded", RECORD["rows"], ids=NAMES)
def test_rows_stand_under_the_roofs_of_their_numbers(recorded: dict[str, Any], replay: Replay) -> None:
    """Convolutions in fp32 run in TF32: under 50.8 TFLOP/s they stood at 141% to 295%."""
    (seen,) = replay.run([recorded], seconds=4.0)
    row = row_of(recorded, seen)
    place = row.roofline
    if recorded["dtype"] == "fp32" and recorded["spec"].startswith("Conv"):
        assert place.roof_numbers == "tf32"
        assert place.attainable_flops_per_s == min(380e12, place.intensity * 4.2e12)
    assert place.fraction_of_attainable is None or place.fraction_of_attainable < 1.05


def test_a_stack_whose_host_is_slow_is_timed_on_the_device(replay: Replay) -> None:
    """Eleven kernels of 33 us that take the host 300: 517 us were told for 365 while the queue ran dry."""
    stack = {**RECORD["rows"][3], "event_us": [365.0], "host_us_per_call": 300.0}
    (seen,) = replay.run([stack], seconds=4.0)
    assert seen.warm_cache.median == pytest.approx(365e-6, rel=1e-6)
    small = {**stack, "event_us": [72.0], "host_us_per_call": 231.0}
    *_, seen = replay.run([small], seconds=4.0)
    assert seen.warm_cache.median == pytest.approx(72e-6, rel=1e-6)
    state = dict(seen.device_state)
    assert state["graph_s"] == pytest.approx(72e-6, rel=0.02) and state["eager_s"] == pytest.approx(231e-6, rel=0.02)
    row = row_of(small, seen)
    assert "it takes 231" in host_bound(row) and "the device alone 72" in host_bound(row)


def test_a_network_whose_single_call_takes_over_a_millisecond_is_timed_on_the_device(replay: Replay) -> None:
    """3 ms of the host and 1.2 of the device a call, hot and cold: blocks of a single call are behind a pause too."""
    network = {**RECORD["rows"][3], "event_us": [1200.0], "host_us_per_call": 3000.0}
    (seen,) = replay.run([network], seconds=6.0)
    assert seen.warm_cache.calls == 1 and seen.warm_cache.median == pytest.approx(1.2e-3, rel=1e-6)
    assert seen.cold_cache is not None and seen.cold_cache.median == pytest.approx(1.2e-3, rel=1e-6)


def test_a_compilers_mark_is_no_kernel(replay: Replay) -> None:
    marked = {**RECORD["rows"][0]}
    marked["events"] = [*marked["events"], ["## Call CompiledFxGraph fabc ##", "DeviceType.CUDA", 5, 9e9]]
    (seen,) = replay.run([marked], seconds=4.0)
    assert not any("Compiled" in kernel.name for kernel in seen.kernels)
