"""`hdc_check` and `HdcReport`: the paper's rules about stacked rates, what is true, and rates that leave no hole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from convcalc.analyses.counts.stack_layers import StackLayer, StackLayers
from convcalc.analyses.hdc.gridding import Exact, Gridding, Layer, check, countable, exact_json, path_counts, unevenness
from convcalc.analyses.hdc.groups import groups
from convcalc.analyses.hdc.parallel import ParallelReport, parallel_report
from convcalc.analyses.hdc.rate_design import designs, fewest_layers
from convcalc.analyses.hdc.rate_repair import Repairs, repairs
from convcalc.documents import plain
from convcalc.errors import SpecError, UnsupportedError
from convcalc.sizes import AXIS_NAMES

if TYPE_CHECKING:
    from convcalc.analyses.hdc.groups import Group
    from convcalc.graph import Graph

MAX_DESIGNS = 3
"""How many rate lists are offered where nothing with these kernels will do."""


class Tooth(NamedTuple):
    """A rising run of (rate, kernel) layers, how often it stands in the stack, and how it does by itself."""

    layers: tuple[Layer, ...]
    times: int
    gridding: Gridding

    @property
    def rates(self) -> list[int]:
        """The rates of its layers."""
        return [rate for rate, _ in self.layers]


class Replacement(NamedTuple):
    """Rates that reach as far without a hole, with another number of layers of the largest kernel."""

    kernel: int
    layers: int
    lists: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class AxisReport:
    """One axis of a stack: its rules, how many paths lead to each position (None past what is counted), its teeth.

    `repairs` are the nearest rates without holes where they were asked for and there are some, `replacement` what
    else would do.
    """

    gridding: Gridding
    path_counts: tuple[int, ...] | None
    unevenness: float | None
    teeth: tuple[Tooth, ...]
    suggest: bool = False
    repairs: Repairs | None = None
    replacement: Replacement | None = None

    def to_dict(self, axes: Sequence[AxisReport]) -> dict[str, Any]:
        """Return the axis as JSON holds it, with what is reached over all axes."""
        gridding, exact, counts = self.gridding, self.gridding.exact, self.path_counts
        m2 = gridding.m[1] if len(gridding.m) > 1 else None
        gap = gridding.gap
        path_counts = None
        if counts is not None:
            path_counts = {
                "least": min(counts),
                "most": max(counts),
                "middle": counts[len(counts) // 2],
                "deviation_over_mean": self.unevenness,
                "counts": counts,
            }
        suggestions = {"suggestions": self.repairs.lists if self.repairs else []} if self.suggest else {}
        return {
            "m": gridding.m,
            "rules": {
                "no_common_divisor": {"holds": gridding.no_common_divisor, "divisor": gridding.divisor},
                "sawtooth": gridding.sawtooth,
                "m2_within_kernel": {"holds": gridding.m2_within_kernel, "m2": m2},
            },
            "exact": exact_json(exact, *together([axis.gridding.exact for axis in axes]), len(axes)),
            "closed_form": {"full": gap is None, "fails_at": None if gap is None else gap._asdict()},
            "ways": path_counts,
            "teeth": [
                {"rates": tooth.rates, "times": tooth.times, "full": tooth.gridding.exact.full} for tooth in self.teeth
            ],
            **suggestions,
        }


@dataclass(frozen=True, slots=True)
class SerialReport:
    """Layers that follow one another, judged along each axis; `layers` are those of a graph where it is of one."""

    axes: tuple[AxisReport, ...]
    layers: tuple[StackLayer, ...] = ()
    jump: tuple[Fraction | None, ...] = ()

    @property
    def alike(self) -> bool:
        """Whether all axes are the same."""
        return all(axis.gridding == self.axes[0].gridding for axis in self.axes)

    @property
    def full(self) -> bool:
        """Whether every position is reached."""
        return all(axis.gridding.exact.full for axis in self.axes)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return an entry of `groups` for each axis that differs."""
        common: dict[str, Any] = {}
        if self.layers:
            common = {"layers": [layer.to_dict() for layer in self.layers], "parallel": False, "jump": self.jump}
        alike = self.alike and bool(self.layers)
        entries = []
        for name, axis in zip(AXIS_NAMES[len(self.axes)], self.axes, strict=True):
            kernels = sorted(set(axis.gridding.kernels))
            size = kernels[0] if len(kernels) == 1 else axis.gridding.kernels
            keys = {"rates": axis.gridding.rates, "kernel_size": size, **axis.to_dict(self.axes)}
            entries.append({**common, "axis": None if alike else name, **keys})
        return entries[:1] if alike else entries


@dataclass(frozen=True, slots=True)
class HdcReport:
    """Every group of dilated layers, judged; of rates alone there is one group.

    `rates` and `kernel_size` are those that were given, where they name no axis.
    """

    groups: tuple[SerialReport | ParallelReport, ...]
    rates: tuple[int, ...] | None = None
    kernel_size: int | tuple[int, ...] | None = None

    def holds(self, *, strict: bool = False) -> bool:
        """Whether no group leaves a hole; branches side by side count only when strict."""
        return all(group.full or (isinstance(group, ParallelReport) and not strict) for group in self.groups)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document without its envelope."""
        first = self.groups[0] if self.groups else None
        document: dict[str, Any] = {"groups": [entry for group in self.groups for entry in group.to_dicts()]}
        if self.rates is not None and isinstance(first, SerialReport):
            keys = {"rates": self.rates, "kernel_size": self.kernel_size}
            document = {**keys, **first.axes[0].to_dict(first.axes)}
        result: dict[str, Any] = plain(document)
        return result


def hdc_check(
    rates: Sequence[int | tuple[int, ...]],
    kernel_size: int | tuple[int, ...] | Sequence[int | tuple[int, ...]] = 3,
    *,
    suggest: bool = False,
) -> HdcReport:
    """Judge dilation rates r_1..r_n, r_1 nearest the input: the paper's rules, and which inputs are reached.

    A rate or kernel is one number for all axes, or a tuple of one per axis; one kernel size stands for all layers.
    With `suggest` the nearest rates that leave no hole are searched. Raises SpecError where numbers of rates, kernels
    or axes do not match, and ShapeError for numbers below 1 and fields past what can be enumerated.
    Source: arXiv:1702.08502 for the rules.

    >>> from convcalc import hdc_check
    >>> report = hdc_check([2, 4, 8], kernel_size=3)
    >>> report.holds(), report.to_dict()["exact"]["reached"], report.to_dict()["exact"]["receptive_field"]
    (False, 15, 29)
    """
    layers = [_tuple(rate) for rate in rates]
    several = isinstance(kernel_size, Sequence) and not isinstance(kernel_size, tuple)
    kernels = [_tuple(kernel) for kernel in kernel_size] if several else [_tuple(kernel_size)]  # type: ignore[arg-type,union-attr]
    if len(kernels) not in (1, len(layers)):
        raise SpecError(f"{len(layers)} rates need one kernel size, or {len(layers)} of them, not {len(kernels)}")
    every = kernels * len(layers) if len(kernels) == 1 else kernels
    rank = max(map(len, (*layers, *kernels)), default=1)
    if rank > len(AXIS_NAMES):
        raise SpecError(f"{rank} axes are more than a convolution has: give up to {len(AXIS_NAMES)}, such as 1x2")
    pairs = zip(_per_axis(layers, rank, "the rate"), _per_axis(every, rank, "the kernel"), strict=True)
    axes = tuple(_axis_report(check(axis_rates, theirs), suggest=suggest) for axis_rates, theirs in pairs)
    if rank > 1:
        return HdcReport((SerialReport(axes),))
    size = kernels[0][0] if len(kernels) == 1 else tuple(kernel[0] for kernel in kernels)
    # Rates that name no axis hold for both axes of an image.
    return HdcReport((SerialReport(axes * 2),), tuple(rate[0] for rate in layers), size)


def hdc_check_layers(graphs: Sequence[Graph], *, suggest: bool = False) -> HdcReport:
    """Judge every group of dilated convolutions of some graphs. Raises UnsupportedError where there is none."""
    reports: list[SerialReport | ParallelReport] = []
    for graph in graphs:
        stack = StackLayers(graph)
        for group in groups(graph):
            serial = not group.parallel
            reports.append(_serial(group, stack, suggest=suggest) if serial else parallel_report(group, stack))
    if not reports:
        raise UnsupportedError("there is no dilated convolution in these layers, so nothing to check")
    return HdcReport(tuple(reports))


def together(axes: Sequence[Exact]) -> tuple[int, int]:
    """Return how many positions of all axes together are reached, and how many there are."""
    return prod(axis.reached for axis in axes), prod(axis.receptive_field for axis in axes)


def _tuple(value: int | tuple[int, ...]) -> tuple[int, ...]:
    return (value,) if isinstance(value, int) else tuple(value)


def _per_axis(values: Sequence[tuple[int, ...]], rank: int, what: str) -> list[list[int]]:
    """The values of each axis; one number stands for all axes."""
    for value in values:
        if len(value) not in (1, rank):
            raise SpecError(f"{what} {'x'.join(map(str, value))} names {len(value)} axes where others name {rank}")
    return [[value[axis] if len(value) > 1 else value[0] for value in values] for axis in range(rank)]


def _axis_report(gridding: Gridding, *, suggest: bool) -> AxisReport:
    counts = path_counts(gridding.layers) if countable(gridding.layers) else None
    suggests = suggest and not gridding.exact.full
    near = repairs(gridding.rates, gridding.kernels) if suggests else None
    return AxisReport(
        gridding=gridding,
        path_counts=counts,
        unevenness=None if counts is None else unevenness(counts),
        teeth=_teeth(gridding),
        suggest=suggest,
        repairs=near,
        replacement=_replacement(gridding) if suggests and near is None else None,
    )


def _teeth(gridding: Gridding) -> tuple[Tooth, ...]:
    layers = iter(gridding.layers)
    runs = [tuple(islice(layers, len(tooth))) for tooth in gridding.teeth]
    if len(runs) == 1:
        return (Tooth(runs[0], 1, gridding),)
    counts = Counter(runs)
    return tuple(Tooth(layers, times, check(*zip(*layers, strict=True))) for layers, times in counts.items())


def _replacement(gridding: Gridding) -> Replacement:
    kernel, field = max(gridding.kernels), gridding.exact.receptive_field
    return Replacement(kernel, fewest_layers(field, kernel), designs(field, kernel).lists[:MAX_DESIGNS])


def _serial(group: Group, stack: StackLayers, *, suggest: bool) -> SerialReport:
    axes = tuple(_axis_report(group.gridding(axis), suggest=suggest) for axis in range(group.rank))
    return SerialReport(axes, stack.of_steps(group.branches[0].dilated_steps), group.jump)
