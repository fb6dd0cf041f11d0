"""`Setup`, `Job`, `Task` and `Plan`: what a measuring child is asked, picklable and without torch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from convcalc.analyses.counts.stack_layers import STACK
from convcalc.errors import SpecError, nearest
from convcalc.graph import Graph
from convcalc.ops import Conv
from convcalc.profiling.fields import column
from convcalc.profiling.machine import cores
from convcalc.units import ITEMSIZES, plural

if TYPE_CHECKING:
    from convcalc.ops import Op

TIMED_DTYPES = ("fp32", "bf16", "fp16")
"""Element types that can be timed."""
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
    direction: str = column("forward, backward or both", key="pass", default="forward")
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

    def describe(self) -> str:
        """Return the whole setup in words."""
        where = f"{self.device}, {plural(self.threads, 'thread')}" if self.device == "cpu" else self.device
        mode = "" if self.mode == "eager" else f", {self.mode}"
        return f"{where}, {self.dtype}, {self.layout}, {self.direction} pass{mode}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One row to be timed: a graph under a setup. `whole` is a stack whose layers are jobs of their own.

    `kind` is that of its layer, `stack` for several that run as one.
    """

    name: str
    text: str
    graph: Graph
    setup: Setup
    kind: str = STACK
    block: int = 0
    times: int = 1
    whole: bool = False

    @property
    def title(self) -> str:
        """What is shown while it is measured."""
        return "the whole stack" if self.whole else f"{self.name} {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """How to time: limits in seconds and counts. `least_samples` are taken however long that takes."""

    warmup_s: float = 0.05
    warmup_calls: int = 3
    agree: float = 0.05
    block_s: float = 0.001
    samples: int = 10
    least_samples: int = 1
    min_s: float = 0.5
    max_s: float = 3.0
    precision: float = 0.01

    def within(self, seconds: float) -> Task:
        """Return the same with no more than so many seconds of samples, and a warm-up that leaves room for them."""
        most = max(min(self.max_s, seconds), 0.0)
        return replace(
            self,
            warmup_s=min(self.warmup_s, most / 4),
            block_s=min(self.block_s, max(most / 10, 1e-5)),
            min_s=min(self.min_s, most / 2),
            max_s=most,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one child is to do: rows one by one, or groups of rows whose blocks take turns.

    `seconds` bounds all of the measuring. `cold` asks for weights out of cache as well, `peaks` for the machine's roofs
    under these setups first, measured again with `refresh`. `cores` are counted here, by the parent: a child whose
    threads are bound sees only those of its own.
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
    cores: int = field(default_factory=cores)


def packable(op: Op) -> bool:
    """Whether a step is a convolution whose weights torch can lay out once for oneDNN: in 2-D and 3-D, padded evenly.

    A transposed one can be as well, and is no faster than in channels_last.
    """
    return isinstance(op, Conv) and len(op.windows) in (2, 3) and all(window.symmetric for window in op.windows)


def can_prepack(graph: Graph, setup: Setup) -> str | None:
    """Return why no weights can be laid out once for this graph under this setup, or None where they can.

    The one rule of the parent that plans variants, of the row that lists other layouts, and of the child that packs.
    """
    if setup.device not in ("auto", "cpu"):
        return "prepacked weights are oneDNN's: they are for the CPU"
    if setup.direction != "forward" or setup.mode != "eager":
        return "prepacked weights are for the eager forward: gradients and compilers take plain ones"
    if not any(packable(node.op) for node in graph.nodes):
        return "it has no convolution whose weights can be packed: use --layout channels_last"
    return None


def check_setup(*, threads: int, **words: str) -> Setup:
    """Return a setup from the words its options take. Raises SpecError for a word that is none, with the nearest."""
    allowed = {
        "device": DEVICES, "dtype": TIMED_DTYPES, "layout": LAYOUTS, "mode": MODES, "direction": tuple(PASSES),
    }  # fmt: skip
    for name, word in words.items():
        if name not in allowed:
            raise SpecError(f"a setup has no {name!r}{nearest(name, allowed)} (it has {', '.join(allowed)})")
        if word not in allowed[name]:
            raise SpecError(f"{name} is {', '.join(allowed[name])}, not {word!r}{nearest(word, allowed[name])}")
    return replace(Setup(threads=threads), **words)  # type: ignore[arg-type]
