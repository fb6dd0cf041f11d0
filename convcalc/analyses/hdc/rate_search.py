"""`repairs`, `designs`: dilation rates that leave no hole: repairs of a stack that has some, and designs for a field.

Everything rests on the closed form of `gridding.gap`: rates can be put in any order in which each is at most what
those before it span, so that the largest field of n layers without a hole is the product of their kernels.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, TypeAlias

from convcalc.analyses.hdc.gridding import field_of, path_counts, unevenness
from convcalc.errors import ShapeError
from convcalc.sizes import ceil_div

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convcalc.analyses.hdc.gridding import Layer, Layers

Rates: TypeAlias = tuple[int, ...]
MAX_REPAIRS = 5
STEPS = 20_000
"""How many partial lists a search tries before it says that it stopped."""
LISTS = 2000
RANKED = 300_000
"""Positions whose ways are counted at most to rank lists: lists x field."""


@dataclass(frozen=True, slots=True)
class Repairs:
    """Rate lists with no hole and no smaller field that change the fewest rates; `cut` where the search stopped."""

    changes: int
    lists: tuple[Rates, ...]
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Sawtooth:
    """A rising tooth of rates, without holes by itself, and how often it is repeated."""

    tooth: Rates
    copies: int


def repairs(rates: Rates, kernels: tuple[int, ...]) -> Repairs | None:
    """Return the nearest rate lists that leave no hole: fewest changes, then the smallest field, then the least moved.

    None where no list with these kernels reaches as large a field. The kernels are those of layers above 1.
    """
    layers = list(zip(rates, kernels, strict=True))
    field = field_of(layers)
    if prod(kernels) < field:
        return None
    for changes in range(len(layers) + 1):
        distances: dict[Rates, int] = {}
        budget = _Budget()
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


class _Budget:
    """Counts the partial lists tried and the lists found."""

    def __init__(self) -> None:
        self.steps, self.lists = STEPS, LISTS

    @property
    def spent(self) -> bool:
        return self.steps <= 0 or self.lists <= 0


Values: TypeAlias = tuple[tuple[int, int], ...]
"""(kernel, rate) of each layer that was free."""


def _filled(fixed: Layers, kernels: Sequence[int], field: int, budget: _Budget) -> Iterator[Values]:
    """Yield rates for the free kernels with which nothing is missing and the field is at least `field`."""

    def grow(span: int, waiting: Layers, free: tuple[int, ...], chosen: Values) -> Iterator[Values]:
        budget.steps -= 1
        if budget.spent:
            return
        span, waiting = _absorbed(span, waiting)
        if not free:
            if not waiting and span >= field:
                budget.lists -= 1
                yield chosen
            return
        for kernel in sorted(set(free)):
            rest = list(free)
            rest.remove(kernel)
            for rate in range(_least(span, waiting, kernel, rest, field), span + 1):
                if budget.spent:
                    return
                after = span + rate * (kernel - 1)
                if _largest(after, waiting, rest) >= field:
                    yield from grow(after, waiting, tuple(rest), (*chosen, (kernel, rate)))
                if not rest and not waiting and after > field + 2 * (kernel - 1):
                    break  # larger than asked for: the nearest come first

    yield from grow(1, fixed, tuple(kernels), ())


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


def fewest_layers(field: int, kernel: int) -> int:
    """Return how many layers reach a field without holes: the least n with kernel^n >= field."""
    layers, span = 0, 1
    while span < field:
        layers, span = layers + 1, span * kernel
    return layers


@dataclass(frozen=True, slots=True)
class Designs:
    """Rate lists of one field; `cut` where there are more than were listed."""

    field: int
    lists: tuple[Rates, ...]
    cut: bool = False


def designs(field: int, kernel: int, layers: int | None = None) -> Designs:
    """Return the rate lists (rising) of the smallest field from `field` on without holes, with the fewest layers.

    With `layers` exactly so many are used. The list whose inputs count most alike comes first, as far as ways can be
    counted for all of them in passing; else that with the smallest largest rate. Raises ShapeError for a kernel
    below 2, a field below 1 and for layers that are too few.
    """
    if kernel < 2:
        raise ShapeError(f"a kernel of {kernel} sees one position, at any rate: give 2 or more")
    if field < 1:
        raise ShapeError(f"a field must be at least 1, not {field}")
    least = fewest_layers(field, kernel)
    if layers is not None and layers < least:
        raise ShapeError(
            f"{layers} layers of kernel {kernel} reach at most {kernel**layers:,} without holes; {field:,} needs"
            f" {least}"
        )
    count = least if layers is None else layers
    if count == 0:
        return Designs(1, ())
    total = max(ceil_div(field - 1, kernel - 1), count)
    largest = (kernel**count - 1) // (kernel - 1)
    budget = _Budget()
    lists: list[Rates] = []
    while not lists and total <= largest and not budget.spent:
        lists = list(_rising(total, kernel, count, budget, step=0))
        total += 1
    reached = 1 + (kernel - 1) * (total - 1)
    if len(lists) * reached <= RANKED:
        lists.sort(key=lambda rates: (unevenness(path_counts(tuple((rate, kernel) for rate in rates))), rates))
    else:
        lists.sort(key=lambda rates: (rates[-1], rates))
    return Designs(reached, tuple(lists), budget.spent)


def _rising(total: int, kernel: int, count: int, budget: _Budget, step: int) -> Iterator[Rates]:
    """Yield rates from 1 upwards that add up to `total` and leave no hole; each `step` above the one before.

    The steepest start comes first: it needs the smallest largest rate.
    """

    def grow(chosen: Rates, had: int, left: int) -> Iterator[Rates]:
        budget.steps -= 1
        if budget.spent:
            return
        if not left:
            if had == total:
                budget.lists -= 1
                yield chosen
            return
        power = kernel ** (left - 1)  # what comes after at most multiplies the sum by so much
        enough = ceil_div(total - (power - 1) // (kernel - 1), power) - had
        low = max(chosen[-1] + step if chosen else 1, enough)
        most = (total - had - step * left * (left - 1) // 2) // left  # those after it are no smaller
        for rate in range(min(1 + (kernel - 1) * had, most), low - 1, -1):
            if budget.spent:
                return
            yield from grow((*chosen, rate), had + rate, left - 1)

    yield from grow((), 0, count)


def sawteeth(field: int, kernel: int, layers: int | None = None) -> tuple[Sawtooth, ...]:
    """Return sawtooth forms: two to six copies of a strictly rising tooth that has no hole by itself.

    For each number of copies the shortest tooth, the smallest field and the smallest largest rate; by layers.
    """
    designs: list[Sawtooth] = []
    if field <= 1:
        return ()
    for copies in range(2, 7):
        total = ceil_div(field - 1, (kernel - 1) * copies)
        length = 2
        while copies * (kernel**length - 1) + 1 < field:
            length += 1
        if layers is not None:
            if layers % copies or layers // copies < length:
                continue
            length = layers // copies
        total = max(total, length * (length + 1) // 2)
        largest = (kernel**length - 1) // (kernel - 1)
        budget = _Budget()
        some: list[Rates] = []
        while not some and total <= largest and not budget.spent:
            some = sorted(_rising(total, kernel, length, budget, step=1), key=lambda rates: rates[-1])
            total += 1
        if some:
            designs.append(Sawtooth(some[0], copies))
    return tuple(sorted(designs, key=lambda design: (len(design.tooth) * design.copies, design.copies)))
