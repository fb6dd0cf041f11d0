"""`convcalc checkerboard`: verdict, exit code, picture, remedies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from convcalc.cli.app import run


def asked(capsys: pytest.CaptureFixture[str], *argv: str, code: int = 0) -> Any:
    assert run(["checkerboard", *argv, "-f", "json"]) == code
    return json.loads(capsys.readouterr().out)


def test_an_uneven_layer_fails_and_names_remedies(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "conv_transpose", "c=64", "k=3", "s=2", "-i", "128x8x8", code=1)
    assert found["forward"]["uniform"] is False and found["forward"]["ratio"] == 4
    assert sorted(found["forward"]["axes"][0]["pattern"]) == [1, 2]
    assert found["forward"]["axes"][0]["counts"] == [1, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 1]
    rows = {row["layer"].split()[0] + row["layer"].split("kernel_size=")[1][0]: row for row in found["remedies"]}
    assert {row["verdict"] for row in rows.values()} == {"uniform"}
    assert rows["conv_transpose4"]["output"] == found["output"]
    assert rows["conv_transpose4"]["macs"] == 8 * 8 * 128 * 64 * 16
    assert rows["resize_conv3"]["macs"] == 16 * 16 * 128 * 64 * 9


def test_an_even_one_passes(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "ConvTranspose2d(3, 8, 4, 2, 1)", "-i", "3x8x8")
    assert found["forward"]["uniform"] and found["remedies"] == []
    assert found["gradient"]["uniform"]


def test_a_strided_convolution_leaves_the_pattern_in_the_gradient(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "conv2d", "c=3", "k=3", "s=2", "p=1", "-i", "3x12x12")
    assert found["forward"]["uniform"] and not found["gradient"]["uniform"]


def test_positions_that_are_never_written(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "conv_transpose1d", "c=1", "k=2", "s=3", "-i", "1x4", code=1)
    assert found["forward"]["ratio"] is None and found["forward"]["axes"][0]["never"] == [2, 5, 8]


def test_the_picture(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["checkerboard", "conv_transpose", "c=1", "k=3", "s=2", "-i", "1x3x3"]) == 1
    text = capsys.readouterr().out
    assert "1 1 2 1 2 1 1\n1 1 2 1 2 1 1\n2 2 4 2 4 2 2\n" in text and "contributions, from 1 to 4" in text
    words = ["conv_transpose", "c=1", "k=6", "s=2", "conv_transpose", "c=1", "k=5", "s=2", "-i", "1x9x9"]
    assert run(["checkerboard", *words, "--ascii"]) == 1
    picture = [line for line in capsys.readouterr().out.splitlines() if set(line) <= set(" .:-=+*#%@") and line.strip()]
    assert len(picture) >= 10


def test_errors(capsys: pytest.CaptureFixture[str]) -> None:
    for argv, message in (
        (["linear", "out_features=3", "-i", "4"], "without spatial axes"),
        (["deformable", "c=4", "-i", "4x8x8"], "depend on the data"),
        (["conv_transpose", "c=1", "k=3"], "the input's size is missing"),
        (["unfold", "k=2", "-i", "4x8x8"], "whose axes are not those of the input"),
        (["add", "from=a,b", "-i", "a=4x8", "-i", "b=4x1"], "inputs of different sizes"),
    ):
        assert run(["checkerboard", *argv]) == 2
        assert message in capsys.readouterr().err


def test_a_map_that_borders_cut_everywhere_is_not_judged(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "conv2d", "c=4", "k=3", "p=8", "d=8", "-i", "4x12x12")
    assert found["forward"]["judged"] is False and found["gradient"]["judged"] is True
    assert run(["checkerboard", "conv2d", "c=4", "k=3", "p=8", "d=8", "-i", "4x12x12"]) == 0
    assert "not judged: a border cuts short" in " ".join(capsys.readouterr().out.split())
