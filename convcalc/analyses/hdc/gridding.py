"""`Gridding`: hybrid dilated convolution: the paper's three rules about a stack of rates, and what is true.

Source: Wang et al., "Understanding convolution for semantic segmentation", arXiv:1702.08502. The rules are
neither necessary nor, alone, sufficient; the exact check enumerates which inputs are reached, and the closed form
(sorted by rate, each rate at most what the smaller ones span) says the same without enumerating.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import gcd, isqrt, prod
from operator import add, or_
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from convcalc.errors import ShapeError
from convcalc.limits import MAX_RATE_FIELD, MAX_RATE_WAYS, MAX_WAYS_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Layer: TypeAlias = tuple[int, int]
"""Rate and kernel."""
Layers: TypeAlias = "Sequence[Layer]"
"""The layer nearest the input first."""


@dataclass(frozen=True, slots=True)
class Exact:
    """Which of the positions 0..receptive_field-1 are reached along one axis: bit n of `mask` is position n."""

    receptive_field: int
    mask: int

    @property
    def full(self) -> bool:
        """Whether every position is reached."""
        return self.reached == self.receptive_field

    @property
    def reached(self) -> int:
        """How many positions are reached."""
        return self.mask.bit_count()

    @property
    def coverage(self) -> Fraction:
        """The share of positions reached along this axis."""
        return Fraction(self.reached, self.receptive_field)

    @property
    def holes(self) -> tuple[int, ...]:
        """The positions that are not reached, in order."""
        return tuple(place for first, last in self.gaps() for place in range(first, last + 1))

    def gaps(self) -> Iterator[tuple[int, int]]:
        """Yield the runs of positions that are not reached, as (first, last)."""
        bits = bin(self.mask)[:1:-1].ljust(self.receptive_field, "0")
        first = bits.find("0")
        while first >= 0:
            after = bits.find("1", first)
            end = after if after >= 0 else self.receptive_field
            yield first, end - 1
            first = bits.find("0", end)


class Gap(NamedTuple):
    """Why the closed form fails: this rate is larger than what all the smaller ones reach without a hole."""

    rate: int
    span: int


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
    gap: Gap | None
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

    @property
    def layers(self) -> tuple[tuple[int, int], ...]:
        """(rate, kernel) of each layer."""
        return tuple(zip(self.rates, self.kernels, strict=True))

    @property
    def teeth(self) -> list[tuple[int, ...]]:
        """The rising runs of the rates: the paper applies its rules to each."""
        groups: list[list[int]] = []
        for rate in self.rates:
            if groups and rate > groups[-1][-1]:
                groups[-1].append(rate)
            else:
                groups.append([rate])
        return [tuple(tooth) for tooth in groups]


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
    layers = [(rate, kernel) for rate, kernel in zip(rates, kernels, strict=True) if kernel > 1]
    kept_rates = tuple(rate for rate, _ in layers)
    return Gridding(
        rates=kept_rates,
        kernels=tuple(kernel for _, kernel in layers),
        dropped=len(rates) - len(layers),
        m=m_values(kept_rates),
        divisor=gcd(*kept_rates) if kept_rates else 1,
        sawtooth=sawtooth(kept_rates),
        gap=gap(layers),
        exact=exact(layers),
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


def gap(layers: Layers) -> Gap | None:
    """Return the first rate that leaves a hole, or None where there is none: the closed form.

    Sorted by rate, a stack is full iff each r_(i) <= 1 + sum over the smaller of (K_j - 1) r_j: what the smaller
    ones reach is then a block without holes, and copies of it at distance r_(i) touch or overlap.
    """
    span = 1
    for rate, kernel in sorted(layers):
        if kernel > 1 and rate > span:
            return Gap(rate, span)
        span += rate * (kernel - 1)
    return None


def field_of(layers: Layers) -> int:
    """Return the receptive field of a stack of (rate, kernel) layers: 1 + sum of r (K - 1)."""
    return 1 + sum(rate * (kernel - 1) for rate, kernel in layers)


def exact(layers: Layers) -> Exact:
    """Return the positions that a stack of (rate, kernel) layers reaches: the Minkowski sum of their taps.

    Layers of one rate are one with their taps in a row; in units of the rates' common divisor, those up to the first
    gap of the closed form reach a block without holes.
    """
    field = field_of(layers)
    if field > MAX_RATE_FIELD:
        raise ShapeError(f"a field of {field:,} positions is past what is enumerated ({MAX_RATE_FIELD:,})")
    steps: dict[int, int] = {}
    for rate, kernel in layers:
        steps[rate] = steps.get(rate, 0) + kernel - 1
    unit, span, rates = gcd(*steps) or 1, 1, sorted(steps)
    while rates and rates[0] <= span * unit:
        rate = rates.pop(0)
        span += rate // unit * steps[rate]
    mask = _copies(1, unit, span, or_)
    for rate in rates:
        mask = _copies(mask, rate, steps[rate] + 1, or_)
    return Exact(field, mask)


def countable(layers: Layers) -> bool:
    """Whether the ways through a stack are few and short enough to be written out."""
    field = field_of(layers)
    return field <= MAX_RATE_WAYS and field * _width(layers) * len(layers) <= MAX_WAYS_BYTES


def _width(layers: Layers) -> int:
    """Bytes that hold the number of all ways through a stack."""
    return prod(kernel for _, kernel in layers).bit_length() // 8 + 1


def path_counts(layers: tuple[Layer, ...]) -> tuple[int, ...]:
    """Return how many of the K_1 ... K_n ways through a stack lead to each position of its field.

    The counts are the coefficients of a product of polynomials, packed into one integer so that a layer is a few
    shifts and additions. Raises ShapeError for stacks past what is written out (see `countable`).
    """
    field = field_of(layers)
    if not countable(layers):
        raise ShapeError(f"the ways to {field:,} positions are past what is written out ({MAX_RATE_WAYS:,})")
    width = _width(layers)
    packed = 1
    for rate, kernel in layers:
        packed = _copies(packed, 8 * width * rate, kernel, add)
    whole = packed.to_bytes(field * width, "little")
    return tuple(int.from_bytes(whole[place : place + width], "little") for place in range(0, len(whole), width))


def _copies(bits: int, shift: int, count: int, join: Callable[[int, int], int]) -> int:
    """Join `count` copies of a number, each moved by `shift` bits from the one before, doubling as it goes."""
    result = have = 0
    for digit in bin(count)[2:]:
        result, have = join(result, result << (shift * have)), 2 * have
        if digit == "1":
            result, have = join(result << shift, bits), have + 1
    return result


def unevenness(counts: Sequence[int]) -> float:
    """Return the standard deviation of the ways over their mean: 0 where every position counts alike."""
    total, square = sum(counts), sum(count * count for count in counts)
    share = Fraction(len(counts) * square, total * total) - 1
    return isqrt(share.numerator * 10**24 // share.denominator) / 10**12


def exact_json(exact: Exact, reached: int, size: int, rank: int) -> dict[str, Any]:
    """Return what is reached along one axis as JSON holds it, with the positions of all axes together."""
    return {
        "full": exact.full,
        "holes": exact.holes,
        "reached": exact.reached,
        "coverage": float(exact.coverage),
        "coverage_2d": reached / size if rank == 2 else None,
        "reached_all": reached,
        "positions_all": size,
        "receptive_field": exact.receptive_field,
    }
