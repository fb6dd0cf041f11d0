"""`ParallelReport`: branches side by side between a fork and its merge, and what they reach together."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from convcalc.analyses.counts.stack_layers import StackLayer
from convcalc.analyses.hdc.gridding import Exact, Layer, check, countable, exact_json, path_counts
from convcalc.sizes import AXIS_NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.analyses.counts.stack_layers import StackLayers
    from convcalc.analyses.hdc.groups import Chain, Group


@dataclass(frozen=True, slots=True)
class BranchReport:
    """One of several branches side by side: its steps' layers, and per axis (rate, kernel) of each and what it reads.

    `offsets` are where it begins, per axis, from where the lowest of all begins.
    """

    steps: tuple[StackLayer, ...]
    layers: tuple[tuple[Layer, ...], ...]
    exact: tuple[Exact, ...]
    offsets: tuple[int, ...]

    @property
    def names(self) -> str:
        """What its layers are called; nothing where it has none."""
        return ", ".join(layer.name for layer in self.steps)


@dataclass(frozen=True, slots=True)
class ParallelReport:
    """Branches between a fork and its merge: what they reach together, per axis and over all axes."""

    branches: tuple[BranchReport, ...]
    union: tuple[Exact, ...]
    reached: int
    positions: int
    jump: tuple[Fraction | None, ...]

    @property
    def full(self) -> bool:
        """Whether every position is reached."""
        return self.reached == self.positions

    def path_counts(self) -> list[tuple[tuple[int, ...], ...]] | None:
        """Return each branch's path counts per axis, all from where the lowest begins; None past what is counted."""
        if not all(countable(layers) for branch in self.branches for layers in branch.layers):
            return None
        counts = []
        for branch in self.branches:
            shifted = []
            for layers, offset, union in zip(branch.layers, branch.offsets, self.union, strict=True):
                axis = (0,) * offset + path_counts(layers)
                shifted.append(axis + (0,) * (union.receptive_field - len(axis)))
            counts.append(tuple(shifted))
        return counts

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return an entry of `groups` for each axis that differs: lists per branch, and the union."""
        steps = [[layer.to_dict() for layer in branch.steps] for branch in self.branches]
        common = {"layers": steps, "parallel": True, "jump": self.jump}
        rank = len(self.union)
        entries = []
        for axis, union in enumerate(self.union):
            layers = [branch.layers[axis] for branch in self.branches]
            entries.append(
                {
                    "rates": [[rate for rate, _ in branch] for branch in layers],
                    "kernel_size": [[kernel for _, kernel in branch] for branch in layers],
                    "m": None,
                    "rules": None,
                    "exact": exact_json(union, self.reached, self.positions, rank),
                }
            )
        alike = all(entry == entries[0] for entry in entries)
        marks = [None] if alike else AXIS_NAMES[rank]
        return [{**common, "axis": mark, **entry} for mark, entry in zip(marks, entries, strict=False)]


def parallel_report(group: Group, stack: StackLayers) -> ParallelReport:
    """Judge the branches of a parallel group."""
    starts = [min(chain.low[axis] for chain in group.branches) for axis in range(group.rank)]
    reached, positions = group.positions()
    return ParallelReport(
        branches=tuple(_branch(chain, starts, stack) for chain in group.branches),
        union=tuple(group.reached(axis) for axis in range(group.rank)),
        reached=reached,
        positions=positions,
        jump=group.jump,
    )


def _branch(chain: Chain, starts: Sequence[int], stack: StackLayers) -> BranchReport:
    layers = tuple(chain.layers(axis) for axis in range(len(starts)))
    exact = tuple(check([r for r, _ in axis], [k for _, k in axis]).exact for axis in layers)
    offsets = tuple(low - start for low, start in zip(chain.low, starts, strict=True))
    return BranchReport(stack.of_steps(chain.steps), layers, exact, offsets)
