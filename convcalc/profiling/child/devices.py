"""`pick_device`: what this machine has: the device asked for, its memory, its versions."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import torch

from convcalc.errors import UnavailableError
from convcalc.profiling.machine import cpu_name, torch_version

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
ACCELERATORS = ("cuda", "mps", "xpu")


def pick_device(device: str) -> torch.device:
    """Return the device for `auto`, `cpu`, `cuda`, `mps` or `xpu`. Raises UnavailableError where there is none."""
    there = [name for name in ACCELERATORS if _available(name)]
    if device == "auto":
        device = there[0] if there else "cpu"
    if device != "cpu" and device not in there:
        has = f"it has {', '.join(there)}" if there else "or this torch is a CPU build"
        raise UnavailableError(f"there is no {device.upper()} device here ({has}): use --device cpu")
    return torch.device(device)


def _available(name: str) -> bool:
    home = torch.backends.mps if name == "mps" else getattr(torch, name, None)
    return bool(home is not None and home.is_available())


def describe(device: torch.device) -> str:
    """Return the device's name as people know it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "xpu":
        return str(torch.xpu.get_device_name(device))
    return cpu_name() if device.type == "cpu" else f"{platform.machine()} {device.type}"


def versions(device: torch.device) -> dict[str, Any]:
    """Return what computes: torch, and on a GPU CUDA and cuDNN with the modes that change a kernel's time."""
    versions: dict[str, Any] = {"torch": torch_version()}
    if device.type == "cuda":
        versions |= {
            "cuda": torch.version.cuda or torch.version.hip,
            "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
            "capability": ".".join(map(str, torch.cuda.get_device_capability(device))),
        }
    else:
        versions |= {"cpu_capability": torch.backends.cpu.get_cpu_capability()}
    return versions


def free_bytes(device: torch.device) -> int | None:
    """Return the memory that can still be taken: of the GPU, or of this machine and its container; None if unknown."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type != "cpu":
        return None
    limits = [limit for limit in (_unused(), _container()) if limit is not None]
    return min(limits) if limits else None


def _unused() -> int | None:
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


def synchronise(device: torch.device) -> None:
    """Wait until the device has done all it was given; the CPU has, when a call returns."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type != "cpu":
        torch.accelerator.synchronize(device)
