"""`cpu_name`, `cores` and `cache_bytes`: what this machine is, as far as it says so without torch."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def cpu_name() -> str:
    """Return the processor's name as people know it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def cpu_mhz() -> float | None:
    """Return the clock of the fastest core now, in MHz; None where the system does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    clocks = [line.partition(":")[2].strip() for line in lines if line.startswith("cpu MHz")]
    return max((float(clock) for clock in clocks if clock.replace(".", "", 1).isdecimal()), default=None)


def torch_version() -> str:
    """Return the version of the torch that is installed, without importing it; empty where there is none."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("torch")
    except PackageNotFoundError:
        return ""


def cores() -> int:
    """Return how many cores may compute here: physical ones this process may run on, within its container's quota."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    physical = len({_siblings(cpu) for cpu in allowed}) or 1
    quota = _quota()
    return max(1, min(physical, quota) if quota else physical)


def _siblings(cpu: int) -> str:
    return read_word(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list") or str(cpu)


def _quota() -> int | None:
    """The container's CPU time in whole cores; None where it is not limited or not told."""
    both = (read_word("/sys/fs/cgroup/cpu.max") or "").split()
    if len(both) != 2:
        old = "/sys/fs/cgroup/cpu/cpu.cfs"
        both = [read_word(f"{old}_{name}_us") or "" for name in ("quota", "period")]
    quota, period = both
    if not quota.isdecimal() or not period.isdecimal() or int(period) == 0:
        return None
    return max(1, int(quota) // int(period))


def cache_bytes() -> int | None:
    """Return the size of the last-level cache, or None where the system does not say."""
    sizes = []
    for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        text = read_word(str(path)) or ""
        factor = {"K": 2**10, "M": 2**20, "G": 2**30}.get(text[-1:], 1)
        digits = text.rstrip("KMG")
        if digits.isdecimal():
            sizes.append(int(digits) * factor)
    return max(sizes, default=None)


def read_word(path: str) -> str | None:
    """Return what a file of one line says, without white space; None where it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
