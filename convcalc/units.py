"""Numbers as people read them: SI for counts, IEC for bytes, exact where it fits (`count`, `size_of`, `seconds`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convcalc.sizes import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SI = ((10**15, "P"), (10**12, "T"), (10**9, "G"), (10**6, "M"))
ITEMSIZES = {"fp64": 8, "fp32": 4, "bf16": 2, "fp16": 2, "fp8": 1, "int8": 1}
"""Bytes of one element of each dtype."""
LITTLE = 0.1
"""What differs by less is told in percent."""
IEC = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def count(value: Any) -> str:
    """Return a count: every digit below a million, four figures and an SI letter above.

    >>> count(9408), count(118013952)
    ('9,408', '118.0 M')
    """
    if value is None or value is UNKNOWN:
        return "?"
    for size, letter in SI:
        if value >= size:
            return f"{figures(value / size)} {letter}"
    return f"{value:,}"


def exactly(value: Any) -> str:
    """Return a count with every digit."""
    return "?" if value is None or value is UNKNOWN else f"{value:,}"


def short(value: int) -> str:
    """Return a whole number as `count` does, and past the SI letters three figures and a power of ten.

    >>> short(2209), short(55960743861), short(3**50)
    ('2,209', '55.96 G', '7.18e23')
    """
    if value < 10**18:
        return count(value)
    power = (value.bit_length() - 1) * 30103 // 100000
    power += 1 if value >= 10 ** (power + 1) else 0
    leading = (value + 5 * 10 ** (power - 3)) // 10 ** (power - 2)
    if leading == 1000:
        leading, power = 100, power + 1
    return f"{leading // 100}.{leading % 100:02}e{power}"


def dashed(show: Callable[[Any], str]) -> Callable[[Any], str]:
    """Return a way of writing a value that writes - for none.

    >>> dashed(seconds)(None), dashed(seconds)(0.5)
    ('-', '500.0 ms')
    """
    return lambda value: "-" if value is None else show(value)


def giga(value: float) -> str:
    """Return billions per second, to four figures, for what is written as GB/s or GFLOP/s.

    >>> giga(88.24e9)
    '88.24'
    """
    return figures(value / 1e9)


def plural(count: int, noun: str) -> str:
    """Return a count with its noun, in the plural unless there is one.

    >>> plural(1, "layer"), plural(12, "layer")
    ('1 layer', '12 layers')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def axes_text(values: Sequence[object]) -> str:
    """Return values per axis as they are typed: one where all are alike, else one for each.

    >>> axes_text([3, 3]), axes_text([0, 1])
    ('3', '0x1')
    """
    return "x".join(map(str, values if len(set(values)) > 1 else values[:1]))


def figures(value: float) -> str:
    """Return four significant figures without an exponent.

    >>> figures(118.013), figures(1.2288), figures(0.04392)
    ('118.0', '1.229', '0.04392')
    """
    if value >= 1000 or value == 0:
        return f"{value:.0f}"
    whole = len(str(int(value))) if value >= 1 else -len(f"{value:.9f}"[2:]) + len(f"{value:.9f}"[2:].lstrip("0"))
    return f"{value:.{max(4 - whole, 0)}f}"


def share(part: Any, whole: Any) -> float | None:
    """Return part / whole, or None where either is unknown or the whole is nothing."""
    if part in (None, UNKNOWN) or whole in (None, UNKNOWN) or not whole:
        return None
    return float(part / whole)


def percent(value: float | None) -> str:
    """Return a share in percent, or `-`.

    >>> percent(1 / 3)
    '33.3%'
    """
    return "-" if value is None else f"{100 * value:.1f}%"


def times_text(ratio: float | None) -> str:
    """Return how many times more or fewer something is, in two figures.

    >>> times_text(0.1189), times_text(1.5), times_text(1.0), times_text(0.96), times_text(None)
    ('8.4 times fewer', '1.5 times more', 'the same', '4% fewer', '-')
    """
    if ratio is None or ratio <= 0:
        return "-"
    way = "more" if ratio > 1 else "fewer"
    if abs(ratio - 1) < LITTLE:
        return "the same" if ratio == 1 else f"{100 * abs(ratio - 1):.2g}% {way}"
    return f"{_two(max(ratio, 1 / ratio))} times {way}"


def _two(value: float) -> str:
    """Two figures, or all that a whole number has."""
    return f"{value:.1f}" if value < 9.95 else f"{value:.0f}"


def size_of(value: float) -> str:
    """Return bytes in IEC units.

    >>> size_of(4 * 2**20)
    '4.000 MiB'
    """
    for size, letter in IEC:
        if value >= size:
            return f"{figures(value / size)} {letter}"
    return f"{value:.0f} B"


def seconds(value: float) -> str:
    """Return a time with four figures.

    >>> seconds(0.00123)
    '1.230 ms'
    """
    for size, letter in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if value >= size:
            return f"{figures(value / size)} {letter}"
    return f"{value * 1e9:.0f} ns"
