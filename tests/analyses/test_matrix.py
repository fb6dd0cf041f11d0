"""The matrix of a convolution against torch's Jacobian, and its transpose against the transposed layer."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from convcalc.analyses.counts.useful import useful
from convcalc.analyses.wiring.matrix import Matrix, matrix, weight_starts
from convcalc.analyses.wiring.matrix_report import transposed_words
from convcalc.cli.app import run
from convcalc.errors import ConvcalcError, LimitError, UnsupportedError
from convcalc.folding import folded
from convcalc.graph import Graph
from convcalc.kinds import find
from convcalc.pytorch.module import GraphModule
from convcalc.spec.assemble import assemble
from convcalc.spec.source import blocks
from tests.strategies import cases
from tests.worlds import built, fixed_values, random_module

(ROW,) = [
    row
    for row in json.loads((Path(__file__).parents[1] / "golden/oracle/basic.json").read_text())
    if row["kind"] == "matrix_form"
]


def dense(found: Matrix, weights: torch.Tensor) -> torch.Tensor:
    filled = torch.zeros(found.rows, found.columns, dtype=torch.float64)
    flat = weights.reshape(-1)
    for row, column, terms in found.entries:
        for monomial, factor in terms:
            filled[row, column] += float(factor) * flat[list(monomial)].prod()
    return filled


def drawn(kind: str, told: dict[str, Any], shape: tuple[int, ...]) -> Graph | None:
    try:
        return find(kind)[0].build(shape, bias=False, **told)
    except ConvcalcError:
        return None


@given(
    kind=st.sampled_from(["conv", "conv_transpose"]),
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 2),
    padding=st.integers(0, 2),
    groups=st.sampled_from([1, 2]),
)
@settings(max_examples=150)
def test_it_is_torchs_jacobian(
    kind: str, size: tuple[int, int], kernel: int, stride: int, dilation: int, padding: int, groups: int
) -> None:
    told = {"out_channels": 4, "kernel_size": kernel, "stride": stride, "dilation": dilation, "padding": padding}
    graph = drawn(kind, {**told, "groups": groups}, (1, 2, *size))
    if graph is None:
        return
    module = GraphModule(graph).double()
    (weights,) = module.parameters()
    want = torch.autograd.functional.jacobian(module, torch.zeros(1, 2, *size, dtype=torch.float64))
    found = matrix(graph)
    assert torch.allclose(dense(found, weights.detach()), want.reshape(found.rows, found.columns))
    assert len(found.entries) == sum(useful(graph).values())


@given(
    size=st.integers(3, 9), kernel=st.integers(1, 3), stride=st.integers(1, 3), dilation=st.integers(1, 2),
    padding=st.integers(0, 2), groups=st.sampled_from([1, 2]),
)  # fmt: skip
@settings(max_examples=100)
def test_the_transpose_is_the_layer_that_is_named(
    size: int, kernel: int, stride: int, dilation: int, padding: int, groups: int
) -> None:
    told = {"out_channels": 4, "kernel_size": kernel, "stride": stride, "dilation": dilation, "padding": padding}
    graph = drawn("conv", {**told, "groups": groups}, (1, 2, size))
    if graph is None:
        return
    outputs = "x".join(map(str, graph.outputs[0].shape[1:]))
    back = assemble(blocks(transposed_words(graph).split(), (outputs,))[0]).graph
    assert matrix(graph).transposed == matrix(back)
    again = assemble(blocks(transposed_words(back).split(), (f"2x{size}",))[0]).graph
    assert matrix(again) == matrix(graph)


def test_four_by_sixteen(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    argv = ["matrix", "conv2d", "c=1", "k=3", "-i", "1x4x4"]
    assert run([*argv, "--format", "json"]) == 0
    found, want = json.loads(capsys.readouterr().out), ROW["matrix"]
    assert found["shape"] == want["shape"] and found["nonzeros"] == want["nonzeros"] and found["rank"] == want["rank"]
    assert [column for row, column, _ in found["entries"] if row == 0] == want["row0_columns"]
    assert found["transpose_is"] == "conv_transpose2d out_channels=1 kernel_size=3 bias=false"
    assert (found["distinct_weights"], found["dense_weights"], found["density"]) == (9, 64, 36 / 64)
    assert run(argv) == 0
    text = capsys.readouterr().out
    assert "abc·def·ghi·····\n·abc·def·ghi····\n····abc·def·ghi·\n·····abc·def·ghi\n" in text
    assert "36 non-zeros (56.2%)" in text and "the bias is added besides" in text
    assert run([*argv, "--transposed"]) == 0
    assert "a···\nba··\ncb··\n·c··\n" in capsys.readouterr().out


def test_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    argv = ["matrix", "conv1d", "c=2", "k=3", "s=2", "p=1", "-i", "1x6"]
    assert run([*argv, "--format", "csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["row,column,weight", "0,0,1", "0,1,2"] and len(lines) == 1 + 2 * 8
    path = tmp_path / "m.npz"
    assert run([*argv, "-o", str(path)]) == 0
    assert "is 6 x 6" in capsys.readouterr().out
    held = numpy.load(path)
    # the layout of scipy.sparse.save_npz for CSR: row n holds entries indptr[n]..indptr[n+1]
    assert held["format"].item() == b"csr" and held["shape"].tolist() == [6, 6]
    rows = numpy.repeat(numpy.arange(6), numpy.diff(held["indptr"]))
    triples = sorted(zip(rows.tolist(), held["indices"].tolist(), (held["data"] - 1).tolist(), strict=True))
    assert triples == [tuple(map(int, line.split(","))) for line in lines[1:]]
    assert run([*argv, "-o", str(tmp_path / "none" / "m.npz")]) == 2
    assert "there is no folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["conv2d", "c=1", "k=3", "relu", "-i", "1x4x4"], "relu is not linear"),
        (["max_pool", "k=2", "-i", "1x4x4"], "max pool is not linear"),
        (["conv2d", "c=1", "k=3", "-i", "2x1x4x4"], "that of one sample"),
        (["conv2d", "c=64", "k=3", "-i", "64x56x56"], "107,495,424 entries are past what is listed"),
        (["conv2d", "c=1", "k=3"], "the input's size is missing"),
    ],
)
def test_what_is_not_drawn(argv: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["matrix", *argv]) == 2
    assert message in capsys.readouterr().err


def test_a_large_one_is_cut_and_its_weights_are_signs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["matrix", "conv2d", "c=4", "k=3", "p=1", "-i", "4x12x12"]) == 0
    text = capsys.readouterr().out
    assert "# is a weight, · is zero (the first 40 x 78 of 576 x 576)" in text and "rank" not in text


LINEAR = {
    *("conv", "conv_transpose", "pointwise", "dilated", "grouped", "depthwise", "pointwise_grouped"),
    *(
        "channel_shuffle",
        "linear",
        "avg_pool",
        "adaptive_avg_pool",
        "global_avg_pool",
        "fold",
        "unfold",
        "concat",
        "add",
    ),
    *("upsample", "upsampling_nearest", "upsampling_bilinear", "pixel_shuffle", "pixel_unshuffle", "dropout"),
    *("reflection_pad", "replication_pad", "circular_pad", "zero_pad", "flatten", "slice", "identity"),
    *("do_conv", "resize_conv", "subpixel"),
}
"""Kinds that are linear whatever their settings."""


SOMETIMES = {
    "octave",
    "hetconv",
    "flattened",
    "multi_kernel",
    "mixconv",
    "shuffled_grouped",
    "spatially_separable",
    "stacked",
}


@pytest.mark.parametrize("name", sorted(LINEAR | SOMETIMES))
@given(data=st.data())
def test_every_linear_kind_is_the_jacobian_of_its_module(name: str, data: st.DataObject) -> None:
    inputs, arguments = data.draw(cases(name))
    graph = built(name, [(1, *shape[1:]) for shape in inputs], arguments)
    cells = prod(graph.inputs[0].shape) * prod(graph.outputs[0].shape)
    if cells > 10_000:
        return
    try:
        mine = matrix(graph)
    except LimitError:
        return
    except UnsupportedError:
        assert name not in LINEAR
        return
    module = random_module(graph)
    stored = folded_weights(graph, module)
    tensors = tuple(torch.zeros(value.shape, dtype=torch.float64) for value in graph.inputs)

    def joined(*given: torch.Tensor) -> torch.Tensor:
        results = module(*given)
        return torch.cat([each.reshape(-1) for each in (results if isinstance(results, tuple) else (results,))])

    want = torch.cat(
        [each.reshape(each.shape[0], -1) for each in torch.autograd.functional.jacobian(joined, tensors)], dim=1
    )
    assert torch.allclose(dense(mine, stored), want, atol=1e-9)
    assert {(entry.row, entry.column) for entry in mine.entries} == {
        tuple(at) for at in (want.abs() > 1e-12).nonzero().tolist()
    }


def folded_weights(graph: Graph, module: GraphModule) -> torch.Tensor:
    """The weights of what is folded, one after the other, as torch computes them from the module's own."""
    nodes, _ = folded(graph.nodes, 0)
    small = Graph(tuple(nodes), ())
    fixed = fixed_values(graph, module)
    starts, _ = weight_starts(small)
    moved = {new.index: old for old, new in folded(graph.nodes, 0)[1].items()}
    parts = [fixed[moved[index]].reshape(-1) for index in starts]
    return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.float64)
