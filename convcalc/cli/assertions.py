"""`with_assertions`: budgets for continuous integration: what must hold of an answer's numbers, or exit code 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from convcalc.render.table import Annotation, Answer
from convcalc.spec.conditions import condition

if TYPE_CHECKING:
    from convcalc.analyses.counts.report import CountReport
    from convcalc.analyses.field.report import FieldReport

Asserts: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--assert", metavar="CONDITION", help="Exit with 1 unless it holds: 'macs<600M'; repeatable."),
]
ENDLESS = float("inf")


def with_assertions(
    answer: Answer, asserts: Sequence[str] | None, figures: Mapping[str, float], unread: Sequence[str], where: str
) -> Answer:
    """Return an answer with what does not hold of its numbers as hints, annotations and in its document.

    `unread` are the names that make the numbers lower bounds, `where` is what the numbers are of. Raises SpecError for
    a condition that makes no sense.
    """
    if not asserts:
        return answer
    results, failures = [], []
    for text in asserts:
        asked = condition(text, figures, "--assert")
        value = figures[asked.name]
        certain = not unread or asked.name in ("rf", "jump", "params", "trainable") or asked.sign in (">", ">=")
        holds = asked.holds(value) and certain
        results.append({"assert": asked.text, "value": None if value == ENDLESS else value, "holds": holds})
        if not holds:
            doubt = f"{asked.name} is at least {value:,} ({', '.join(unread)} could not be read)"
            failures.append(asked.failure(value) if not asked.holds(value) else doubt)
    whole = answer.document

    def document() -> dict[str, Any]:
        return {**(whole() if callable(whole) else whole), "assertions": results}

    notes = [Annotation("error", failure, title="convcalc --assert", file=where) for failure in failures]
    return answer._replace(
        document=document,
        hints=[*answer.hints, *(f"--assert: {failure}" for failure in failures)],
        holds=answer.holds and not failures,
        annotations=[*(answer.annotations or ()), *notes],
    )


def count_figures(counts: CountReport) -> dict[str, float]:
    """Return the numbers of a count."""
    params = counts.params
    return {"params": params.total, "trainable": params.trainable, "macs": counts.macs, "flops": counts.flops}


def field_figures(fields: Sequence[FieldReport | None]) -> dict[str, float]:
    """Return the least receptive field of any axis of the last output, and its largest jump."""
    sizes: list[Any] = []
    for field in fields:
        if field is None:
            continue
        for _, receptive in field.of_value(field.block.subject.graph.outputs[-1]):
            low = [ENDLESS if size is None else size for size in receptive.size_min]
            sizes += low or [ENDLESS]
    return {"rf": min(sizes)} if sizes else {}
