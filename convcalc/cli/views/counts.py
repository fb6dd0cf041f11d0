"""`shape_text`: shapes and lower bounds in words, as the tables of all counting commands have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from convcalc.shapes import show
from convcalc.sizes import known
from convcalc.units import exactly

if TYPE_CHECKING:
    from convcalc.analyses.counts.params import Params
    from convcalc.analyses.counts.report import CountReport
    from convcalc.graph import Value


def shape_text(values: Sequence[Value], batch_axis: int = 0) -> str:
    """Return shapes without the batch, as a table shows them."""
    shapes = (value.shape[:batch_axis] + value.shape[batch_axis + 1 :] or value.shape for value in values)
    return " + ".join(map(show, shapes))


def at_least_line(names: Sequence[str], what: str) -> list[str]:
    """Return the foot line that says why a total is only a lower bound."""
    return [f"at least: {what} of {', '.join(dict.fromkeys(names))} could not be read"] if names else []


def folded_line(report: CountReport) -> list[str]:
    """Return one line on what is left once every layer is deployed."""
    if report.folded is None:
        return []
    macs = f" and {exactly(report.folded.macs)} MACs" if known(report.folded.macs) else ""
    return [f"folded for deployment: {exactly(report.folded.params)} parameters{macs} (form=folded)"]


def total_label(report: CountReport) -> str:
    """Return what the last row is called."""
    return "at least" if report.at_least else "total"


def trainable_text(params: Params) -> str:
    """Return how many of the learned numbers are trained."""
    return "all trainable" if params.trainable == params.total else f"{exactly(params.trainable)} trainable"
