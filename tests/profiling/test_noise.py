"""What the system did in between: readings of /proc made up, and this machine's own."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import time

import pytest

from convcalc.profiling import noise
from convcalc.profiling.noise import Counters, between


def test_shares_and_differences() -> None:
    found = between(Counters(10.0, 1.0, 100, 5, 2.0), Counters(12.0, 1.1, 160, 8, 2.0))
    assert found.wall_s == 2.0
    assert found.run_queue_delay == pytest.approx(0.05)
    assert (found.page_faults, found.preemptions, found.steal) == (60, 3, 0.0)
    two = between(Counters(10.0, 1.0, 0, 0, None), Counters(12.0, 1.4, 0, 0, None), threads=2)
    assert two.run_queue_delay == pytest.approx(0.1)  # of each thread's time


def test_what_is_not_told_stays_unknown() -> None:
    found = between(Counters(0.0, None, None, None, None), Counters(1.0, None, None, None, None))
    assert (found.run_queue_delay, found.page_faults, found.preemptions, found.steal) == (None, None, None, None)


def test_other_platforms_tell_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert noise.read().waited_s is None
    monkeypatch.setattr(noise.Path, "read_text", lambda *_, **__: (_ for _ in ()).throw(OSError))
    monkeypatch.setitem(sys.modules, "resource", None)
    found = noise.read()
    assert (found.faults, found.preemptions, found.stolen_s) == (None, None, None)
    monkeypatch.delattr(os, "getloadavg")
    assert noise.conditions() == {"load": None, "governor": None, "boost": None}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="schedstat is Linux's")
def test_sharing_a_core_is_waiting_for_it() -> None:
    """A process and its busy neighbour, both bound to one core, each wait about half of the time."""
    code = (
        "import os, time\nfrom convcalc.profiling import noise\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "first = noise.read()\nend = time.perf_counter() + 0.8\nwhile time.perf_counter() < end: pass\n"
        "print(noise.between(first, noise.read()).run_queue_delay)"
    )
    busy = "import os\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\nwhile True: pass"
    neighbour = subprocess.Popen([sys.executable, "-c", busy])
    try:
        time.sleep(0.3)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    finally:
        neighbour.kill()
        neighbour.wait()
    assert float(done.stdout) > 0.15


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts Linux's page faults")
def test_new_pages_are_faults() -> None:
    """Pages asked of the system itself: an allocator may hand out those that an earlier test has given back."""
    first = noise.read()
    with mmap.mmap(-1, 64 * 2**20) as block:
        for place in range(0, len(block), 4096):
            block[place] = 1
    found = noise.between(first, noise.read())
    assert (found.page_faults or 0) >= 32  # at least one a huge page of 2 MiB
