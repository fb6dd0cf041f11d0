"""`ComparisonReport`: stacks side by side, their counts, fields and ratios to the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convcalc.analyses.counts.macs import at_least
from convcalc.analyses.counts.report import CountReport, count
from convcalc.analyses.counts.stack_layers import STACK, layer_json, shapes_json
from convcalc.analyses.field.report import FieldReport, field_report
from convcalc.documents import plain
from convcalc.errors import UnsupportedError
from convcalc.sizes import product, total
from convcalc.units import ITEMSIZES, share

if TYPE_CHECKING:
    from convcalc.analyses.field.receptive import Receptive
    from convcalc.sizes import Size
    from convcalc.subject import Subject


@dataclass(frozen=True, slots=True)
class ComparedStack:
    """One stack: what it is called, its counts, its field where that can be given.

    `extras` are more keys of its JSON object, such as times.
    """

    name: str
    counts: CountReport
    field: FieldReport | None
    extras: Mapping[str, Any]

    @property
    def subject(self) -> Subject:
        """The stack itself."""
        return self.counts.blocks[0].subject

    @property
    def output_bytes(self) -> Size:
        """Bytes of its outputs in single precision."""
        return ITEMSIZES["fp32"] * total(product(value.shape) for value in self.subject.graph.outputs)

    @property
    def receptive(self) -> list[tuple[str, Receptive]]:
        """What its last output sees of each input; nothing where that cannot be given."""
        return self.field.of_value(self.subject.graph.outputs[-1]) if self.field is not None else []


@dataclass(frozen=True, slots=True)
class ComparisonReport:
    """Stacks beside the first of them; `where` says on what they were timed."""

    stacks: tuple[ComparedStack, ...]
    where: Mapping[str, Any]

    def params_ratio(self, stack: ComparedStack) -> float | None:
        """Return a stack's parameters over the first's."""
        return share(stack.counts.params.total, self.stacks[0].counts.params.total)

    def macs_ratio(self, stack: ComparedStack) -> float | None:
        """Return a stack's multiply-adds over the first's."""
        return share(stack.counts.macs, self.stacks[0].counts.macs)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document without its envelope."""
        document: dict[str, Any] = plain(
            {**self.where, "specs": [self._stack_json(*pair) for pair in enumerate(self.stacks)]}
        )
        return document

    def _stack_json(self, index: int, stack: ComparedStack) -> dict[str, Any]:
        rows, graph = stack.counts.rows, stack.subject.graph
        kind = rows[0].segment.scope.kind if len(rows) == 1 else STACK
        shapes = shapes_json(graph.inputs), shapes_json(graph.outputs)
        names = at_least(graph)
        return {
            **layer_json(index, stack.name, kind, stack.name, *shapes),
            "params": stack.counts.params.total,
            "params_ratio": self.params_ratio(stack),
            "macs": stack.counts.macs,
            "macs_ratio": self.macs_ratio(stack),
            "other": stack.counts.other,
            "output_bytes": stack.output_bytes,
            **stack.extras,
            "rf": stack.field.value_json(graph.outputs) if stack.field is not None else {},
            **({"at_least": names} if names else {}),
        }


def compare(
    subjects: Mapping[str, Subject] | Sequence[tuple[str, Subject]],
    extras: Sequence[Mapping[str, Any]] = (),
    where: Mapping[str, Any] | None = None,
) -> ComparisonReport:
    """Count some stacks by name, each row as often as its times= says, and set them beside the first."""
    pairs = list(subjects.items()) if isinstance(subjects, Mapping) else list(subjects)
    more = list(extras) or [{} for _ in pairs]
    stacks = []
    for (name, subject), keys in zip(pairs, more, strict=True):
        counts = count([subject])
        stacks.append(ComparedStack(name, counts, _field(counts), keys))
    return ComparisonReport(tuple(stacks), where or {})


def _field(counts: CountReport) -> FieldReport | None:
    try:
        return field_report(counts.blocks[0])
    except UnsupportedError:
        return None
