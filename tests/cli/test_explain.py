"""`convcalc explain`: words, graph, formulas and worked numbers, for every kind and in every format."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from convcalc.cli.app import run
from convcalc.kinds import FAMILIES, all_kinds

PLAIN = ("pooling", "norms", "activations", "shaping", "sequences", "transformers", "pairs")


def asked(capsys: pytest.CaptureFixture[str], *argv: str) -> Any:
    assert run(["explain", *argv, "-f", "json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("name", sorted(all_kinds()))
def test_every_kind_is_explained(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, name)
    kind = all_kinds()[name]
    assert (found["schema_version"], found["command"], found["name"]) == (2, "explain", name)
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
        (["depthwise_separable", "c=256", "k=5", "-i", "3x12x12"], "1 * 3 * 8 * 8 * 1 * (256 + 5^2)", 53_952),
        (["se", "-i", "256x56x56"], "2 * 1 * 256 * floor(256/16)", 8_192),
        (["ghost", "c=100", "k=3", "ratio=3", "-i", "64x32x32"], "", 20_680_704),
        (["octave", "c=64", "-i", "32x32x32", "-i", "32x16x16"], "", 16_515_072),
        (["gcn", "c=16", "edges=10556", "-i", "2708x1433"], "", 62_301_248),
        (["dense_block", "num_layers=6", "-i", "64x56x56"], "", 1_040_449_536),
    ],
)
def test_the_numbers_put_in(argv: list[str], worked: str, value: int, capsys: pytest.CaptureFixture[str]) -> None:
    rows = {row["quantity"]: row for row in asked(capsys, *argv)["numbers"]}
    assert rows["macs"]["value"] == value
    assert worked in rows["macs"]["worked"]


def test_a_transposed_convolution_names_its_direct_twin(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "conv_transpose", "c=1", "k=3", "s=2", "-i", "1x2x2"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "1 zero between its 2 inputs (3 positions), 2 before and 2 after" in text and "relationship 12" in text


def test_formats(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "conv", "-f", "latex"]) == 0  # a formula a line
    text = capsys.readouterr().out
    assert text.count(" \\\\\n") >= 4  # lines of LaTeX, not one line with escapes
    assert "\\begin{align}" in text and "\\frac{C_{in} C_{out} k^{2}}{g}" in text
    assert run(["explain", "conv", "-f", "markdown"]) == 0
    assert "| weights | $\\frac{C_{in} C_{out} k^{2}}{g}$ |" in capsys.readouterr().out


def test_errors(capsys: pytest.CaptureFixture[str]) -> None:
    for argv, message in (
        (["explain"], "explain takes a kind: explain involution"),
        (["explain", "gohst"], "did you mean 'ghost' or 'ghostnet'?"),
        (["explain", "conv", "relu"], "explain takes one kind, not 2"),
        (["explain", "ghost", "ratoi=2"], "did you mean 'ratio'?"),
        (["explain", "ghost", "c=8", "-i", "8"], "ghost"),
    ):
        assert run(argv) == 2
        assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "argv",
    [
        ["stacked", "c=64", "k=3", "-i", "32x40"],
        ["conv", "c=64", "k=3", "p=0+1", "-i", "3x30x31"],
        ["conv", "c=64", "k=3", "p=same", "-i", "3x30x31"],
        ["conv", "c=64", "k=3x5", "s=2x1", "-i", "3x30x31"],
        ["octave", "c=4", "-i", "4x8x8"],
        ["octave", "c=4", "-i", "low=32x4x4", "-i", "high=32x8x8"],
        ["octave", "s=2", "c=64", "-i", "32x9x9"],
        ["condconv", "c=4", "num_experts=2", "-i", "3x9x9", "-i", "routing=1x2"],
        ["inverted_residual", "c=32", "k=4", "-i", "64x9x9"],
        ["bottleneck", "k=2", "-i", "16x9x9"],
        ["cheb", "c=4", "edges=9", "-i", "6x5"],
        ["dynamic", "c=8", "-i", "3x9x9"],
        ["fused_mbconv", "c=32", "reduction=4", "-i", "32x16x16"],
        ["octave", "c=32", "groups=4", "-i", "64x16x16"],
    ],
    ids=lambda argv: " ".join(argv),
)
def test_what_is_written_out_comes_to_what_is_counted(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Each worked line, evaluated by Python, is the number beside it; where a formula does not hold, none is shown."""
    found = asked(capsys, *argv)
    assert run(["macs", *argv, "-f", "json"]) == 0
    counted = json.loads(capsys.readouterr().out)
    rows = {row["quantity"]: row for row in found["numbers"]}
    assert rows["macs"]["value"] == counted["macs"]
    assert {name.removeprefix("other: ") for name in rows if name.startswith("other: ")} == set(counted["other"])
    for row in rows.values():
        if row["worked"] != "-":
            names = {"floor": math.floor, "ceiling": math.ceil, "Max": max, "Min": min, "__builtins__": {}}
            assert eval(row["worked"].replace("^", "**"), names) == pytest.approx(row["value"]), row


def test_letters_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "inverted_residual"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "letters: B batch, C_in in_channels, H height, W width, C_out out_channels, k kernel_size, s stride" in text
    assert run(["explain", "splat"]) == 0
    assert "with radix=2" in capsys.readouterr().out


def test_numbers_a_kind_refuses_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for argv, message in (
        (["conv", "groups=0"], "groups (0) must be at least 1"),
        (["se", "reduction=0"], "reduction (0) must be at least 1"),
        (["dense_block", "num_layers=9999"], "between 1 and 1,000"),
        (["conv", "c=8", "k=3", "repeat=2"], "leave out repeat and times"),
    ):
        assert run(["explain", *argv]) == 2
        error = capsys.readouterr().err
        assert message in error and "^" in error


def test_what_was_stated_is_a_number_in_the_formula(capsys: pytest.CaptureFixture[str]) -> None:
    (case,) = asked(capsys, "octave", "stride=2", "out_channels=64")["cases"]
    assert case["weights"] == "64*C_h*k**2 + 64*C_l*k**2" and case["shapes"][0][1] == "32"


@pytest.mark.parametrize("name", sorted(all_kinds()))
def test_every_letter_that_is_printed_is_explained(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", name, "-f", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert run(["explain", name]) == 0
    text = " ".join(capsys.readouterr().out.split())
    told = text.partition(" graph, from")[0].rpartition(" letters: ")[2]
    used = set(re.findall(r"[A-Za-z_]\w*", " ".join(_expressions(found)))) - {"floor", "ceiling", "Max", "Min", "gcd"}
    for case in found["cases"]:
        used -= set(case["names"])
    spelt_out = set(all_kinds()[name].arguments)
    for letter in used - spelt_out:
        assert re.search(rf"(^|, ){letter} ", told), (letter, told)


def _expressions(found: Any) -> list[str]:
    parts: list[str] = []
    for case in found["cases"]:
        parts += [size for shape in case["shapes"] for size in shape]
        parts += [*case["names"].values(), case["params"], case["macs"], *case["other"].values()]
        parts += [field["size"] or "" for field in case["fields"]]
    return parts


def test_a_kind_asked_before_is_not_derived_again(
    kept_formulas: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    argv = ["explain", "se", "-i", "16x4x4"]
    assert run(argv) == 0
    first = capsys.readouterr().out
    assert len(list(kept_formulas.iterdir())) == 1
    monkeypatch.setattr("convcalc.analyses.symbolic.explain.explain", None)
    assert run(argv) == 0
    assert capsys.readouterr().out == first
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(kept_formulas.parents[1]))
    for place in kept_formulas.iterdir():  # what cannot be read is derived again
        place.write_text("{}")
    assert run(argv) == 0
    assert capsys.readouterr().out == first
    assert run(["explain", "se", "-i", "32x4x4"]) == 0
    assert len(list(kept_formulas.iterdir())) == 2


def test_the_general_case_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    for kind, first in (
        ("hetconv", "P != 1, P divides C_out"),
        ("do_conv", "k^2 != 1"),
        ("flattened", "num_layers = 1"),
    ):
        assert run(["explain", kind]) == 0
        text = capsys.readouterr().out
        assert f"where {first}:" in text.partition("formulas, ")[0]
        assert max(map(len, text.partition("formulas, ")[2].splitlines())) < 200


def test_a_layer_is_compared_with_the_plain_convolution(capsys: pytest.CaptureFixture[str]) -> None:
    """843 and 53,952 against 19,456 with the bias and 1,228,800: by hand, 3*256*25*64."""
    argv = ["explain", "depthwise_separable", "-i", "3x12x12", "c=256", "k=5"]
    assert run([*argv, "-f", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["plain_conv"] == {
        "params": 3 * 256 * 25 + 256,
        "macs": 3 * 256 * 25 * 64,
    }
    assert run(argv) == 0
    assert "23 times fewer params, 23 times fewer macs" in " ".join(capsys.readouterr().out.split())
    assert run(["explain", "conv", "-i", "3x12x12", "c=256", "k=5"]) == 0
    assert "compared with conv2d" not in capsys.readouterr().out


def test_the_graph_says_which_part_reads_which(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "inception_v1", "-f", "json"]) == 0
    graph = {step["part"]: step["reads"] for step in json.loads(capsys.readouterr().out)["graph"]}
    assert graph["branch_1.conv"] == ["x"] and graph["branch_1.conv_1"] == ["branch_1.conv"]
    assert graph["concat"] == ["branch.conv", "branch_1.conv_1", "branch_2.conv_1", "pool.conv"]


def test_kernels_that_are_not_square_have_a_letter_per_axis(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "conv", "-i", "3x16x32x32", "c=10", "k=6x5x4"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "weights C_in C_out k_d k_h k_w/g" in text and "3 * 10 * 6 * 5 * 4/1 3,600" in text
    assert "field (d k_d - d + 1) x (d k_h - d + 1) x (d k_w - d + 1), jump s" in text
    assert "k_d kernel depth, k_h kernel height, k_w kernel width" in text
    assert run(["explain", "conv", "k=3", "s=2x1", "-f", "json"]) == 0
    (field,) = json.loads(capsys.readouterr().out)["cases"][0]["fields"]
    assert (field["size"], field["jump"]) == ("(2 d + 1) x (2 d + 1)", "2 x 1")
