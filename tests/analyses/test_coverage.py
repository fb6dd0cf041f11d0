"""What one output sees, clipped and counted, against gradients; ways through residual stacks against Veit et al."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from convcalc.analyses.boxes import union_of_boxes
from convcalc.analyses.field.coverage import unit, whole
from convcalc.analyses.field.fields import fields
from convcalc.analyses.field.receptive import Receptive, receptive
from convcalc.analyses.field.routes import routes
from convcalc.cli.app import run
from convcalc.errors import ShapeError
from convcalc.graph import Graph
from convcalc.spec.assemble import assemble
from convcalc.spec.source import blocks
from tests.worlds import positive


def stack(spec: str, size: str) -> Graph:
    return assemble(blocks(spec.split(), (size,))[0]).graph


def field_of(graph: Graph) -> Receptive:
    value = graph.outputs[0]
    found = receptive(fields(graph)[value.index], 2, 0, value.shape)
    assert found is not None
    return found


SPECS = [
    "conv c=2 k=3 s=2 p=1 conv c=2 k=3 d=2 p=2",
    "conv c=2 k=1 s=2 conv c=2 k=3",
    "conv c=2 k=3 s=2 p=1 conv_transpose c=2 k=4 s=2 p=1",
    "identity as=x conv c=2 k=3 d=3 p=3 from=x as=a conv c=2 k=3 p=1 from=x add from=a,last",
    "conv c=2 k=3x5 d=2x1 avg_pool k=2 s=1",
    "identity as=x adaptive_avg_pool output_size=1 from=x conv c=2 k=1 multiply from=x,last",
]


@pytest.mark.parametrize("spec", SPECS)
def test_the_region_of_a_unit_is_the_gradients(spec: str) -> None:
    graph = stack(spec, "2x13x12")
    module, value, seen = positive(graph), graph.outputs[0], field_of(graph)
    for place in ((0, 0), (value.spatial[0] // 2, value.spatial[1] // 2), (value.spatial[0] - 1, 0)):
        x = torch.ones(1, 2, 13, 12, dtype=torch.float64, requires_grad=True)
        module(x)[0, :, place[0], place[1]].sum().backward()
        assert x.grad is not None
        where = x.grad.sum((0, 1)).nonzero()
        found = unit(graph, value, 0, seen, place)
        assert found.reached == len(where)
        if found.everything:
            assert found.inside == 13 * 12
            continue
        for axis, span in enumerate(found.clipped):
            assert span is not None
            assert span[0] <= int(where[:, axis].min()) and int(where[:, axis].max()) <= span[1]


def test_units_that_are_not_there() -> None:
    graph = stack(SPECS[0], "2x13x12")
    with pytest.raises(ShapeError, match=r"no output at 7: positions of that axis are 0\.\.6"):
        unit(graph, graph.outputs[0], 0, field_of(graph), (7, 0))
    with pytest.raises(ShapeError, match="--unit names 1 axes, but the output has 2"):
        unit(graph, graph.outputs[0], 0, field_of(graph), (7,))


@given(st.lists(st.tuples(st.integers(0, 63), st.integers(0, 63)), max_size=5))
def test_a_union_of_boxes_counts_each_position_once(boxes: list[tuple[int, int]]) -> None:
    def places(mask: int) -> list[int]:
        return [place for place in range(6) if mask >> place & 1]

    every = {(y, x) for rows, columns in boxes for y in places(rows) for x in places(columns)}
    assert union_of_boxes(boxes) == len(every)


def test_three_3x3_do_not_see_a_map_of_8_and_it_takes_seven_for_every_pixel() -> None:
    # catalogue, errors in texts: RF 7 < 8; four layers (RF 9) from the best pixel, seven (RF 15) from every pixel
    for count, want in ((3, (False, False)), (4, (True, False)), (6, (True, False)), (7, (True, True))):
        graph = stack("conv c=2 k=3 p=1 " + f"repeat={count}", "2x8x8")
        assert whole(field_of(graph), (8, 8), (8, 8)) == want


@pytest.mark.parametrize("blocks_", [1, 4, 16])
def test_residual_blocks_are_two_to_the_n_ways(blocks_: int) -> None:
    words = ["identity as=x0"]
    for n in range(blocks_):
        words += [f"conv c=2 k=3 p=1 batch_norm relu conv c=2 k=3 p=1 batch_norm add from=x{n},last relu as=x{n + 1}"]
    found = routes(stack(" ".join(words), "2x8x8"))
    assert found.total == 2**blocks_
    assert found.by_length == {2 * n: _choose(blocks_, n) for n in range(blocks_ + 1)}
    assert found.mean == blocks_


def _choose(n: int, k: int) -> int:
    from math import comb

    return comb(n, k)


def test_gates_are_no_way_through() -> None:
    gated = "identity as=x conv c=8 k=3 p=1 se reduction=2 add from=x,last"
    assert routes(stack(gated, "8x8x8")).by_length == {0: 1, 1: 1}


@pytest.mark.parametrize("layers", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("bottleneck", ["true", "false"])
def test_a_dense_block_has_a_connection_for_each_pair(layers: int, bottleneck: str) -> None:
    """L (L + 1)/2 direct connections, arXiv:1608.06993, whatever a layer is made of."""
    block = f"dense_block num_layers={layers} growth_rate=4 bottleneck={bottleneck}"
    assert routes(stack(block, "8x8x8")).connections == (layers * (layers + 1) // 2 if layers > 1 else 0)
    assert routes(stack("inception_v1", "8x8x8")).connections == 0


def test_rf_says_it_all(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")

    def asked(*argv: str) -> Any:
        assert run(["rf", *argv, "--format", "json"]) == 0
        return json.loads(capsys.readouterr().out)

    found = asked("@resnet_stem", "--unit", "0,5", "--paths")
    assert found["unit"] == {
        "position": [0, 5],
        "region": [[-13, 13], [7, 33]],
        "clipped": [[0, 13], [7, 33]],
        "inside": 14 * 27,
        "reached": 14 * 27,
        "reads": [[[0, 13]], [[7, 33]]],
    }
    assert found["smallest_object"] == 4 and found["paths"] == {
        "total": 2,
        "mean_length": 2.0,
        "by_length": {"1": 1, "3": 1},
        "connections": 0,
    }
    assert found["whole_input"] == {"some_output": None, "every_output": None}
    assert asked("conv", "c=2", "k=3", "p=1", "repeat=7", "-i", "2x8x8")["whole_input"]["every_output"] == "0"
    assert run(["rf", "conv", "c=2", "k=3", "s=2", "conv", "c=2", "k=3", "s=2", "-i", "3x15x15"]) == 0
    text = capsys.readouterr().out
    assert "smallest object kept: 4 px, the jump (2^2 after 2 halvings)" in text
    assert "covers 47% of the input's side; for 9 of 9 outputs (100.0%) it lies fully inside" in text
    assert run(["rf", "conv", "in_channels=3", "c=2", "k=3", "d=2", "--unit", "4x4"]) == 0
    assert "output 4,4 sees 4..8 x 4..8 (give the input's size" in capsys.readouterr().out
    assert run(["rf", "conv", "in_channels=3", "c=2", "k=3", "--unit", "a"]) == 2
    assert "--unit is a position per axis" in capsys.readouterr().err
