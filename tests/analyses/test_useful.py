"""Useful multiply-adds: with every number 1, the sum of a convolution's output is how many products were not zero."""

from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from convcalc.analyses.counts.macs import macs
from convcalc.analyses.counts.useful import taps_inside, useful
from convcalc.builder import Builder
from convcalc.cli.app import run
from convcalc.errors import ConvcalcError
from convcalc.graph import Graph
from convcalc.kinds import find
from convcalc.pytorch.module import GraphModule
from convcalc.window import Window


def ones(graph: Graph) -> int:
    module = GraphModule(graph).double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(1)
        result = module(*(torch.ones(value.shape, dtype=torch.float64) for value in graph.inputs))
    return int(result.sum())


@given(
    kind=st.sampled_from(["conv", "conv_transpose"]),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 3),
    padding=st.integers(0, 4),
    groups=st.sampled_from([1, 2, 4]),
)
@settings(max_examples=300)
def test_torch_adds_up_as_many_ones(
    kind: str, size: tuple[int, int], kernel: int, stride: int, dilation: int, padding: int, groups: int
) -> None:
    told = {"kernel_size": kernel, "stride": stride, "dilation": dilation, "padding": padding, "groups": groups}
    try:
        graph = find(kind)[0].build((2, 4, *size), out_channels=8, bias=False, **told)
    except ConvcalcError:
        return
    (count,) = useful(graph).values()
    assert count == ones(graph)
    assert count <= macs(graph)


@pytest.mark.parametrize(
    ("pads", "conv"),
    [
        ([(1, 2), (0, 3)], {"kernel_size": 3}),
        ([(-1, 0), (2, -2)], {"kernel_size": 3, "padding": 1, "stride": 2}),
        ([(4, 4), (4, 4)], {"kernel_size": 3, "dilation": 3}),
    ],
)
def test_zeros_that_a_step_of_its_own_adds_are_padding_too(pads: list, conv: dict) -> None:
    b = Builder()
    x = b.pad(b.input((1, 2, 7, 8)), pads)
    graph = b.graph(b.conv(x, 3, **conv))
    assert sum(useful(graph).values()) == ones(graph)


def test_padding_in_two_steps_or_behind_a_function_is_padding_still() -> None:
    b = Builder()
    x = b.pad(b.relu(b.pad(b.input((1, 2, 7, 8)), [(1, 1), (2, 0)])), [(1, 1), (-1, 1)])
    graph = b.graph(b.conv(x, 3, 3))
    assert sum(useful(graph).values()) == ones(graph)


def test_reflected_positions_are_real() -> None:
    b = Builder()
    graph = b.graph(b.conv(b.pad(b.input((1, 2, 7, 8)), [(1, 1), (1, 1)], mode="reflect"), 3, 3))
    assert sum(useful(graph).values()) == macs(graph)


def test_taps_of_an_involution_and_of_a_deformable_convolution() -> None:
    inside = taps_inside(Window(kernel=3, before=1, after=1), 6, 6) ** 2
    graph = find("involution")[0].build((1, 16, 6, 6), kernel_size=3, groups=4, reduction=4)
    apart = macs(graph) - 16 * 9 * 36  # the 1x1s that make the kernels lie nowhere near a border
    assert sum(useful(graph).values()) == apart + 16 * inside
    graph = find("deformable")[0].build((1, 4, 6, 6), out_channels=8, kernel_size=3, padding=1)
    assert sum(useful(graph).values()) == (4 * 18 + 4 * 8) * inside


def test_what_a_dilated_layer_keeps(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    # MARKET's figures, counted there by brute force: 40 % at rate 18 on 33x33, 57 % for a 7x7 on 7x7, 82 % for a 3x3
    monkeypatch.setenv("COLUMNS", "200")
    for spec, size, want in (
        ("k=3 d=18 p=18", "4x33x33", 0.40),
        ("k=7 p=3", "4x7x7", 0.57),
        ("k=3 p=1", "4x7x7", 0.82),
    ):
        assert run(["macs", "--useful", "-i", size, "conv2d", "c=8", *spec.split(), "--format", "json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["macs_useful"] == found["layers"][0]["macs_useful"]
        assert found["macs_useful"] / found["macs"] == pytest.approx(want, abs=0.006)
    assert run(["macs", "--useful", "-i", "4x7x7", "conv2d", "c=8", "k=3", "p=1", "times=3"]) == 0
    text = capsys.readouterr().out
    assert "34,656 MACs touch real input, 18.1% land on padding" in text
    assert run(["macs", "-i", "4x7x7", "conv2d", "c=8", "k=3", "p=1", "--format", "json"]) == 0
    assert "macs_useful" not in capsys.readouterr().out
