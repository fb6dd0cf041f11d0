"""`rf --unit` names the positions that are read, borders that wrap or mirror included: torch's gradients judge."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from convcalc.analyses.counts.report import count
from convcalc.analyses.field.report import receptive_field
from convcalc.cli.app import run
from convcalc.errors import ConvcalcError
from convcalc.pytorch.module import GraphModule
from convcalc.spec.assemble import assemble
from convcalc.spec.source import blocks

MODES = ("zeros", "circular", "reflect", "replicate")


@st.composite
def specs(draw: st.DrawFn) -> tuple[str, str, int]:
    rank = draw(st.integers(1, 2))
    sizes = "x".join(str(draw(st.integers(4, 8))) for _ in range(rank))
    layers = []
    for _ in range(draw(st.integers(1, 2))):
        k, s, p, d = (draw(st.integers(low, high)) for low, high in ((1, 3), (1, 2), (0, 3), (1, 2)))
        mode = draw(st.sampled_from(MODES))
        layers.append(f"conv{rank}d c=1 k={k} s={s} p={p} d={d} bias=false padding_mode={mode}")
    return " ".join(layers), f"1x{sizes}", draw(st.integers(0, 10**6))


@given(specs())
@settings(max_examples=200)
def test_the_positions_are_those_with_a_gradient(drawn: tuple[str, str, int]) -> None:
    spec, sizes, pick = drawn
    try:
        subject = assemble(blocks(spec.split(), [sizes])[0])
    except ConvcalcError:
        return
    spatial = subject.graph.outputs[0].spatial
    places = list(itertools.product(*map(range, spatial)))
    position = places[pick % len(places)]
    module = GraphModule(subject.graph, dtype=torch.float64).eval()
    x = torch.ones(subject.graph.inputs[0].shape, dtype=torch.float64, requires_grad=True)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(1.0)
    (gradient,) = torch.autograd.grad(module(x)[(0, 0, *position)], x)
    seen = {tuple(place) for place in gradient[0, 0].nonzero().tolist()}
    (field,) = receptive_field(count([subject]), position).blocks[0].inputs
    unit = field.unit
    assert unit is not None and unit.reached == len(seen)
    axes = [{n for first, last in runs for n in range(first, last + 1)} for runs in unit.reads or []]
    assert axes == [{place[axis] for place in seen} for axis in range(len(spatial))] or not seen


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["-i", "1x12", "Conv1d(1,1,3,1,1,padding_mode='circular')", "--unit", "0"], "it reads 11, 0, 1 of the input"),
        (["-i", "1x8", "Conv1d(1,1,2,padding=3,padding_mode='circular')", "--unit", "0"], "it reads 5, 6 of the input"),
        (["-i", "1x5", "replication_pad1d", "p=2", "--unit", "0"], "it reads 0 of the input, 1 position"),
        (["-i", "1x6x6", "Conv2d(1,1,1,padding=1,padding_mode='replicate')", "--unit", "0x0"], "it reads (0) x (0)"),
        (["-i", "1x9", "conv1d", "c=1", "k=3", "p=1", "--unit", "0"], "inside the input 0..1: 2 of these 2 positions"),
        (["-i", "1x9", "conv1d", "c=1", "k=1", "p=2", "--unit", "0"], "nothing but padding"),
    ],
)
def test_the_line_names_them(argv: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rf", *argv]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert text in out and "of these 1 " not in out


def test_whether_all_is_seen_is_not_told_where_borders_fold_back(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rf", "-i", "1x8", "conv1d", "c=1", "k=5", "p=2", "padding_mode=circular", "repeat=3"]) == 0
    out = capsys.readouterr().out
    assert "sees the whole input" not in out and "circular padding reads other positions" in out
