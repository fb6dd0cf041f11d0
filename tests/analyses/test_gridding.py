"""The HDC rules by the paper's recurrence, and the exact check against brute force."""

from __future__ import annotations

import itertools
import json
from math import gcd
from pathlib import Path
from typing import Any

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from convcalc.analyses.dilated_groups import groups
from convcalc.analyses.gridding import check, exact, m_values, positions, ranges, sawtooth
from convcalc.builder import Builder
from convcalc.cli.read.source import blocks
from convcalc.cli.read.stack import assemble
from convcalc.errors import ShapeError, UnsupportedError

# brute force over all tuples of rates 1..12, and gradients in torch 2.13.0: rows of the oracle records
ROWS = list(json.loads((Path(__file__).parents[1] / "golden/fields.json").read_text()))


BRUTE = [
    pytest.param(row, id=row["id"], marks=[pytest.mark.thorough] if row["params_kwargs"]["layers"] > 3 else [])
    for row in ROWS
    if row["kind"] == "hdc_bruteforce"
]


@pytest.mark.parametrize("row", BRUTE)
def test_rules_and_truth_part_as_often_as_the_catalogue_says(row: dict) -> None:
    told, want = row["params_kwargs"], row["counts"]
    kernel = told["kernel"]
    full = m2 = coprime = false_ok = false_bad = 0
    for rates in itertools.product(range(1, told["max_rate"] + 1), repeat=told["layers"]):
        found = check(rates, [kernel] * len(rates))
        full += found.exact.full
        m2 += bool(found.m2_within_kernel)
        coprime += found.no_common_divisor
        false_ok += bool(found.m2_within_kernel) and not found.exact.full
        false_bad += not found.m2_within_kernel and found.exact.full
    assert (full, m2, coprime) == (want["exact_full"], want["m2_ok"], want["gcd1"])
    assert (false_ok, false_bad) == (want["m2_ok_exact_holes"], want["m2_bad_exact_full"])


@pytest.mark.parametrize("row", [row for row in ROWS if row["kind"] == "hdc_coverage_2d"], ids=lambda row: row["id"])
def test_coverage_in_two_dimensions_is_torchs(row: dict) -> None:
    told, want = row["params_kwargs"], row["rf"]
    found = check(told["dilations"], [told["kernel"]] * len(told["dilations"])).exact
    assert found.receptive_field == want["size"]
    assert found.reached**2 == want["positions_reached"]
    assert float(found.coverage**2) == pytest.approx(want["coverage"])


@pytest.mark.parametrize(
    ("rates", "kernel", "full", "m2_holds"),
    [
        ((2, 2, 2), 3, False, True),  # the textbook gridding case passes the paper's M_2 rule
        ((2, 3), 3, False, True),
        ((1, 2, 5, 1, 2, 5), 3, True, False),
        ((1, 2, 5), 3, True, True),
        ((1, 2, 9), 3, False, False),
        ((1, 2, 9), 4, True, False),
        ((1, 5, 2), 3, True, False),
        ((1, 3, 1), 3, True, False),
        ((1, 2, 5), 2, False, True),
        ((4, 1), 3, False, True),
    ],
)
def test_where_the_papers_rule_and_the_truth_part(
    rates: tuple[int, ...], kernel: int, full: bool, m2_holds: bool
) -> None:
    found = check(rates, [kernel] * len(rates))
    assert (found.exact.full, found.m2_within_kernel) == (full, m2_holds)


def test_the_holes_of_1_2_9_lie_four_and_five_from_the_centre() -> None:
    found = exact([(1, 3), (2, 3), (9, 3)])
    assert found.receptive_field == 25
    assert [hole - 12 for hole in found.holes] == [-5, -4, 4, 5]


def test_m_values_are_the_papers() -> None:
    assert m_values((1, 2, 5))[1] == 2
    assert m_values((1, 2, 9))[1] == 5
    assert m_values((5, 9, 17)) == (5, 9, 17)
    assert m_values(()) == ()


@pytest.mark.parametrize(
    ("rates", "text"),
    [
        ((1, 2, 5), "one tooth"),
        ((1, 2, 5, 1, 2, 5), "repeats"),
        ((1, 2, 1, 2, 1, 2), "repeats"),
        ((2, 2, 2), "no"),
        ((1, 2, 5, 1, 2), "no"),
        ((5, 2, 1), "no"),
        ((4,), "one tooth"),
        ((1, 2, 5, 1, 2, 6), "no"),
    ],
)
def test_sawtooth(rates: tuple[int, ...], text: str) -> None:
    assert sawtooth(rates) == text


def test_layers_with_a_kernel_of_one_are_dropped_before_any_rule() -> None:
    found = check((7, 1, 2), (1, 3, 3))
    assert (found.rates, found.dropped, found.m, found.exact.receptive_field) == ((1, 2), 1, (1, 2), 7)
    single = check((2,), (3,))
    assert single.m2_within_kernel is None and single.exact.holes == (1, 3)
    nothing = check((3,), (1,))
    assert nothing.exact.receptive_field == 1 and nothing.exact.full


def test_bad_rates_and_kernels_are_refused() -> None:
    with pytest.raises(ShapeError, match="rate must be at least 1, not 0"):
        check((0, 1), (3, 3))
    with pytest.raises(ShapeError, match="kernel must be at least 1, not 0"):
        check((1,), (0,))
    with pytest.raises(ShapeError, match="past what is enumerated"):
        check((10**9,), (3,))


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 6)), min_size=1, max_size=5))
@settings(max_examples=300)
def test_the_bit_set_is_the_minkowski_sum(layers: list[tuple[int, int]]) -> None:
    reached = {0}
    for rate, kernel in layers:
        reached = {place + rate * tap for place in reached for tap in range(kernel)}
    found = exact(layers)
    assert set(range(found.receptive_field)) - reached == set(found.holes)
    # the closed form: sorted by rate, full iff each rate is at most 1 + what the smaller ones span
    span, full = 0, True
    for rate, kernel in sorted((rate, kernel) for rate, kernel in layers if kernel > 1):
        full, span = full and rate <= 1 + span, span + rate * (kernel - 1)
    assert found.full == full
    rates = [rate for rate, kernel in layers if kernel > 1]
    if rates and gcd(*rates) > 1:
        assert not found.full


def test_positions_and_ranges() -> None:
    assert positions(0b1011) == (0, 1, 3)
    assert positions(0) == ()
    assert ranges((0, 1, 3, 5, 6)) == [(0, 1), (3, 3), (5, 6)]


def judged(spec: str) -> list[tuple[list[str], tuple[int, ...], bool]]:
    graph = assemble(blocks(spec.split())[0], needs_input=False).graph
    return [([".".join(p) for p in one.layers], one.gridding.rates, one.parallel) for one in groups(graph)]


def test_groups_of_a_spec() -> None:
    assert judged("conv c=4 k=3 d=2 relu conv c=4 k=1 batch_norm conv c=4 k=3 d=3") == [
        (["0", "2", "4"], (2, 3), False)
    ]
    assert judged("conv c=4 k=3 d=2 max_pool k=2 conv c=4 k=3 d=4") == [(["0"], (2,), False), (["2"], (4,), False)]
    assert judged("conv c=4 k=3 d=2 conv c=4 k=3 s=2 conv c=4 k=3 d=4") == [(["0"], (2,), False), (["2"], (4,), False)]
    assert judged("conv c=4 k=3 conv c=4 k=3") == []
    assert judged("conv c=4 k=3 conv c=4 k=3 d=2") == [(["0", "1"], (1, 2), False)]


def test_branches_between_a_fork_and_a_merge_are_never_one_stack() -> None:
    aspp = "identity as=x " + " ".join(f"conv c=4 k=3 d={d} p={d} from=x as=b{d}" for d in (6, 12, 18))
    found = judged(aspp + " concat from=b6,b12,b18")
    assert found == [(["1"], (6,), True), (["2"], (12,), True), (["3"], (18,), True)]


def test_axes_that_differ_are_judged_apart() -> None:
    graph = assemble(blocks(["conv", "c=4", "k=3", "d=1x2"])[0], needs_input=False).graph
    assert [(one.axis, one.gridding.rates) for one in groups(graph)] == [("horizontal", (2,))]


def test_a_forked_run_ends_and_symbols_are_refused() -> None:
    assert judged("conv c=4 k=3 d=2 as=a relu add from=a,last") == [(["0"], (2,), False)]
    k: Any = sympy.Symbol("k", positive=True, integer=True)
    b = Builder()
    y = b.conv(b.input((1, 2, 9)), 2, k, dilation=2)
    with pytest.raises(UnsupportedError, match="gridding needs plain numbers"):
        groups(b.graph(y))
