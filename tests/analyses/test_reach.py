"""Receptive fields against gradients: third-party rows, the Distill article, and drawn graphs."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from convcalc.analyses.field.coverage import uncut
from convcalc.analyses.field.fields import fields
from convcalc.analyses.field.reach import Reach
from convcalc.analyses.field.receptive import receptive
from convcalc.analyses.field.ways import ways_from, ways_to
from convcalc.builder import Builder
from convcalc.errors import ShapeError, UnsupportedError
from convcalc.graph import Graph, Value
from convcalc.window import Window
from tests.worlds import positions_seen, positive

# rows of the oracle records (gradient support in torch 2.13.0), copied here with their ids
ROWS = {row["id"]: row for row in json.loads((Path(__file__).parents[1] / "golden/fields.json").read_text())}


def through(*windows: Window) -> Reach:
    reach = Reach()
    for window in windows:
        reach = reach.through(window)
    return reach


STACKS = {
    "rf-1": [Window(kernel=3, before=1, after=1)],
    "rf-3": [Window(kernel=3)] * 3,
    "rf-4b": [Window(kernel=7)],
    "rf-6": [Window(kernel=3, stride=3, before=1, after=1), Window(kernel=2)],
    "rf-7": [Window(kernel=1, stride=2), Window(kernel=3)],
    "rf-11": [Window(kernel=4, stride=2, before=1, after=1)] * 3,
    "rf-15": [Window(kernel=3, before=1, after=1), Window(kernel=1)],
}
for _id, _row in ROWS.items():
    if _id.startswith("rf-dilated"):
        _told = _row["params_kwargs"]
        STACKS[_id] = [Window(kernel=_told["kernel"], dilation=rate) for rate in _told["dilations"]]


@pytest.mark.parametrize("row", sorted(STACKS))
def test_size_jump_start_and_centre_are_those_of_the_gradient(row: str) -> None:
    want = ROWS[row]["rf"]
    reach = through(*STACKS[row])
    assert reach.sizes == (want["size"], want["size"])
    assert reach.stride == want["jump"]
    assert reach.first == (want["left_of_output0"],)
    first, last = reach.at(want["probe_output"]) or (0, 0)
    assert (first, last) == (want["probe_left"], want["probe_right"])
    one = receptive({(0, 2, 2): reach}, 1)
    assert one is not None and one.centre == [Fraction(str(want["center_of_output0"]))]


UP: dict[str, Callable[[Builder, Value], Value]] = {
    "rf-up-1": lambda b, x: b.conv_transpose(x, 1, 3, stride=2),
    "rf-up-3": lambda b, x: b.conv_transpose(x, 1, 2, stride=2),
    "rf-up-4": lambda b, x: b.conv_transpose(x, 1, 5, stride=2, padding=2, output_padding=1),
    "rf-up-5": lambda b, x: b.conv(b.conv_transpose(x, 1, 3, stride=2, padding=1, output_padding=1), 1, 3, padding=1),
    "rf-up-7": lambda b, x: b.conv(b.resize(x, (64,), "nearest"), 1, 3, padding=1),
    "rf-up-10": lambda b, x: b.resize(x, (64,), "linear"),
    "rf-up-11": lambda b, x: b.conv_transpose(x, 1, 3, stride=3, dilation=2),
}


@pytest.mark.parametrize("row", sorted(UP))
def test_every_phase_of_an_upsampled_field_is_the_gradients(row: str) -> None:
    want = ROWS[row]["rf"]
    b = Builder()
    x = b.input((1, 1, 32))
    y = UP[row](b, x)
    reach = fields(b.graph(y))[y.index][0, 2, 2]
    assert isinstance(reach, Reach)
    for phase in want["phases"]:
        assert reach.at(phase["output"]) == (phase["left"], phase["right"])
    assert reach.sizes == (want["min_size"], want["max_size"])


def test_vgg16_sees_212_pixels_at_jump_32() -> None:
    # torchvision 0.28.0, gradient support; equals the table of Araujo et al. 2019
    block = [Window(kernel=3, before=1, after=1)]
    pool = [Window(kernel=2, stride=2)]
    reach = through(*(block * 2 + pool) * 2, *(block * 3 + pool) * 3)
    assert (reach.sizes, reach.stride) == ((212, 212), 32)
    assert reach.at(7) == (ROWS["vgg16.features"]["rf"]["probe_left"], ROWS["vgg16.features"]["rf"]["probe_right"])


def test_a_transposed_layer_makes_the_jump_rational() -> None:
    reach = Reach().back_through(Window(kernel=4, stride=2, before=1, after=1))
    assert reach.stride == Fraction(1, 2)
    assert reach.sizes == (2, 2)


def test_octaves_branch_needs_phases_11_for_10() -> None:
    """Nearest x2 after 3x3 at half resolution, joined with a 3x3: DESIGN.md's example of why a pair is not enough."""
    low = through(Window(kernel=2, stride=2), Window(kernel=3, before=1, after=1))
    up = low.resized(Fraction(1, 2), lambda i: (i // 2,))
    assert up.stride == 1
    assert up.at(0) == (-2, 3) and up.at(1) == (-2, 3)
    assert up.union(Reach().through(Window(kernel=3, before=1, after=1))).sizes == (6, 6)
    deeper = up.through(Window(kernel=3, before=1, after=1)).through(Window(kernel=3, before=1, after=1))
    assert deeper.sizes == (10, 10)  # by hand: -4..5 for output 0 and for output 1


def test_branches_of_different_jumps_vary_over_the_map_and_need_a_size() -> None:
    # by hand: [2i-2, 2i+2] and [3i, 3i+2] together are 5, 6, 7, 8 wide for i = 0..3
    one = Reach().through(Window(kernel=5, stride=2, before=2))
    two = Reach().through(Window(kernel=3, stride=3))
    with pytest.raises(UnsupportedError, match="different strides"):
        one.union(two)
    both = one.union(two, 4)
    assert both.stride is None
    spans = [both.at(i) for i in range(4)]
    assert [b - a + 1 for a, b in (span for span in spans if span)] == [5, 6, 7, 8]
    assert both.at(4) is None
    assert both.through(Window(kernel=2), 3).at(0) == (-2, 5)
    with pytest.raises(UnsupportedError, match="-i"):
        both.through(Window(kernel=2))


@given(
    st.lists(
        st.builds(
            Window,
            kernel=st.integers(1, 5),
            stride=st.integers(1, 3),
            dilation=st.integers(1, 3),
            before=st.integers(0, 3),
        ),
        min_size=1,
        max_size=5,
    )
)
@settings(max_examples=200)
def test_the_closed_form_of_a_plain_stack(stack: list[Window]) -> None:
    # r0 = 1 + sum (k^_l - 1) prod_{i<l} s_i; start = -sum p_l prod_{i<l} s_i (Araujo et al. 2019)
    size, start, jump = 1, 0, 1
    for window in stack:
        size += (window.span - 1) * jump
        start -= window.before * jump
        jump *= window.stride
    reach = through(*stack)
    assert (reach.sizes, reach.first, reach.stride) == ((size, size), (start,), jump)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Graph, tuple[int, ...]]:
    """Branching 1-D and 2-D graphs of strides, dilations, transposed layers, resizes, pools, pads and slices."""
    rank = draw(st.integers(1, 2))
    b = Builder()
    shape = (1, 2, *(draw(st.integers(6, 14)) for _ in range(rank)))
    x = b.input(shape)
    values = [x]
    for _ in range(draw(st.integers(1, 6))):
        x = draw(st.sampled_from(values[-2:]))
        try:
            values.append(_layer(draw, b, x, values))
        except ShapeError:
            continue
    return b.graph(values[-1]), shape


def _layer(draw: st.DrawFn, b: Builder, x: Value, values: list[Value]) -> Value:
    pads, rank = st.integers(0, 2), len(x.shape) - 2
    match draw(st.sampled_from(["conv", "conv", "up", "pool", "resize", "add", "concat", "pad", "slice", "adaptive"])):
        case "conv":
            return b.conv(
                x,
                2,
                draw(st.integers(1, 4)),
                stride=draw(st.integers(1, 3)),
                padding=draw(pads),
                dilation=draw(st.integers(1, 2)),
            )
        case "up":
            return b.conv_transpose(
                x,
                2,
                draw(st.integers(1, 4)),
                stride=draw(st.integers(1, 3)),
                padding=draw(st.integers(0, 1)),
                dilation=draw(st.integers(1, 2)),
            )
        case "pool":
            return b.pool(
                "avg", x, draw(st.integers(1, 3)), stride=draw(st.integers(1, 2)), ceil_mode=draw(st.booleans())
            )
        case "resize":
            size = tuple(draw(st.integers(2, 20)) for _ in range(rank))
            smooth = {1: "linear", 2: "bilinear"}[rank]
            mode = draw(st.sampled_from(["nearest", "nearest-exact", smooth]))
            return b.resize(x, size, mode, align_corners=mode == smooth and draw(st.booleans()))
        case "adaptive":
            return b.adaptive_pool("avg", x, draw(st.integers(1, 6)))
        case "pad":
            return b.pad(x, [(draw(pads), draw(pads)) for _ in range(rank)])
        case "slice":
            axis = draw(st.integers(2, rank + 1))
            return b.slice(x, axis, draw(st.integers(0, 2)), x.shape[axis], draw(st.integers(1, 2)))
        case merge:
            fits = [value for value in values if value.shape == x.shape]
            other = draw(st.sampled_from(fits))
            return b.add(x, other) if merge == "add" else b.conv(b.concat(x, other), 2, 1)


@given(drawn=graphs(), data=st.data())
@settings(max_examples=300)
def test_drawn_graphs_agree_with_gradients(drawn: tuple[Graph, tuple[int, ...]], data: st.DataObject) -> None:
    graph, shape = drawn
    value = graph.outputs[0]
    assume(value.index > 0)
    field = fields(graph)[value.index]
    x = torch.ones(shape, dtype=torch.float64, requires_grad=True)
    result: Any = positive(graph)(x)
    place = tuple(data.draw(st.integers(0, size - 1)) for size in value.spatial)
    (gradient,) = torch.autograd.grad(result[(slice(None), slice(None), *place)].sum(), x)
    seen = {tuple(p) for p in gradient.sum((0, 1)).nonzero().tolist()}
    assert positions_seen(graph, value, place) == seen
    for axis in range(len(place)):
        reach = field.get((0, axis + 2, axis + 2))
        if isinstance(reach, Reach) and (0, axis + 2, None) not in field:
            span = reach.at(place[axis])
            for position in {p[axis] for p in seen}:
                assert span is not None and span[0] <= position <= span[1]


def test_paths_count_the_ways_through_a_residual_block() -> None:
    b = Builder()
    x = b.input((1, 1, 9))
    for _ in range(3):
        x = b.add(x, b.conv(x, 1, 3, padding=1))
    graph = b.graph(b.slice(x, 2, 4, 5))  # the output in the middle
    counted = ways_to(graph)
    assert ways_from(graph, counted).line(0)[4] == 20  # (1 + t)^3, t = 1/z + 1 + z, at z^0: 1 + 3 + 9 + 7
    assert counted.ways is not None and counted.ways.line(0) == (4**3,)


def test_the_multiplicities_of_dilated_stacks_are_torchs() -> None:
    for row in ROWS.values():
        told = row["params_kwargs"]
        if "multiplicity" not in row.get("rf", {}):
            continue
        b = Builder()
        x = b.input((1, 1, row["rf"]["size"]))
        for rate in told["dilations"]:
            x = b.conv(x, 1, told["kernel"], dilation=rate)
        graph = b.graph(x)
        assert list(ways_from(graph, ways_to(graph)).line(0)) == row["rf"]["multiplicity"]


def test_what_is_seen_whole_is_named() -> None:
    b = Builder()
    x = b.input((1, 4, 8, 8))
    y = b.conv(x, 4, 3, padding=1)
    gate = b.elementwise("sigmoid", b.conv(b.adaptive_pool("avg", y, 1), 4, 1))
    z = b.multiply(y, gate)
    one = receptive(fields(b.graph(z))[z.index], 2)
    assert one is not None
    assert one.size_max == [3, 3]
    assert one.everything == "global pooling"
    norm = b.norm("group_norm", y, (4,), axes=(1, 2, 3), num_groups=2, eps=1e-5)
    both = receptive(fields(b.graph(norm))[norm.index], 2)
    assert both is not None and both.size_max == [3, 3] and both.everything == "group_norm"


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "linear"])
@pytest.mark.parametrize("scale", [0.1, 0.3, 0.4, 0.7, 0.9, 1.1, 1.3, 1.7, 2.5, 3.3])
def test_fractional_scale_factors_read_what_torch_reads(mode: str, scale: float) -> None:
    for size in range(2, 24):
        out = int(size * scale)
        if out < 1:
            continue
        b = Builder()
        x = b.input((1, 1, size))
        y = b.resize(x, (out,), mode, (scale,))
        graph = b.graph(y)
        eye = torch.eye(size, dtype=torch.float64).reshape(size, 1, size)
        seen = torch.nn.functional.interpolate(eye, scale_factor=scale, mode=mode)[:, 0]
        for place in range(out):
            want = {(at,) for at in seen[:, place].nonzero()[:, 0].tolist()}
            assert positions_seen(graph, y, (place,)) == want, (size, place)


@pytest.mark.parametrize(
    ("padding", "mode"), [((-1, 1), "circular"), ((2, -2), "circular"), ((-2, 4), "replicate"), ((2, 1), "reflect")]
)
def test_paths_know_what_padding_reads_at_the_border(padding: tuple[int, int], mode: str) -> None:
    size = 6
    b = Builder()
    x = b.input((1, 1, size))
    y = b.pad(x, [padding], mode=mode)
    graph = b.graph(y)
    seen = torch.nn.functional.pad(torch.arange(float(size)).reshape(1, 1, size), padding, mode=mode).flatten().tolist()
    assert [positions_seen(graph, y, (at,)) for at in range(len(seen))] == [{(int(place),)} for place in seen]


def test_pixel_shuffle_of_one_row() -> None:
    b = Builder()
    x = b.input((1, 4, 1, 4))
    y = b.pixel_shuffle(x, 2)
    assert positions_seen(b.graph(y), y, (1, 2)) == {(0, 1)}


def test_a_map_smaller_than_the_pattern_has_only_the_sizes_of_its_outputs() -> None:
    """Windows 0-3, 3-6, 6-9 of an adaptive pool, two neighbours at a time: 0..6 and 3..9, both 7 wide (gradients)."""
    b = Builder()
    y = b.conv(b.adaptive_pool("avg", b.input((1, 1, 10)), 3), 1, 2)
    one = receptive(fields(b.graph(y))[y.index], 1, 0, y.shape)
    assert one is not None and (one.size_min, one.size_max) == ([7], [7])


@given(
    kernel=st.integers(1, 5), stride=st.integers(1, 4), before=st.integers(0, 3), transposed=st.booleans(),
    outputs=st.integers(1, 20), size=st.integers(1, 12),
)  # fmt: skip
def test_outputs_are_counted_by_phases_as_one_by_one(
    kernel: int, stride: int, before: int, transposed: bool, outputs: int, size: int
) -> None:
    window = Window(kernel, stride, 1, before, before)
    reach = Reach().through(Window(3, 2)).back_through(window) if transposed else Reach().through(window)
    spans = [reach.at(place) for place in range(outputs)]
    inside = sum(span is not None and span[0] >= 0 and span[1] < size for span in spans)
    whole = sum(span is not None and span[0] <= 0 and span[1] >= size - 1 for span in spans)
    assert uncut(reach, size, outputs) == inside
    assert reach.outputs_seeing((-99, 0), (size - 1, 99), outputs) == whole
