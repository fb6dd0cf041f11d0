"""`environment`: the variables of a child that measures, which decide where its threads run and its pages come from."""

from __future__ import annotations

import os

USER_VARIABLES = ("OMP_WAIT_POLICY", "OMP_PROC_BIND", "OMP_PLACES", "KMP_AFFINITY", "KMP_BLOCKTIME", "GOMP_SPINCOUNT")
"""Variables that are the user's to set; where they are not set, ours are."""
TIMED_VARIABLES = (
    *USER_VARIABLES,
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "LD_PRELOAD",
    "MALLOC_ARENA_MAX",
    "MALLOC_MMAP_MAX_",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
    "MALLOC_TOP_PAD_",
    "GLIBC_TUNABLES",
    "PYTORCH_CUDA_ALLOC_CONF",
    "CUDA_VISIBLE_DEVICES",
    "NVIDIA_TF32_OVERRIDE",
    "ONEDNN_MAX_CPU_ISA",
    "DNNL_MAX_CPU_ISA",
    "ATEN_CPU_CAPABILITY",
)
"""Variables that change what a kernel takes: they are recorded with every run."""


KEEP, SYSTEM = "keep", "system"
ALLOCATORS = (KEEP, SYSTEM)
"""Whether freed pages stay with the process, or go back to the system when its allocator sees fit."""
KEEP_PAGES = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40), "MALLOC_TOP_PAD_": str(2**26)}


def environment(threads: int, cores: int, allocator: str = KEEP, given: dict[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a child that computes with so many threads on so many cores.

    Threads are bound to cores only when they take all of them: a thread bound to a core that is busy waits for it,
    one that is not bound moves away. Waiting threads spin, as back-to-back kernels see them. Freed pages are kept:
    whether glibc gives them back depends on what was allocated before, and makes one layer eight times slower or not.
    """
    variables = dict(os.environ if given is None else given)
    bound = threads >= cores
    ours = {
        "OMP_WAIT_POLICY": "ACTIVE",
        "OMP_PROC_BIND": "close" if bound else "false",
        "KMP_AFFINITY": "granularity=fine,compact,1,0" if bound else "disabled",
        "KMP_BLOCKTIME": "1",
        "TORCHINDUCTOR_COMPILE_THREADS": "1",  # a pool of compilers would run beside what is timed
        **({"OMP_PLACES": "cores"} if bound else {}),
        **(KEEP_PAGES if allocator == KEEP else {}),
    }
    for name, value in ours.items():
        variables.setdefault(name, value)
    variables["OMP_NUM_THREADS"] = variables["MKL_NUM_THREADS"] = str(threads)
    variables.pop("ONEDNN_VERBOSE", None)  # lines for a log are no samples
    variables.pop("DNNL_VERBOSE", None)
    return variables


def recorded(variables: dict[str, str]) -> dict[str, str]:
    """Return what of an environment changes a kernel's time."""
    return {name: variables[name] for name in TIMED_VARIABLES if variables.get(name)}
