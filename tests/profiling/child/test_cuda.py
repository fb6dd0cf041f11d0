"""The GPU's way of timing, on a device that is made up: its clock moves when work is queued on it."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from convcalc.profiling.child import nvidia_smi
from convcalc.profiling.child.backends import cuda
from convcalc.profiling.child.backends.cuda import CudaBackend, modes
from convcalc.profiling.child.nvidia_smi import readings
from convcalc.profiling.plan import Setup, Task
from convcalc.profiling.sampling import measure
from tests.profiling.samples import graph


class Device:
    """A device with a clock, in milliseconds, and what was asked of it; calls cost the host and the device time."""

    L2_cache_size = 2**20

    def __init__(self) -> None:
        self.clock, self.log = 0.0, []
        self.capturing: list[float] | None = None
        device = self

        class Event:
            def __init__(self, enable_timing: bool = False) -> None:
                assert enable_timing

            def record(self) -> None:
                self.at = device.clock

            def elapsed_time(self, end: Any) -> float:
                return float(end.at - self.at)

        class CUDAGraph:
            work = 0.0

            def replay(self) -> None:
                device.clock += self.work

        class Stream:
            def wait_stream(self, other: Any) -> None:
                device.log.append("wait")

        self.Event, self.CUDAGraph, self.Stream = Event, CUDAGraph, Stream

    def kernel(self, cost: float = 0.5) -> None:
        self.log.append("kernel")
        if self.capturing is not None:
            self.capturing.append(cost)
        else:
            self.clock += cost

    def synchronize(self, *_: Any) -> None:
        self.log.append("synchronize")

    def _sleep(self, cycles: int) -> None:
        self.log.append("sleep")
        self.clock += 1.0

    def get_device_properties(self, device: Any) -> Device:
        return self

    def current_stream(self) -> Any:
        return self.Stream()

    @contextmanager
    def stream(self, stream: Any) -> Any:
        yield

    @contextmanager
    def graph(self, graph: Any) -> Any:
        self.capturing = []
        yield
        graph.work, self.capturing = sum(self.capturing), None


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> tuple[CudaBackend, Device]:
    monkeypatch.setattr(cuda, "LEAST_FLUSH", 2**10)
    device = Device()
    return CudaBackend(torch.device("cpu"), api=device), device


def test_calls_are_timed_by_events_behind_a_pause(gpu: tuple[CudaBackend, Device]) -> None:
    backend, device = gpu
    block = backend.block(device.kernel)
    block(2)  # the host's own time is known from then on
    device.log.clear()
    assert block(4) == pytest.approx(4 * 0.5e-3)
    assert device.log == ["sleep", *["kernel"] * 4, "synchronize"]  # one wait at the end, none between


def test_the_first_call_is_timed_as_the_first(gpu: tuple[CudaBackend, Device]) -> None:
    backend, device = gpu
    backend.block(device.kernel)(1)
    assert device.log == ["sleep", "kernel", "synchronize"]


def test_the_queue_is_kept_ahead_by_the_hosts_own_time(
    gpu: tuple[CudaBackend, Device], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eleven layers take the host 300 us a call: fifty calls need a pause of 15 ms, not of 2.5 ms."""
    backend, device = gpu
    host, cycles = [0.0], []
    monkeypatch.setattr(cuda.time, "perf_counter", lambda: host[0])
    monkeypatch.setattr(device, "_sleep", cycles.append)

    def stack() -> None:
        host[0] += 300e-6
        device.kernel()

    backend.block(stack)(50)
    (pause,) = (count / cuda.CLOCK_HZ for count in cycles)
    assert 50 * 300e-6 < pause < 2 * 50 * 300e-6


def test_the_yardstick_is_a_product_by_the_devices_events(
    gpu: tuple[CudaBackend, Device], monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, device = gpu
    monkeypatch.setattr(cuda, "YARDSTICK_SIDE", 8)
    monkeypatch.setattr(torch, "mm", lambda left, right, out: device.kernel(0.9))
    assert backend.reference_matmul(Setup(device="cuda"))(0.01) == pytest.approx(0.9e-3)
    assert device.log.count("kernel") >= 1 + cuda.LOOKS


def test_the_buffer_is_no_tensor_of_inference_mode(gpu: tuple[CudaBackend, Device]) -> None:
    """Compiled rows overwrite it outside of the mode in which an eager row made it."""
    backend, _ = gpu
    with torch.inference_mode():
        backend.flush_cache()
    backend.flush_cache()
    assert not backend.buffer.is_inference()


def test_the_cache_is_overwritten_before_each_call_and_not_timed(gpu: tuple[CudaBackend, Device]) -> None:
    backend, device = gpu
    flush = backend.flush_cache

    def flushing() -> None:
        device.clock += 7.0
        device.log.append("flush")
        flush()

    backend.flush_cache = flushing  # type: ignore[method-assign]
    block = backend.flushed(device.kernel)
    block(2)
    device.log.clear()
    assert block(3) == pytest.approx(3 * 0.5e-3)
    assert device.log == ["sleep", *["flush", "kernel"] * 3, "synchronize"]
    assert backend.buffer.numel() == 3 * 2**20  # three times the cache


def test_the_same_loop_settles_on_the_devices_time(gpu: tuple[CudaBackend, Device]) -> None:
    backend, device = gpu
    found = measure(backend.block(device.kernel), Task(min_s=0.01, max_s=1.0))
    assert found.settled and found.median == pytest.approx(0.5e-3)


def test_a_graph_leaves_the_launch_out(gpu: tuple[CudaBackend, Device], monkeypatch: pytest.MonkeyPatch) -> None:
    backend, device = gpu
    monkeypatch.setattr(cuda, "stopwatch", lambda call, synchronise: lambda calls: calls * 0.8e-3)
    found = backend.extras(device.kernel, Setup(device="cuda"), 0.5e-3, 2.0)
    assert found["eager_s"] == pytest.approx(0.8e-3)
    assert found["graph_s"] == pytest.approx(0.5e-3)
    assert found["launch_overhead_s"] == pytest.approx(0.3e-3)


def test_what_a_graph_cannot_hold_is_left_out(gpu: tuple[CudaBackend, Device]) -> None:
    backend, device = gpu

    def refuses() -> None:
        device.kernel()
        if device.capturing is not None:
            raise RuntimeError("operation not permitted when stream is capturing")

    assert set(backend.extras(refuses, Setup(device="cuda"), 0.5e-3, 2.0)) == {"eager_s"}


def test_a_graph_takes_no_longer_than_there_is_time(gpu: tuple[CudaBackend, Device]) -> None:
    """A layer of 100 ms, in a share of which a second is left: 20 calls replayed 10 times took 20 seconds."""
    backend, device = gpu

    def slow() -> None:
        device.kernel(100.0)

    before = device.clock
    found = backend.extras(slow, Setup(device="cuda"), 0.1, 1.0)
    assert device.clock - before < 1000.0 and set(found) == {"eager_s"}
    assert backend.extras(slow, Setup(device="cuda"), 0.1, 0.1) == {}
    before = device.clock
    assert set(backend.extras(slow, Setup(device="cuda"), 0.1, 10.0)) > {"eager_s", "graph_s"}
    assert device.clock - before < 10_000.0


def test_a_backward_of_another_streams_forward_is_not_captured(gpu: tuple[CudaBackend, Device]) -> None:
    backend, device = gpu
    assert set(backend.extras(device.kernel, Setup(device="cuda", direction="backward"), 0.5e-3, 2.0)) == {"eager_s"}


def test_the_yardstick_is_smaller_on_a_slow_device(
    gpu: tuple[CudaBackend, Device], monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, device = gpu
    sides: list[int] = []

    def product(left: Any, right: Any, out: Any) -> None:
        sides.append(len(left))
        device.kernel(17.0 * (len(left) / 512) ** 3)  # milliseconds: 17 at first

    monkeypatch.setattr(cuda, "YARDSTICK_SIDE", 512)
    monkeypatch.setattr(cuda, "LEAST_SIDE", 64)
    monkeypatch.setattr(torch, "mm", product)
    assert backend.reference_matmul(Setup(device="cuda"))(0.05) == pytest.approx(17e-3 / 8)
    assert sides == sorted(sides, reverse=True) and set(sides) == {512, 256}


def test_clocks_are_read_and_low_ones_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = iter(
        ["900, 1980, 1593, 80, 300.0, 0x4", "1000, 1980, 1593, 80, 300.0, 0x4", "1900, 1980, 1593, 70, 250.0, 0x0"]
    )
    slept: list[float] = []
    monkeypatch.setattr(cuda.time, "sleep", slept.append)

    def smi(query: list[str], **_: Any) -> Any:
        assert query[0] == "nvidia-smi" and "clocks.sm" in query[1]
        return subprocess.CompletedProcess(query, 0, stdout=next(lines))

    monkeypatch.setattr(nvidia_smi.subprocess, "run", smi)
    backend = CudaBackend(torch.device("cuda"), api=Device())
    assert backend.throttled() == ""
    assert slept == [0.05, 0.1]
    assert backend.readings["clocks.sm"] == 1900 and backend.readings["temperature.gpu"] == 70
    lines = iter(["900, 1980, 1593, 80, 300.0, 0x4"] * 3)
    assert backend.throttled() == "its clock is 900 MHz of 1980"


def test_without_nvidia_smi_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any, **__: Any) -> Any:
        raise FileNotFoundError("nvidia-smi")

    monkeypatch.setattr(nvidia_smi.subprocess, "run", missing)
    backend = CudaBackend(torch.device("cuda"), api=Device())
    assert backend.throttled() == "" and backend.read_clocks() == {}
    assert readings("[N/A], 1980, x") == {"clocks.max.sm": 1980.0}


def test_hidden_gpus_are_counted_as_nvidia_smi_does(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = CudaBackend(torch.device("cuda", 1), api=Device())
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    assert backend.smi_index() == "5"
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert backend.smi_index() == "1"


def test_many_calls_are_queued_behind_several_pauses(gpu: tuple[CudaBackend, Device]) -> None:
    backend, device = gpu
    block = backend.block(device.kernel)
    block(2)
    device.log.clear()
    block(250)
    assert device.log.count("sleep") == 3 and device.log[101] == "sleep"


def test_cudnn_searches_only_in_the_blocks_that_ask_for_it() -> None:
    seen: list[bool] = []
    backend = CudaBackend(torch.device("cuda"), api=Device())
    here = torch.get_num_threads()
    for mode in ("search", "eager"):
        setup = Setup(device="cuda", mode=mode, threads=here)
        backend.under(setup, lambda calls: seen.append(torch.backends.cudnn.benchmark) or 0.0)(1)
    assert seen == [True, False] and torch.backends.cudnn.benchmark is False


def test_modes_are_pinned_told_and_put_back() -> None:
    cudnn = torch.backends.cudnn
    before = cudnn.benchmark
    with CudaBackend(torch.device("cuda"), api=Device()).modes():
        assert cudnn.benchmark is False
        told = modes(torch.device("cuda"))
        assert set(told) == {"tf32_convolutions", "tf32_products", "cudnn_benchmark", "cudnn_deterministic"}
    assert cudnn.benchmark == before and modes(torch.device("cpu")) == {}


def test_a_device_without_events_is_timed_by_the_clock() -> None:
    class Bare:
        def synchronize(self) -> None:
            pass

    backend = CudaBackend(torch.device("cpu"), api=Bare())
    assert backend.block(lambda: None)(10) >= 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_times_a_convolution() -> None:
    from convcalc.profiling import session
    from convcalc.profiling.fields import from_json
    from convcalc.profiling.observation import Observation
    from convcalc.profiling.plan import Job, Plan, Setup

    setup = Setup(device="cuda")
    one = Job(name="0", text="conv", graph=graph("conv2d c=64 k=3 p=1", "8x64x56x56"), setup=setup)
    events = list(session.run(Plan(device="cuda", threads=1, groups=((one,),), seconds=10.0)))
    (seen,) = [from_json(Observation, event["observations"][0]) for event in events if event["event"] == "row"]
    assert seen.warm_cache is not None and seen.cold_cache is not None and seen.kernels
    assert seen.check is not None and seen.check.verdict == "agrees"
    assert dict(seen.device_state)["launch_overhead_s"] >= 0
