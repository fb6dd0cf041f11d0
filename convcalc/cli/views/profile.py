"""`row_tables`: timed rows: how long, how near the roofs, and on request everything else that was recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from convcalc.profiling.fields import columns
from convcalc.profiling.row import Row, shape_text
from convcalc.render.table import Column, Shown, Table, shown
from convcalc.units import count, dashed, figures, percent, seconds, share, size_of

if TYPE_CHECKING:
    from convcalc.profiling.observation import Kernel

MAX_ROWS_NAMED: Final = 5
MIN_SPREAD_SAMPLES: Final = 3
LEAST_SHARE: Final = 0.01
"""Less of a row's kernels is not told in its cell."""
UNEVEN_RATIO: Final = 2.0
"""Past this ratio of the whole to the sum of its layers one of them was disturbed."""

optional_seconds = dashed(seconds)
"""A time, or - where there is none."""


class Unit(NamedTuple):
    """How values of a column are written: what stands behind its heading, what they are divided by, their decimals."""

    suffix: str
    scale: float = 1.0
    decimals: int = 1

    def text(self, value: float | None) -> str:
        """Return a value in this unit; - where there is none."""
        return "-" if value is None else f"{value / self.scale:,.{self.decimals}f}"


TIME_UNITS: Final = (Unit("s", 1.0, 3), Unit("ms", 1e-3, 3), Unit("µs", 1e-6, 1))
UNITS: Final = {
    "share": Unit("%", 0.01),
    "FLOP/s": Unit("", 1e9),
    "B/s": Unit("", 1e9),
    "1/s": Unit("", 1.0, 0),
    "ratio": Unit("x", 1.0, 3),
}
"""Units by those of the fields; the headings of rates name theirs."""
SHOW: Final[dict[str, Callable[[Any], str]]] = {
    "count": count,
    "B": dashed(size_of),
    "number": dashed(figures),
    "FLOP/B": dashed(figures),
}
"""How other values are written; text as it is."""
TIME = ("macs", "median_s", "spread", "cold_median_s")
ON_DEVICE = ("eager_s", "graph_s")
"""What an accelerator's rows tell beside their time."""
ROOFS = ("flops_per_s", "bytes_per_s", "fraction_of_attainable", "bound", "implementation")
DROPPED = ("bytes_per_s", "macs", "graph_s", "images_per_s", "cold_median_s", "share", "eager_s")
"""Keys of columns, in the order in which a narrow terminal goes without them."""
FOLDED = 22
"""Characters to which the layer and its kernel may fold at the least."""
DETAILS = (
    "macs_share", "cold_fraction", "flops", "bytes", "intensity", "useful_flops_per_s", "attainable_flops_per_s",
    "roof_numbers",
    "p20_s", "p80_s", "min_s", "samples", "calls", "outliers", "first_s", "page_faults_per_call", "preemptions",
    "run_queue_delay", "steal", "yardstick_after_over_before", "reorder_share", "kernel_share",
)  # fmt: skip
READINGS: Final = {"clocks.sm": ("clock MHz", 0), "power.draw": ("power W", 1), "temperature.gpu": ("°C", 0)}
"""What nvidia-smi tells of a row's moment, by its name: the heading and the decimals."""
PAIR = ("time_ratio", "verdict")


def time_unit(rows: Sequence[Row]) -> Unit:
    """Return the unit in which the times of all rows are read best."""
    times = [row.timing.median_s for row in rows if row.timing.median_s]
    least = min(times, default=0.0)
    return next((unit for unit in TIME_UNITS if least >= unit.scale), TIME_UNITS[-1])


def columns_of(unit: Unit, *tags: str) -> tuple[Column, ...]:
    """Return the table columns of a row's fields, with units in their headings; `unit` is that of times."""
    return tuple(OWN[tag](unit) if tag in OWN else _column(unit, tag) for tag in tags)


def _column(unit: Unit, tag: str) -> Column:
    declared = columns(Row)[tag]
    scale = unit if declared.unit == "s" else UNITS.get(declared.unit)
    if scale is None:
        return Column(tag, declared.heading, SHOW.get(declared.unit, dashed(str)), right=bool(declared.unit))
    return Column(tag, f"{declared.heading} {scale.suffix}".strip(), scale.text, right=True)


OWN: Final[dict[str, Callable[[Unit], Column]]] = {
    "spread": lambda _: Column("spread", "± %", UNITS["share"].text, right=True),
    "implementation": lambda _: Column("implementation", "kernel, its share", shown),
    "checked": lambda _: Column("checked", "checked against"),
    "eager_s": lambda unit: Column("eager_s", f"eager {unit.suffix}", unit.text, right=True),
    "graph_s": lambda unit: Column("graph_s", f"graph {unit.suffix}", unit.text, right=True),
}
"""Columns that are no single field of a row."""


def row_tables(
    rows: Sequence[Row], head: Sequence[str], foot: Sequence[str], *, details: bool, pair: bool = False
) -> list[Table]:
    """Return the table of times under the roofs, and with `details` a second with all else that was recorded."""
    unit, cells = time_unit(rows), [_cells(row) for row in rows]
    inputs = {str(row.identity.input) for row in rows if not row.whole}
    several = len(inputs) > 1 and any(row.identity.block for row in rows)
    lead = ["name", "spec", *(["input"] if several else [])]
    variants = ["variant"] if len({row.variant for row in rows}) > 1 else []
    batched = any(row.identity.input[0][0] > 1 for row in rows)
    there = [key for key in ON_DEVICE if any(key in (row.device_state or {}) for row in rows)]
    times = [*TIME[:-1], *([] if pair else TIME[-1:]), *there, *(["images_per_s"] if batched else [])]
    roofs = [*([] if pair else ["share"]), *ROOFS]
    last = [*(PAIR if pair else ()), "status"]
    table = Table(
        columns_of(unit, *lead, *variants, *times, *roofs, *last), cells, head=head, foot=() if details else foot,
        droppable=DROPPED, folded=FOLDED, elsewhere="--details and -f json have all",
        halves=((*lead, *variants, *times, *last), ("name", *variants, *roofs)),
    )  # fmt: skip
    if not details:
        return [table]
    table = table._replace(name="time")
    readings = tuple(
        Column(key, heading, Unit("", 1.0, decimals).text, right=True)
        for key, (heading, decimals) in READINGS.items()
        if any(key in (row.device_state or {}) for row in rows)
    )
    more = (*columns_of(unit, "name", *variants, *DETAILS, "checked"), *readings)
    return [table, Table(more, cells, foot=[*_kernel_lines(rows), *foot], name="details")]


def _cells(row: Row) -> dict[str, Any]:
    timing, check = row.timing, row.check
    spread = None
    if timing.interval_s and timing.median_s and timing.samples >= MIN_SPREAD_SAMPLES:
        spread = (timing.interval_s[1] - timing.interval_s[0]) / 2 / timing.median_s
    copies = f" (x{row.times})" if row.times > 1 and "times=" not in row.identity.spec else ""
    state = row.device_state or {}
    return {
        **row.to_json(),
        **{key: state.get(key) for key in (*ON_DEVICE, *READINGS)},
        "name": row.label or "whole",
        "spec": row.identity.spec + copies,
        "input": shape_text(row),
        "spread": spread,
        "implementation": Shown.of(row.implementation or "", kernel_cell(row)),
        "checked": "-"
        if check is None
        else check.against.replace("'s root mean square", " (relative RMS)")
        if check.verdict != "unchecked"
        else "not",
    }


def kernel_cell(row: Row) -> str:
    """Return the kernel that computes a row, its part of the kernels' time, and what layouts and the rest take."""
    name = (row.implementation or "-").partition(" +")[0]
    kernels = row.kernels.kernels
    whole, layouts = sum(kernel.seconds for kernel in kernels), row.kernels.reorder_share or 0.0
    working = [kernel.seconds for kernel in kernels if not kernel.reorder]
    if not whole or not working or len(kernels) == 1:
        return name
    first = max(working) / whole
    shares = {"": first, "layouts ": layouts, "rest ": 1 - first - layouts}
    return f"{name} " + ", ".join(f"{what}{part:.0%}" for what, part in shares.items() if part >= LEAST_SHARE)


def _kernel_text(kernel: Kernel, whole: float) -> str:
    layouts = f" ({kernel.layouts})" if kernel.layouts else ""
    return f"{kernel.implementation}{layouts} {percent(share(kernel.seconds, whole))}"


def _kernel_lines(rows: Sequence[Row]) -> list[str]:
    """Each kernel's layouts and part of the kernels' time, and the commands that run a row's convolution elsewhere."""
    lines = []
    for row in rows:
        kernels = row.kernels.kernels
        whole = sum(kernel.seconds for kernel in kernels)
        if kernels:
            texts = [_kernel_text(kernel, whole) for kernel in kernels]
            lines.append(f"{row.label or 'the whole'}: {', '.join(texts)}")
            if row.identity.setup.device != "cpu":  # whose names there are shortened
                lines += [f"  {kernel.implementation}: {kernel.name}" for kernel in kernels]
        if not row.whole:
            repros = [kernel.repro for kernel in kernels if kernel.repro]
            others = [line for tool, line in row.repro.items() if tool != "benchdnn" or not repros]
            lines += [f"  {line}" for line in (*repros, *others)]
    return lines
