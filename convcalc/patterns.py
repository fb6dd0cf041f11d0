"""`arrangement`: a pattern such as "b (c r) h w -> b c (h r) w" as the op that lays a tensor out so.

The notation is that of einops (Rogozhnikov, "Einops: clear and reliable tensor manipulations with Einstein-like
notation", ICLR 2022): a group in brackets is one axis of several factors, the last the fastest; `...` is all axes
that are not named, `1` an axis of size one.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from convcalc.errors import ShapeError, SpecError
from convcalc.ops import Rearrange
from convcalc.sizes import exact, product

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from convcalc.sizes import Shape, Size

Axes: TypeAlias = tuple[tuple[str, ...], ...]
"""One group of names for each axis."""
ELLIPSIS, ONE = "...", "1"
_ITEM = re.compile(r"\(([^()]*)\)|(\.\.\.|\w+)")


@cache
def parse(pattern: str) -> tuple[Axes, Axes]:
    """Return the axes on both sides of a pattern. Raises SpecError for names that are not on both sides once."""
    sides = pattern.split("->")
    if len(sides) != 2:
        raise SpecError(f"{pattern!r} needs one -> between what goes in and what comes out")
    before, after = (
        tuple(tuple(group.split()) if group or not name else (name,) for group, name in _ITEM.findall(side))
        for side in sides
    )
    names = [[name for axis in side for name in axis if name != ONE] for side in (before, after)]
    if sorted(names[0]) != sorted(set(names[1])) or len(names[0]) != len(names[1]):
        raise SpecError(f"{pattern!r}: each name stands once on each side")
    return before, after


def arrangement(pattern: str, shape: Shape, sizes: Mapping[str, Size]) -> Rearrange:
    """Return the op that lays a tensor of this shape out by a pattern; `sizes` are those of factors.

    One factor of a group may be left out: it is what the others leave. Raises ShapeError for another number of axes.
    """
    before, after = parse(pattern)
    rest = len(shape) - len(before) + 1 if (ELLIPSIS,) in before else 0
    before, after = (_spread(side, rest) for side in (before, after))
    if len(before) != len(shape):
        raise ShapeError(f"{pattern!r} names {len(before)} axes, but the tensor has {len(shape)}")
    split = [_factors(names, size, sizes) for names, size in zip(before, shape, strict=True)]
    places: dict[str, int] = {}
    ones: list[int] = []
    for place, name in enumerate(name for names in before for name in names):
        if name == ONE:
            ones.append(place)
        else:
            places[name] = place
    order: list[int] = []
    for name in (name for names in after for name in names):
        if name != ONE:
            order.append(places[name])
        elif ones:
            order.append(ones.pop(0))
        else:  # a new axis of size one, split off the last
            order.append(sum(map(len, split)))
            split[-1] = (*split[-1], 1)
    return Rearrange(split=tuple(split), order=tuple(order), merge=tuple(map(len, after)))


def _spread(axes: Axes, count: int) -> Axes:
    """The axes with names in the place of `...`."""
    named = tuple((f"{ELLIPSIS}{number}",) for number in range(count))
    return tuple(part for axis in axes for part in (named if axis == (ELLIPSIS,) else (axis,)))


def _factors(names: Sequence[str], size: Size, sizes: Mapping[str, Size]) -> Shape:
    """The sizes of one axis's factors."""
    if len(names) == 1:
        return (size,)
    known = [1 if name == ONE else sizes.get(name) for name in names]
    missing = [name for name, factor in zip(names, known, strict=True) if factor is None]
    if len(missing) > 1:
        raise SpecError(f"of ({' '.join(names)}) give the size of {missing[0]} or {missing[1]}")
    left = exact(size, product(factor for factor in known if factor is not None)) if missing else None
    return tuple(left if factor is None else factor for factor in known)  # type: ignore[misc]
