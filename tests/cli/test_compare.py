"""`convcalc compare` and `convcalc alt`: the same numbers as alone, ratios to the first, timings in turn."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from convcalc.cli.app import run
from convcalc.profiling.compare import MIN_ROUNDS
from convcalc.profiling.intervals import AMBIGUOUS, Interval, verdict
from convcalc.profiling.plan import Plan

DENSE = "conv2d c=128 k=3 p=1 bias=false"
SEPARABLE = "depthwise_separable c=128 k=3 p=1"


def asked(capsys: pytest.CaptureFixture[str], *argv: str, code: int = 0) -> Any:
    assert run([*argv, "-f", "json"]) == code
    return json.loads(capsys.readouterr().out)


def test_compare_gives_the_numbers_of_each_and_their_ratios(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "compare", DENSE, SEPARABLE, "-i", "64x56x56")["specs"]
    dense, separable = found
    assert (dense["params"], dense["macs"]) == (73_728, 231_211_008)
    assert (separable["params"], separable["macs"]) == (64 * 9 + 64 * 128, 56 * 56 * (64 * 9 + 64 * 128))
    assert separable["macs_ratio"] == pytest.approx(1 / 128 + 1 / 9)
    assert dense["output"] == separable["output"] == [1, 128, 56, 56]
    assert dense["output_bytes"] == 4 * 128 * 56 * 56
    assert dense["rf"]["size"] == [3, 3]


def test_compare_takes_files_and_stacks(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "compare", "@resnet_stem", "conv2d c=64 k=7 s=2 p=3 max_pool k=2", "-i", "3x224x224")["specs"]
    alone = asked(capsys, "summary", "@resnet_stem")
    assert found[0]["macs"] == alone["macs"] and found[0]["params"] == alone["params"]
    assert found[0]["params_ratio"] == 1.0


def test_compare_times_each_in_turn(
    capsys: pytest.CaptureFixture[str], in_process: list[Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("convcalc.cli.views.stacks.cores", lambda: 1)
    small, large = "conv2d c=8 k=3", "conv2d c=64 k=5"
    found = asked(capsys, "compare", small, large, small, "-i", "8x32x32", "--timed", "--time", "0.5")
    first, slower, again = found["specs"]
    assert found["threads"] >= 1 and found["device"] == "cpu"
    assert all(row["median_s"] > 0 and row["samples"] >= 3 and row["status"] != "failed" for row in found["specs"])
    assert first["time_ratio"] == 1.0 and first["verdict"] is None
    low, high = slower["time_ratio_interval"]
    assert 1.02 < low <= slower["time_ratio"] <= high and slower["verdict"] == "SLOWER"
    low, high = again["time_ratio_interval"]
    sure = verdict(Interval(again["time_ratio"], low, high)) if again["samples"] >= MIN_ROUNDS else AMBIGUOUS
    assert again["verdict"] in (sure, AMBIGUOUS) and "time_shown" not in again
    assert (again["verdict"] == "SLOWER") <= (low > 1.02) and (again["verdict"] == "FASTER") <= (high < 0.98)
    ((group,),) = (plan.groups for plan in in_process)
    assert len(group) == 3 and not in_process[0].cold
    assert run(["compare", small, small, "-i", "8x16x16", "--timed", "--time", "50ms"]) == 0
    assert "blocks in turn" in capsys.readouterr().out


def test_alt_keeps_the_output_shape(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "alt", "conv2d c=64 k=3 p=1", "-i", "64x28x28")
    names = {row["name"] for row in found["specs"]}
    assert {
        "depthwise separable", "grouped, g = 2", "pointwise grouped, shuffle, depthwise", "spatially separable",
        "ghost, q = 2", "hetconv, P = 4", "bottleneck", "octave, a = 1/2", "self-calibrated", "involution",
    } <= names  # fmt: skip
    for row in found["specs"]:
        if not row["name"].startswith("octave"):
            assert row["output"] == [1, 64, 28, 28], row["name"]
    assert {row["name"] for row in found["left_out"]} == {"stacked 3x3", "dilated 3x3"}
    larger = asked(capsys, "alt", "conv2d c=64 k=5 p=2", "-i", "64x28x28")
    rows = {row["name"]: row for row in larger["specs"]}
    assert rows["stacked 3x3"]["macs_ratio"] == pytest.approx(18 / 25)
    assert rows["dilated 3x3"]["macs_ratio"] == pytest.approx(9 / 25)


def test_a_substitute_is_printed_as_words_that_run(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "alt", "conv2d c=64 k=3 p=1 s=2", "-i", "64x28x28")
    for row in found["specs"][1:]:
        if row["name"].startswith("octave"):
            continue
        again = asked(capsys, "summary", row["layers"], "-i", "64x28x28")
        assert (again["macs"], again["params"]) == (row["macs"], row["params"])


def test_in_every_form(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", DENSE, SEPARABLE, "-i", "64x8x8", "-f", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["name"] for row in rows] == [DENSE, SEPARABLE] and rows[0]["macs"] == str(64 * 64 * 128 * 9)
    assert run(["alt", DENSE, "-i", "64x8x8", "-f", "jsonl"]) == 0
    assert all(json.loads(line)["command"] == "alt" for line in capsys.readouterr().out.splitlines())
    assert run(["alt", DENSE, "-i", "64x8x8"]) == 0
    assert "1/C_out + 1/k^2" in capsys.readouterr().out


def test_errors(capsys: pytest.CaptureFixture[str]) -> None:
    for argv, message in (
        (["compare", DENSE, "-i", "64x8x8"], "two specs or more"),
        (["compare", DENSE, "convd c=1", "-i", "64x8x8"], "there is no kind 'convd'"),
        (["compare", DENSE, SEPARABLE], f"{DENSE}: the input's size is missing"),
        (["alt", "-i", "64x8x8"], "alt takes one convolution in quotes"),
        (["alt", "relu", "-i", "64x8x8"], "alt replaces a convolution, not relu"),
        (["alt", "conv2d c=8 k=3 conv2d c=8 k=3", "-i", "64x8x8"], "not a stack"),
        (["alt", "conv2d c=8 k=3 d=2", "-i", "64x8x8"], "no dilation"),
        (["alt", "conv2d c=8 k=3x5", "-i", "64x8x8"], "one kernel_size for all axes, not 3x5"),
        (["alt", "conv2d c=8 k=3 repeat=2", "-i", "64x8x8"], "leave out repeat and times"),
        (["alt", "conv2d c=8 k=3 p=1 padding_mode=reflect", "-i", "64x8x8"], "zeros on both sides"),
        (["compare", DENSE, "gcn c=8 edges=3", "-i", "64x8x8"], "gcn takes no spatial axes"),
        (["compare", DENSE, SEPARABLE, "-i", "64x8x8", "--timed", "--time", "nan"], "--time"),
    ):
        assert run(argv) == 2, argv
        assert message in capsys.readouterr().err


def test_rows_count_as_often_as_they_say(capsys: pytest.CaptureFixture[str]) -> None:
    once, thrice = asked(capsys, "compare", "conv2d c=8 k=3", "conv2d c=8 k=3 times=3", "-i", "3x8x8")["specs"]
    assert thrice["macs"] == 3 * once["macs"] and thrice["macs_ratio"] == 3.0 and thrice["params"] == 3 * once["params"]


@pytest.mark.parametrize(("layer", "given"), [("conv1d c=128 k=5 p=2", "64x56"), ("conv3d c=16 k=3 p=1", "64x9x9x9")])
def test_alt_answers_along_any_number_of_axes(layer: str, given: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "alt", layer, "-i", given)
    assert len(found["specs"]) >= 5 and found["left_out"]
    rank = found["specs"][0]["output"].__len__() - 2
    (separable,) = (row for row in found["specs"] if row["name"] == "depthwise separable")
    out, k = found["specs"][0]["output"][1], {1: 5, 3: 3}[rank]
    assert separable["ratio"] == f"1/C_out + 1/k{'' if rank == 1 else '^3'}"
    counted = [row["macs"] for row in (separable, found["specs"][0])]
    assert counted[0] / counted[1] == pytest.approx(1 / out + 1 / k**rank)
    reasons = {row["name"]: row["reason"] for row in found["left_out"]}
    assert "takes 2 spatial axes" in reasons["flattened"]


def test_alt_says_where_the_literatures_ratio_does_not_hold(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["alt", "conv2d c=64 k=3 s=2 p=1", "-i", "64x28x28"]) == 0
    assert "hold at stride 1 with same padding" in " ".join(capsys.readouterr().out.split())
    found = asked(capsys, "alt", "conv2d c=33 k=3 p=1", "-i", "31x7x7")
    assert "octave, a = 1/2" in {row["name"] for row in found["left_out"]}


def test_on_a_narrow_terminal_every_number_stands_below_its_title(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["alt", "conv2d c=64 k=3 p=1", "-i", "64x28x28"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (row,) = (line for line in lines if line.startswith("depthwise separable") and "4,800" in line)
    assert row.split()[2:] == ["4,800", "7.7", "times", "fewer", "3.663", "M", "7.9", "times", "fewer"]
