"""`repairs`: the nearest dilation rates that leave no hole, for a stack that has some.

Everything rests on the closed form of `gridding.gap`: rates can be put in any order in which each is at most what
those before it span, so that the largest field of n layers without a hole is the product of their kernels.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from convcalc.analyses.hdc.budget import STEPS, TRIALS, Budget, Rates
from convcalc.analyses.hdc.gridding import field_of
from convcalc.limits import MAX_REPAIR_LAYERS, MAX_REPAIR_STEPS
from convcalc.sizes import ceil_div

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convcalc.analyses.hdc.gridding import Layer, Layers

MAX_REPAIRS = 5


@dataclass(frozen=True, slots=True)
class Repairs:
    """Rate lists with no hole and no smaller field that change the fewest rates; `cut` where the search stopped."""

    changes: int
    lists: tuple[Rates, ...]
    cut: bool = False


def repairs(rates: Rates, kernels: tuple[int, ...]) -> Repairs | None:
    """Return the nearest rate lists that leave no hole: fewest changes, then the smallest field, then the least moved.

    None where no list with these kernels reaches as large a field; no lists, and `cut`, where the search stopped before
    it came to any, or there are too many layers to begin one. The kernels are those of layers above 1.
    """
    layers = list(zip(rates, kernels, strict=True))
    field = field_of(layers)
    if prod(kernels) < field:
        return None
    if len(layers) > MAX_REPAIR_LAYERS:
        return Repairs(0, (), cut=True)
    left = MAX_REPAIR_STEPS
    for changes in range(len(layers) + 1):
        distances: dict[Rates, int] = {}
        budget = Budget()
        for free in _parts(Counter(layers), changes):
            fixed = sorted((Counter(layers) - Counter(free)).elements())
            for values in _filled(fixed, sorted(kernel for _, kernel in free), field, budget):
                repair = _place(layers, free, values)
                distances.setdefault(repair, sum(abs(rate - other) for rate, other in zip(repair, rates, strict=True)))
            if budget.spent:
                break
        if distances:
            best = sorted(
                distances,
                key=lambda repair: (field_of(list(zip(repair, kernels, strict=True))), distances[repair], repair),
            )
            return Repairs(changes, tuple(best[:MAX_REPAIRS]), budget.spent)
        left -= STEPS - budget.steps + (TRIALS - budget.trials) // 10
        if left <= 0:
            return Repairs(changes, (), cut=True)
    return None


def _parts(layers: Counter[Layer], count: int) -> Iterator[tuple[Layer, ...]]:
    """Yield every choice of `count` layers, equal ones counted once."""
    if count == 0:
        yield ()
        return
    if not layers:
        return
    layer, there = min(layers.items())
    rest = Counter({key: n for key, n in layers.items() if key != layer})
    for number in range(min(there, count), -1, -1):
        yield from ((layer,) * number + more for more in _parts(rest, count - number))


Values: TypeAlias = tuple[tuple[int, int], ...]
"""(kernel, rate) of each layer that was free."""


class _Stack(NamedTuple):
    """A stack on its way: its span without holes, layers too wide for it so far, kernels without a rate, and rates."""

    span: int
    waiting: Layers
    free: tuple[int, ...]
    chosen: Values

    def settled(self) -> _Stack:
        """The same with every waiting layer whose rate is at most the span."""
        span, waiting = _absorbed(self.span, self.waiting)
        return self._replace(span=span, waiting=waiting)

    def without(self, kernel: int) -> tuple[int, ...]:
        """The free kernels but one of this size."""
        place = self.free.index(kernel)
        return self.free[:place] + self.free[place + 1 :]


def _filled(fixed: Layers, kernels: Sequence[int], field: int, budget: Budget) -> Iterator[Values]:
    """Yield rates for the free kernels with which nothing is missing and the field is at least `field`.

    A layer of rate r adds no hole to a span of at least r, which then grows by r(k - 1): so a rate is tried from the
    least with which the field can be reached (`_least`) to the span, and dropped where even the widest rates for what
    is left do not reach it (`_largest`).
    """

    def grow(stack: _Stack) -> Iterator[Values]:
        budget.steps -= 1
        if budget.spent:
            return
        stack = stack.settled()
        if not stack.free:
            if not stack.waiting and stack.span >= field:
                budget.lists -= 1
                yield stack.chosen
            return
        for kernel in sorted(set(stack.free)):
            rest = stack.without(kernel)
            for rate in range(_least(stack.span, stack.waiting, kernel, rest, field), stack.span + 1):
                budget.trials -= 1
                if budget.spent:
                    return
                after = stack.span + rate * (kernel - 1)
                if _largest(after, stack.waiting, rest) >= field:
                    yield from grow(_Stack(after, stack.waiting, rest, (*stack.chosen, (kernel, rate))))
                if not rest and not stack.waiting and after > field + 2 * (kernel - 1):
                    break  # larger than asked for: the nearest come first

    yield from grow(_Stack(1, fixed, tuple(kernels), ()))


def _least(span: int, waiting: Layers, kernel: int, rest: Sequence[int], field: int) -> int:
    """The smallest rate worth trying: for the last free layer that which reaches the field."""
    if rest:
        return 1
    missing = field - span - sum(rate * (size - 1) for rate, size in waiting)
    return max(1, ceil_div(missing, kernel - 1))


def _absorbed(span: int, waiting: Layers) -> tuple[int, Layers]:
    """Add the layers whose rate is at most the span, which grows by it."""
    place = 0
    while place < len(waiting) and waiting[place][0] <= span:
        span += waiting[place][0] * (waiting[place][1] - 1)
        place += 1
    return span, waiting[place:]


def _largest(span: int, waiting: Layers, free: Sequence[int]) -> int:
    """The largest field in reach, 0 where a layer stays out of reach: free layers only where nothing else fits."""
    best = max(free, default=1)
    for _ in range(len(free) + 1):
        span, waiting = _absorbed(span, waiting)
        if not waiting:
            break
        free = free[1:] if free else ()
        span *= best
    span, waiting = _absorbed(span, waiting)
    return 0 if waiting else span * best ** len(free)


def _place(layers: Layers, free: Sequence[Layer], values: Values) -> Rates:
    """Put the new rates where they move least: by size; among equal layers smaller ones first, larger ones last."""
    rates = [rate for rate, _ in layers]
    for kernel in {kernel for _, kernel in free}:
        before = sorted(rate for rate, size in free if size == kernel)
        after = sorted(rate for size, rate in values if size == kernel)
        moves = list(zip(before, after, strict=True))
        for rate in set(before):
            places = [place for place, layer in enumerate(layers) if layer == (rate, kernel)]
            mine = [new for old, new in moves if old == rate]
            lower = [new for new in mine if new < rate]
            upper = [new for new in mine if new >= rate]
            for place, new in zip(places, lower, strict=False):
                rates[place] = new
            for place, new in zip(reversed(places), reversed(upper), strict=False):
                rates[place] = new
    return tuple(rates)
