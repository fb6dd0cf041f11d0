"""Numbers that may be whole numbers, numpy arrays, sympy symbols, or not given.

`Size` is typed as `int` and works as anything that does integer arithmetic, so that one recipe answers for an
int, for a million configurations at once, and as a formula. Nothing here imports numpy or sympy: whoever hands
in an array or a symbol has already done so.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias, cast

from convcalc.errors import LimitError, ShapeError, UnknownSizeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Size: TypeAlias = Annotated[int, "size"]
"""One number: it may be an array or a symbol. An argument marked so may be swept or named."""
Sizes: TypeAlias = Annotated[int, "sizes"]
"""One `Size` per spatial axis (a `PerAxis`), or a single `Size` that stands for all of them."""
OutputSizes: TypeAlias = Annotated[int, "output sizes"]
"""The sizes a pool is to give; None keeps an axis as it is."""
Factors: TypeAlias = Annotated[float, "factors"]
"""A scale factor, or one per spatial axis."""
Sides: TypeAlias = Annotated[int, "sides"]
"""Positions to add: one number, one or a (before, after) pair per axis, or torch's flat (left, right, top, ...)."""
Shape: TypeAlias = tuple[Size, ...]

INT64 = 2**63


def _absorb(*_: object) -> Any:
    return UNKNOWN


class Unknown:
    """A size that was not given: it absorbs arithmetic and comparison, and prints as `?`."""

    __slots__ = ()
    __array_ufunc__ = None
    __hash__ = object.__hash__
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _absorb
    __floordiv__ = __rfloordiv__ = __truediv__ = __rtruediv__ = __mod__ = __rmod__ = __neg__ = _absorb
    __lt__ = __le__ = __gt__ = __ge__ = _absorb

    def __bool__(self) -> bool:
        raise UnknownSizeError("this needs the input's size: give it with -i")

    def __repr__(self) -> str:
        return "?"


UNKNOWN: Final = cast("Size", Unknown())


def known(*sizes: Size) -> bool:
    """Whether every size was given."""
    return not any(size is UNKNOWN for size in sizes)


def is_one(size: object) -> bool:
    """Whether this is the number 1: what stretches, gates and single positions are told by."""
    return isinstance(size, int) and size == 1


def is_array(size: object) -> bool:
    """Whether this is a numpy array (asked without importing numpy)."""
    return type(size).__name__ == "ndarray"


def is_symbol(size: object) -> bool:
    """Whether this is a sympy expression (asked without importing sympy)."""
    return hasattr(size, "free_symbols")


def _lift(operation: Callable[[Any, Any], Any]) -> Callable[[PerAxis, Any], PerAxis]:
    def method(self: PerAxis, other: Any) -> PerAxis:
        return PerAxis(operation(a, b) for a, b in zip(self, per_axis(other, len(self)), strict=True))

    return method


def _swap(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda a, b: operation(b, a)


class PerAxis:
    """One value per spatial axis; arithmetic is element-wise and a single number stands for every axis.

    >>> (PerAxis((3, 5)) - 1) // 2
    (1, 2)
    """

    __slots__ = ("values",)
    __array_ufunc__ = None
    __add__ = __radd__ = _lift(operator.add)
    __mul__ = __rmul__ = _lift(operator.mul)
    __sub__, __rsub__ = _lift(operator.sub), _lift(_swap(operator.sub))
    __floordiv__, __rfloordiv__ = _lift(operator.floordiv), _lift(_swap(operator.floordiv))
    __mod__ = _lift(operator.mod)

    def __init__(self, values: Iterable[Any]) -> None:
        self.values = tuple(values)

    def __neg__(self) -> PerAxis:
        return PerAxis(-value for value in self)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, axis: int) -> Any:
        return self.values[axis]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PerAxis) and self.values == other.values

    def __hash__(self) -> int:
        return hash(self.values)

    def __repr__(self) -> str:
        return repr(self.values)


class Pair(tuple[int, int]):
    """What is before and after each axis, as the word 0+1 says it: one pair for all axes, no flat list of sides."""

    __slots__ = ()


def per_axis(value: Any, rank: int, name: str = "the value") -> tuple[Any, ...]:
    """Return one value per axis. Raises ShapeError when a tuple of another length was given."""
    if not isinstance(value, PerAxis):
        return (value,) * rank
    if len(value) != rank:
        raise ShapeError(f"{name} {value} has {len(value)} numbers, but the input has {rank} spatial axes")
    return value.values


def axes(*values: Size) -> Sizes:
    """Return one value per axis, as arguments of layers take them."""
    return cast("Sizes", PerAxis(values))


def ceil_div(a: Size, b: Size) -> Size:
    """Return a / b rounded up."""
    return -(-a // b)


def exact(a: Size, divisor: Size) -> Size:
    """Divide what must come out even. Raises ShapeError on an int that does not."""
    if is_symbol(a) or is_symbol(divisor):
        return cast("Size", a / divisor)
    if isinstance(a, int) and isinstance(divisor, int) and a % divisor:
        raise ShapeError(f"{a} is not divisible by {divisor}")
    return a // divisor


def part_of(share: float, size: Size) -> Size:
    """Return share * size rounded down, in exact decimals: 0.29 of 100 is 29, where floats give 28."""
    from fractions import Fraction

    exactly = Fraction(str(share))
    return size * exactly.numerator // exactly.denominator


def common_divisor(a: Size, b: Size) -> Size:
    """Return the greatest common divisor; of symbols a function that waits for their numbers."""
    if is_symbol(a) or is_symbol(b):
        import sympy

        class gcd(sympy.Function):  # type: ignore[misc]  # noqa: N801  sympy prints a function by its class's name
            @classmethod
            def eval(cls, left: Any, right: Any) -> Any:
                return sympy.igcd(left, right) if left.is_Integer and right.is_Integer else None

        waiting: Size = gcd(a, b)
        return waiting
    if is_array(a) or is_array(b):
        import numpy

        rows: Size = numpy.gcd(a, b)
        return rows
    return math.gcd(a, b)


def equal(a: Size, b: Size) -> bool:
    """Whether two sizes are equal: a bool, a mask, or a relation. Recipes never write `==` on sizes."""
    if a is UNKNOWN or b is UNKNOWN:
        return cast("bool", UNKNOWN)
    if is_symbol(a) or is_symbol(b):
        import sympy

        difference = sympy.expand(cast("Any", a) - b)
        return True if difference == 0 else cast("bool", sympy.Eq(difference, 0))
    return a == b


def divides(divisor: Size, a: Size) -> bool:
    """Whether `a` is a multiple of `divisor` (never of zero)."""
    if isinstance(divisor, int) and divisor == 0:
        return False
    return equal(a % divisor, 0)


def _fold(sizes: Iterable[Size], ints: Callable[..., Any], array: str, symbol: str) -> Size:
    sizes = tuple(sizes)
    if not known(*sizes):
        return UNKNOWN
    if any(map(is_symbol, sizes)):
        import sympy

        answer: Size = getattr(sympy, symbol)(*sizes)
        return answer
    if any(map(is_array, sizes)):
        import functools

        import numpy

        rows: Size = functools.reduce(getattr(numpy, array), sizes)
        return rows
    return cast("Size", ints(sizes))


def smallest(*sizes: Size) -> Size:
    """Return the least of the sizes, element by element for arrays."""
    return _fold(sizes, min, "minimum", "Min")


def largest(*sizes: Size) -> Size:
    """Return the greatest of the sizes, element by element for arrays."""
    return _fold(sizes, max, "maximum", "Max")


def _checked(sizes: Iterable[Size], start: int, operation: Callable[[Any, Any], Any]) -> Size:
    """Fold sizes; arrays of int64 wrap in silence, so the fold is repeated in float64 and compared with 2^63."""
    result: Any = start
    shadow: Any = float(start)
    for size in sizes:
        result = operation(result, size)
        if is_array(result):
            shadow = operation(shadow, cast("Any", size).astype(float) if is_array(size) else float(size))
            if (abs(shadow) >= INT64).any():
                raise LimitError("a total in this sweep does not fit in 64 bits: use smaller ranges")
        elif isinstance(result, int):
            shadow = result
    return cast("Size", result)


def product(sizes: Iterable[Size]) -> Size:
    """Return the product of the sizes. Raises ShapeError where an array would overflow 64 bits."""
    sizes = tuple(sizes)
    return math.prod(sizes) if _plain(sizes) else _checked(sizes, 1, operator.mul)


def total(sizes: Iterable[Size]) -> Size:
    """Return the sum of the sizes. Raises ShapeError where an array would overflow 64 bits."""
    sizes = tuple(sizes)
    return sum(sizes) if _plain(sizes) else _checked(sizes, 0, operator.add)


def _plain(sizes: tuple[Size, ...]) -> bool:
    """Whether all are whole numbers: most are."""
    return all(type(size) is int for size in sizes)


AXIS_NAMES: Final = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
"""What spatial axes are called, by how many there are."""


def scaled(size: Size, factor: Any) -> Size:
    """floor(size * factor), in double precision as torch computes it."""
    if not known(size):
        return size
    if is_symbol(size) or is_symbol(factor):
        import sympy

        scaled: Size = sympy.floor(size * sympy.Rational(factor))
        return scaled
    if is_array(size) or is_array(factor):
        import numpy

        rows: Size = numpy.floor(numpy.asarray(size * factor, dtype=float)).astype(int)
        return rows
    return math.floor(float(size) * float(factor))
