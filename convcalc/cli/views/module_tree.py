"""`tree_tables`: the modules of a model as an indented tree, or the largest of them one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from convcalc.analyses.counts.modules import FP32
from convcalc.analyses.counts.traffic import intensity
from convcalc.analyses.field.receptive import size_text
from convcalc.analyses.module_tree import Line
from convcalc.cli.views.counts import at_least_line, shape_text, total_label, trainable_text
from convcalc.cli.views.receptive_field import joined
from convcalc.errors import SpecError, nearest
from convcalc.render.table import Column, Shown, Table, shown
from convcalc.sizes import total
from convcalc.units import count, exactly, figures, percent, plural, seconds, share, size_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.analyses.counts.modules import ModuleRow
    from convcalc.analyses.layer_answers import SummaryReport
    from convcalc.analyses.module_tree import ModuleTree
    from convcalc.graph import Value


NAME: Final = Column("name", "module", shown)
LAYER: Final = Column("layer", "layer")
TIME: Final = Column("median_s", "time", lambda time: "-" if time is None else seconds(time), right=True)
CHOICES: Final[dict[str, Column]] = {
    "input": Column("input", "input"),
    "output": Column("output", "output"),
    "kernel": Column("kernel", "kernel"),
    "params": Column("params", "params", count, right=True),
    "params%": Column("params_share", "params %", percent, right=True),
    "trainable": Column("trainable", "trainable", count, right=True),
    "param-bytes": Column("param_bytes", "param bytes", size_of, right=True),
    "macs": Column("macs", "MACs", count, right=True),
    "macs%": Column("macs_share", "MACs %", percent, right=True),
    "other": Column("other", "other", count, right=True),
    "bytes": Column("activation_bytes", "activations", size_of, right=True),
    "field": Column("size", "field", right=True),
    "jump": Column("jump", "jump", right=True),
    "intensity": Column("flops_per_byte", "FLOP/B", figures, right=True),
    "time": TIME,
}
"""Columns by the names of --columns."""
USUAL: Final = ("output", "params", "params%", "macs", "macs%", "other", "field", "jump")
DROPPED: Final = ("other", "jump", "params_share", "size", "macs_share", "params", "layer")
"""Keys of columns, in the order in which a narrow terminal goes without them."""


MAX_SHAPES: Final = 2
"""More different outputs than these are shown by the first and the last."""
UNORDERED: Final = ("input", "output", "kernel", "field", "jump")
"""Columns that are no numbers to sort by."""


class Order(NamedTuple):
    """By which column modules are sorted, and how many are shown."""

    key: str
    ascending: bool = False
    top: int | None = None


def columns(text: str | None) -> tuple[Column, ...]:
    """Return the columns of a comma list. Raises SpecError for a name that is none."""
    names = USUAL if text is None else [part.strip().lower().replace(" ", "") for part in text.split(",")]
    for name in names:
        if name not in CHOICES:
            raise SpecError(f"there is no column {name!r}{nearest(name, CHOICES)} (there are {', '.join(CHOICES)})")
    return tuple(CHOICES[name] for name in dict.fromkeys(names))


def order(text: str | None, top: int | None) -> Order | None:
    """Return what --sort and --top ask for: largest first, `:asc` the other way. Raises SpecError."""
    if text is None:
        return None if top is None else Order("macs", top=top)
    name, _, direction = text.lower().partition(":")
    sortable = [key for key in CHOICES if key not in UNORDERED]
    if name not in sortable:
        raise SpecError(f"--sort takes {', '.join(sortable)}, not {name!r}{nearest(name, sortable)}")
    if direction not in ("", "asc", "desc"):
        raise SpecError(f"--sort {text}: after the colon comes asc or desc")
    return Order(CHOICES[name].key, direction == "asc", top)


def tree_tables(report: SummaryReport, shown: tuple[Column, ...], sorting: Order | None = None) -> list[Table]:
    """Return the modules of each block as a tree, or with an order those without parts one after another."""
    tables = []
    for tree in report.trees:
        head = [tree.block.subject.reading]
        if sorting is None:
            rows = [_cells(tree, line, report) for line in tree.lines]
            deeper = tree.deepest > tree.shown_depth
            foot = [f"depth {tree.shown_depth} of {tree.deepest} (--depth shows more)"] if deeper else []
        else:
            every = [_cells(tree, Line(row, row, (row.path,)), report, whole_name=True) for row in tree.leaves]
            every.sort(key=lambda cells: cells[sorting.key] or 0, reverse=not sorting.ascending)
            rows = every[: sorting.top]
            foot = [f"{len(rows)} of {plural(len(every), 'module')} without parts"] if len(rows) < len(every) else []
        tables.append(Table(columns=(NAME, LAYER, *shown), rows=rows, head=head, foot=foot, droppable=DROPPED))
    last = tables[-1]
    tables[-1] = last._replace(total=_totals(report), foot=[*last.foot, *_feet(report)])
    return tables


def _cells(tree: ModuleTree, line: Line, report: SummaryReport, *, whole_name: bool = False) -> dict[str, Any]:
    row, counts = line.row, report.counts
    outputs = line.last.outputs
    receptives = tree.field.of_value(outputs[-1]) if tree.field is not None and outputs else []
    return {
        "name": _name(row, line, whole=whole_name),
        "layer": line.kind + _marks(row),
        "input": shape_text(row.inputs),
        "output": _shapes(outputs),
        "kernel": "x".join(str(window.kernel) for window in row.windows),
        "params": row.params.total * row.times,
        "params_share": share(row.params.total * row.times, counts.params.total),
        "trainable": row.params.trainable * row.times,
        "param_bytes": FP32 * row.params.total * row.times,
        "macs": row.macs * row.times,
        "macs_share": share(row.macs * row.times, counts.macs),
        "other": total(row.other.values()) * row.times,
        "activation_bytes": row.made_bytes * row.times,
        "size": " + ".join(size_text(receptive) for _, receptive in receptives),
        "jump": joined(receptives[0][1].jump) if receptives else "",
        "flops_per_byte": intensity(row.macs, row.moved_bytes),
        "median_s": tree.time_of(line.members),
        "times": row.times,
        "each": {
            "params": row.params.total, "trainable": row.params.trainable, "param_bytes": FP32 * row.params.total,
            "macs": row.macs, "other": total(row.other.values()), "activation_bytes": row.made_bytes,
        },
    }  # fmt: skip


def _shapes(values: Sequence[Value]) -> str:
    """The shapes a module gives, those of several calls once."""
    by_shape = {value.shape: value for value in values}
    if len(by_shape) > MAX_SHAPES:  # a list of modules gives what each of them gives
        first, *_, last = by_shape.values()
        return f"{shape_text((first,))} .. {shape_text((last,))}"
    return shape_text(tuple(by_shape.values())) if by_shape else "-"


def _name(row: ModuleRow, line: Line, *, whole: bool) -> Shown:
    """A module's name; in a table only the last of its parts, as far to the right as it lies deep."""
    name = row.name if line.copies == 1 else ".".join((*row.path[:-1], line.label))
    return Shown.of(name, row.name if whole else "  " * (len(row.path) - 1) + line.label)


def _marks(row: ModuleRow) -> str:
    """What is out of the ordinary: weights of another module, parameters that nothing reads."""
    marks = ["shared weights"] if row.borrowed and not row.parts else []
    if row.unused and not row.parts:
        marks.append("not used" if not row.outputs else f"{plural(row.unused, 'parameter')} not used")
    return f" ({', '.join(marks)})" if marks else ""


def _totals(report: SummaryReport) -> dict[str, Any]:
    counts = report.counts
    params, trees = counts.params, report.trees
    made = total(row.made_bytes * row.times for tree in trees for row in tree.rows if len(row.path) == 1)
    return {
        "name": total_label(counts),
        "params": params.total,
        "trainable": params.trainable,
        "param_bytes": FP32 * params.total,
        "macs": counts.macs,
        "other": total(counts.other.values()),
        "activation_bytes": made,
        "median_s": sum(times) if (times := [_top_time(tree) for tree in trees]) and None not in times else None,
    }


def _top_time(tree: ModuleTree) -> float | None:
    """The measured time of the outermost modules one after another."""
    return tree.time_of([row.path for row in tree.rows if len(row.path) == 1])


def _feet(report: SummaryReport) -> list[str]:
    counts = report.counts
    params = counts.params
    return [
        f"{exactly(params.total)} parameters ({trainable_text(params)}), {size_of(FP32 * params.total)} in fp32,"
        f" buffers {size_of(report.buffer_bytes)}",
        f"{exactly(counts.macs)} MACs = {exactly(counts.flops)} FLOPs (2 x MACs)",
        *at_least_line(counts.at_least, "all"),
    ]
