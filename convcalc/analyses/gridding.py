"""Hybrid dilated convolution: the paper's three rules about a stack of rates, and what is true.

Source: Wang et al., "Understanding convolution for semantic segmentation", arXiv:1702.08502. The rules are
neither necessary nor, alone, sufficient; the exact check enumerates which inputs are reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import gcd
from typing import TYPE_CHECKING

from convcalc.errors import ShapeError

if TYPE_CHECKING:
    from collections.abc import Sequence

FIELD_LIMIT = 50_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Exact:
    """Which of the positions 0..receptive_field-1 a stack reaches along one axis."""

    receptive_field: int
    holes: tuple[int, ...]

    @property
    def full(self) -> bool:
        """Whether every position is reached."""
        return not self.holes

    @property
    def reached(self) -> int:
        """How many positions are reached."""
        return self.receptive_field - len(self.holes)

    @property
    def coverage(self) -> Fraction:
        """The share of positions reached, in 1-D; in 2-D with the same rates it is the square."""
        return Fraction(self.reached, self.receptive_field)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gridding:
    """A stack of rates judged: the paper's rules with their numbers, and the exact coverage.

    A rule is True or False, or None where it says nothing (M_2 of a single layer, kernels of different sizes).
    """

    rates: tuple[int, ...]
    kernels: tuple[int, ...]
    dropped: int
    m: tuple[int, ...]
    divisor: int
    sawtooth: str
    exact: Exact

    @property
    def no_common_divisor(self) -> bool:
        """Rule 1: the rates have no common divisor above 1."""
        return self.divisor == 1

    @property
    def m2_within_kernel(self) -> bool | None:
        """Rule 3: M_2 <= K."""
        if len(self.m) < 2 or len(set(self.kernels)) > 1:
            return None
        return self.m[1] <= self.kernels[0]


def check(rates: Sequence[int], kernels: Sequence[int]) -> Gridding:
    """Judge dilation rates r_1..r_n, r_1 nearest the input, with one kernel size per layer.

    Layers with a kernel of 1 read one position and are dropped. Raises ShapeError for rates or kernels below 1
    and for fields past what can be enumerated.
    """
    for rate in rates:
        if rate < 1:
            raise ShapeError(f"a dilation rate must be at least 1, not {rate}")
    for kernel in kernels:
        if kernel < 1:
            raise ShapeError(f"a kernel must be at least 1, not {kernel}")
    kept = [(rate, kernel) for rate, kernel in zip(rates, kernels, strict=True) if kernel > 1]
    kept_rates = tuple(rate for rate, _ in kept)
    return Gridding(
        rates=kept_rates,
        kernels=tuple(kernel for _, kernel in kept),
        dropped=len(rates) - len(kept),
        m=m_values(kept_rates),
        divisor=gcd(*kept_rates) if kept_rates else 1,
        sawtooth=sawtooth(kept_rates),
        exact=exact(kept),
    )


def m_values(rates: Sequence[int]) -> tuple[int, ...]:
    """Return M_1..M_n by the paper's recurrence: M_i = max[M_{i+1} - 2 r_i, 2 r_i - M_{i+1}, r_i], M_n = r_n."""
    m: list[int] = []
    for rate in reversed(rates):
        m.append(max(m[-1] - 2 * rate, m[-1] - 2 * (m[-1] - rate), rate) if m else rate)
    return tuple(reversed(m))


def sawtooth(rates: Sequence[int]) -> str:
    """Return `repeats` (copies of one rising run of two or more), `one tooth` (one rising run), or `no`."""
    rising = [index for index in range(1, len(rates)) if rates[index] > rates[index - 1]]
    if len(rising) == len(rates) - 1:
        return "one tooth"
    length = next((index for index in range(1, len(rates)) if rates[index] <= rates[index - 1]), 0)
    tooth = tuple(rates[:length])
    copies = length >= 2 and len(rates) % length == 0 and tuple(rates) == tooth * (len(rates) // length)
    return "repeats" if copies else "no"


def exact(layers: Sequence[tuple[int, int]]) -> Exact:
    """Return the positions that a stack of (rate, kernel) layers reaches: the Minkowski sum of their taps."""
    field = 1 + sum(rate * (kernel - 1) for rate, kernel in layers)
    if field > FIELD_LIMIT:
        raise ShapeError(f"a field of {field:,} positions is past what is enumerated ({FIELD_LIMIT:,})")
    mask = 1
    for rate, kernel in layers:
        mask = spread(mask, rate, kernel)
    missing = mask ^ ((1 << field) - 1)
    return Exact(receptive_field=field, holes=positions(missing))


def spread(mask: int, rate: int, kernel: int) -> int:
    """Return the union of `mask` moved by 0, rate, ..., (kernel-1) rate, doubling as it goes."""
    result, have = mask, 1
    while have < kernel:
        more = min(have, kernel - have)
        result |= result << (rate * more)
        have += more
    return result


def positions(mask: int) -> tuple[int, ...]:
    """Return the places of the ones of a bit mask, in order."""
    bits = bin(mask)[:1:-1] if mask else ""
    found = []
    place = bits.find("1")
    while place >= 0:
        found.append(place)
        place = bits.find("1", place + 1)
    return tuple(found)


def ranges(places: Sequence[int]) -> list[tuple[int, int]]:
    """Return runs of neighbouring places as (first, last)."""
    runs: list[tuple[int, int]] = []
    for place in places:
        if runs and runs[-1][1] == place - 1:
            runs[-1] = (runs[-1][0], place)
        else:
            runs.append((place, place))
    return runs
