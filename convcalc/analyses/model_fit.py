"""`fit_model`: which input sizes a model takes, found by running its forward on some: a model cannot be swept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convcalc.documents import plain
from convcalc.errors import ConvcalcError, SpecError
from convcalc.limits import MAX_MODEL_SIZES
from convcalc.sizes import Shape

if TYPE_CHECKING:
    from collections.abc import Callable

    from convcalc.subject import Subject


@dataclass(frozen=True, slots=True)
class ModelFit:
    """Sizes of the spatial axes, alike on all, that were tried: what each gives, or why it is refused.

    `smallest` is the least of those that fit, `giving` those whose output is as wanted.
    """

    given: int
    outputs: dict[int, Shape]
    refusals: dict[int, str]
    wanted: tuple[int, ...] | None = None

    @property
    def tried(self) -> list[int]:
        """All sizes that were tried."""
        return sorted({*self.outputs, *self.refusals})

    @property
    def smallest(self) -> int | None:
        """The smallest size that fits, among those that were tried."""
        return min(self.outputs, default=None)

    @property
    def neighbours(self) -> range:
        """The sizes around the one given that were tried one by one."""
        tried = set(self.tried)
        first = last = self.given
        while first - 1 in tried:
            first -= 1
        while last + 1 in tried:
            last += 1
        return range(first, last + 1)

    @property
    def giving(self) -> list[int] | None:
        """The sizes whose output is as wanted."""
        if self.wanted is None:
            return None
        return [size for size, shape in sorted(self.outputs.items()) if shape[2:] == self.wanted]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document without its envelope."""
        document: dict[str, Any] = plain(
            {
                "tried": self.tried,
                "smallest": self.smallest,
                "fits": sorted(self.outputs),
                "refused": {str(size): why for size, why in sorted(self.refusals.items())},
                **({"giving": self.giving, "wanted": self.wanted} if self.wanted is not None else {}),
            }
        )
        return document


def fit_model(subject: Subject, goal: tuple[int, ...] | None, limit: int) -> ModelFit:
    """Try at most MAX_MODEL_SIZES sizes up to `limit`: the smallest by halving, then those around the one given.

    Raises SpecError for a model of several inputs, or one without spatial axes.
    """
    inputs, on = subject.graph.inputs, subject.on
    if on is None or len(inputs) != 1 or len(inputs[0].shape) < 3:
        raise SpecError("solve tries the sizes of a model with one input that has spatial axes")
    shape, rank = inputs[0].shape, len(inputs[0].shape) - 2
    if goal is not None and len(goal) not in (1, rank):
        raise SpecError(f"--out names {len(goal)} axes, but the model's input has {rank}")
    wanted = None if goal is None else goal * rank if len(goal) == 1 else goal
    if wanted and len(subject.graph.outputs[0].shape) != rank + 2:
        raise SpecError("the output has other axes than the input (flattened?): --out has nothing to compare with")
    outputs: dict[int, Shape] = {}
    refusals: dict[int, str] = {}

    def fits(size: int) -> bool:
        if size not in outputs and size not in refusals:
            try:
                outputs[size] = on(((*shape[:2], *(size,) * rank),)).graph.outputs[0].shape
            except ConvcalcError as error:
                refusals[size] = str(error)
        return size in outputs

    given = shape[2] if len(set(shape[2:])) == 1 else min(shape[2:])
    _halve(fits, 0, given)
    if wanted:
        _halve(lambda size: fits(size) and _reaches(outputs[size], wanted), 0, limit)
    around = iter(sorted(range(max(given - 24, 1), min(given + 48, limit) + 1), key=lambda size: abs(size - given)))
    while len(outputs) + len(refusals) < MAX_MODEL_SIZES and (size := next(around, 0)):
        fits(size)
    return ModelFit(given, outputs, refusals, wanted)


def _reaches(shape: Shape, wanted: tuple[int, ...]) -> bool:
    return len(shape) == len(wanted) + 2 and all(have >= want for have, want in zip(shape[2:], wanted, strict=True))


def _halve(holds: Callable[[int], bool], low: int, high: int) -> None:
    """Look for the least size from which on something holds, as though it held from there on."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
