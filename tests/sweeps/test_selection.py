"""What is kept of a sweep: conditions that are read and never run, orders, and Pareto fronts by brute force."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcalc.errors import SpecError
from convcalc.sweeps.expressions import expression
from convcalc.sweeps.rows import Rows
from convcalc.sweeps.selection import Selection, front, objective, read_selection

COLUMNS = {"macs": numpy.asarray([1, 2, 300_000_000, 4]), "rf": numpy.asarray([3.0, 5.0, numpy.inf, 7.0])}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("macs < 300e6", [True, True, False, True]),
        ("macs < 300M", [True, True, False, True]),
        ("macs <= 300M and rf >= 5", [False, True, True, True]),
        ("not macs == 2", [True, False, True, True]),
        ("1 < macs < 5", [False, True, False, True]),
        ("macs % 2 == 0 or rf == 3", [True, True, True, True]),
        ("macs / rf > 0.5 and macs ** 2 < 10", [False, False, False, False]),
        ("-macs < -3", [False, False, True, True]),
        ("macs < 1Ki", [True, True, False, True]),
    ],
)
def test_conditions(text: str, expected: list[bool]) -> None:
    assert expression(text, COLUMNS, "--keep").holds(COLUMNS, 4).tolist() == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("__import__('os')", "is none of what may stand here"),
        ("macs.real > 1", "is none of what may stand here"),
        ("macs[0] > 1", "is none of what may stand here"),
        ("(lambda: 1)() > 0", "is none of what may stand here"),
        ("[macs for macs in rf]", "is none of what may stand here"),
        ("macz > 1", "there is no column 'macz'; did you mean 'macs'?"),
        ("macs > 9**9**9", "a power is a whole number from 0 to 8"),
        ("macs ** 99 > 1", "a power is a whole number from 0 to 8"),
        ("macs > 99999999999999999999999", "does not fit in 64 bits"),
        ("macs >", "is a condition such as"),
        ("macs " + "+ 1" * 1000, "characters"),
        ("macs", "is not a condition"),
        ("macs + 1", "is not a condition"),
        ("macs and rf", "compares what cannot be compared"),
        ("macs > 'x'", "compares what cannot be compared"),
        ("macs; rf", "is a condition such as"),
    ],
)
def test_what_is_no_condition_is_one_clear_line(text: str, message: str) -> None:
    with pytest.raises(SpecError) as error:
        expression(text, COLUMNS, "--keep").holds(COLUMNS, 4)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_arithmetic_does_not_wrap() -> None:
    large = {"macs": numpy.asarray([2**40])}
    assert expression("macs * macs > 1e20", large, "--keep").holds(large, 1).tolist() == [True]


def test_words_are_compared() -> None:
    words = {"padding": numpy.asarray(["same", 1, "valid"], dtype=object)}
    assert expression("padding == 'same'", words, "--keep").holds(words, 3).tolist() == [True, False, False]


points = st.lists(st.tuples(*[st.integers(0, 5)] * 3), min_size=1, max_size=60)


@given(points)
def test_a_front_is_what_brute_force_says(drawn: list[tuple[int, ...]]) -> None:
    def beaten(point: tuple[int, ...]) -> bool:
        return any(all(a <= b for a, b in zip(other, point, strict=True)) and other != point for other in drawn)

    expected = [place for place, point in enumerate(drawn) if not beaten(point)]
    assert front(numpy.asarray(drawn, dtype=float)).tolist() == expected


@given(points, st.integers(1, 7))
def test_a_front_in_batches_is_that_of_all(drawn: list[tuple[int, ...]], size: int) -> None:
    selection = Selection(pareto=tuple(objective(name, "abc", "--pareto", most=False) for name in "abc"))

    def rows(some: list[tuple[int, ...]]) -> Rows:
        return Rows({name: numpy.asarray([point[n] for point in some]) for n, name in enumerate("abc")}, len(some))

    batches = [rows(drawn[start : start + size]) for start in range(0, len(drawn), size)]
    (kept,) = selection.of(iter(batches))
    found = sorted(zip(*(kept.columns[name].tolist() for name in "abc"), strict=True))
    assert found == sorted(drawn[place] for place in front(numpy.asarray(drawn, dtype=float)))


@given(st.lists(st.integers(0, 20), min_size=1, max_size=50), st.integers(1, 8), st.integers(1, 9), st.booleans())
def test_the_first_of_an_order(drawn: list[int], top: int, size: int, up: bool) -> None:
    selection = read_selection(["a"], keep=None, sort="a:asc" if up else "a", top=top, pareto=None)
    batches = [
        Rows({"a": numpy.asarray(drawn[start : start + size])}, len(drawn[start : start + size]))
        for start in range(0, len(drawn), size)
    ]
    (kept,) = selection.of(iter(batches))
    assert kept.columns["a"].tolist() == sorted(drawn, reverse=not up)[:top]


def test_options_name_columns(capsys: pytest.CaptureFixture[str]) -> None:
    known: list[Any] = ["macs", "rf", "input"]
    for options, message in (
        ({"sort": "mac"}, "--sort: there is no column 'mac'; did you mean 'macs'?"),
        ({"pareto": "macs,rf:up"}, "--pareto: 'up' is not a direction"),
        ({"keep": "input == 'x'"}, "--keep: there is no column 'input'"),
    ):
        with pytest.raises(SpecError, match=message.replace("?", r"\?")):
            read_selection(known, **{"keep": None, "sort": None, "top": None, "pareto": None, **options})  # type: ignore[arg-type]
