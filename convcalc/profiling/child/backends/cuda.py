"""`CudaBackend`: each call between two events, the cache flushed or not, graphs without the host, clocks watched.

The vendor's module (torch.cuda, torch.xpu, torch.mps) is an argument, so that a fake one can stand in for tests.
"""

from __future__ import annotations

import os
import statistics
import time
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from convcalc.profiling.child import kernels
from convcalc.profiling.child.backends.cpu import Backend
from convcalc.profiling.child.devices import DTYPES
from convcalc.profiling.child.nvidia_smi import ask
from convcalc.profiling.sampling import stopwatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from convcalc.profiling.child.prepare import Prepared
    from convcalc.profiling.observation import Kernel
    from convcalc.profiling.plan import Setup
    from convcalc.profiling.sampling import Block

LEAST_FLUSH = 256 * 2**20
GRAPH_CALLS, REPLAYS, WARM_CALLS = 20, 10, 3
EAGER_CALLS, LEAST_CALLS = 200, 3
"""How many calls a graph has and how often it is replayed; how many are timed by the host's clock."""
AHEAD, HOST_CALLS, HOST_MOST_S = 100, 5, 0.05
"""How many calls are queued behind one pause of the device; over how many the host's own time a call is measured, and
for how long at most."""
HOST_FACTOR, HOST_EXTRA_S, USUAL_HOST_S = 1.5, 10e-6, 50e-6
"""The pause for each call: so many times the host's own time, and so much more; before that is known, the last."""
CLOCK_HZ = 2e9
"""Cycles a second of a device that does not tell: too long a pause costs little, too short a one the result."""
YARDSTICK_SIDE, LEAST_SIDE, YARDSTICK_S, LOOKS = 4096, 256, 3e-3, 7
"""The product beside the rows, smaller where it takes longer than that, and how often it is timed."""
LOW_CLOCK = 0.75
TRIES, PAUSE_S = 3, 0.05


class CudaBackend(Backend):
    """Times calls with the device's own events, so that the host's time stays out."""

    def __init__(self, device: torch.device, api: Any = None) -> None:
        super().__init__(device)
        self.api = api if api is not None else getattr(torch, device.type)
        self.readings: dict[str, Any] = {}
        self.buffer: Any = None

    def block(self, call: Callable[[], Any]) -> Block:
        """Return what times so many calls, each between two events, queued behind a pause of the device."""
        return self._events(call, before=lambda: None)

    def flushed(self, call: Callable[[], Any]) -> Block:
        """Return what times so many calls, the cache overwritten before each; that also keeps the queue full."""
        return self._events(call, before=self.flush_cache)

    def _events(self, call: Callable[[], Any], before: Callable[[], object]) -> Block:
        if not hasattr(self.api, "Event"):
            return stopwatch(call, synchronise=self.wait)
        host: list[float] = []
        blocks = 0

        def once() -> tuple[Any, Any]:
            before()
            start, end = self.api.Event(enable_timing=True), self.api.Event(enable_timing=True)
            start.record()
            call()
            end.record()
            return start, end

        def block(calls: int) -> float:
            nonlocal blocks
            blocks += 1
            if (blocks > 1 or calls > 1) and not host:  # the very first call is timed as it is
                host.append(self._host_s(once))
            pairs = []
            for number in range(calls):
                if number % AHEAD == 0:
                    self._get_ahead(min(AHEAD, calls - number), host[0] if host else USUAL_HOST_S)
                pairs.append(once())
            self.wait()
            return float(sum(start.elapsed_time(end) for start, end in pairs) / 1e3)

        return block

    def _host_s(self, once: Callable[[], object]) -> float:
        """The host's own seconds for a call: that of several, nothing waited for, after one that is not counted."""
        once()
        self.wait()
        begin, count = time.perf_counter(), 0
        while count < HOST_CALLS and time.perf_counter() - begin < HOST_MOST_S:
            once()
            count += 1
        seconds = (time.perf_counter() - begin) / count
        self.wait()
        return seconds

    def cold(self, prepared: Prepared, setup: Setup) -> tuple[Block | None, str]:
        """Return what times calls with nothing in cache."""
        return self.flushed(prepared.call), ""

    def kernels(self, call: Callable[[], Any], runs: int) -> list[Kernel]:
        """Return the kernels of one call by torch's profiler; nothing where it does not know the device."""
        return kernels.on_gpu(call) if self.device.type == "cuda" else []

    def wait(self) -> None:
        """Wait until the device has done all it was given."""
        self.api.synchronize()

    def _get_ahead(self, calls: int, host_s: float) -> None:
        """Let the device pause while the host queues calls, where its module has a word for that (a private one)."""
        sleep = getattr(self.api, "_sleep", None)
        if sleep is not None:
            clock = 1e3 * getattr(self._properties(), "clock_rate", 0) or CLOCK_HZ
            sleep(int(calls * (HOST_FACTOR * host_s + HOST_EXTRA_S) * clock))

    def _properties(self) -> Any:
        return getattr(self.api, "get_device_properties", lambda device: None)(self.device)

    def flush_cache(self) -> None:
        """Overwrite memory larger than the device's cache, so that the next call reads its data from outside."""
        if self.buffer is None:
            size = max(LEAST_FLUSH, 3 * (self.cache_bytes() or 0))
            with torch.inference_mode(False):  # rows of all modes overwrite it
                self.buffer = torch.empty(size, dtype=torch.int8, device=self.device)
        self.buffer.zero_()

    def extras(self, call: Callable[[], Any], setup: Setup, each: float, seconds: float) -> dict[str, Any]:
        """Return what Python users feel and what the device alone takes: host-bound calls, and a graph of them.

        Their difference is the launch overhead. `each` is about what a call takes; what does not fit into the seconds,
        or that a graph cannot hold, is left out.
        """
        room = int(seconds / 2 / max(each, 1e-6))  # for calls from Python, and as many in graphs
        if room < LEAST_CALLS:
            return {}
        count = min(EAGER_CALLS, room)
        eager = stopwatch(call, synchronise=self.wait)(count) / count
        extras: dict[str, Any] = {"eager_s": eager}
        alone = self._graph(call, room) if setup.direction != "backward" else None
        if alone is not None:
            extras |= {"graph_s": alone, "launch_overhead_s": max(0.0, eager - alone)}
        return extras

    def _graph(self, call: Callable[[], Any], room: int) -> float | None:
        """Seconds a call in a graph of several, replayed, for at most so many calls; None where it cannot be captured.

        A backward of a forward that ran elsewhere cannot.
        """
        calls = min(GRAPH_CALLS, (room - WARM_CALLS) // (REPLAYS + HOST_CALLS + 1))
        if not hasattr(self.api, "CUDAGraph") or calls < 1:
            return None
        stream = self.api.current_stream()
        try:
            side = self.api.Stream()
            side.wait_stream(stream)
            with self.api.stream(side):
                for _ in range(WARM_CALLS):
                    call()
            stream.wait_stream(side)
            graph = self.api.CUDAGraph()
            with self.api.graph(graph):
                for _ in range(calls):
                    call()
        except RuntimeError:
            if hasattr(self.api, "set_stream"):  # a capture that fails can leave its own behind
                self.api.set_stream(stream)
            self.wait()
            return None
        replay = self._events(graph.replay, before=lambda: None)
        return statistics.median(replay(1) for _ in range(REPLAYS)) / calls

    def clear(self) -> None:
        """Give back the memory that is cached; after a capture that failed torch may refuse."""
        with suppress(RuntimeError):
            getattr(self.api, "empty_cache", lambda: None)()

    def start(self, setups: Sequence[Setup]) -> None:
        """Make the first calls of the libraries and of the profiler, which take seconds, before any row."""
        for dtype in dict.fromkeys(DTYPES[setup.dtype] for setup in setups):
            x, kernel = (torch.ones(shape, device=self.device, dtype=dtype) for shape in ((1, 8, 8, 8), (8, 8, 3, 3)))
            call = partial(_first_calls, x, kernel)
            call()
            self.kernels(call, 1)
        self.wait()

    def reference_matmul(self, setup: Setup) -> Callable[[float], float]:
        """Return what times a product long enough for the launch not to matter, by events: the median of its calls."""
        side = YARDSTICK_SIDE
        while True:
            left, right = (torch.randn(side, side, device=self.device).to(DTYPES[setup.dtype]) for _ in range(2))
            block = self.block(partial(torch.mm, left, right, out=torch.empty_like(left)))
            block(1)  # the clocks rise
            if block(1) <= YARDSTICK_S or side <= LEAST_SIDE:
                break
            side //= 2

        def run(seconds: float) -> float:
            block(1)
            return statistics.median(block(1) for _ in range(LOOKS))

        return run

    def throttled(self) -> str:
        """Return why the clocks are low, after pauses in which they might have risen; empty where they are not."""
        for attempt in range(TRIES):
            reading = self.read_clocks()
            now, most = reading.get("clocks.sm"), reading.get("clocks.max.sm")
            if not now or not most or now >= LOW_CLOCK * most:
                return ""
            if attempt + 1 < TRIES:
                time.sleep(PAUSE_S * 2**attempt)
        return f"its clock is {now:.0f} MHz of {most:.0f}"

    def read_clocks(self) -> dict[str, float]:
        """Return readings of nvidia-smi as numbers; nothing where it is not there."""
        self.readings = ask(self.smi_index()) if self.device.type == "cuda" else {}
        return self.readings

    def cache_bytes(self) -> int | None:
        """Return the size of the device's last cache; None where it does not tell."""
        return getattr(self._properties(), "L2_cache_size", 0) or None

    def clock_mhz(self) -> float | None:
        """Return the clock of the multiprocessors now, in MHz."""
        return self.read_clocks().get("clocks.sm")

    def smi_index(self) -> str:
        """The GPU's number as nvidia-smi counts them, which does not know what is hidden from this process."""
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
        index = self.device.index or 0
        return visible[index].strip() if index < len(visible) and visible[index].strip() else str(index)

    def state(self) -> dict[str, Any]:
        """Return the last readings of the clocks, and the modes that change a kernel's time."""
        return {**self.readings, **modes(self.device)}

    @contextmanager
    def settings(self, setup: Setup) -> Iterator[None]:
        """Let cuDNN try all its algorithms first, where that is asked for."""
        cudnn = torch.backends.cudnn
        cudnn.benchmark, cudnn.benchmark_limit = setup.mode == "search", 0
        try:
            with super().settings(setup):
                yield
        finally:
            cudnn.benchmark = False

    def modes(self) -> AbstractContextManager[Any]:
        """Return what pins the modes: algorithms by heuristic unless a row asks for a search."""
        return _pinned()


def _first_calls(x: Tensor, kernel: Tensor) -> Tensor:
    """One convolution and one product."""
    return F.conv2d(x, kernel) @ x.new_ones(6, 1)


@contextmanager
def _pinned() -> Iterator[None]:
    cudnn = torch.backends.cudnn
    before = cudnn.benchmark, cudnn.benchmark_limit, cudnn.deterministic
    cudnn.benchmark, cudnn.deterministic = False, False
    try:
        yield
    finally:
        cudnn.benchmark, cudnn.benchmark_limit, cudnn.deterministic = before


def modes(device: torch.device) -> dict[str, Any]:
    """Return torch's settings that change a kernel's time on this device; fp32 convolutions take TF32 by default."""
    if device.type != "cuda":
        return {}
    return {
        "tf32_convolutions": torch.backends.cudnn.allow_tf32,
        "tf32_products": torch.backends.cuda.matmul.allow_tf32,
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "cudnn_deterministic": torch.backends.cudnn.deterministic,
    }
