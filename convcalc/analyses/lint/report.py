"""`LintReport`: the findings of some stacks, alike ones of one stack put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from convcalc.analyses.counts.stack_layers import StackLayer, StackLayers
from convcalc.analyses.lint.rules import SIZED, lint
from convcalc.documents import plain
from convcalc.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.analyses.lint.facts import Finding

RIDGE_RULE = "CC113"
"""The rule that compares with a machine."""


class LayerFinding(NamedTuple):
    """A finding, the layers it is about, what they are called (by number and words), and the number of their block."""

    block: int
    layers: tuple[StackLayer, ...]
    names: tuple[str, ...]
    finding: Finding


@dataclass(frozen=True, slots=True)
class LintReport:
    """What the rules found in some stacks; `ridge` is the machine's FLOPs per byte, None where it was not asked for."""

    subjects: tuple[Subject, ...]
    codes: tuple[str, ...]
    findings: tuple[LayerFinding, ...]
    ridge: float | None

    @property
    def unsized(self) -> list[str]:
        """The rules that need an input's size which was not given."""
        has_inputs = all(subject.block.inputs for subject in self.subjects)
        return [] if has_inputs else [code for code in SIZED if code in self.codes]

    def rows(self) -> list[dict[str, Any]]:
        """Return each finding as JSON holds it, its layers as objects."""
        several = len(self.subjects) > 1
        return [
            {
                **({"block": finding.block} if several else {}),
                "code": finding.finding.code,
                "layers": [layer.to_dict() for layer in finding.layers],
                "text": finding.finding.text,
                "remedy": finding.finding.remedy,
                "numbers": finding.finding.numbers,
            }
            for finding in self.findings
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document without its envelope."""
        document: dict[str, Any] = plain({"checked": list(self.codes), "findings": self.rows()})
        return document


def lint_subjects(
    subjects: Sequence[Subject], codes: Sequence[str], *, smallest: int | None = None, ridge: float | None = None
) -> LintReport:
    """Apply some rules to some stacks.

    `smallest` is the size of an object to be kept, in pixels; `ridge` the machine's FLOPs per byte, where known.
    """
    findings = []
    for number, subject in enumerate(subjects):
        texts = {scope.path: scope.text for scope in subject.graph.scopes if scope.text}
        stack = StackLayers(subject.graph)
        for finding in _joined(lint(subject.graph, codes, smallest=smallest, ridge=ridge)):
            names = tuple(dict.fromkeys(_layer_name(path, texts) for path in finding.where))
            layers = tuple({layer.name: layer for layer in map(stack.around, finding.where)}.values())
            findings.append(LayerFinding(number, layers, names, finding))
    return LintReport(tuple(subjects), tuple(codes), tuple(findings), ridge)


def _joined(findings: Sequence[Finding]) -> list[Finding]:
    """Put findings together that say the same of several layers."""
    same: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        same.setdefault((finding.code, finding.text, finding.remedy), []).append(finding)
    return [
        alike[0]._replace(where=tuple(path for finding in alike for path in finding.where)) for alike in same.values()
    ]


def _layer_name(path: tuple[str, ...], texts: dict[tuple[str, ...], str]) -> str:
    """A layer by its number and words, and the part of it where it has several; a model's by its name."""
    if path[:1] not in texts:
        return ".".join(path) or "forward()"
    inner = ".".join(path[1:-1])
    return f"{path[0] if path else ''} ({texts.get(path[:1], '')}{': ' + inner if inner else ''})"
