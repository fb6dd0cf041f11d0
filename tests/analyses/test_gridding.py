"""The HDC rules by the paper's recurrence, and the exact check against brute force."""

from __future__ import annotations

import itertools
import json
import statistics
from math import gcd
from pathlib import Path
from typing import Any

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from convcalc.analyses.hdc.gridding import (
    Gap,
    check,
    countable,
    exact,
    field_of,
    gap,
    m_values,
    path_counts,
    sawtooth,
    unevenness,
)
from convcalc.analyses.hdc.groups import groups
from convcalc.analyses.hdc.rate_design import designs, fewest_layers, sawteeth
from convcalc.analyses.hdc.rate_repair import repairs
from convcalc.builder import Builder
from convcalc.errors import ShapeError, UnsupportedError
from convcalc.ops import Conv
from convcalc.spec.assemble import assemble
from convcalc.spec.source import blocks
from tests.worlds import positions_seen

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


def _apart(rates: tuple[int, ...], kernel: int) -> tuple[bool, bool]:
    """Whether taps added one by one reach everything, and the paper's goal, both written anew."""
    reached = 1
    for rate in rates:
        reached = _spread(reached, rate, kernel)
    m = rates[-1]
    for rate in rates[-2:0:-1]:
        m = max(m - 2 * rate, 2 * rate - m, rate)
    return reached == 2 ** (1 + (kernel - 1) * sum(rates)) - 1, m <= kernel


def _spread(reached: int, rate: int, kernel: int) -> int:
    found = 0
    for tap in range(kernel):
        found |= reached << rate * tap
    return found


# catalogue, basic 2.2: full, M_2 <= K, rule says OK but holes, rule says bad but full; of r_1 = 1 and rising: both
TABLE = {
    2: (390, 1164, 1020, 246, 49, 0),
    3: (2487, 2556, 1783, 1714, 0, 0),
    4: (4026, 4224, 2910, 2712, 0, 25),
    5: (4919, 6048, 4163, 3034, 0, 26),
}


@pytest.mark.thorough
@pytest.mark.parametrize("kernel", TABLE)
def test_every_tuple_of_rates_up_to_twelve(kernel: int) -> None:
    counts = [0] * 6
    for length in (2, 3, 4):
        for rates in itertools.product(range(1, 13), repeat=length):
            found = check(rates, [kernel] * length)
            full, rule = _apart(rates, kernel)
            assert found.exact.full == (found.gap is None) == full
            assert found.m2_within_kernel == rule
            rising = rates[0] == 1 and list(rates) == sorted(rates)
            wrong = (rule and not full, full and not rule)
            for place, counted in enumerate((full, rule, *wrong, rising and wrong[0], rising and wrong[1])):
                counts[place] += counted
    assert tuple(counts) == TABLE[kernel]


@pytest.mark.parametrize("row", [row for row in ROWS if row["id"].startswith("rf-dilated")], ids=lambda row: row["id"])
def test_ways_are_torchs_gradients_of_weights_of_one(row: dict) -> None:
    told, want = row["params_kwargs"], row["rf"]
    found = check(told["dilations"], [told["kernel"]] * len(told["dilations"]))
    assert list(path_counts(found.layers)) == want["multiplicity"]
    assert (found.exact.receptive_field, found.exact.reached) == (want["size"], want["positions_reached"])


@pytest.mark.parametrize("row", [row for row in ROWS if row["kind"] == "hdc_coverage_2d"], ids=lambda row: row["id"])
def test_coverage_in_two_dimensions_is_torchs(row: dict) -> None:
    told, want = row["params_kwargs"], row["rf"]
    found = check(told["dilations"], [told["kernel"]] * len(told["dilations"])).exact
    assert found.receptive_field == want["size"]
    assert found.reached**2 == want["positions_reached"]
    assert float(found.coverage**2) == pytest.approx(want["coverage"])
    counts = path_counts(tuple((rate, told["kernel"]) for rate in told["dilations"]))
    assert max(counts) ** 2 == want["max_multiplicity"] and sum(counts) ** 2 == want["total_paths"]
    assert counts[len(counts) // 2] ** 2 == want["center_multiplicity"]


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


def test_holes_are_listed_in_runs() -> None:
    assert list(exact([(1, 2), (4, 3)]).gaps()) == [(2, 3), (6, 7)]
    assert exact([(1, 2), (4, 3)]).holes == (2, 3, 6, 7)
    assert list(exact([(1, 3)]).gaps()) == []
    assert gap([(1, 3), (9, 3), (2, 3)]) == Gap(rate=9, span=7)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 6)), min_size=1, max_size=4))
@settings(max_examples=200)
def test_ways_are_counted_as_one_by_one(layers: list[tuple[int, int]]) -> None:
    counts = [0] * field_of(layers)
    for taps in itertools.product(*(range(kernel) for _, kernel in layers)):
        counts[sum(rate * tap for (rate, _), tap in zip(layers, taps, strict=True))] += 1
    assert list(path_counts(tuple(layers))) == counts
    assert unevenness(counts) == pytest.approx(statistics.pstdev(counts) / statistics.fmean(counts), abs=1e-9)


def test_rates_and_depths_as_large_as_people_use() -> None:
    """A sum of 100,000 over 50 layers: the whole answer costs less than one small enumeration by sets would."""
    found = check([2000] * 50, [3] * 50)
    assert (found.exact.receptive_field, found.exact.reached, found.exact.full) == (200_001, 101, False)
    counts = path_counts(found.layers)
    assert sum(counts) == 3**50 and counts[::2000] == path_counts(((1, 3),) * 50)
    with pytest.raises(ShapeError, match="past what is written out"):
        path_counts(((10**6, 3),))
    assert not countable(((1, 3),) * 3000)


@pytest.mark.parametrize("kernels", [(2, 2, 2), (3, 3, 3), (4, 4, 4), (2, 3, 4), (5, 3, 3)], ids=str)
def test_repairs_are_the_nearest_of_all(kernels: tuple[int, ...]) -> None:
    whole = {}
    for rates in itertools.product(range(1, 17), repeat=3):
        layers = list(zip(rates, kernels, strict=True))
        if exact(layers).full:
            whole[rates] = field_of(layers)
    for rates in itertools.product(range(1, 5), repeat=3):
        field = field_of(list(zip(rates, kernels, strict=True)))
        ranked = sorted(
            (
                sum(a != b for a, b in zip(made, rates, strict=True)),
                size,
                sum(abs(a - b) for a, b in zip(made, rates, strict=True)),
            )
            for made, size in whole.items()
            if size >= field
        )
        found = repairs(rates, kernels)
        if not ranked:
            assert found is None
            continue
        assert found is not None and not found.cut
        first = found.lists[0]
        moved = sum(abs(a - b) for a, b in zip(first, rates, strict=True))
        assert (found.changes, whole[first], moved) == ranked[0]
        assert all(exact(list(zip(made, kernels, strict=True))).full for made in found.lists)


def test_repairs_of_long_and_hopeless_stacks() -> None:
    assert repairs((2, 2, 2), (3, 3, 3)).lists[0] == (1, 2, 3)  # type: ignore[union-attr]
    assert repairs((2, 4, 8), (3, 3, 3)) is None  # 29 positions are more than 3^3
    long = repairs((2000,) * 50, (3,) * 50)
    assert long is not None and long.changes == 8 and long.cut
    assert all(exact([(rate, 3) for rate in made]).full for made in long.lists)


@pytest.mark.parametrize("kernel", [2, 3, 4])
def test_designs_are_the_smallest_of_all(kernel: int) -> None:
    for field in range(2, 40):
        least = next(
            length for length in range(1, 7) if field_of([(kernel**n, kernel) for n in range(length)]) >= field
        )
        assert fewest_layers(field, kernel) == least
        if least > 4:
            continue
        every = [
            (field_of(layers), rates[-1])
            for rates in itertools.combinations_with_replacement(range(1, 30), least)
            if exact(layers := [(rate, kernel) for rate in rates]).full and field_of(layers) >= field
        ]
        found = designs(field, kernel)
        lists = {
            rates
            for rates in itertools.combinations_with_replacement(range(1, 30), least)
            if field_of(layers := [(rate, kernel) for rate in rates]) == min(every)[0] and exact(layers).full
        }
        assert found.field == min(every)[0] and set(found.lists) == lists and not found.cut
        uneven = [unevenness(path_counts(tuple((rate, kernel) for rate in rates))) for rates in found.lists]
        assert uneven == sorted(uneven)


def test_designs_know_their_limits() -> None:
    assert designs(17, 3, 3).lists == ((1, 2, 5), (1, 3, 4))  # the paper's
    assert designs(1, 3).lists == () and sawteeth(1, 3) == ()
    assert designs(100, 3, 6).lists[0] == (1, 1, 1, 4, 11, 32) and len(designs(100, 3, 6).lists) == 1269  # brute force
    assert designs(999_999, 2, 100).lists
    with pytest.raises(ShapeError, match="3 layers of kernel 3 reach at most 27 without holes; 28 needs 4"):
        designs(28, 3, 3)
    with pytest.raises(ShapeError, match="a kernel of 1 sees one position"):
        designs(5, 1)
    with pytest.raises(ShapeError, match="field must be at least 1, not 0"):
        designs(0, 3)


@pytest.mark.parametrize("layers", [None, 6, 12])
@pytest.mark.parametrize("field", [5, 33, 100, 1000, 100_000])
def test_teeth_rise_have_no_hole_and_reach_the_field(field: int, layers: int | None) -> None:
    for one in sawteeth(field, 3, layers):
        assert len(one.tooth) > 1 and sorted(set(one.tooth)) == list(one.tooth)
        assert gap([(rate, 3) for rate in one.tooth]) is None
        assert field_of([(rate, 3) for rate in one.tooth * one.copies]) >= field
        assert layers is None or len(one.tooth) * one.copies == layers


def judged(spec: str) -> list[tuple[list[str], tuple[int, ...], bool]]:
    graph = assemble(blocks(spec.split())[0], needs_input=False).graph
    return [
        (
            [node.scope[0] for chain in one.branches for node in chain.steps],
            tuple(rate for chain in one.branches for rate, _ in chain.layers(0)),
            one.parallel,
        )
        for one in groups(graph)
    ]


def test_groups_of_a_spec() -> None:
    assert judged("conv c=4 k=3 d=2 relu conv c=4 k=1 batch_norm conv c=4 k=3 d=3") == [
        (["0", "2", "4"], (2, 1, 3), False)
    ]
    assert judged("conv c=4 k=3 d=2 max_pool k=2 conv c=4 k=3 d=4") == [(["0"], (2,), False), (["2"], (4,), False)]
    assert judged("conv c=4 k=3 d=2 conv c=4 k=3 s=2 conv c=4 k=3 d=4") == [(["0"], (2,), False), (["2"], (4,), False)]
    assert judged("conv c=4 k=3 conv c=4 k=3") == []
    assert judged("conv c=4 k=3 conv c=4 k=3 d=2") == [(["0", "1"], (1, 2), False)]


GATED = "identity as=x conv in_channels=8 c=8 k=3 d=6 p=6 {} as=a conv c=8 k=3 d=12 p=12 from=x {} as=b concat from=a,b"


@pytest.mark.parametrize(
    ("spec", "want"),
    [
        (GATED.format("se reduction=2", "se reduction=2"), [(["1", "3"], True)]),
        # a gate in the middle of a branch
        (
            "identity as=x conv in_channels=8 c=8 k=3 d=2 p=2 se reduction=2 conv c=8 k=3 d=5 p=5 as=y"
            " conv c=8 k=3 p=1 from=x concat from=y,last",
            [(["1", "3", "4"], True)],
        ),
        # a branch that is tapped on its way
        (
            "identity as=x conv in_channels=8 c=8 k=3 d=2 p=2 as=b1 conv c=8 k=3 d=2 p=2 as=b2 concat from=x,b1,b2",
            [(["1", "1", "2"], True)],
        ),
        # a gate before a residual addition
        (
            "conv in_channels=8 c=8 k=3 d=2 p=2 as=a conv c=8 k=1 as=b se reduction=2 add from=a,last conv c=8 k=3 p=1",
            [(["0", "4"], False)],
        ),
        # a fork at what a merge gives: DenseNet
        (
            "identity as=x conv in_channels=8 c=8 k=1 as=a concat from=x,a as=y conv c=8 k=3 d=6 p=6"
            " concat from=y,last",
            [(["3"], True)],
        ),
        # the same with a dilated first stage: one group for each fork and merge
        (
            "conv in_channels=8 c=8 k=3 d=2 p=2 as=a concat from=input,a as=c1 conv c=8 k=3 p=1 as=b concat from=c1,b",
            [(["0"], True)],
        ),
        # a dilated trunk is judged, whatever hangs on it: a 1x1 branch, the fork itself, a gate
        (
            "conv in_channels=8 c=8 k=3 d=2 p=2 as=t conv c=8 k=3 d=6 p=6 from=t as=a conv c=8 k=3 d=12 p=12 from=t"
            " as=b conv c=8 k=1 from=t as=c concat from=a,b,c",
            [(["0"], False), (["1", "2"], True)],
        ),
        (
            "conv in_channels=8 c=8 k=3 d=2 p=2 as=t conv c=8 k=3 d=2 p=2 concat from=t,last",
            [(["0"], False), (["1"], True)],
        ),
        (
            "conv in_channels=8 c=8 k=3 d=2 p=2 as=t conv c=8 k=3 d=6 p=6 from=t se reduction=2 as=a"
            " conv c=8 k=3 d=12 p=12 from=t as=b concat from=a,b",
            [(["0"], False), (["1", "3"], True)],
        ),
        # a residual block of pointwise layers inside another
        (
            "conv in_channels=8 c=8 k=3 d=2 p=2 as=x0 relu as=x1 conv c=8 k=1 add from=x1,last add from=x0,last"
            " conv c=8 k=3 p=1",
            [(["0", "5"], False)],
        ),
    ],
)
def test_gates_taps_and_nested_blocks_make_no_stack_of_a_branch(spec: str, want: list[tuple[list[str], bool]]) -> None:
    graph = assemble(blocks(spec.split())[0], needs_input=False).graph
    found = [
        ([node.scope[0] for chain in one.branches for node in chain.dilated_steps], one.parallel)
        for one in groups(graph)
    ]
    assert found == want


WORDS = ("conv k=3 d=1 p=1", "conv k=3 d=2 p=2", "conv k=3 d=3 p=3", "relu", "se reduction=2", "max_pool k=3 s=1 p=1")


@given(data=st.data())
@settings(max_examples=200)
def test_every_dilated_layer_that_matters_is_in_some_group(data: st.DataObject) -> None:
    """Whatever forks, taps, gates and merges there are, nothing dilated is passed over in silence."""
    words, names = [], ["input"]
    for n in range(data.draw(st.integers(2, 6))):
        if len(names) > 2 and data.draw(st.booleans()):
            pair = data.draw(st.permutations(names))[:2]
            words.append(f"concat from={','.join(pair)} conv1d c=8 k=1 as=x{n}")
        else:
            word = data.draw(st.sampled_from(WORDS)).replace("conv", "conv1d c=8").replace("max_pool", "max_pool1d")
            words.append(f"{word} from={data.draw(st.sampled_from(names[-2:]))} as=x{n}")
        names.append(f"x{n}")
    graph = assemble(blocks(" ".join(words).split(), ("8x32",))[0]).graph
    held = {node.output.index for one in groups(graph) for chain in one.branches for node in chain.steps}
    needed = graph.needed()
    for node in graph.nodes:
        dilated = isinstance(node.op, Conv) and node.op.windows[0].dilation > 1
        assert not dilated or node.output.index not in needed or node.output.index in held


ASPP = "identity as=x " + " ".join(f"conv c=4 k=3 d={d} p={d} from=x as=b{d}" for d in (6, 12, 18))


def test_branches_between_a_fork_and_a_merge_are_one_group_and_never_a_stack() -> None:
    assert judged(ASPP + " concat from=b6,b12,b18") == [(["1", "2", "3"], (6, 12, 18), True)]
    assert judged(ASPP + " add from=b6,b12,b18") == [(["1", "2", "3"], (6, 12, 18), True)]
    graph = assemble(blocks((ASPP + " concat from=b6,b12,b18").split())[0], needs_input=False).graph
    (group,) = groups(graph)
    union = {(0, 0)} | {(y * d, x * d) for d in (6, 12, 18) for y in (-1, 0, 1) for x in (-1, 0, 1)}
    assert group.positions() == (len(union), 37 * 37)
    assert (group.reached(0).reached, group.reached(0).receptive_field) == (7, 37)


def test_a_dilated_trunk_and_what_follows_the_branches_are_groups_of_their_own() -> None:
    pooled = " adaptive_avg_pool output_size=1 from=x conv c=4 k=1 upsample size=32 as=image"
    spec = "conv c=4 k=3 d=2 p=2 " + ASPP + " concat from=b6,b12,b18 conv c=4 k=3 d=4"
    assert judged(spec) == [(["0"], (2,), False), (["2", "3", "4"], (6, 12, 18), True), (["6"], (4,), False)]
    spec = ASPP + pooled + " concat from=b6,b12,b18,image"
    graph = assemble(blocks(["conv", "in_channels=3", "c=4", "k=1", *spec.split()], ("3x32x32",))[0]).graph
    assert [len(one.branches) for one in groups(graph)] == [3]


def residual(*rates: int) -> str:
    """Blocks of two dilated convolutions, each with the shortcut around it."""
    words = ["identity as=x0"]
    for n, d in enumerate(rates):
        words += [
            f"conv in_channels=4 c=4 k=3 d={d} p={d} relu conv c=4 k=3 d={d} p={d}",
            f"add from=x{n},last as=x{n + 1}",
        ]
    return " ".join(words)


def test_a_residual_addition_sees_nothing_new_and_goes_on() -> None:
    ((layers, rates, parallel),) = judged(residual(1, 2, 5))
    assert rates == (1, 1, 2, 2, 5, 5) and not parallel and len(layers) == 6
    # the same, counted: every input of the three blocks together is reached
    b = assemble(blocks(residual(1, 2, 5).split(), ("4x40x40",))[0]).graph
    (group,) = groups(b)
    reached = {row for row, _ in positions_seen(b, b.outputs[0], (20, 20))}
    assert len(reached) == group.reached(0).reached == 33
    holed = judged(residual(2, 2, 2))
    assert holed[0][1] == (2,) * 6


def test_gates_shuffles_and_crops_are_seen_through_and_other_merges_end_a_run() -> None:
    assert judged("conv c=16 k=3 d=2 se reduction=4 conv c=16 k=3 d=3") == [(["0", "2"], (2, 3), False)]
    assert judged("conv c=8 k=3 d=2 channel_shuffle groups=2 conv c=8 k=3 d=3") == [(["0", "2"], (2, 3), False)]
    gated = (
        "identity as=x conv in_channels=4 c=4 k=2 d=4 p=4+0 from=x tanh as=t conv c=4 k=2 d=4 p=4+0 from=x sigmoid"
        " multiply from=t,last conv c=4 k=1 add from=x,last"
    )
    assert judged(gated + " conv c=4 k=2 d=8 p=8+0") == [(["1", "6", "8"], (4, 1, 8), False)]


def test_the_jump_before_a_group_is_known() -> None:
    spec = "conv c=4 k=3 s=2 conv c=4 k=3 s=2 conv c=4 k=3 d=2"
    graph = assemble(blocks(spec.split())[0], needs_input=False).graph
    assert [one.jump for one in groups(graph)] == [(4, 4)]


def test_axes_that_differ_are_judged_apart() -> None:
    graph = assemble(blocks(["conv", "c=4", "k=3", "d=1x2"])[0], needs_input=False).graph
    (group,) = groups(graph)
    assert [group.gridding(axis).rates for axis in (0, 1)] == [(1,), (2,)]
    assert group.positions() == (3 * 3, 3 * 5)


def test_symbols_are_refused() -> None:
    k: Any = sympy.Symbol("k", positive=True, integer=True)
    b = Builder()
    y = b.conv(b.input((1, 2, 9)), 2, k, dilation=2)
    with pytest.raises(UnsupportedError, match="gridding needs plain numbers"):
        groups(b.graph(y))
