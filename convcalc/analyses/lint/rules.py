"""The rules of lint by their codes. A rule's docstring is what `lint --rule` prints: name, reason, source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcalc.analyses.lint import reach, work
from convcalc.analyses.lint.facts import Facts, Finding, Findings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from convcalc.graph import Graph

RULES: dict[str, Callable[[Facts], Findings]] = {
    "CC101": reach.gridding,
    "CC102": reach.checkerboard,
    "CC103": reach.dropped,
    "CC104": work.channels,
    "CC105": reach.even_kernels,
    "CC106": work.bias_before_norm,
    "CC107": reach.past_the_border,
    "CC108": work.isolated,
    "CC109": reach.object_too_small,
    "CC110": work.padding_work,
    "CC111": reach.skipped,
    "CC112": work.unused,
    "CC113": work.below_ridge,
}
SIZED = ("CC103", "CC107", "CC110", "CC113")
"""Rules that say nothing without the input's size."""


def lint(
    graph: Graph, codes: Iterable[str] = RULES, *, smallest: int | None = None, ridge: float | None = None
) -> list[Finding]:
    """Return the findings of some rules (all), in order.

    `smallest` is the size of an object to be kept, in pixels; `ridge` the machine's FLOPs per byte, where known.
    """
    facts = Facts.of(graph, smallest, ridge)
    return [finding for code in codes for finding in RULES[code](facts)]
