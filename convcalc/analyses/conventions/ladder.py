"""`ladder`: from our multiply-adds to another counter's number, term by term."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from convcalc.analyses.conventions import functions, modules, operators
from convcalc.analyses.conventions.record import ForwardRecord
from convcalc.errors import SpecError, nearest


@dataclass(frozen=True, slots=True)
class Convention:
    """A counter: its name, what it calls its number, how often it counts a multiply-add, and its rules.

    The rules give the terms that come to our multiply-adds, before they are multiplied; `more` are terms after that.
    """

    name: str
    unit: str
    rules: Callable[[ForwardRecord], Counter[str]]
    factor: int = 1
    more: Callable[[ForwardRecord], Counter[str]] = lambda _: Counter()


@dataclass(frozen=True, slots=True)
class Ladder:
    """Our multiply-adds, the terms between, and what the counter says."""

    convention: Convention
    macs: int
    terms: tuple[tuple[str, int], ...]

    @property
    def number(self) -> int:
        """What the counter says."""
        return self.macs + sum(amount for _, amount in self.terms)

    def to_dict(self) -> dict[str, Any]:
        """Return the ladder as JSON holds it."""
        return {
            "counter": self.convention.name,
            "unit": self.convention.unit,
            "macs": self.macs,
            "terms": dict(self.terms),
            "number": self.number,
        }


CONVENTIONS: Final[dict[str, Convention]] = {
    convention.name: convention
    for convention in (
        Convention("fvcore", "flops (one per multiply-add)", operators.fvcore),
        Convention("torch", "FLOPs, on the CPU with gradients on", operators.torch, 2),
        Convention("torch-no-grad", "FLOPs, on the CPU under no_grad", operators.torch_no_grad, 2),
        Convention("torch-training", "FLOPs, forward and backward on the CPU", operators.torch_training, 2),
        Convention("torch-meta", "FLOPs, on the meta device", operators.torch_meta, 2),
        Convention("torchinfo", "mult-adds", modules.torchinfo),
        Convention("ptflops", "MACs (its pytorch backend)", functions.ptflops),
        Convention("ptflops-aten", "MACs (its aten backend)", operators.ptflops_aten),
        Convention("thop", "MACs", modules.thop),
        Convention("calflops", "MACs", functions.calflops),
        Convention("calflops-flops", "FLOPs", functions.calflops, 2, functions.calflops_work),
        Convention("torchscan", "MACs", modules.torchscan),
        Convention("torchscan-flops", "FLOPs", modules.torchscan_flops, 2, modules.torchscan_work),
    )
}
"""Every counter's rules by its name: those of fvcore 0.1.5, torch 2.14's FlopCounterMode, torchinfo 1.8, ptflops 0.7.5,
thop 0.1.1, calflops 0.3.2 and torchscan 0.2, as their sources state them and their runs show."""


def convention(name: str) -> Convention:
    """Return a counter by its name. Raises SpecError for one that is not there."""
    if name not in CONVENTIONS:
        raise SpecError(
            f"there is no convention {name!r}{nearest(name, CONVENTIONS)} (there are {', '.join(CONVENTIONS)})"
        )
    return CONVENTIONS[name]


def ladder(record: ForwardRecord, chosen: Convention, ours: int | None = None) -> Ladder:
    """Return the terms between our multiply-adds and a counter's number, those that are not zero.

    `ours` is our number where it is more than those of the calls: products that a sum makes contractions.
    """
    macs = record.macs if ours is None else ours
    terms = Counter({"products summed in a step of their own": record.macs - macs})
    terms.update(chosen.rules(record))
    if chosen.factor > 1:
        counted = macs + sum(terms.values())
        terms = Counter({**terms, f"times {_WORDS[chosen.factor]}": (chosen.factor - 1) * counted})
    terms.update(chosen.more(record))
    return Ladder(chosen, macs, tuple((name, int(amount)) for name, amount in terms.items() if amount))


_WORDS = {2: "two: a multiplication and an addition"}
