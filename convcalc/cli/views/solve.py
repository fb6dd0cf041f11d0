"""`solution_table`: layers that turn one size into another; `fit_tables`: inputs that fit a stack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from convcalc.analyses.sweep import runs
from convcalc.render.table import Column, Table
from convcalc.shapes import show
from convcalc.units import plural

if TYPE_CHECKING:
    from convcalc.analyses.inverse import Bounds
    from convcalc.analyses.inverse_report import SolveReport
    from convcalc.analyses.model_fit import ModelFit
    from convcalc.analyses.sweep import FitReport, LossReport

MAX_RUNS: Final = 8
ENDLESS: Final = 2**60


def _per_axis(value: int | list[int]) -> str:
    """One number, or one per axis."""
    return "x".join(map(str, value)) if isinstance(value, list) else str(value)


LAYERS = (
    Column("layer", "layer"),
    Column("lost", "lost", lambda lost: "x".join(map(str, lost)) if any(lost) else "-", right=True),
    Column("relationship", "relationship", _per_axis, right=True),
)
TRANSPOSED = (
    Column("layer", "layer"),
    Column("even", "overlap", lambda even: "even" if even else "uneven"),
    Column("direct", "the same as"),
)
AXES = (
    Column("axis", "axis"),
    Column("smallest", "smallest", lambda size: "-" if size is None else str(size), right=True),
    Column("gives", "gives", lambda size: "-" if size is None else str(size), right=True),
    Column("fit", "inputs that fit"),
    Column("giving", "giving --out", lambda sizes: _runs_text(sizes, ENDLESS)),
)
LOSSES = (
    Column("layer", "layer"),
    Column("input", "input", show),
    Column("lost", "never read at the end", lambda lost: " x ".join(map(str, lost))),
)
SAMES = (
    Column("name", "padding"),
    Column("before", "before", lambda sides: " x ".join(map(str, sides))),
    Column("after", "after", lambda sides: " x ".join(map(str, sides))),
    Column("outputs", "output", show),
)


def solution_table(report: SolveReport, limit: int) -> Table:
    """Return the first `limit` layers, and within which bounds the list is complete."""
    count = len(report.solutions)
    kind = "transposed convolution" if report.transposed else "convolution"
    turns = "turns" if count == 1 else "turn"
    title = f"{plural(count, kind)} {turns} {show(report.sizes)} into {show(report.outputs)}"
    foot = [_bounds_text(report.bounds, len(report.sizes))]
    if count > limit:
        foot.insert(0, f"{count - limit} more: --top {count} or --format json lists them")
    if not count:
        foot.insert(0, "none within these bounds: widen them, or leave a value open")
        if len({*zip(report.sizes, report.outputs, strict=True)}) > 1:
            foot.insert(1, "kernel, stride and dilation were alike on all axes: --stride 2x1 gives them per axis")
        if report.grows and not report.transposed:
            foot.insert(1, "the output is larger than the input: --transposed searches transposed convolutions")
    columns = TRANSPOSED if report.transposed else LAYERS
    return Table(columns=columns, rows=report.rows()[:limit], head=[title], foot=foot)


def _bounds_text(bounds: Bounds, rank: int) -> str:
    """The bounds in words: within them the list is complete."""
    named = (("kernel", bounds.kernels), ("stride", bounds.strides), ("dilation", bounds.dilations))
    words = [f"{name} {show(v[0])}" + (f" to {show(v[-1])}" if len(v) > 1 else "") for name, v in named]
    alike = "" if rank == 1 else " (alike on all axes where that gives it, else each axis its own)"
    if bounds.padding is None:
        pads = f"up to the effective kernel less one on a side, alike on both or one more at the end{alike}"
    else:
        pads = show(bounds.padding)
    searched = any(len(values) > 1 for _, values in named)
    return f"complete for {', '.join(words)}{', alike on all axes' if rank > 1 and searched else ''}, padding {pads}"


def fit_tables(report: FitReport) -> list[Table]:
    """Return the inputs that fit, and at the size that was given what floor drops and how the layer may be padded."""
    rows = []
    for axis in report.axes[:1] if report.alike else report.axes:
        name = "each" if report.alike and len(report.axes) > 1 else axis.name
        row: dict[str, Any] = {"axis": name, "smallest": axis.smallest, "gives": axis.gives}
        row["fit"] = _runs_text(axis.valid, report.limit)
        rows.append({**row, **({"giving": axis.giving} if axis.giving is not None else {})})
    why = report.collapses
    foot = [f"one less collapses: {why}"] if why and report.minimum else [f"nothing fits: {why}"] if why else []
    for axis in report.axes:
        if axis.nearest:
            near = ", ".join(map(str, axis.nearest))
            foot.append(f"{axis.name}: no input up to {report.limit} gives {axis.wanted} (nearest: {near})")
    head = [f"input sizes up to {report.limit}, each axis by itself (the others keep {show(report.others)})"]
    columns = AXES if report.wanted else AXES[:-1]
    tables = [Table(columns=columns, rows=rows, head=head, foot=foot, name="inputs")]
    return [*tables, *(_loss_tables(report.losses) if report.losses is not None else [])]


def model_fit_table(report: ModelFit) -> Table:
    """Return the sizes that a model takes, of those it was tried on."""
    around = report.neighbours
    fit = [size for size in around if size in report.outputs]
    row: dict[str, Any] = {"axis": "each", "smallest": report.smallest, "giving": report.giving or []}
    row["fit"] = f"of {around[0]} to {around[-1]}: {'all' if len(fit) == len(around) else _runs_text(fit, ENDLESS)}"
    row["gives"] = None if report.smallest is None else show(report.outputs[report.smallest][1:])
    head = [f"{plural(len(report.tried), 'size')} tried, alike on all axes; the smallest is of those"]
    below = max((size for size in report.refusals if size < (report.smallest or 0)), default=None)
    named = [*([below] if below else []), *(size for size in around if size in report.refusals)][:3]
    foot = [f"{size}: {report.refusals[size]}" for size in named]
    columns = AXES if report.wanted else AXES[:-1]
    return Table(columns=columns, rows=[row], head=head, foot=foot, name="inputs")


def _loss_tables(report: LossReport) -> list[Table]:
    spatial = show(report.input[2:])
    sides = [side for side in (report.below, report.above) if None not in side]
    near = " and ".join(show(tuple(size or 0 for size in side)) for side in sides)
    if report.losses:
        rows = [
            {
                "layer": f"{loss.layer.name} {loss.layer.scope.text}".strip(),
                "input": loss.layer.inputs[0].spatial,
                "lost": loss.lost,
            }
            for loss in report.losses
        ]
        foot = [f"the nearest inputs of which nothing is dropped: {near}" if near else "every size drops something"]
        head = [f"dropped by floor at {spatial}:"]
        tables = [Table(columns=LOSSES, rows=rows, head=head, foot=foot, name="dropped")]
    else:
        tables = [Table(columns=(), rows=(), head=[f"nothing is dropped by floor at {spatial}"])]
    if report.sames:
        rows = [same._asdict() for same in report.sames]
        tables.append(Table(columns=SAMES, rows=rows, head=["ways to pad this layer:"], name="padding"))
    return tables


def _runs_text(sizes: Sequence[int], limit: int) -> str:
    """Sizes in words: every size from 61 on, 16 to 48 in steps of 16."""
    parts = []
    every = runs(sizes)
    for first, last, step in every[:MAX_RUNS]:
        if first == last:
            parts.append(str(first))
        else:
            end = "on" if last + step > limit else f"to {last}"
            parts.append(f"from {first} {end}" + ("" if step == 1 else f" in steps of {step}"))
    more = f" and {plural(len(every) - MAX_RUNS, 'run')} more" if len(every) > MAX_RUNS else ""
    return ", ".join(parts) + more or "none"
