"""`convcalc explain`: words, graph, formulas and worked numbers, for every kind and in every format."""

from __future__ import annotations

import json
from typing import Any

import pytest

from convcalc.cli.app import run
from convcalc.kinds import FAMILIES, all_kinds

PLAIN = ("pooling", "norms", "activations", "shaping")


def asked(capsys: pytest.CaptureFixture[str], *argv: str) -> Any:
    assert run(["explain", *argv, "-f", "json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("name", sorted(all_kinds()))
def test_every_kind_is_explained(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, name)
    kind = all_kinds()[name]
    assert (found["schema_version"], found["command"], found["name"]) == (1, "explain", name)
    assert found["source"] == kind.source and found["about"].startswith(kind.help.rstrip("."))
    assert found["cases"] and found["graph"]
    for case in found["cases"]:
        assert {"params", "macs", "shapes", "fields", "assumes", "case"} <= set(case)
    everything = json.dumps(found["cases"])
    assert not any(word in everything for word in ("half_", "Mod(", "Piecewise", "zoo", "nan", "?"))


@pytest.mark.parametrize("family", [family for family in FAMILIES if family not in PLAIN])
def test_every_kind_of_the_literature_says_what_it_is_for(family: str) -> None:
    for name in FAMILIES[family]:
        notes = all_kinds()[name].notes
        assert {"Used for", "Gains", "Costs", "Split", "Transform", "Merge"} <= set(notes), name


def test_the_words_of_a_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "dense_block"]) == 0
    text = capsys.readouterr().out
    assert "arXiv:1608.06993" in text and "L(L+1)/2" in text and "concatenated, not superposed" in text
    assert "dependent stages: 2 L" in text
    assert "field" in text and "2 L + 1" in text and "B x (C_in + L k) x H x W" in text


def test_the_assumptions_and_cases(capsys: pytest.CaptureFixture[str]) -> None:
    (conv,) = asked(capsys, "conv")["cases"]
    assert conv["assumes"] == ["g divides C_in", "g divides C_out", "H + 2 p >= d (k - 1) + 1"]
    assert conv["names"]["H_out"] == "floor((H - d*(k - 1) + 2*p - 1)/s) + 1"
    cases = [case["case"] for case in asked(capsys, "resnet_basic")["cases"]]
    assert sorted(map(sorted, cases)) == [["C_out != C_in", "s = 1"], ["C_out = C_in", "s = 1"], ["s != 1"]]


@pytest.mark.parametrize(
    ("argv", "worked", "value"),
    [
        # 5x5 depthwise separable on 12x12, the texts' worked example: 843 weights, 53,952 MACs
        (["depthwise_separable", "c=256", "k=5", "-i", "3x12x12"], "1 * 3 * 8 * 8 * 1 * (256 + 5^2)", "53,952"),
        (["se", "-i", "256x56x56"], "2 * 1 * 256 * floor(256/16)", "8,192"),
        (["ghost", "c=100", "k=3", "ratio=3", "-i", "64x32x32"], "", "20,680,704"),
        (["octave", "c=64", "-i", "32x32x32", "-i", "32x16x16"], "", "16,515,072"),
        (["gcn", "c=16", "edges=10556", "-i", "2708x1433"], "", "62,301,248"),
        (["dense_block", "num_layers=6", "-i", "64x56x56"], "", "1,040,449,536"),
    ],
)
def test_the_numbers_put_in(argv: list[str], worked: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = {row["quantity"]: row for row in asked(capsys, *argv)["numbers"]}
    assert rows["macs"]["value"] == value
    assert worked in rows["macs"]["worked"]


def test_a_transposed_convolution_names_its_direct_twin(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "conv_transpose", "c=1", "k=3", "s=2", "-i", "1x2x2"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "1 zero between its 2 inputs (3 positions), 2 before and 2 after" in text and "relationship 12" in text


def test_formats(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "conv", "-f", "latex"]) == 0
    text = capsys.readouterr().out
    assert "\\begin{align}" in text and "\\frac{C_{in} C_{out} k^{2}}{g}" in text
    assert run(["explain", "conv", "-f", "markdown"]) == 0
    assert "| weights | $\\frac{C_{in} C_{out} k^{2}}{g}$ |" in capsys.readouterr().out


def test_errors(capsys: pytest.CaptureFixture[str]) -> None:
    for argv, message in (
        (["explain"], "no layers given"),
        (["explain", "gohst"], "did you mean 'ghost'?"),
        (["explain", "conv", "relu"], "explain takes one kind, not 2"),
        (["explain", "ghost", "ratoi=2"], "did you mean 'ratio'?"),
        (["explain", "ghost", "c=8", "-i", "8"], "ghost"),
    ):
        assert run(argv) == 2
        assert message in capsys.readouterr().err
