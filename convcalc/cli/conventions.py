"""`Conventional`: what another counter says of the same layers, under a table and in its document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from convcalc.cli.options import immediate_interrupts
from convcalc.units import exactly

if TYPE_CHECKING:
    from convcalc.analyses.conventions.ladder import Ladder
    from convcalc.subject import Subject


class Conventional(NamedTuple):
    """The ladders of some subjects to one counter; none where none was asked for."""

    ladders: tuple[Ladder, ...] = ()

    @property
    def lines(self) -> list[str]:
        """A line for each: the counter's number, and the terms that lead to it."""
        return [_line(ladder) for ladder in self.ladders]

    def document(self, whole: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
        """Return a document with the ladders under `convention`."""
        if not self.ladders:
            return whole
        ladders = [ladder.to_dict() for ladder in self.ladders]
        return lambda: {**whole(), "convention": ladders[0] if len(ladders) == 1 else ladders}


def _line(ladder: Ladder) -> str:
    terms = "".join(f" {'-' if amount < 0 else '+'} {abs(amount):,} ({name})" for name, amount in ladder.terms)
    chosen = ladder.convention
    return f"{chosen.name}: {exactly(ladder.number)} {chosen.unit} = {exactly(ladder.macs)} MACs{terms}"


def by_convention(subjects: Sequence[Subject], name: str | None) -> Conventional:
    """Return what a counter says of some subjects. Raises SpecError for one that is not there."""
    if name is None:
        return Conventional()
    from convcalc.analyses.conventions.ladder import convention

    convention(name)  # a name that is none needs no torch to say so
    with immediate_interrupts():
        from convcalc.pytorch.reconcile import reconcile
    return Conventional(tuple(ladder for subject in subjects for ladder in reconcile(subject, [name]).ladders))
