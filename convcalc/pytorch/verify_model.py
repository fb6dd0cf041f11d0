"""`verify_model`: a model's figures beside those of its own run, of torch's counter and of fvcore."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convcalc.analyses.counts.macs import macs
from convcalc.analyses.counts.params import params
from convcalc.pytorch.constants import tensors_of
from convcalc.pytorch.peers import materialised, zeros
from convcalc.pytorch.reconcile import counted_model, reconcile
from convcalc.pytorch.verify import DIFFERS_BECAUSE, NO_CONTRACTION, Verdict
from convcalc.units import exactly

if TYPE_CHECKING:
    from convcalc.analyses.conventions.ladder import Ladder
    from convcalc.subject import Subject


def verify_model(subject: Subject) -> dict[str, Verdict]:
    """Return a verdict for the shapes, parameters and multiply-adds of a model as a whole.

    It runs on the CPU, on zeros; torch's counter runs on the meta device, where it sees attention.
    """
    model, inputs = counted_model(subject)
    positional, keyword = zeros(inputs)
    ours = tuple(value.shape for value in subject.graph.outputs)
    theirs = tuple(tuple(tensor.shape) for tensor in tensors_of(materialised(model)(*positional, **keyword)))
    learned = sum(parameter.numel() for parameter in model.parameters())
    counted = params(subject.graph).total
    report = reconcile(subject, ["torch-meta", "fvcore"], runs=True)
    work = int(macs(subject.graph))
    by_torch, by_fvcore = (_verdict(work, step, report.runs[step.convention.name]) for step in report.ladders)
    return {
        "shape": Verdict(ours, theirs, "agrees" if ours == theirs else "DIFFERS"),
        "params": Verdict(counted, learned, "agrees" if counted == learned else "DIFFERS"),
        "macs_torch": by_torch,
        "macs_fvcore": by_fvcore,
    }


def _verdict(ours: int, step: Ladder, ran: Any) -> Verdict:
    """A counter's number per multiply-add: it agrees, or its ladder leads to the very number that came."""
    if isinstance(ran, str):
        return Verdict(ours, None, f"cannot see: {ran}")
    theirs = ran // step.convention.factor
    if ours == theirs:
        return Verdict(ours, theirs, "agrees" if ours else NO_CONTRACTION)
    if ran != step.number:
        return Verdict(ours, theirs, "DIFFERS")
    terms = [f"{name} ({amount:+,})" for name, amount in step.terms if not name.startswith("times")]
    return Verdict(ours, theirs, f"{DIFFERS_BECAUSE}of {', '.join(terms)}" if terms else exactly(theirs))
