"""`designs`, `sawteeth`: rates for a field without holes, with the fewest layers or as a repeated tooth.

The largest field of n layers without a hole is the product of their kernels, by the closed form of `gridding.gap`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convcalc.analyses.hdc.budget import Budget, Rates
from convcalc.analyses.hdc.gridding import path_counts, unevenness
from convcalc.errors import ShapeError
from convcalc.sizes import ceil_div

if TYPE_CHECKING:
    from collections.abc import Iterator

RANKED = 300_000
"""Positions whose ways are counted at most to rank lists: lists x field."""


@dataclass(frozen=True, slots=True)
class Sawtooth:
    """A rising tooth of rates, without holes by itself, and how often it is repeated."""

    tooth: Rates
    copies: int


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
    budget = Budget()
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


def _rising(total: int, kernel: int, count: int, budget: Budget, step: int) -> Iterator[Rates]:
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
        budget = Budget()
        some: list[Rates] = []
        while not some and total <= largest and not budget.spent:
            some = sorted(_rising(total, kernel, length, budget, step=1), key=lambda rates: rates[-1])
            total += 1
        if some:
            designs.append(Sawtooth(some[0], copies))
    return tuple(sorted(designs, key=lambda design: (len(design.tooth) * design.copies, design.copies)))
