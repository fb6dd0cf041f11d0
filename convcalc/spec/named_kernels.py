"""`by_name`: kernels people know by name, exact."""

from __future__ import annotations

from fractions import Fraction
from math import comb
from typing import TYPE_CHECKING, Final, TypeAlias

from convcalc.errors import SpecError, nearest
from convcalc.limits import MAX_NAMED_KERNEL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Rows: TypeAlias = "tuple[tuple[Fraction, ...], ...]"


def _rows(*rows: Sequence[int]) -> Rows:
    return tuple(tuple(map(Fraction, row)) for row in rows)


def _outer(column: Sequence[int], row: Sequence[int]) -> Rows:
    return _rows(*([a * b for b in row] for a in column))


def _binomial(size: int) -> list[int]:
    return [comb(size - 1, n) for n in range(size)]


FIXED: Final[dict[str, Rows]] = {
    "sobel": _outer((1, 2, 1), (-1, 0, 1)),
    "sobel_y": _outer((-1, 0, 1), (1, 2, 1)),
    "prewitt": _outer((1, 1, 1), (-1, 0, 1)),
    "scharr": _outer((3, 10, 3), (-1, 0, 1)),
    "roberts": _rows((1, 0), (0, -1)),
    "laplacian": _rows((0, 1, 0), (1, -4, 1), (0, 1, 0)),
    "laplacian8": _rows((1, 1, 1), (1, -8, 1), (1, 1, 1)),
    "sharpen": _rows((0, -1, 0), (-1, 5, -1), (0, -1, 0)),
    "emboss": _rows((-2, -1, 0), (-1, 1, 1), (0, 1, 2)),
    "log": _rows((0, 0, -1, 0, 0), (0, -1, -2, -1, 0), (-1, -2, 16, -2, -1), (0, -1, -2, -1, 0), (0, 0, -1, 0, 0)),
}
SIZED: Final[dict[str, Callable[[int], Rows]]] = {
    "box": lambda size: _outer([1] * size, [1] * size),
    "gaussian": lambda size: _outer(_binomial(size), _binomial(size)),
    "diagonal": lambda size: _rows(*([int(a == b) for b in range(size)] for a in range(size))),
}
"""Kernels of any size; the Gaussian is the binomial one, whose rows are Pascal's."""


def by_name(name: str, size: int | None = None) -> Rows:
    """Return a well-known kernel. Raises SpecError for a name nobody knows and a size that does not fit it."""
    key = name.lower().replace("-", "_")
    if key in FIXED:
        if size is not None and size != len(FIXED[key]):
            raise SpecError(f"{key} is {len(FIXED[key])} x {len(FIXED[key])}; a size goes with {', '.join(SIZED)}")
        return FIXED[key]
    if key not in SIZED:
        known = (*FIXED, *SIZED)
        raise SpecError(f"there is no kernel {name!r}{nearest(key, known)} (there are {', '.join(known)})")
    if size is not None and not 1 <= size <= MAX_NAMED_KERNEL:
        raise SpecError(f"a size is a whole number from 1 to {MAX_NAMED_KERNEL}, not {size}")
    return SIZED[key](3 if size is None else size)
