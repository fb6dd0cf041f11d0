"""`rate_tables`: the rules of hdc-check with their numbers, coverage, a map; branches side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from convcalc.analyses.hdc.gridding import field_of
from convcalc.analyses.hdc.parallel import ParallelReport
from convcalc.analyses.hdc.report import HdcReport, SerialReport, together
from convcalc.limits import MAX_REPAIR_LAYERS, MAX_REPAIR_STEPS
from convcalc.render.table import Column, Picture, Table, Verdict
from convcalc.sizes import AXIS_NAMES
from convcalc.units import percent, plural, short

if TYPE_CHECKING:
    from convcalc.analyses.hdc.gridding import Exact
    from convcalc.analyses.hdc.report import AxisReport

MAX_VALUES: Final = 10
MAX_WRITTEN: Final = 12
MAX_TEETH: Final = 5
COLUMNS = (Column("rule", "rule"), Column("verdict", "verdict"), Column("numbers", "numbers"))
MAP_TITLE = "ways to each input position"
GROUP_NOTE = (
    "a group is a run of stride-1 convolutions on one path: strides, pools, resizes and merges end it, a residual"
    " addition does not (rf reads through everything)"
)


SAWTOOTH: Final = {
    "one tooth": ("pass", "one rising sequence"),
    "repeats": ("pass", "one rising sequence, repeated"),
    "no": ("FAIL", "the rates are not a repeated rising sequence"),
}
"""How the order of the rates is judged, by what the analysis calls it."""
RECURRENCE: Final = (
    "M_i of the paper (arXiv:1702.08502) stands for the largest gap between two inputs that layers i and above"
    " read, and is that for kernels of 3 and rates that do not fall:"
    " M_i = max(M_(i+1) - 2 r_i, 2 r_i - M_(i+1), r_i), and M_n = r_n"
)


class Drawing(NamedTuple):
    """Whether a map is drawn, and whether with ASCII characters only."""

    picture: bool
    ascii_only: bool


def rate_tables(report: HdcReport, rates: str, kernels: str, drawing: Drawing) -> list[Table]:
    """Return the tables of rates that were listed."""
    (group,) = report.groups
    assert isinstance(group, SerialReport)
    return _serial(group, f"rates {rates}, kernel {kernels}", drawing)


def layer_tables(report: HdcReport, drawing: Drawing) -> list[Table]:
    """Return the tables of every group of layers."""
    tables: list[Table] = []
    for group in report.groups:
        if isinstance(group, ParallelReport):
            tables.append(_parallel(group, drawing))
        else:
            tables += _serial(group, _title(group), drawing)
    tables[-1] = tables[-1]._replace(foot=[*tables[-1].foot, GROUP_NOTE])
    return tables


def written(values: Sequence[Any]) -> str:
    """Return values, each one number or one per axis, as they are typed."""
    texts = ["x".join(map(str, value)) if isinstance(value, tuple) else str(value) for value in values]
    if len(texts) <= MAX_WRITTEN:
        return ",".join(texts)
    return f"{','.join(texts[:MAX_WRITTEN])},... ({len(texts)} in all)"


def _title(group: SerialReport) -> str:
    gridding = group.axes[0].gridding
    numbers = f": rates {written(gridding.rates)}, kernels {written(gridding.kernels)}" if group.alike else ""
    title = f"layers {', '.join(layer.name for layer in group.layers)}{numbers}"
    jump = group.jump[0]
    if jump is None or jump == 1 or len(set(group.jump)) > 1:
        return title
    pixels = written([rate * jump for rate in gridding.rates])
    return f"{title}; one step is {jump} input pixels, so the rates are {pixels} pixels there"


def _serial(group: SerialReport, title: str, drawing: Drawing) -> list[Table]:
    """One table per axis where axes differ, with the map of the last two below the last."""
    names = AXIS_NAMES.get(len(group.axes), ("",))
    tables = []
    for axis, report in enumerate(group.axes[:1] if group.alike else group.axes):
        head = title if group.alike else f"{title}, {names[axis]} axis: {_layers(report)}"
        rows = _rules(report, group.axes if group.alike else [report])
        name = _listed(report.gridding.rates) + ("" if group.alike else f" ({names[axis]})")
        tables.append(
            Table(columns=COLUMNS, rows=rows, head=[head], foot=_feet(report), name=head, verdict=_answer(name, report))
        )
    if not group.alike:
        every = _joint([axis.gridding.exact for axis in group.axes])
        tables[-1] = tables[-1]._replace(foot=[*tables[-1].foot, f"all axes together: {every}"])
    counts = [axis.path_counts for axis in group.axes]
    if drawing.picture and None not in counts:
        terms = [tuple(axis for axis in counts[-2:] if axis is not None)]
        tables[-1] = tables[-1]._replace(picture=Picture(terms, MAP_TITLE, drawing.ascii_only))
    return tables


def _layers(report: AxisReport) -> str:
    return f"rates {_listed(report.gridding.rates)}, kernels {_listed(report.gridding.kernels)}"


def _listed(values: Sequence[int]) -> str:
    """A list, runs of one value as 3 (40 times)."""
    if len(values) <= MAX_VALUES:
        return ",".join(map(str, values))
    runs: list[list[int]] = []
    for value in values:
        if runs and runs[-1][0] == value:
            runs[-1][1] += 1
        else:
            runs.append([value, 1])
    texts = [str(value) if count == 1 else f"{value} ({count} times)" for value, count in runs]
    return ",".join(texts[:MAX_VALUES]) + (f",... ({len(values)} in all)" if len(texts) > MAX_VALUES else "")


def _verdict(holds: bool | None) -> str:
    return "-" if holds is None else "pass" if holds else "FAIL"


def _coverage(exact: Exact, axes: Sequence[Exact]) -> str:
    """What is reached in words, along one axis and over all of them."""
    line = f"{exact.reached:,} of {exact.receptive_field:,} positions ({percent(float(exact.coverage))})"
    return line if len(axes) == 1 else f"{line}; {_joint(axes)}"


def _answer(name: str, report: AxisReport) -> Verdict:
    """Whether there are holes, in one line."""
    exact = report.gridding.exact
    if exact.full:
        return Verdict(f"{name}: no holes, all {exact.receptive_field:,} positions are read", True)
    share = f"{exact.reached:,} of {exact.receptive_field:,} positions are read ({float(exact.coverage):.0%})"
    return Verdict(f"{name} leaves holes: {share}", False)


def _joint(axes: Sequence[Exact]) -> str:
    return _joint_text(*together(axes), len(axes))


def _joint_text(reached: int, size: int, rank: int) -> str:
    return f"{reached:,} of {size:,} in {rank}-D ({percent(reached / size)})"


def _rules(report: AxisReport, axes: Sequence[AxisReport]) -> list[dict[str, Any]]:
    gridding, exact = report.gridding, report.gridding.exact
    spans = "no rate is larger than the receptive field of the smaller rates"
    if gridding.gap is not None:
        spans = f"rate {gridding.gap.rate} is larger than {gridding.gap.span}, the field of the smaller rates"
    verdicts = [
        ("every input is read", _verdict(exact.full), _coverage(exact, [axis.gridding.exact for axis in axes])),
        ("rates and fields", _verdict(gridding.gap is None), spans),
    ]
    if report.path_counts is not None:
        counts = report.path_counts
        spread = f"relative spread {report.unevenness:.3f}"
        middle = f"{short(counts[len(counts) // 2])} in the centre"
        used = f"each input is used {short(min(counts))} to {short(max(counts))} times ({middle}), {spread}"
        verdicts.append(("evenness", "", used))
    verdicts += [
        ("paper: no common divisor", _verdict(gridding.no_common_divisor),
         f"the greatest common divisor is {gridding.divisor}"),
        ("paper: rising and repeating", SAWTOOTH[gridding.sawtooth][0], SAWTOOTH[gridding.sawtooth][1]),
        ("paper: M_2 at most K", _verdict(gridding.m2_within_kernel), _m2(report)),
        *_teeth(report),
    ]  # fmt: skip
    return [{"rule": rule, "verdict": verdict, "numbers": numbers} for rule, verdict, numbers in verdicts]


def _m2(report: AxisReport) -> str:
    gridding = report.gridding
    m2 = "a single layer has no M_2" if len(gridding.m) < 2 else f"M_2 = {gridding.m[1]}"
    if len(set(gridding.kernels)) > 1:
        return f"{m2}, but the kernels differ: the rule names one K"
    if len(gridding.m) < 2:
        return m2
    values = ", ".join(map(str, gridding.m[:MAX_VALUES])) + (", ..." if len(gridding.m) > MAX_VALUES else "")
    return f"{m2}, K = {gridding.kernels[0]}; M = {values}"


def _teeth(report: AxisReport) -> list[tuple[str, str, str]]:
    """Each rising run by itself, where there are several: information, the verdict is on the whole."""
    if len(report.gridding.teeth) < 2:
        return []
    rows = []
    for tooth in report.teeth[:MAX_TEETH]:
        often = f" ({tooth.times} times)" if tooth.times > 1 else ""
        rule = {True: "M_2 passes", False: "M_2 fails", None: "no M_2"}[tooth.gridding.m2_within_kernel]
        exact = tooth.gridding.exact
        numbers = f"by itself {_coverage(exact, [exact])}; {rule}"
        rows.append((f"rising sequence {_listed(tooth.rates)}{often}", "", numbers))
    return rows


def _feet(report: AxisReport) -> list[str]:
    gridding, exact = report.gridding, report.gridding.exact
    foot = [f"receptive field {exact.receptive_field:,}"]
    if gridding.dropped:
        foot.append(f"ignored: {plural(gridding.dropped, 'layer')} with 1x1 kernels")
    foot += _holes(exact)
    rule = gridding.m2_within_kernel
    if rule is True and not exact.full:
        foot.append("the paper's M_2 rule passes this stack although it has holes (it never looks at r_1)")
    if rule is False and exact.full:
        foot.append("the paper's M_2 rule fails this stack although every input is reached; exact decides")
    if len(gridding.m) > 1:
        foot.append(RECURRENCE)
    return [*foot, *(_suggestions(report) if report.suggest else [])]


def _holes(exact: Exact) -> list[str]:
    """One line that lists the positions never read, in runs."""
    if exact.full:
        return []
    runs, total = [], 0
    for first, last in exact.gaps():
        total += 1
        if total <= MAX_VALUES:
            runs.append(str(first) if first == last else f"{first}-{last}")
    more = f" and {total - MAX_VALUES:,} more" if total > MAX_VALUES else ""
    return [f"never read, counted from 0: {', '.join(runs)}{more}"]


def _suggestions(report: AxisReport) -> list[str]:
    """Which rates leave no hole: the nearest, or how many layers that needs."""
    gridding, near, other = report.gridding, report.repairs, report.replacement
    if near is not None and not near.lists:
        return [_no_search(len(gridding.rates))]
    if near is not None:
        lines = [f"no hole, and no smaller field, with {plural(near.changes, 'rate')} changed:"]
        for rates in near.lists:
            field = field_of(list(zip(rates, gridding.kernels, strict=True)))
            lines.append(f"  {_listed(rates)} (field {field:,})")
        return [*lines, *(["  (the search stopped early: there may be nearer ones)"] if near.cut else [])]
    if other is None:
        return ["nothing to repair: every input is reached"]
    return [
        f"no {len(gridding.rates)} rates with these kernels reach a field of {gridding.exact.receptive_field:,} without"
        f" holes; with kernel {other.kernel} it takes {plural(other.layers, 'layer')}:",
        *(f"  {_listed(rates)}" for rates in other.lists),
    ]


def _no_search(layers: int) -> str:
    """Why there are no suggestions."""
    if layers > MAX_REPAIR_LAYERS:
        return f"rates without holes are searched for up to {MAX_REPAIR_LAYERS} layers, not for {layers:,}"
    return f"no rates without holes within {MAX_REPAIR_STEPS:,} steps of the search: there may be some"


def _parallel(group: ParallelReport, drawing: Drawing) -> Table:
    """Parallel branches: what each reads, and the union with its coverage."""
    title = f"branches side by side: {' | '.join(branch.names or 'as it is' for branch in group.branches)}"
    rows = []
    for branch in group.branches:
        taps = " x ".join(f"{exact.reached}" for exact in branch.exact)
        rates = " | ".join(dict.fromkeys(_listed([rate for rate, _ in axis]) or "-" for axis in branch.layers))
        fields = " x ".join(f"{field_of(axis):,}" for axis in branch.layers)
        rows.append(
            {
                "rule": f"branch {branch.names or 'as it is'}",
                "verdict": f"rates {rates}",
                "numbers": f"{taps} taps in a field of {fields}",
            }
        )
    first, rank = group.union[0], len(group.union)
    union = _coverage(first, [first])
    if rank > 1:
        union += f"; {_joint_text(group.reached, group.positions, rank)}"
    rows.append({"rule": "union of the branches", "verdict": "full" if group.full else "warning", "numbers": union})
    foot = [
        "branches side by side are not a stack: the union is a warning, and fails with --strict only",
        *_holes(first),
    ]
    counts = group.path_counts() if drawing.picture else None
    picture = None if counts is None else Picture([term[-2:] for term in counts], MAP_TITLE, drawing.ascii_only)
    return Table(columns=COLUMNS, rows=rows, head=[title], foot=foot, picture=picture, name=title)
