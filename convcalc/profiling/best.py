"""`find_best`: which layout and mode is fastest for each layer, and the code that gets it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from convcalc.documents import plain
from convcalc.errors import SpecError
from convcalc.profiling.compare import compare_interleaved
from convcalc.profiling.intervals import FASTER
from convcalc.profiling.plan import LAYOUTS, Job, Setup, can_prepack
from convcalc.profiling.report import DEFAULT
from convcalc.profiling.row import Row, documents
from convcalc.profiling.run import Limits, Run, jobs
from convcalc.profiling.status import MISTRUSTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.graph import Graph
    from convcalc.profiling.progress import Progress

CHANNELS_LAST = {2: "torch.channels_last", 3: "torch.channels_last_3d"}
DTYPES = {"fp32": "torch.float32", "bf16": "torch.bfloat16", "fp16": "torch.float16"}


@dataclass(frozen=True, slots=True)
class BestRow:
    """One layer under every setup that it can have, the default first."""

    rows: tuple[Row, ...]

    @property
    def default(self) -> Row:
        """The first setup's row."""
        return self.rows[0]

    @property
    def fastest(self) -> Row | None:
        """The row of the least time whose output is right; None where none ran."""
        able = [row for row in self.rows if row.timing.median_s and row.status != MISTRUSTED]
        return min(able, key=self._seconds, default=None)

    def _seconds(self, row: Row) -> float:
        """Seconds by the ratio to the default, in whose rounds it ran."""
        ratio, base = row.comparison.time_ratio if row.comparison else None, self.default.timing.median_s
        return ratio * base if ratio is not None and base is not None else row.timing.median_s or 0.0

    @property
    def gain(self) -> Row | None:
        """The fastest row where it is faster than the default beyond doubt."""
        fastest = self.fastest
        if fastest is None or fastest is self.default:
            return None
        faster = fastest.comparison is not None and fastest.comparison.verdict == FASTER
        return fastest if faster or not self.default.timing.median_s else None

    @property
    def best(self) -> str:
        """What is fastest, in words."""
        if self.gain is not None:
            return self.gain.identity.setup.differs(self.default.identity.setup)
        return "the default" if self.fastest is not None else "none ran"

    @property
    def code(self) -> list[str]:
        """The lines that give the layer the fastest setup; none for the default, and for a whole."""
        if self.gain is None or self.default.whole:
            return []
        return code(self.gain.identity.setup, self.default)


@dataclass(frozen=True, slots=True)
class BestReport:
    """The layers that were done, the default setup on the device that was there, how many layers were asked for.

    `left_out` are sentences on the variants that cannot be had here, for which layers and why.
    """

    layers: tuple[BestRow, ...]
    run: Run
    default: Setup
    layer_count: int
    left_out: tuple[str, ...] = ()

    @property
    def rows(self) -> list[Row]:
        """Every row of every layer, with its setup in words."""
        return [
            replace(row, variant=row.identity.setup.differs(self.default) or DEFAULT)
            for layer in self.layers
            for row in layer.rows
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document without its envelope."""
        document: dict[str, Any] = plain(
            {
                "machine": self.run.machine,
                "layers": [
                    {
                        **replace(layer.default, comparison=None).to_dict(index),
                        "best": layer.best,
                        "code": layer.code,
                        "variants": documents(layer.rows),
                    }
                    for index, layer in enumerate(self.layers)
                ],
            }
        )
        return document


def layouts(text: str) -> str:
    """Return the layouts `--best` tries: those asked for, or all where none was. Raises SpecError."""
    if text.split(",", maxsplit=1)[0].strip() == "prepacked":
        raise SpecError("--best compares with the first layout, which every layer must have: begin with another")
    return ",".join(LAYOUTS) if text == "nchw" else text


def gpu_setups(setups: Sequence[Setup]) -> list[Setup]:
    """Return setups with what a GPU can have beside them: cuDNN's search and compiled code, for each layout.

    They are for that device alone: where another is, they are not tried.
    """
    more = [
        replace(setup, device="cuda", mode=mode)
        for mode in ("search", "compile")
        for setup in setups
        if setup.device in ("auto", "cuda") and setup.layout != "prepacked"
    ]
    return [*setups, *more]


def find_best(
    graphs: Sequence[Graph], setups: Sequence[Setup], depth: int, limits: Limits, progress: Progress | None = None
) -> BestReport:
    """Time every layer under every setup it can have, in turns. Raises SpecError where there is nothing to choose."""
    if len({setup.direction for setup in setups}) > 1:
        raise SpecError("--best compares variants of one pass: give --pass forward, backward or both")
    if len(setups) < 2:
        raise SpecError("--best needs variants to choose from: --layout, --mode, --dtype or --threads with a list")
    groups = [
        [replace(job, setup=setup) for setup in setups if _possible(job, setup)]
        for job in jobs(graphs, depth, setups[0])
    ]
    run, results = compare_interleaved(groups, limits, progress)
    default = run.setup_on_device(setups[0])
    layers = []
    missing: dict[tuple[str, str], list[Row]] = {}
    for number, rows in results.items():
        # On the device that `auto` turned out to be, some setups could not be had at all.
        there = [
            row
            for job, row in zip(groups[number], rows, strict=True)
            if run.is_on_device(job.setup) and _possible(job, run.setup_on_device(job.setup))
        ]
        for row in there[1:]:
            if row.failed:
                missing.setdefault((row.identity.setup.differs(default), row.reasons[0]), []).append(row)
        layers.append(BestRow((there[0], *(row for row in there[1:] if not row.failed))))
    left_out = tuple(
        f"left out: {variant} for {', '.join(row.label or 'the whole' for row in rows)}: {reason}"
        for (variant, reason), rows in missing.items()
    )
    return BestReport(tuple(layers), run, default, len(groups), left_out)


def _possible(job: Job, setup: Setup) -> bool:
    """Whether a layer can have a setup at all."""
    if setup.mode == "search" and not job.graph.convolutions:
        return False
    return setup.layout != "prepacked" or can_prepack(job.graph, setup) is None


def code(setup: Setup, default: Row) -> list[str]:
    """Return the lines that give a layer this setup, for a module `layer` and its input `x`."""
    lines = []
    before, rank, packing = default.identity.setup, len(default.identity.input[0]) - 2, default.packing
    if setup.threads != before.threads:
        lines.append(f"torch.set_num_threads({setup.threads})")
    if setup.dtype != before.dtype:
        lines.append(f"layer, x = layer.to({DTYPES[setup.dtype]}), x.to({DTYPES[setup.dtype]})")
    if setup.layout != before.layout and rank in CHANNELS_LAST:
        form = CHANNELS_LAST[rank] if setup.layout != "nchw" else "torch.contiguous_format"
        lines.append(f"layer, x = layer.to(memory_format={form}), x.contiguous(memory_format={form})")
    if setup.layout == "prepacked" and packing is None:
        lines.append("# and each convolution in it packed, as for a layer that is one (--depth 2 may show them)")
    elif setup.layout == "prepacked" and packing is not None:
        numbers = ", ".join(str(packing[name]) for name in ("padding", "stride", "dilation", "groups"))
        lines += [
            f"packed = torch._C._nn.mkldnn_reorder_conv{rank}d_weight("
            f"layer.weight.detach().contiguous().to_mkldnn(), {numbers}, x.shape)",
            f"y = torch.ops.mkldnn._convolution_pointwise(x, packed, layer.bias, {numbers}, 'none', [], '')",
        ]
    if setup.mode == "compile":
        lines.append("layer = torch.compile(layer)")
    if setup.mode == "search":
        lines.append("torch.backends.cudnn.benchmark, torch.backends.cudnn.benchmark_limit = True, 0")
    return lines
