"""`ModuleTree`: the modules of a stack or model as a tree, with counts and fields; copies side by side are folded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from convcalc.analyses.counts.modules import ModuleRow, module_rows
from convcalc.analyses.counts.report import BlockReport
from convcalc.analyses.counts.stack_layers import StackLayer
from convcalc.analyses.counts.traffic import intensity
from convcalc.analyses.field.report import FieldReport
from convcalc.graph import Path
from convcalc.sizes import known

if TYPE_CHECKING:
    from collections.abc import Sequence


MAX_LINES = 40
"""A tree is shown as deep as it has no more lines, where no depth is given."""


class Line(NamedTuple):
    """A module, or a run of `copies` that are alike: `row` to `last`; its counts are those of all `members`."""

    row: ModuleRow
    last: ModuleRow
    members: tuple[Path, ...]
    copies: int = 1

    @property
    def label(self) -> str:
        """Its name under its parent, `(0-2)` where it stands for a run."""
        first, last = self.row.path[-1], self.last.path[-1]
        if self.copies == 1:
            return first
        stem, number = _numbered(first)
        return f"{stem}({number}-{_numbered(last)[1]})"

    @property
    def kind(self) -> str:
        """What it is: a layer's own words, or a module's class, and how many there are."""
        text = self.row.scope.text or self.row.scope.kind
        return text if self.copies == 1 else f"{self.copies} x {text}"


@dataclass(frozen=True)
class ModuleTree:
    """The modules of one stack down to a depth (None: as deep as a screen holds), and their fields."""

    block: BlockReport
    field: FieldReport | None
    depth: int | None = None
    seconds: dict[Path, float] | None = None
    """Measured times of modules, where a profile gives them."""

    @cached_property
    def rows(self) -> list[ModuleRow]:
        """Every module, however deep."""
        return module_rows(self.block.subject.graph)

    @cached_property
    def deepest(self) -> int:
        """How deep modules lie in one another."""
        return max((len(row.path) for row in self.rows), default=1)

    @cached_property
    def shown_depth(self) -> int:
        """The depth that was asked for, or the deepest that a screen holds."""
        if self.depth is not None:
            return self.depth
        depths = range(self.deepest, 1, -1)
        return next((depth for depth in depths if len(self._lines(depth)) <= MAX_LINES), 1)

    @cached_property
    def lines(self) -> list[Line]:
        """The modules as they are shown: those side by side that are alike are one line."""
        return self._lines(self.shown_depth)

    @cached_property
    def leaves(self) -> list[ModuleRow]:
        """Modules without parts."""
        return [row for row in self.rows if not row.parts]

    def _lines(self, depth: int) -> list[Line]:
        inside: dict[Path, list[ModuleRow]] = {}
        for row in self.rows:
            if len(row.path) <= depth:
                inside.setdefault(row.path[:-1], []).append(row)
        lines: list[Line] = []

        def add(parents: tuple[Path, ...]) -> None:
            children = [inside.get(parent, []) for parent in parents]
            at = 0
            while at < len(children[0]):
                first = children[0][at]
                count = 1
                while at + count < len(children[0]) and self._alike(first, children[0][at + count], inside):
                    count += 1
                run = [row for rows in children for row in rows[at : at + count]]
                members = tuple(row.path for row in run)
                lines.append(Line(_times(first, len(run)), run[-1], members, count))
                add(members)
                at += count

        add(((),))
        return lines

    def time_of(self, members: Sequence[Path]) -> float | None:
        """Return the measured seconds of some modules together, None where those of any are missing."""
        times = [self.seconds.get(path) for path in members] if self.seconds else [None]
        return None if None in times else sum(time for time in times if time is not None)

    def _alike(self, first: ModuleRow, other: ModuleRow, inside: dict[Path, list[ModuleRow]]) -> bool:
        """Whether two modules side by side have numbers for names, and the same counts, outputs and parts."""
        (stem, number), (other_stem, other_number) = _numbered(first.path[-1]), _numbered(other.path[-1])
        if not number or not other_number or stem != other_stem or first.times != other.times:
            return False
        if stem and not first.parts:  # conv1 and conv2 are two layers, block1 and block2 two of a kind
            return False
        return _same(first, other, inside)

    def to_dict(self, index: int, row: ModuleRow) -> dict[str, Any]:
        """Return one module as JSON holds it; `index` is its place among the modules."""
        return {
            **StackLayer(index, row.scope, row.inputs, row.outputs).to_dict(),
            "depth": len(row.path),
            "parts": row.parts,
            "params": row.params.total,
            "trainable": row.params.trainable,
            "macs": row.macs if known(row.macs) else None,
            "other": row.other,
            **({"kernel_size": [window.kernel for window in row.windows]} if row.windows else {}),
            "activation_bytes": row.made_bytes,
            "flops_per_byte": intensity(row.macs, row.moved_bytes) if known(row.macs, row.moved_bytes) else None,
            **({"shares_weights": True} if row.borrowed else {}),
            **({"unused_parameters": row.unused} if row.unused else {}),
            **({"median_s": self.time_of([row.path])} if self.seconds else {}),
            **({"times": row.times} if row.times > 1 else {}),
            **(self.field.value_json(row.outputs) if self.field is not None and row.outputs else {}),
        }


def _numbered(name: str) -> tuple[str, str]:
    """A name as what stands before its number, and the number; no number where there is none."""
    stem = name.rstrip("0123456789")
    return stem, name[len(stem) :]


def _same(first: ModuleRow, other: ModuleRow, inside: dict[Path, list[ModuleRow]]) -> bool:
    """Whether two modules have the same counts and outputs, and so have their parts, one by one."""

    def sides(row: ModuleRow) -> tuple[object, ...]:
        shapes = tuple(value.shape for value in row.outputs)
        counts = row.params, row.macs, row.other, row.parts, row.borrowed
        return row.scope.kind, row.scope.text, shapes, row.windows, *counts

    left, right = inside.get(first.path, []), inside.get(other.path, [])
    return (
        sides(first) == sides(other)
        and len(left) == len(right)
        and all(a.path[-1] == b.path[-1] and _same(a, b, inside) for a, b in zip(left, right, strict=True))
    )


def _times(row: ModuleRow, copies: int) -> ModuleRow:
    """A row with the counts of all its copies."""
    if copies == 1:
        return row
    return row._replace(
        params=row.params * copies,
        macs=row.macs * copies,
        other={name: work * copies for name, work in row.other.items()},
        made_bytes=row.made_bytes * copies,
        moved_bytes=row.moved_bytes * copies,
    )
