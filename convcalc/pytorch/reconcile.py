"""`reconcile`: a model's ladders to other counters' numbers, and what they say where they are run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convcalc.analyses.conventions.ladder import CONVENTIONS, Ladder, convention, ladder
from convcalc.analyses.counts.macs import at_least, macs
from convcalc.analyses.counts.stack_layers import shapes_json
from convcalc.errors import SpecError, UnsupportedError
from convcalc.pytorch.load import model_input
from convcalc.pytorch.peers import run_peer
from convcalc.pytorch.recording import record
from convcalc.pytorch.trace import ModelInput
from convcalc.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn


@dataclass(frozen=True, slots=True)
class ReconcileReport:
    """The ladder to each counter, and where they were run what each says, or why it says nothing."""

    subject: Subject
    ladders: tuple[Ladder, ...]
    runs: dict[str, int | str]

    @property
    def at_least(self) -> list[str]:
        """The names of what could not be counted."""
        return at_least(self.subject.graph)

    @property
    def holds(self) -> bool:
        """Whether every counter that ran says what its ladder says."""
        pairs = ((ladder.number, self.runs.get(ladder.convention.name)) for ladder in self.ladders)
        return all(not isinstance(ran, int) or number == ran for number, ran in pairs)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document without its envelope."""
        counters = []
        for step in self.ladders:
            ran = self.runs.get(step.convention.name)
            said = {} if ran is None else {"run": ran if isinstance(ran, int) else None}
            why = {"reason": ran} if isinstance(ran, str) else {}
            counters.append({**step.to_dict(), **said, **why})
        names = self.at_least
        return {
            "input": shapes_json(self.subject.graph.inputs),
            "macs": self.ladders[0].macs if self.ladders else None,
            "counters": counters,
            **({"at_least": names} if names else {}),
        }


def reconcile(subject: Subject, names: Sequence[str] = (), *, runs: bool = False) -> ReconcileReport:
    """Explain our multiply-adds as other counters count; all of them without `names`.

    Raises SpecError for a counter that is not there, UnsupportedError for a graph without a model.
    """
    chosen = [convention(name) for name in names] or list(CONVENTIONS.values())
    model, inputs = counted_model(subject)
    calls = record(model, *inputs)
    ladders = tuple(ladder(calls, each, int(macs(subject.graph))) for each in chosen)
    ran = {each.name: run_peer(each.name, model, inputs) for each in chosen} if runs else {}
    return ReconcileReport(subject, ladders, ran)


def counted_model(subject: Subject) -> tuple[nn.Module, list[ModelInput]]:
    """Return the module other counters would be given, and its inputs: a model, or torch's own modules of layers.

    Raises SpecError for layers without an input.
    """
    if subject.model is not None:
        return subject.model, [model_input(tensor) for tensor in subject.block.inputs]
    if not subject.block.inputs:
        raise SpecError("the input's size is missing: give it with -i, such as -i 3x224x224")
    if not subject.block.layers:
        raise UnsupportedError("a graph without its layers has no modules that other counters could look at")
    from convcalc.analyses.counts.report import count
    from convcalc.pytorch.verify_report import stack_of

    (block,) = count([subject]).blocks
    return stack_of(block).eval(), [ModelInput(value.shape) for value in subject.graph.inputs]
