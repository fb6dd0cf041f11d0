"""`SystemNoise`: waiting for a core, page faults, preemptions and stolen time during a measurement.

Where a platform does not tell, the value is None: "not recorded here".
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from convcalc.profiling.machine import read_word


class Counters(NamedTuple):
    """Readings at one moment: seconds, and counts since the process or the machine began."""

    wall_s: float
    waited_s: float | None
    faults: int | None
    preemptions: int | None
    stolen_s: float | None


class SystemNoise(NamedTuple):
    """What happened between two readings.

    `run_queue_delay` is the share of the time that a thread of this process was ready and had no core, `steal` the
    share that another machine took from this one; `page_faults` and `preemptions` are counts.
    """

    wall_s: float
    run_queue_delay: float | None
    page_faults: int | None
    preemptions: int | None
    steal: float | None


def read() -> Counters:
    """Return the counters now."""
    faults, switches = _usage()
    return Counters(time.perf_counter(), _waited(), faults, switches, _stolen())


def between(first: Counters, last: Counters, threads: int = 1) -> SystemNoise:
    """Return what happened from one reading to another to a process that computes with so many threads."""
    wall = max(last.wall_s - first.wall_s, 1e-9)
    return SystemNoise(
        wall,
        _share(first.waited_s, last.waited_s, wall * threads),
        None if first.faults is None or last.faults is None else last.faults - first.faults,
        None if first.preemptions is None or last.preemptions is None else last.preemptions - first.preemptions,
        _share(first.stolen_s, last.stolen_s, wall),
    )


def _share(first: float | None, last: float | None, wall: float) -> float | None:
    return None if first is None or last is None else max(0.0, last - first) / wall


def _waited() -> float | None:
    """Seconds that this process's threads have waited for a core: the second number of schedstat, in nanoseconds."""
    if not sys.platform.startswith("linux"):
        return None
    total, readable = 0, False
    for path in Path("/proc/self/task").glob("*/schedstat"):
        try:
            total += int(path.read_text(encoding="ascii").split()[1])
            readable = True
        except (OSError, ValueError, IndexError):  # a thread that has just ended
            continue
    return total / 1e9 if readable else None


def _usage() -> tuple[int | None, int | None]:
    try:
        import resource
    except ImportError:  # Windows
        return None, None
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_minflt, used.ru_nivcsw


def _stolen() -> float | None:
    """Seconds that a hypervisor gave to others, over all cores: the eighth number of /proc/stat, in clock ticks."""
    try:
        words = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()
        return int(words[8]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return None


def conditions() -> dict[str, Any]:
    """Return the machine's load, frequency governor and boost where they are told; None where they are not."""
    try:
        load: float | None = os.getloadavg()[0]
    except (OSError, AttributeError):
        load = None
    cpu = "/sys/devices/system/cpu"
    return {
        "load": load,
        "governor": read_word(f"{cpu}/cpu0/cpufreq/scaling_governor"),
        "boost": read_word(f"{cpu}/cpufreq/boost"),
    }
