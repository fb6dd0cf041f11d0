"""Sizes that are ints, arrays, symbols or unknown."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from convcalc.errors import LimitError, ShapeError
from convcalc.sizes import (
    UNKNOWN,
    PerAxis,
    ceil_div,
    divides,
    equal,
    exact,
    known,
    largest,
    per_axis,
    product,
    smallest,
    total,
)


@given(a=st.integers(0, 10**6), d=st.integers(1, 10**4))
def test_ceil_div_rounds_up(a: int, d: int) -> None:
    assert ceil_div(a, d) == -(-a // d)
    assert (ceil_div(a, d) - 1) * d < max(a, 1) <= max(ceil_div(a, d), 1) * d


def test_unknown_absorbs_everything_and_prints_as_a_question_mark() -> None:
    x: Any = UNKNOWN
    assert all(y is UNKNOWN for y in (x + 1, 1 - x, x * 2, 5 // x, x // 5, x % 2, -x, x < 3, x >= 3))
    assert equal(UNKNOWN, 3) is UNKNOWN
    assert product((3, UNKNOWN)) is UNKNOWN and total((UNKNOWN, 1)) is UNKNOWN
    assert smallest(3, UNKNOWN) is UNKNOWN
    assert numpy.arange(3) + x is UNKNOWN
    assert sympy.Symbol("n") * x is UNKNOWN
    assert repr(x) == "?" and not known(1, UNKNOWN) and known(1, 2)
    with pytest.raises(ShapeError, match="give it with -i"):
        bool(x)


def test_per_axis_arithmetic_is_element_wise_and_numbers_stand_for_every_axis() -> None:
    k: Any = PerAxis((3, 5))
    assert k // 2 == PerAxis((1, 2))
    assert 2 * k + 1 == PerAxis((7, 11))
    assert 7 - k == PerAxis((4, 2)) and k - 1 == PerAxis((2, 4)) and -k == PerAxis((-3, -5))
    assert k + PerAxis((1, 2)) == PerAxis((4, 7))
    assert 15 // k == PerAxis((5, 3)) and k % 2 == PerAxis((1, 1))
    assert len(k) == 2 and k[1] == 5 and hash(k) == hash(PerAxis((3, 5))) and k != (3, 5)
    assert per_axis(3, 2) == (3, 3)
    with pytest.raises(ShapeError, match=r"kernel_size \(3, 5\) has 2 numbers, but the input has 3 spatial axes"):
        per_axis(k, 3, "kernel_size")


def test_exact_divides_what_comes_out_even() -> None:
    n = sympy.Symbol("n", positive=True, integer=True)
    symbol: Any = exact(n * 4, 2)
    assert symbol == 2 * n
    assert exact(12, 4) == 3
    assert list(exact(numpy.array([4, 8]), 4)) == [1, 2]  # type: ignore[call-overload, arg-type]
    with pytest.raises(ShapeError, match="7 is not divisible by 2"):
        exact(7, 2)


def test_equal_and_divides_in_every_world() -> None:
    n = sympy.Symbol("n", positive=True, integer=True)
    a: Any = n
    assert equal(3, 3) is True and equal(3, 4) is False
    assert equal(a * 2, a + a) is True
    assert equal(a, a + 1) == sympy.false
    assert str(equal(a, 3)) == "Eq(n - 3, 0)"
    assert divides(3, 9) and not divides(2, 9) and divides(0, 9) is False
    rows: Any = numpy.array([2, 3])
    assert list(divides(2, rows)) == [True, False]  # type: ignore[call-overload]


def test_smallest_and_largest_in_every_world() -> None:
    rows: Any = numpy.array([1, 5])
    n: Any = sympy.Symbol("n", positive=True, integer=True)
    assert smallest(3, 2) == 2 and largest(3, 2) == 3
    assert list(smallest(rows, 3)) == [1, 3] and list(largest(rows, 3)) == [3, 5]  # type: ignore[call-overload]
    answer: Any = smallest(n, 3)
    assert answer == sympy.Min(n, 3)


def test_products_and_totals_of_arrays_refuse_to_wrap() -> None:
    big: Any = numpy.array([2**40, 3])
    with pytest.raises(LimitError, match="64 bits"):
        product((big, big))
    with pytest.raises(LimitError, match="64 bits"):
        total((numpy.array([2**62]), numpy.array([2**62])))  # type: ignore[arg-type]
    assert list(product((big, 4))) == [2**42, 12]  # type: ignore[call-overload]
    assert product((2**40, 2**40)) == 2**80  # ints never overflow
