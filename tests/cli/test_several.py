"""Kinds with several inputs and outputs: named, chained, reported one by one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from convcalc.cli.app import run


def asked(capsys: pytest.CaptureFixture[str], *argv: str) -> Any:
    assert run([*argv, "-f", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_octave_layers_chain(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["octave", "c=64", "octave", "c=64", "octave", "c=64", "alpha_out=0"]
    found = asked(capsys, "summary", *words, "-i", "32x32x32")
    assert [layer["output"] for layer in found["layers"]] == [
        [[1, 32, 32, 32], [1, 32, 16, 16]],
        [[1, 32, 32, 32], [1, 32, 16, 16]],
        [1, 64, 32, 32],
    ]
    # gradient-measured (catalogue, variants 1): first, middle and last layer of k = 3 together see 14
    assert found["layers"][-1]["size"] == [14, 14]


@pytest.mark.parametrize("order", [("high=32x32x32", "low=32x16x16"), ("low=32x16x16", "high=32x32x32")])
def test_inputs_come_by_name(order: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "macs", "octave", "c=64", "-i", order[0], "-i", order[1])
    assert found["macs"] == 9_437_184 + 3 * 2_359_296  # high-high on 32x32, three paths on 16x16: 32*32*9 each


def test_outputs_have_names(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "shape", "octave", "c=64", "as=o", "conv2d", "from=o.low", "c=8", "k=3", "-i", "32x32x32")
    assert found["output"] == [1, 8, 14, 14]
    assert found["layers"][0]["output"] == [[1, 32, 32, 32], [1, 32, 16, 16]]  # both, whichever is read on
    found = asked(capsys, "rf", "octave", "c=64", "-i", "32x32x32")["layers"][0]
    assert found["outputs"]["high"]["size"] == [3, 3] and found["outputs"]["low"]["size"] == [6, 6]
    assert run(["shape", "octave", "c=64", "conv2d", "c=8", "k=3", "-i", "32x32x32"]) == 2
    error = capsys.readouterr().err
    assert "NAME.high or NAME.low" in error and "^" in error
    assert run(["shape", "octave", "c=64", "as=o", "conv2d", "c=8", "k=3", "from=o.lwo", "-i", "32x32x32"]) == 2
    assert "did you mean 'o.low'?" in capsys.readouterr().err


def test_routing_weights_may_be_an_input(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(
        capsys, "summary", "condconv", "c=672", "k=1", "num_experts=8", "bias=false", "-i", "112x14x14", "-i",
        "routing=1x8",
    )  # fmt: skip
    assert (found["params"], found["macs"]) == (602_112, 15_353_856)  # timm's CondConv2d (oracle records)


def test_a_graph_layer_says_how_many_hops_it_sees(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["gcn", "c=16", "edges=10556", "gcn", "c=7", "edges=10556", "-i", "2708x1433"]
    assert [layer["hops"] for layer in asked(capsys, "rf", *words)["layers"]] == [1, 2]
    assert run(["rf", *words]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "2708 nodes" in text and "up to 2 hops away" in text and "depends on the graph" in text


def test_offsets_are_said_to_depend_on_the_data(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "rf", "deformable", "c=8", "k=3", "p=1", "-i", "8x14x14")["layers"][0]
    assert found["size"] == [3, 3] and found["global"].startswith("data-dependent")


def test_folded_totals_stand_beside_the_trained_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["params", "dbb", "in_channels=64", "c=64"]) == 0
    text = capsys.readouterr().out
    folded = 64 * 64 * 9 + 64  # one 3x3 with a bias
    assert f"folded for deployment: {folded:,} parameters" in text
    # k x k, 1x1, and 1x1 then k x k and 1x1 then average: DingXiaoH/DiverseBranchBlock's five-plus-one batch norms
    trained = 64 * 64 * 9 + 64 * 64 + (64 * 64 + 64 * 64 * 9) + 64 * 64 + 6 * 2 * 64
    assert f"{trained:,}" in text
    assert run(["macs", "acb", "c=64", "p=1", "-i", "64x56x56"]) == 0
    assert "36,928 parameters and 115,605,504 MACs (form=folded)" in capsys.readouterr().out


def test_names_of_inputs_are_bound_or_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(capsys, "shape", "octave", "c=4", "-i", "low=3x4x4", "-i", "3x8x8")["output"][0] == [1, 2, 8, 8]
    for argv, message in (
        (["octave", "c=4", "-i", "hgih=3x8x8", "-i", "low=3x4x4"], "did you mean 'high'?"),
        (["octave", "c=4", "-i", "low=3x4x4"], "octave lacks its input high"),
        (["condconv", "c=4", "-i", "3x9x9", "-i", "ruoting=1x4"], "did you mean 'routing'?"),
    ):
        assert run(["shape", *argv]) == 2
        assert message in capsys.readouterr().err


def test_folded_totals_are_in_the_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(capsys, "params", "acb", "in_channels=8", "c=8")["folded"]["params"] == 8 * 8 * 9 + 8
    assert "folded" not in asked(capsys, "params", "conv2d", "in_channels=8", "c=8", "k=3")
