"""What hdc-check prints of a group: its rules, its coverage, its picture; and the same as JSON holds it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import prod
from typing import Any

from convcalc.analyses.dilated_groups import AXES, Chain, Group
from convcalc.analyses.gridding import Exact, Gridding, check, countable, field_of, unevenness, ways
from convcalc.analyses.rate_search import designs, fewest_layers, repairs
from convcalc.graph import Node
from convcalc.render.table import Column, Picture, Table
from convcalc.units import percent, plural, short

SHOWN = 10
TEETH = 5
COLUMNS = (Column("rule", "rule"), Column("verdict", "verdict"), Column("numbers", "numbers"))
MAP = "ways to each input position"


def judged(axes: Sequence[Gridding], title: str, *, suggest: bool, picture: bool, ascii_only: bool) -> list[Table]:
    """Return the tables of a stack: one per axis where axes differ, with the map of the first two below the last."""
    names = AXES.get(len(axes), ("",))
    same = all(one == axes[0] for one in axes)
    tables = []
    for axis, found in enumerate(axes[:1] if same else axes):
        head = title if same else f"{title}, {names[axis]} axis: {_layers(found)}"
        rows = _rules(found, axes if same else [found])
        tables.append(Table(columns=COLUMNS, rows=rows, head=[head], foot=_feet(found, suggest=suggest), name=head))
    if not same:
        every = [one.exact for one in axes]
        tables[-1] = tables[-1]._replace(foot=[*tables[-1].foot, f"all axes together: {joint(every)}"])
    if picture and all(countable(one.layers) for one in axes):
        counts = [ways(one.layers) for one in axes][-2:]
        tables[-1] = tables[-1]._replace(picture=Picture([tuple(counts)], MAP, ascii_only))
    return tables


def _layers(found: Gridding) -> str:
    return f"rates {_listed(found.rates)}, kernels {_listed(found.kernels)}"


def _listed(values: Sequence[int]) -> str:
    """Write a list out, runs of one value as 3 x 40."""
    if len(values) <= SHOWN:
        return ",".join(map(str, values))
    runs: list[list[int]] = []
    for value in values:
        if runs and runs[-1][0] == value:
            runs[-1][1] += 1
        else:
            runs.append([value, 1])
    shown = [str(value) if count == 1 else f"{value} ({count} times)" for value, count in runs]
    return ",".join(shown[:SHOWN]) + (f",... ({len(values)} in all)" if len(shown) > SHOWN else "")


def _verdict(holds: bool | None) -> str:
    return "n/a" if holds is None else "holds" if holds else "broken"


def covered(found: Exact, axes: Sequence[Exact]) -> str:
    """Return what is reached in words, along one axis and over all of them."""
    line = f"{found.reached:,} of {found.receptive_field:,} positions ({percent(float(found.coverage))})"
    return line if len(axes) == 1 else f"{line}; {joint(axes)}"


def joint(axes: Sequence[Exact]) -> str:
    """Return in words what is reached over several axes together."""
    reached, size = prod(one.reached for one in axes), prod(one.receptive_field for one in axes)
    return f"{reached:,} of {size:,} in {len(axes)}-D ({percent(reached / size)})"


def _rules(found: Gridding, axes: Sequence[Gridding]) -> list[dict[str, Any]]:
    m2 = "a single layer has no M_2" if len(found.m) < 2 else f"M_2 = {found.m[1]}"
    if len(set(found.kernels)) > 1:
        goal = f"{m2}, but the kernels differ: the rule names one K"
    elif len(found.m) < 2:
        goal = m2
    else:
        goal = f"{m2}, K = {found.kernels[0]}; M = {', '.join(map(str, found.m[:SHOWN]))}"
        goal += ", ..." if len(found.m) > SHOWN else ""
    closed = "each rate at most what the smaller ones span" if found.gap is None else ""
    if found.gap is not None:
        closed = f"rate {found.gap.rate} is above {found.gap.span}, what the smaller ones span"
    rows = [
        {
            "rule": "paper: no common divisor",
            "verdict": _verdict(found.no_common_divisor),
            "numbers": f"greatest common divisor {found.divisor}",
        },
        {"rule": "paper: sawtooth", "verdict": found.sawtooth, "numbers": ""},
        {"rule": "paper: M_2 <= K", "verdict": _verdict(found.m2_within_kernel), "numbers": goal},
        *_teeth(found),
        {
            "rule": "exact: every input reached",
            "verdict": "holds" if found.exact.full else "HOLES",
            "numbers": covered(found.exact, [one.exact for one in axes]),
        },
        {"rule": "exact: closed form", "verdict": "holds" if found.gap is None else "HOLES", "numbers": closed},
    ]
    if countable(found.layers):
        counts = ways(found.layers)
        numbers = f"{short(min(counts))} to {short(max(counts))}, {short(counts[len(counts) // 2])} in the middle"
        verdict = f"{unevenness(counts):.3f}"
        rows.append({"rule": "ways per input: deviation / mean", "verdict": verdict, "numbers": numbers})
    return rows


def _teeth(found: Gridding) -> list[dict[str, Any]]:
    """Each rising run by itself, where there are several: information, the verdict is on the whole."""
    if len(found.teeth) < 2:
        return []
    rows = []
    for tooth, times in list(_tooth_counts(found).items())[:TEETH]:
        rates = [rate for rate, _ in tooth]
        one = check(rates, [kernel for _, kernel in tooth])
        often = f" ({times} times)" if times > 1 else ""
        rule = {True: "M_2 holds", False: "M_2 broken", None: "no M_2"}[one.m2_within_kernel]
        verdict = "full" if one.exact.full else "holes"
        numbers = f"by itself {covered(one.exact, [one.exact])}; {rule}"
        rows.append({"rule": f"tooth {_listed(rates)}{often}", "verdict": verdict, "numbers": numbers})
    return rows


def _tooth_counts(found: Gridding) -> Counter[tuple[tuple[int, int], ...]]:
    start, teeth = 0, []
    for tooth in found.teeth:
        teeth.append(found.layers[start : start + len(tooth)])
        start += len(tooth)
    return Counter(teeth)


def _feet(found: Gridding, *, suggest: bool) -> list[str]:
    foot = [f"receptive field {found.exact.receptive_field:,}"]
    if found.dropped:
        foot.append(f"left out, as it reads one position each: {plural(found.dropped, 'layer')} with a kernel of 1")
    foot += holes(found.exact)
    rule = found.m2_within_kernel
    if rule is True and not found.exact.full:
        foot.append("the paper's M_2 rule passes this stack although it has holes (it never looks at r_1)")
    if rule is False and found.exact.full:
        foot.append("the paper's M_2 rule fails this stack although every input is reached; exact decides")
    return [*foot, *(suggestions(found) if suggest else [])]


def holes(found: Exact) -> list[str]:
    """Return one line that lists the positions never read, in runs."""
    if found.full:
        return []
    runs, total = [], 0
    for first, last in found.gaps():
        total += 1
        if total <= SHOWN:
            runs.append(str(first) if first == last else f"{first}-{last}")
    more = f" and {total - SHOWN:,} more" if total > SHOWN else ""
    return [f"never read, counted from 0: {', '.join(runs)}{more}"]


def suggestions(found: Gridding) -> list[str]:
    """Return lines that say which rates leave no hole: the nearest, or how many layers that needs."""
    if found.exact.full:
        return ["nothing to repair: every input is reached"]
    field = found.exact.receptive_field
    near = repairs(found.rates, found.kernels)
    if near is not None:
        lines = [f"no hole, and no smaller field, with {plural(near.changes, 'rate')} changed:"]
        for rates in near.lists:
            lines.append(f"  {_listed(rates)} (field {field_of(list(zip(rates, found.kernels, strict=True))):,})")
        return [*lines, *(["  (the search stopped early: there may be nearer ones)"] if near.cut else [])]
    kernel = max(found.kernels)
    least = fewest_layers(field, kernel)
    lines = [
        f"no {len(found.rates)} rates with these kernels reach a field of {field:,} without holes; with kernel"
        f" {kernel} it takes {plural(least, 'layer')}:"
    ]
    return [*lines, *(f"  {_listed(rates)}" for rates in designs(field, kernel).lists[:3])]


def document(found: Gridding, axes: Sequence[Gridding], *, suggest: bool) -> dict[str, Any]:
    """Return one axis of a stack as JSON holds it, with what is reached over all axes."""
    exact = found.exact
    size = exact.receptive_field
    counts = ways(found.layers) if countable(found.layers) else None
    together = prod(one.exact.reached for one in axes), prod(one.exact.receptive_field for one in axes)
    closed = None if found.gap is None else {"rate": found.gap.rate, "span": found.gap.span}
    near = repairs(found.rates, found.kernels) if suggest and not exact.full else None
    return {
        "m": found.m,
        "rules": {
            "no_common_divisor": {"holds": found.no_common_divisor, "divisor": found.divisor},
            "sawtooth": found.sawtooth,
            "m2_within_kernel": {"holds": found.m2_within_kernel, "m2": found.m[1] if len(found.m) > 1 else None},
        },
        "exact": {**_exact(exact), **_over(*together, len(axes)), "receptive_field": size},
        "closed_form": {"full": found.gap is None, "fails_at": closed},
        "ways": None
        if counts is None
        else {
            "least": min(counts),
            "most": max(counts),
            "middle": counts[len(counts) // 2],
            "deviation_over_mean": unevenness(counts),
            "counts": counts,
        },
        "teeth": [
            {"rates": [rate for rate, _ in tooth], "times": times, "full": check(*zip(*tooth, strict=True)).exact.full}
            for tooth, times in _tooth_counts(found).items()
        ],
        **({"suggestions": near.lists if near else []} if suggest else {}),
    }


def _over(reached: int, size: int, rank: int) -> dict[str, Any]:
    """What is reached over all axes: the counts, and the share where there are two."""
    return {"coverage_2d": reached / size if rank == 2 else None, "reached_all": reached, "positions_all": size}


def _exact(found: Exact) -> dict[str, Any]:
    return {
        "full": found.full,
        "holes": found.holes,
        "reached": found.reached,
        "coverage": float(found.coverage),
    }


def beside(group: Group, title: str, *, picture: bool, ascii_only: bool) -> Table:
    """Return the table of parallel branches: what each reads, and the union with its coverage."""
    axes = [group.reached(axis) for axis in range(group.rank)]
    reached, size = group.positions()
    rows = []
    for chain in group.branches:
        per_axis = [chain.layers(axis) for axis in range(group.rank)]
        taps = " x ".join(f"{check(*_apart(layers)).exact.reached}" for layers in per_axis)
        rates = " | ".join(dict.fromkeys(_listed([rate for rate, _ in layers]) or "-" for layers in per_axis))
        fields = " x ".join(f"{field_of(layers):,}" for layers in per_axis)
        rows.append({"rule": f"branch {names(chain.steps) or 'as it is'}", "verdict": f"rates {rates}",
                     "numbers": f"{taps} taps in a field of {fields}"})  # fmt: skip
    first = axes[0]
    union = covered(first, [first])
    if group.rank > 1:
        union += f"; {reached:,} of {size:,} in {group.rank}-D ({percent(reached / size)})"
    verdict = "full" if reached == size else "warning"
    rows.append({"rule": "union of the branches", "verdict": verdict, "numbers": union})
    foot = ["branches side by side are no stack: the union is a warning, and fails with --strict only", *holes(first)]
    drawn = None
    if picture and all(countable(chain.layers(n)) for chain in group.branches for n in range(group.rank)):
        terms = [tuple(_shifted(group, chain, axis) for axis in range(group.rank))[-2:] for chain in group.branches]
        drawn = Picture(terms, MAP, ascii_only)
    return Table(columns=COLUMNS, rows=rows, head=[title], foot=foot, picture=drawn, name=title)


def _apart(layers: Sequence[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [rate for rate, _ in layers], [kernel for _, kernel in layers]


def _shifted(group: Group, chain: Chain, axis: int) -> tuple[int, ...]:
    """The ways of one branch, counted from where the lowest of all branches begins."""
    start = min(other.low[axis] for other in group.branches)
    size = group.reached(axis).receptive_field
    counts = (0,) * (chain.low[axis] - start) + ways(chain.layers(axis))
    return counts + (0,) * (size - len(counts))


def names(steps: Sequence[Node]) -> str:
    """Return what the layers of a branch are called: layers of the spec, or parts of one where they share it."""
    top = [node.scope[0] if node.scope else "" for node in steps]
    return ", ".join(top if len(set(top)) == len(top) else [".".join(node.scope) for node in steps])


def beside_document(group: Group) -> list[dict[str, Any]]:
    """Return parallel branches as JSON holds them: lists per branch, and the union; one entry per axis that differs."""
    reached, size = group.positions()
    made: list[dict[str, Any]] = []
    for axis in range(group.rank):
        found = group.reached(axis)
        per_branch = [chain.layers(axis) for chain in group.branches]
        made.append(
            {
                "rates": [[rate for rate, _ in layers] for layers in per_branch],
                "kernel_size": [[kernel for _, kernel in layers] for layers in per_branch],
                "m": None,
                "rules": None,
                "exact": {
                    **_exact(found),
                    **_over(reached, size, group.rank),
                    "receptive_field": found.receptive_field,
                },
            }
        )
    return made[:1] if all(one == made[0] for one in made) else made
