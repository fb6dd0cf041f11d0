"""What this machine has: the device asked for, its memory, its threads."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch

from convcalc.errors import UnavailableError


def pick_device(wanted: str) -> torch.device:
    """Return the device for `auto`, `cpu` or `cuda`. Raises UnavailableError where there is none."""
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UnavailableError("there is no CUDA device here (or this torch is a CPU build): use --device cpu")
    return torch.device(wanted)


def describe(device: torch.device) -> str:
    """Return the device's name as people know it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def free_bytes(device: torch.device) -> int | None:
    """Return the memory that can still be taken: of the GPU, or of this machine and its container; None if unknown."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    found = [limit for limit in (_available(), _container()) if limit is not None]
    return min(found) if found else None


def _available() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("MemAvailable"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return None


def _container() -> int | None:
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        try:
            return int(Path(limit).read_text(encoding="utf-8")) - int(Path(used).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
    return None


def default_threads() -> int:
    """Return how many threads a kernel gets unless told: the cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
