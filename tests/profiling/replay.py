"""A GPU that is made up: a queue with a clock of its own, filled by a host with another; calls of recorded times."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

RECORD: dict[str, Any] = json.loads((Path(__file__).parent / "records/h200.json").read_text(encoding="utf-8"))
"""What one NVIDIA H200 gave under torch 2.11 (cu130): microseconds of single calls, host times, kernels by name."""
CLOCK_KHZ = 1_980_000


class Host:
    """The host's clock, in seconds: it moves when something is said to take time."""

    def __init__(self) -> None:
        self.now = 100.0

    def perf_counter(self) -> float:
        """Return the time; to read it takes a tenth of a microsecond."""
        self.now += 1e-7
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


class Gpu:
    """What stands in for `torch.cuda`: work begins when the queue reaches it, and not before the host has queued it.

    `calls` are the seconds of one call after another, without end; `fed` those of every block since it was emptied.
    """

    L2_cache_size = 2**20
    clock_rate = CLOCK_KHZ

    def __init__(self, host: Host) -> None:
        self.host, self.free = host, 0.0
        self.calls: Iterator[float] = itertools.repeat(1e-4)
        self.host_s = 1e-5
        self.fed: list[float] = []
        self.capture: list[float] | None = None
        gpu = self

        class Event:
            def __init__(self, enable_timing: bool = False) -> None:
                assert enable_timing

            def record(self) -> None:
                gpu.free = self.at = max(gpu.free, host.now)

            def elapsed_time(self, end: Any) -> float:
                return float(1e3 * (end.at - self.at))

        class CUDAGraph:
            seconds = 0.0

            def replay(self) -> None:
                gpu.work(self.seconds)

        class Stream:
            def wait_stream(self, other: Any) -> None:
                pass

        self.Event, self.CUDAGraph, self.Stream = Event, CUDAGraph, Stream

    def load(self, microseconds: Sequence[float], host_us: float) -> None:
        """Take what calls take from here on, over and over, and what each takes the host."""
        self.calls, self.host_s = itertools.cycle(value * 1e-6 for value in microseconds), host_us * 1e-6

    def call(self) -> None:
        """Queue a call."""
        self.host.now += self.host_s
        seconds = next(self.calls)
        if self.capture is not None:
            self.capture.append(seconds)
            return
        self.fed.append(seconds)
        self.work(seconds)

    def work(self, seconds: float) -> None:
        """Keep the device busy, from when it is free and the host has come so far."""
        self.free = max(self.free, self.host.now) + seconds

    def _sleep(self, cycles: int) -> None:
        self.work(cycles / (1e3 * CLOCK_KHZ))

    def synchronize(self, *_: Any) -> None:
        """Wait for the queue."""
        self.host.now = max(self.host.now, self.free)

    def get_device_properties(self, device: Any) -> Gpu:
        """Return what tells the clock and the cache."""
        return self

    def current_stream(self) -> Any:
        """Return a stream."""
        return self.Stream()

    @contextmanager
    def stream(self, stream: Any) -> Any:
        """Run calls on a stream, here the only one."""
        yield

    @contextmanager
    def graph(self, graph: Any) -> Any:
        """Take calls into a graph."""
        self.capture = []
        yield
        graph.seconds, self.capture = sum(self.capture), None
