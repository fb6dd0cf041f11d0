"""`convcalc profile --best`: which layout and mode is fastest for each layer, and the code that gets it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from convcalc.cli import contest
from convcalc.cli.app import INTERRUPTED, MISUSED
from convcalc.cli.contest import Entrant
from convcalc.cli.options import Format, emit, once_interrupted
from convcalc.cli.report import hints
from convcalc.cli.timed import Limits, jobs
from convcalc.cli.timetables import compiling, failures, optional_seconds, worth
from convcalc.errors import SpecError
from convcalc.profiling.intervals import FASTER
from convcalc.profiling.plan import LAYOUTS, Job, Setup, from_dict, packable
from convcalc.profiling.status import FAILED, MISTRUSTED
from convcalc.render.table import Answer, Column, Table
from convcalc.spec.assemble import Stack
from convcalc.units import figures, plural

LAST = {2: "torch.channels_last", 3: "torch.channels_last_3d"}
DTYPES = {"fp32": "torch.float32", "bf16": "torch.bfloat16", "fp16": "torch.float16"}
COLUMNS = (
    Column("name", "#"),
    Column("spec", "layer"),
    Column("default_s", "default", optional_seconds, right=True),
    Column("best", "fastest"),
    Column("median_s", "its time", optional_seconds, right=True),
    Column("speedup", "speed-up"),
    Column("implementation", "kernel", lambda text: text or "-"),
)


def layouts(asked: str) -> str:
    """Return the layouts `--best` tries: those asked for, or all where none was. Raises SpecError."""
    if asked.split(",", maxsplit=1)[0].strip() == "prepacked":
        raise SpecError("--best compares with the first layout, which every layer must have: begin with another")
    return ",".join(LAYOUTS) if asked == "nchw" else asked


def command(
    found: Sequence[Stack], wanted: Sequence[Setup], depth: int, limits: Limits, form: Format, out: str | None
) -> int:
    """Time every variant of each layer in turns, and print the fastest with its gain over the first."""
    if len({setup.direction for setup in wanted}) > 1:
        raise SpecError("--best compares variants of one pass: give --pass forward, backward or both")
    if len(wanted) < 2:
        raise SpecError("--best needs variants to choose from: --layout, --mode, --dtype or --threads with a list")
    groups = [[replace(job, setup=one) for one in wanted if _fits(one, job)] for job in jobs(found, depth, wanted[0])]
    run, results = contest.contest(groups, limits)
    rows = [_row(entrants) for entrants in results]
    default = replace(wanted[0], device=run.machine.get("device", wanted[0].device))
    each = [{**one.row, "variant": _setup(one).differs(default) or "default"} for some in results for one in some]
    tried = "; ".join(dict.fromkeys(row["variant"] for row in each))
    head = [
        f"{run.machine.get('name', '')}, default: {default.words()}; tried in turns: {tried}",
        *dict.fromkeys(stack.reading for stack in found),
    ]
    failed = [{**row, "spec": f"{row['spec']} ({row['variant']})"} for row in each if row["status"] == FAILED]
    foot = [
        *_codes(rows),
        *compiling(each),
        *worth(each),
        "speed-up: default / fastest, with its 95% interval; a gain within 2% is none",
    ]
    document: dict[str, Any] = {
        "machine": run.machine,
        "layers": [_detail(row, entrants) for row, entrants in zip(rows, results, strict=True)],
    }
    told = [*hints(found), *run.hints, *failures(failed)]
    if run.interrupted:
        told.append(f"interrupted: {plural(len(results), 'row')} of {len(groups)} done")
    with once_interrupted(run.interrupted):
        emitted = emit(Answer("profile", document, [Table(COLUMNS, rows, head=head, foot=foot)], hints=told), form, out)
    if run.interrupted:
        return INTERRUPTED
    return MISUSED if failed else emitted


def _row(entrants: Sequence[Entrant]) -> dict[str, Any]:
    """One layer: the default, the fastest that is faster beyond doubt, and the code for that."""
    first, best = entrants[0], _fastest(entrants)
    won = best is not None and best is not first and (best.verdict == FASTER or not first.row["median_s"])
    chosen = best if won and best is not None else first
    whole = first.row["whole"]
    return {
        "name": "" if whole else first.row["name"],
        "spec": first.row["spec"],
        "default_s": first.row["median_s"],
        "best": _setup(chosen).differs(_setup(first)) if won else "the default" if best else "none ran",
        "median_s": chosen.row["median_s"],
        "speedup": _gain(chosen) if won else "-",
        "implementation": chosen.row["implementation"],
        "code": code(_setup(chosen), _setup(first), first.row) if won and not whole else [],
    }


def _detail(row: dict[str, Any], entrants: Sequence[Entrant]) -> dict[str, Any]:
    return {
        **entrants[0].row,
        "best": row["best"],
        "code": row["code"],
        "variants": [{**one.row, **contest.as_dict(one)} for one in entrants],
    }


def _fits(setup: Setup, job: Job) -> bool:
    """Whether a layer can have a setup at all: only some convolutions can be packed, and for the forward."""
    packs = (
        setup.direction == "forward" and setup.mode == "eager" and any(packable(node.op) for node in job.graph.nodes)
    )
    return setup.layout != "prepacked" or packs


def _fastest(entrants: Sequence[Entrant]) -> Entrant | None:
    """The one of the least time whose output is right."""
    able = [one for one in entrants if one.row["median_s"] and one.row["status"] not in (FAILED, MISTRUSTED)]
    return min(
        able, key=lambda one: one.row["median_s"] if one.ratio is None else _against(one, entrants), default=None
    )


def _against(one: Entrant, entrants: Sequence[Entrant]) -> float:
    """Seconds by the ratio to the default, in whose rounds it ran."""
    assert one.ratio is not None
    return float(one.ratio.value * entrants[0].row["median_s"])


def _setup(entrant: Entrant) -> Setup:
    return from_dict(entrant.row["setup"])


def _codes(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The code of each setup once, below the rows that it is for."""
    found: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        if row["code"]:
            found.setdefault(tuple(row["code"]), []).append(row["name"])
    return [
        line for code_, names in found.items() for line in (f"{', '.join(names)}:", *(f"    {part}" for part in code_))
    ]


def _gain(best: Entrant) -> str:
    if best.ratio is None:
        return "the default failed"
    value, low, high = best.ratio
    return f"{figures(1 / value)}x [{figures(1 / high)}, {figures(1 / low)}]"


def code(setup: Setup, default: Setup, row: dict[str, Any]) -> list[str]:
    """Return the lines that give a layer this setup, for a module `layer` and its input `x`."""
    lines = []
    rank = len(row["input"][0]) - 2
    if setup.threads != default.threads:
        lines.append(f"torch.set_num_threads({setup.threads})")
    if setup.dtype != default.dtype:
        lines.append(f"layer, x = layer.to({DTYPES[setup.dtype]}), x.to({DTYPES[setup.dtype]})")
    if setup.layout != default.layout and rank in LAST:
        form = LAST[rank] if setup.layout != "nchw" else "torch.contiguous_format"
        lines.append(f"layer, x = layer.to(memory_format={form}), x.contiguous(memory_format={form})")
    if setup.layout == "prepacked" and row["packing"] is None:
        lines.append("# and each convolution in it packed, as for a layer that is one (--depth 2 may show them)")
    elif setup.layout == "prepacked":
        numbers = ", ".join(str(row["packing"][name]) for name in ("padding", "stride", "dilation", "groups"))
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
