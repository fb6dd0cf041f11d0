"""`Backend`: where a call is timed: what both the CPU and accelerators offer, and the CPU's way of it."""

from __future__ import annotations

import statistics
import time
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import torch

from convcalc.profiling.child import kernels, prepare
from convcalc.profiling.child.devices import DTYPES, synchronise
from convcalc.profiling.machine import cache_bytes, cpu_mhz
from convcalc.profiling.sampling import stopwatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from convcalc.profiling.child.prepare import Prepared
    from convcalc.profiling.observation import Kernel
    from convcalc.profiling.plan import Setup
    from convcalc.profiling.sampling import Block

YARDSTICK_SIDE, LOOKS = 512, 3


class Backend:
    """A device: how calls on it are timed, what ran, and what disturbs it."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def start(self, setups: Sequence[Setup]) -> None:
        """Make the first calls of what takes long to load; nothing does on the CPU."""

    def wait(self) -> None:
        """Wait until the device has done all it was given."""
        synchronise(self.device)

    def block(self, call: Callable[[], Any]) -> Block:
        """Return what times so many calls back to back."""
        return stopwatch(call, synchronise=self.wait)

    def cold(self, prepared: Prepared, setup: Setup) -> tuple[Block | None, str]:
        """Return what times calls whose weights are in no cache, or None and why."""
        call, why = prepare.cold(prepared, setup)
        return (None, why) if call is None else (self.block(call), "")

    def kernels(self, call: Callable[[], Any], runs: int) -> list[Kernel]:
        """Return what ran in one of so many calls."""
        return kernels.on_cpu(call, runs)

    def extras(self, call: Callable[[], Any], setup: Setup, each: float, seconds: float) -> dict[str, Any]:
        """Return more that this backend can tell of a call that takes `each`; the CPU has nothing to add."""
        return {}

    def clear(self) -> None:
        """Give back memory that is cached; the CPU keeps none of it."""

    def cache_bytes(self) -> int | None:
        """Return the size of the last cache; None where it is not told."""
        return cache_bytes()

    def throttled(self) -> str:
        """Return why the clocks are low, or nothing."""
        return ""

    def clock_mhz(self) -> float | None:
        """Return the device's clock now in MHz; None where it is not told."""
        return cpu_mhz()

    def state(self) -> dict[str, Any]:
        """Return readings of the device to record with a row."""
        return {}

    def modes(self) -> AbstractContextManager[Any]:
        """Return what pins the modes that change a kernel's time."""
        return nullcontext()

    @contextmanager
    def settings(self, setup: Setup) -> Iterator[None]:
        """Compute with a setup's own number of threads."""
        before = torch.get_num_threads()
        if before != setup.threads:
            torch.set_num_threads(setup.threads)
        try:
            yield
        finally:
            if before != setup.threads:
                torch.set_num_threads(before)

    def under(self, setup: Setup, block: Block) -> Block:
        """Return a block run under its setup's own settings, made before its clock starts."""

        def other(calls: int) -> float:
            with self.settings(setup):
                return block(calls)

        return other

    def reference_matmul(self, setup: Setup) -> Callable[[float], float]:
        """Return what times a matrix product for about so many seconds: the median of its calls.

        On the CPU in fp32 whatever the setup: half precision may have no fast product there.
        """
        dtype = torch.float32 if self.device.type == "cpu" else DTYPES[setup.dtype]
        left, right = (torch.randn(YARDSTICK_SIDE, YARDSTICK_SIDE, device=self.device).to(dtype) for _ in range(2))
        out = torch.empty_like(left)

        def run(seconds: float) -> float:
            times: list[float] = []
            torch.mm(left, right, out=out)  # what was timed before has taken the cache
            begin = time.perf_counter()
            while len(times) < LOOKS or time.perf_counter() - begin < seconds:
                self.wait()
                start = time.perf_counter()
                torch.mm(left, right, out=out)
                self.wait()
                times.append(time.perf_counter() - start)
            return statistics.median(times)

        return run
