"""Overlap counts against torch: a layer of ones spread over ones, and the gradient it leaves."""

from __future__ import annotations

import json
from fractions import Fraction
from math import gcd
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from convcalc.analyses.field.overlap import read, written
from convcalc.builder import Builder
from convcalc.errors import ShapeError, UnsupportedError
from convcalc.graph import Graph
from convcalc.kinds import find
from tests.worlds import positive

ROWS = [
    row
    for row in json.loads((Path(__file__).parents[1] / "golden/oracle/basic.json").read_text(encoding="utf-8"))
    if row["kind"] == "checkerboard_overlap"
]


def transposed(n: int, **arguments: Any) -> Graph:
    return find("conv_transpose")[0].build((1, 1, n), out_channels=1, bias=False, **arguments)


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_the_oracles_counts(row: dict[str, Any]) -> None:
    told = row["params_kwargs"]
    graph = transposed(row["input"][2], kernel_size=told["kernel"], stride=told["stride"], padding=told["padding"])
    found = written(graph)
    assert list(found.ways.line(0)) == row["overlap"]
    assert found.uniform == (row["notes"] == "uniform interior")


@given(data=st.data())
def test_ones_through_ones_count_the_ways(data: st.DataObject) -> None:
    """Drawn stacks of convolutions, transposed and resized layers with a branch, in 2-D."""
    b = Builder()
    x = b.input((1, 1, data.draw(st.integers(3, 7)), data.draw(st.integers(3, 7))))
    try:
        y = x
        for _ in range(data.draw(st.integers(1, 3))):
            what = data.draw(st.sampled_from(["conv", "transposed", "resized", "branch"]))
            k, s = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
            if what == "conv":
                y = b.conv(y, 1, k, stride=s, padding=data.draw(st.integers(0, 1)))
            elif what == "transposed":
                y = b.conv_transpose(y, 1, k, stride=s, dilation=data.draw(st.integers(1, 2)))
            elif what == "resized":
                y = b.resize(y, tuple(size * 2 for size in y.spatial), "nearest")
            else:
                y = b.add(b.conv(y, 1, 3, padding=1), b.conv(y, 1, 1))
    except ShapeError:
        assume(False)
    graph = b.graph(y)
    module = positive(graph)
    ones = torch.ones(graph.inputs[0].shape, dtype=torch.float64, requires_grad=True)
    result = module(ones)
    counted, back = written(graph), read(graph)
    for position in [(0, 0), tuple(size - 1 for size in y.spatial), tuple(size // 2 for size in y.spatial)]:
        assert counted.ways.at(position) == int(result[0, 0][position])
    result.sum().backward()
    for position in [(0, 0), tuple(size // 2 for size in x.spatial)]:
        assert ones.grad is not None
        assert back.ways.at(position) == int(ones.grad[0, 0][position])


@given(kernel=st.integers(1, 7), stride=st.integers(1, 5), dilation=st.integers(1, 4))
def test_uniform_where_the_stride_divides_the_kernel_and_shares_nothing_with_the_dilation(
    kernel: int, stride: int, dilation: int
) -> None:
    found = written(transposed(60, kernel_size=kernel, stride=stride, dilation=dilation))
    assert found.uniform == (kernel % stride == 0 and gcd(dilation, stride) == 1)


def test_the_ratio_is_squared_in_two_dimensions() -> None:
    graph = find("conv_transpose")[0].build((1, 1, 9, 9), out_channels=1, kernel_size=3, stride=2)
    found = written(graph)
    assert found.ratio == Fraction(4) and sorted(set(found.interior())) == [1, 2, 4]
    assert written(transposed(9, kernel_size=2, stride=3)).ratio is None
    assert written(transposed(4, kernel_size=2, stride=3)).never(0) == (2, 5, 8)
    assert sorted(written(transposed(9, kernel_size=3, stride=2)).pattern(0)) == [1, 2]


def test_what_sees_a_whole_axis_has_no_pattern() -> None:
    b = Builder()
    x = b.input((1, 2, 4, 4))
    whole = b.graph(b.reduce("mean", x, (2, 3)))
    for graph in (
        whole,
        find("linear")[0].build((1, 4), out_features=3),
        find("deformable")[0].build((1, 2, 5, 5), out_channels=2),
    ):
        with pytest.raises(UnsupportedError):
            written(graph)
