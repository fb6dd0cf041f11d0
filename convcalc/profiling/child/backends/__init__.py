"""`Backend` and `open_backend`: how calls are timed on the CPU (`cpu`) or a GPU (`cuda`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcalc.profiling.child.backends.cpu import Backend
from convcalc.profiling.child.backends.cuda import CudaBackend

if TYPE_CHECKING:
    import torch

BACKENDS: dict[str, type[Backend]] = {"cpu": Backend, "cuda": CudaBackend, "mps": CudaBackend, "xpu": CudaBackend}
"""By torch's name of the device's type."""


def open_backend(device: torch.device) -> Backend:
    """Return what times calls on a device; KeyError where `BACKENDS` has none."""
    return BACKENDS[device.type](device)
