"""`reader`: which positions an interpolated output reads: the index rule of each mode, as torch computes it."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from convcalc.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convcalc.ops import Resample


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
    inputs, outputs = step.numerator, step.denominator

    def place(i: int) -> tuple[int, int]:
        """The position left of an output's place, and what remains of the way to the next."""
        if op.align_corners:
            return divmod(i * inputs, outputs)
        return divmod((2 * i + 1) * inputs - outputs, 2 * outputs)

    def nearest(i: int) -> Sequence[int]:
        return (i * inputs // outputs,)

    def nearest_exact(i: int) -> Sequence[int]:
        return ((2 * i + 1) * inputs // (2 * outputs),)

    def linear(i: int) -> Sequence[int]:
        left, rest = place(i)
        return (left, left + 1) if rest else (left,)

    def cubic(i: int) -> Sequence[int]:
        left, rest = place(i)
        return range(left - 1, left + 3) if rest else (left,)

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
