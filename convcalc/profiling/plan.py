"""The circumstances of a run, and the work it is to do: plain words and graphs, so that a parent can send them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from convcalc.ops import Conv
from convcalc.units import plural

if TYPE_CHECKING:
    from convcalc.graph import Graph
    from convcalc.ops import Op

ITEMSIZES = {"fp32": 4, "bf16": 2, "fp16": 2}
"""Bytes of one element of each dtype that can be timed."""
PASSES = {"forward": 1, "backward": 2, "both": 3}
"""MACs of a pass over those of the forward: the backward has one contraction per operand, input and weight."""
LAYOUTS = ("nchw", "channels_last", "prepacked")
MODES = ("eager", "compile", "search")
DEVICES = ("auto", "cpu", "cuda", "mps", "xpu")
WHOLE = "whole"
"""The name of the row that is a whole stack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Device, numbers, threads, memory layout, execution mode and pass of a run, by the words the options take.

    The allocator, and whether subnormals are kept, are those of the whole process.

    `prepacked` is channels_last with the convolutions' weights laid out once as oneDNN wants them; `search` lets cuDNN
    try its algorithms in the first call.
    """

    device: str = "cpu"
    dtype: str = "fp32"
    threads: int = 1
    layout: str = "nchw"
    mode: str = "eager"
    direction: str = "forward"
    allocator: str = "keep"
    keep_denormals: bool = False

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return ITEMSIZES[self.dtype]

    def differs(self, other: Setup) -> str:
        """Return in words what of this setup is not as in another.

        >>> Setup(layout="prepacked", threads=2).differs(Setup())
        '2 threads, prepacked'
        """
        return ", ".join(mine for mine, its in zip(self._each(), other._each(), strict=True) if mine != its)

    def _each(self) -> tuple[str, ...]:
        return self.device, self.dtype, plural(self.threads, "thread"), self.layout, self.mode, self.direction

    def words(self) -> str:
        """Return the whole setup in words."""
        where = f"{self.device}, {plural(self.threads, 'thread')}" if self.device == "cpu" else self.device
        mode = "" if self.mode == "eager" else f", {self.mode}"
        return f"{where}, {self.dtype}, {self.layout}, {self.direction} pass{mode}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One row to be timed: a graph under a setup. `whole` is a stack whose layers are jobs of their own."""

    name: str
    text: str
    graph: Graph
    setup: Setup
    block: int = 0
    times: int = 1
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """How to time: limits in seconds and counts."""

    warmup_s: float = 0.05
    warmup_calls: int = 3
    agree: float = 0.05
    block_s: float = 0.001
    samples: int = 10
    min_s: float = 0.5
    max_s: float = 3.0
    precision: float = 0.01

    def within(self, seconds: float) -> Task:
        """Return the same with no more than so many seconds of samples, and a warm-up that leaves room for them."""
        most = max(min(self.max_s, seconds), 0.0)
        return Task(
            warmup_s=min(self.warmup_s, most / 4),
            warmup_calls=self.warmup_calls,
            agree=self.agree,
            block_s=min(self.block_s, max(most / 10, 1e-5)),
            samples=self.samples,
            min_s=min(self.min_s, most / 2),
            max_s=most,
            precision=self.precision,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one child is to do: rows one by one, or groups of rows whose blocks take turns.

    `seconds` bounds all of the measuring. `cold` asks for weights out of cache as well, `peaks` for the machine's roofs
    under these setups first, measured again with `refresh`.
    """

    device: str
    threads: int
    groups: tuple[tuple[Job, ...], ...]
    task: Task = field(default_factory=Task)
    seconds: float = 60.0
    cold: bool = True
    peaks: tuple[Setup, ...] = ()
    refresh: bool = False
    allocator: str = "keep"
    keep_denormals: bool = False


KEPT = ("OMP_WAIT_POLICY", "OMP_PROC_BIND", "OMP_PLACES", "KMP_AFFINITY", "KMP_BLOCKTIME", "GOMP_SPINCOUNT")
"""Variables that are the user's to set; where they are not set, ours are."""
RECORDED = (
    *KEPT,
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
"""Variables that change what a kernel takes: they are told with every run."""


KEEP, SYSTEM = "keep", "system"
ALLOCATORS = (KEEP, SYSTEM)
"""Whether freed pages stay with the process, or go back to the system when its allocator sees fit."""
KEEPING = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40), "MALLOC_TOP_PAD_": str(2**26)}


def environment(threads: int, cores: int, allocator: str = KEEP, given: dict[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a child that computes with so many threads on so many cores.

    Threads are bound to cores only when they take all of them: a thread bound to a core that is busy waits for it,
    one that is not bound moves away. Waiting threads spin, as back-to-back kernels see them. Freed pages are kept:
    whether glibc gives them back depends on what was allocated before, and makes one layer eight times slower or not.
    """
    made = dict(os.environ if given is None else given)
    bound = threads >= cores
    ours = {
        "OMP_WAIT_POLICY": "ACTIVE",
        "OMP_PROC_BIND": "close" if bound else "false",
        "KMP_AFFINITY": "granularity=fine,compact,1,0" if bound else "disabled",
        "KMP_BLOCKTIME": "1",
        "TORCHINDUCTOR_COMPILE_THREADS": "1",  # a pool of compilers would run beside what is timed
        **({"OMP_PLACES": "cores"} if bound else {}),
        **(KEEPING if allocator == KEEP else {}),
    }
    for name, value in ours.items():
        made.setdefault(name, value)
    made["OMP_NUM_THREADS"] = made["MKL_NUM_THREADS"] = str(threads)
    made.pop("ONEDNN_VERBOSE", None)  # lines for a log are no samples
    made.pop("DNNL_VERBOSE", None)
    return made


def recorded(variables: dict[str, str]) -> dict[str, str]:
    """Return what of an environment changes a kernel's time."""
    return {name: variables[name] for name in RECORDED if variables.get(name)}


def packable(op: Op) -> bool:
    """Whether a step is a convolution whose weights torch can lay out once for oneDNN: in 2-D and 3-D, padded evenly.

    A transposed one can be as well, and is no faster than in channels_last.
    """
    return isinstance(op, Conv) and len(op.windows) in (2, 3) and all(window.symmetric for window in op.windows)


def as_dict(setup: Setup) -> dict[str, Any]:
    """Return a setup as JSON holds it."""
    return {
        "device": setup.device,
        "dtype": setup.dtype,
        "threads": setup.threads,
        "layout": setup.layout,
        "mode": setup.mode,
        "pass": setup.direction,
        "allocator": setup.allocator,
        "keep_denormals": setup.keep_denormals,
    }


def from_dict(told: dict[str, Any]) -> Setup:
    """Return what `as_dict` wrote."""
    return Setup(**{"direction" if name == "pass" else name: value for name, value in told.items()})
