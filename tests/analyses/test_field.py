"""What each op does to what is seen: local intervals, whole axes, and refusals; gradients judge where they can."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sympy
import torch

from convcalc import ops
from convcalc.analyses.counts.macs import at_least, macs, other
from convcalc.analyses.counts.memory import columns, memory
from convcalc.analyses.counts.params import params_of
from convcalc.analyses.field.fields import ANYWHERE, Field, fields
from convcalc.analyses.field.reach import Reach
from convcalc.analyses.field.receptive import receptive
from convcalc.analyses.field.resampling import reader
from convcalc.analyses.field.seen import boxes_seen
from convcalc.analyses.field.ways import ways_to
from convcalc.builder import Builder
from convcalc.errors import UnsupportedError
from convcalc.graph import Value
from convcalc.kinds import all_kinds
from convcalc.sizes import UNKNOWN
from convcalc.window import Window
from tests.worlds import positions_seen, positive


def seen(write: Callable[[Builder, Value], Value], shape: tuple[Any, ...] = (1, 2, 9, 8)) -> Field:
    b = Builder()
    y = write(b, b.input(shape))
    return fields(b.graph(y))[y.index]


def judged(write: Callable[[Builder, Value], Value], shape: tuple[int, ...] = (1, 2, 9, 8)) -> None:
    """Paths are exactly the gradient's support at every output position, and intervals hold them."""
    b = Builder()
    y = write(b, b.input(shape))
    graph = b.graph(y)
    field = fields(graph)[y.index]
    x = torch.ones(shape, dtype=torch.float64, requires_grad=True)
    result: Any = positive(graph)(x)
    rank = len(y.shape) - 2
    for place in (
        torch.cartesian_prod(*(torch.arange(n) for n in y.spatial)).reshape(-1, rank).tolist() if rank else [[]]
    ):
        (gradient,) = torch.autograd.grad(result[(slice(None), slice(None), *place)].sum(), x, retain_graph=True)
        want = {tuple(p) for p in gradient.sum((0, 1)).nonzero().tolist()}
        assert positions_seen(graph, y, tuple(place)) == want
        for axis in range(len(shape) - 2):
            mine = [(key[2], reach) for key, reach in field.items() if key[1] == axis + 2]
            if any(own is None for own, _ in mine):
                continue
            spans = [reach.at(place[own - 2]) for own, reach in mine if isinstance(reach, Reach) and own]
            assert all(any(s and s[0] <= p[axis] <= s[1] for s in spans) for p in want)


@pytest.mark.parametrize(
    "write",
    [
        lambda b, x: b.concat(b.conv(x, 2, 3, padding=1), b.pad(x, [(0, 0), (0, 0)]), axis=2),
        lambda b, x: b.conv(b.concat(x, x, axis=3), 2, 3),
        lambda b, x: b.reduce("mean", b.conv(x, 2, 3), (2,)),
        lambda b, x: b.reduce("sum", b.conv(x, 2, 3), (3,), keep=True),
        lambda b, x: b.multiply(b.conv(x, 2, 3, padding=1), b.reduce("mean", x, (2, 3), keep=True)),
        lambda b, x: b.adaptive_pool("avg", b.conv(x, 2, 3, stride=2), 3),
        lambda b, x: b.permute(x, ((1,), (2,), (3, 3), (8,)), (0, 1, 3, 2, 4), (1, 2, 1, 1)),
        lambda b, x: b.flatten(b.conv(x, 2, 3), 2),
        lambda b, x: b.linear(b.conv(x, 2, 3), 4),
        lambda b, x: b.write(ops.Einsum("nchw,nkhe->nkw"), x, b.parameter("w", (1, 3, 9, 2))),
        lambda b, x: all_kinds()["unfold"].recipe(b, x, kernel_size=3, stride=2, padding=1, dilation=2),
    ],
)
def test_gradients_agree(write: Callable[[Builder, Value], Value]) -> None:
    judged(write)


def test_sampling_is_nominal_here_and_anywhere_by_offset() -> None:
    def deformable(b: Builder, x: Value) -> Value:
        offsets = b.conv(x, 18, 3, padding=1)
        walks = (Window(kernel=3, before=1, after=1),) * 2
        columns = b.sample(x, offsets, walks=walks)
        sizes = tuple((size,) for size in columns.shape)
        return b.permute(columns, sizes, tuple(range(6)), (1, 3, 1, 1))

    one = receptive(seen(deformable), 2)
    assert one is not None and one.size_max == [3, 3] and one.everything == ANYWHERE
    grid = receptive(seen(lambda b, x: b.write(ops.Sample(shape=(1, 2, 3, 3)), x)), 2)
    assert grid is not None and grid.size_max == [None, None] and grid.everything == ANYWHERE


def test_a_generated_kernel_shows_the_whole_of_what_made_it() -> None:
    def dynamic(b: Builder, x: Value) -> Value:
        weight = b.permute(b.pool("avg", x, 3), ((1,), (2,), (3,), (2,)), (0, 1, 2, 3), (1, 1, 1, 1))
        return b.convolve(
            x, b.slice(b.concat(weight, weight, axis=0), 0, 0, 2), walks=(Window(kernel=3), Window(kernel=2))
        )

    one = receptive(seen(dynamic), 2)
    assert one is not None and one.size_max == [3, 2] and one.everything == "a generated kernel"
    b = Builder()
    y = dynamic(b, b.input((1, 2, 9, 8)))
    with pytest.raises(UnsupportedError, match="generated kernel"):
        ways_to(b.graph(y))


def test_what_cannot_be_read_shows_everything_and_makes_totals_at_least() -> None:
    b = Builder()
    y = b.write(ops.Opaque(name="fft", shape=(1, 2, 9, 8)), b.input((1, 2, 9, 8)))
    graph = b.graph(y)
    one = receptive(fields(graph)[y.index], 2)
    assert one is not None and one.everything == "fft, which cannot be read"
    assert at_least(graph) == ["fft"] and macs(graph) == 0
    with pytest.raises(UnsupportedError, match="opaque step depend on the data"):
        boxes_seen(graph, y, (0, 0))


def test_nothing_of_an_input_is_seen_through_parameters_alone() -> None:
    assert receptive(seen(lambda b, x: b.parameter("w", (3, 3))), 2) is None


def test_branches_of_different_strides_without_a_size() -> None:
    def drifting(b: Builder, x: Value) -> Value:
        return b.add(b.conv(x, 2, 1), b.conv(b.conv(x, 2, 1, stride=2), 2, 1))

    with pytest.raises(UnsupportedError, match="give the input's size with -i"):
        seen(drifting, (1, 2, UNKNOWN, UNKNOWN))


def test_symbols_and_arrays_have_no_field() -> None:
    k: Any = sympy.Symbol("k", positive=True, integer=True)
    with pytest.raises(UnsupportedError, match="plain numbers"):
        seen(lambda b, x: b.conv(x, 2, k))


def test_other_work_by_name() -> None:
    b = Builder()
    x = b.input((1, 2, 9, 8))
    b.write(ops.Sample(shape=(1, 2, 3, 3)), x)
    b.reduce("mean", x, (2, 3))
    b.resize(x, (18, 16), "bilinear")
    b.adaptive_pool("avg", x, 4)
    b.norm("layer_norm", x, (8,), axes=(3,), eps=1e-5)
    b.elementwise("dropout", x, p=0.5)
    windows = sum(-(-(j + 1) * 9 // 4) - j * 9 // 4 for j in range(4)) * sum(
        -(-(j + 1) * 8 // 4) - j * 8 // 4 for j in range(4)
    )
    assert other(b.graph()) == {
        "sampling": 4 * 18,
        "mean": 144,
        "interpolation": 4 * 2 * 18 * 16,
        "avg_pool": 2 * windows,
        "layer_norm": 5 * 144,
    }


def test_workspace_of_a_transposed_layer_is_its_columns() -> None:
    b = Builder()
    y = b.conv_transpose(b.input((4, 2, 9, 8)), 3, 5)
    assert columns(b.graph(y).nodes[-1]) == 3 * 25 * 72
    assert memory(b.graph(y), 4).workspace == 4 * 3 * 25 * 72


def test_a_mode_nobody_knows_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="'area' interpolation"):
        reader(ops.Resample(size=(2,), mode="area"), 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("out", [3, 7, 12, 16, 19])
@pytest.mark.parametrize("corners", [False, True])
def test_bicubic_reads_what_torch_reads(out: int, corners: bool) -> None:
    size = 8
    b = Builder()
    y = b.resize(b.input((1, 1, size, 2)), (out, 2), "bicubic", align_corners=corners)
    graph = b.graph(y)
    reach = fields(graph)[y.index][0, 2, 2]
    assert isinstance(reach, Reach)
    eye = torch.eye(size, dtype=torch.float64).reshape(size, 1, size, 1).expand(size, 1, size, 2)
    seen = torch.nn.functional.interpolate(eye, (out, 2), mode="bicubic", align_corners=corners)[:, 0, :, 0]
    for place in range(out):
        want = set((seen[:, place].abs() > 1e-12).nonzero()[:, 0].tolist())
        reads = {at for at, _ in positions_seen(graph, y, (place, 0))}
        assert want <= reads
        assert reads - want <= ({0, size - 1} if place * size // out in (0, 1, size - 2, size - 1) else set())
        first, last = reach.at(place) or (0, 0)
        assert all(first <= position <= last for position in want)


def test_a_gate_of_one_position_is_seen_by_all() -> None:
    def gated(b: Builder, x: Value) -> Value:
        return b.multiply(x, b.conv(x, 2, 9, stride=1) if x.shape[2] == 9 else x)

    judged(gated, (1, 2, 9, 9))
    one = receptive(seen(gated, (1, 2, 9, 9)), 2)
    assert one is not None and one.size_max == [1, 1] and one.everything == "a gate of one position"


def test_what_paths_cannot_follow_is_refused() -> None:
    b = Builder()
    x = b.input((1, 2, 4, 4))
    put = b.elementwise("put", x)
    with pytest.raises(UnsupportedError, match="a write into part of a tensor"):
        ways_to(b.graph(put))
    clean = Builder()
    y = clean.permute(clean.input((1, 2, 4, 4)), ((1,), (2,), (2, 2), (4,)), (0, 1, 2, 3, 4), (1, 1, 1, 1, 1))
    assert y.shape == (1, 2, 2, 2, 4)
    with pytest.raises(UnsupportedError, match="not a product over axes"):
        boxes_seen(clean.graph(y), y, (0, 0, 0))


def test_an_outer_product_is_no_contraction_and_one_tap_means_one_channel_kept() -> None:
    b = Builder()
    x = b.input((3, 4))
    b.write(ops.Einsum("ab,cd->abcd"), x, b.parameter("w", (5, 6)))
    assert macs(b.graph()) == 0
    taken = b.take(b.input((1, 4, 2, 2)), 3)
    assert taken.shape == (1, 3, 2, 2)


def test_tables_follow_upsampling_and_are_bounded() -> None:
    table = Reach().through(Window(kernel=3, stride=3)).union(Reach().through(Window(kernel=1, stride=2)), 4)
    up = table.back_through(Window(kernel=2, stride=2), 8)
    assert [up.at(i) for i in (0, 1, 6)] == [table.at(0), table.at(0), table.at(3)]
    with pytest.raises(UnsupportedError, match="differs at each of 1,000,000 outputs"):
        table.through(Window(kernel=1), 1_000_000)


def test_an_odd_scale_factor_is_written_out_where_the_map_is_smaller_than_its_pattern() -> None:
    def scaled(factor: float) -> tuple[Reach, torch.Tensor]:
        b = Builder()
        y = b.resize(b.input((1, 1, 50)), (int(50 * factor),), "nearest", (factor,))
        reach = fields(b.graph(y))[y.index][0, 2, 2]
        assert isinstance(reach, Reach)
        places = torch.arange(50.0, dtype=torch.float64).reshape(1, 1, 50)
        return reach, torch.nn.functional.interpolate(places, scale_factor=factor).flatten()

    for factor, table in ((0.123457, True), (3.3, False)):
        reach, want = scaled(factor)
        assert (reach.size is not None) == table
        assert [reach.at(i) for i in range(len(want))] == [(int(place), int(place)) for place in want]


def test_a_step_that_is_no_parameter_holds_none() -> None:
    b = Builder()
    b.relu(b.input((1, 2)))
    assert params_of(b.graph().nodes[-1]).total == 0


def test_phases_that_differ_are_kept_apart() -> None:
    uneven = Reach(2, (0, 0), (1, 2))
    assert uneven.shortest() is uneven
    assert Reach(2, (0, 1), (1, 2)).shortest() == Reach(1, (0,), (1,))
