"""`reader`, `shares`: which positions an interpolated output reads, and with which factors, as torch computes it."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias

from convcalc.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convcalc.ops import Resample

Share: TypeAlias = tuple[int, Fraction]
"""A position that is read, and its factor."""


def ratio(op: Resample, axis: int, size: int) -> Fraction:
    """Return the input positions per output along spatial axis number `axis` of an input with `size` positions.

    Where a scale factor was given torch steps by its inverse, not by the ratio of the sizes.
    """
    if op.align_corners:
        return Fraction(size - 1, op.size[axis] - 1) if op.size[axis] > 1 else Fraction(0)
    if op.scale is not None:
        return 1 / factor(op, axis)
    return Fraction(size, op.size[axis])


def factor(op: Resample, axis: int) -> Fraction:
    """Return a scale factor as the simple fraction its double stands for: torch divides in floating point."""
    scale = (op.scale or (1,))[axis]
    return Fraction(scale).limit_denominator(10**6)


def copies(op: Resample, axis: int, size: int) -> bool:
    """Whether torch passes an axis through because its size does not change, whatever the scale factor says."""
    smooth = op.mode in ("linear", "bilinear", "trilinear")
    return size == op.size[axis] and (smooth or (op.mode == "nearest" and len(op.size) == 2))


def reader(op: Resample, step: Fraction) -> Callable[[int], Sequence[int]]:
    """Return the function from an output position to the positions it reads, before clamping to the border."""
    share = shares(op, step)
    return lambda i: [place for place, _ in share(i)]


def shares(op: Resample, step: Fraction) -> Callable[[int], list[Share]]:
    """Return the function from an output position to the positions it reads, each with its factor; they add up to 1."""
    inputs, outputs = step.numerator, step.denominator

    def at(i: int) -> tuple[int, Fraction]:
        """The position left of an output's place, and what remains of the way to the next."""
        if op.align_corners:
            left, rest = divmod(i * inputs, outputs)
            return left, Fraction(rest, outputs)
        left, rest = divmod((2 * i + 1) * inputs - outputs, 2 * outputs)
        return left, Fraction(rest, 2 * outputs)

    def nearest(i: int) -> list[Share]:
        return [(i * inputs // outputs, Fraction(1))]

    def nearest_exact(i: int) -> list[Share]:
        return [((2 * i + 1) * inputs // (2 * outputs), Fraction(1))]

    def linear(i: int) -> list[Share]:
        left, rest = at(i)
        return [(left, 1 - rest), (left + 1, rest)] if rest else [(left, Fraction(1))]

    def cubic(i: int) -> list[Share]:
        left, rest = at(i)
        if not rest:
            return [(left, Fraction(1))]
        return [(left + n, _cubic(abs(rest - n))) for n in (-1, 0, 1, 2)]

    match op.mode:
        case "nearest" | "unpool":
            return nearest
        case "nearest-exact":
            return nearest_exact
        case "linear" | "bilinear" | "trilinear":
            return linear
        case "bicubic":
            return cubic
        case _:
            raise UnsupportedError(f"what {op.mode!r} interpolation reads is not known here")


def _cubic(distance: Fraction) -> Fraction:
    """The cubic kernel with a = -3/4, as torch has it. Source: Keys 1981, "Cubic convolution interpolation"."""
    a = Fraction(-3, 4)
    if distance <= 1:
        return (a + 2) * distance**3 - (a + 3) * distance**2 + 1
    return a * distance**3 - 5 * a * distance**2 + 8 * a * distance - 4 * a
