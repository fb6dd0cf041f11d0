"""Letters for sizes: formulas of stacks, which with numbers in them are what the commands count."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest

from convcalc.cli.app import run

STACKS = {
    "conv": (["conv2d", "c=M", "k=K", "s=S", "p=1"], "CxHxW"),
    "pooled": (["conv2d", "c=M", "k=3", "relu", "max_pool", "k=2"], "NxCxHxW"),
    "separable": (["depthwise_separable", "c=M", "k=3", "p=1", "batch_norm", "relu"], "CxHxW"),
    "call": (["Conv2d(3, M, 3)", "BatchNorm2d(M)"], "3xHxW"),
    "residual": (["resnet_basic", "c=M", "s=2"], "CxHxW"),
    "grouped": (["conv2d", "c=M", "k=3", "g=4"], "CxHxW"),
    "linear": (["linear", "out_features=M"], "F"),
    "twice": (["conv2d", "c=M", "k=3", "times=3"], "CxHxW"),
}


def asked(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, Any]:
    assert run([*argv, "-f", "json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def put(text: str, numbers: dict[str, int]) -> str:
    """A word with numbers for its letters that stand alone."""
    return re.sub(r"(?<![A-Za-z_])[A-Z](?![A-Za-z_])", lambda match: str(numbers.get(match[0], match[0])), text)


@pytest.mark.parametrize("name", STACKS)
def test_formulas_with_numbers_are_the_counts(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    words, sizes = STACKS[name]
    rng = random.Random(name)
    for _ in range(6):
        numbers = {
            "M": rng.choice([4, 8, 12]), "C": rng.choice([4, 8]), "H": rng.randint(8, 20), "W": rng.randint(8, 20),
            "K": rng.randint(1, 5), "S": rng.randint(1, 3), "N": rng.randint(1, 3), "F": rng.randint(1, 9),
        }  # fmt: skip
        letters = asked(capsys, "macs", *words, "-i", sizes)["symbols"]
        at = ",".join(f"{letter}={numbers[letter]}" for letter in letters)
        plain = [put(word, numbers) for word in words]
        single = asked(capsys, "macs", *plain, "-i", re.sub("[A-Z]", lambda match: str(numbers[match[0]]), sizes))
        (formula,) = asked(capsys, "macs", *words, "-i", sizes, "--at", at)["formulas"]
        assert int(formula["macs"]) == single["macs"]
        assert int(formula["other"]) == sum(single["other"].values())
        assert [int(size) for size in formula["output"]] == single["output"]
        (formula,) = asked(capsys, "params", *words, "-i", sizes, "--at", at)["formulas"]
        assert int(formula["params"]) == single["params"]


def test_what_is_seen_as_a_formula(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["conv2d", "c=8", "k=K", "d=D", "max_pool", "k=2"]
    (formula,) = asked(capsys, "rf", *words, "-i", "3xHxW", "--at", "K=5,D=3,H=64,W=64")["formulas"]
    plain = asked(capsys, "rf", "conv2d", "c=8", "k=5", "d=3", "max_pool", "k=2", "-i", "3x64x64")
    assert [int(formula["fields"][0]["size"]), int(formula["fields"][0]["jump"])] == [
        plain["size"][1],
        plain["jump"][1],
    ]
    assert run(["rf", *words, "-i", "3xHxW"]) == 0
    assert "field D K - D + 2, jump 2, along the last axis" in capsys.readouterr().out


def test_the_tables(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert run(["shape", "conv2d", "out_channels=M", "k=3", "s=2", "-i", "CxHxW"]) == 0
    text = capsys.readouterr().out
    assert "M x H_out x W_out" in text and "H_out = floor(H/2 - 3/2) + 1" in text and "assumes H >= 3" in text
    assert run(["macs", "conv2d", "out_channels=M", "k=3", "p=1", "-i", "CxHxW", "--latex"]) == 0
    assert "9 C H M W" in capsys.readouterr().out
    specs = ["conv2d c=M k=3 p=1 bias=false", "depthwise_separable c=M k=3 p=1"]
    assert run(["compare", *specs, "-i", "CxHxW"]) == 0
    assert "1/9 + 1/M" in capsys.readouterr().out  # the ratio of the paper, arXiv:1704.04861
    found = asked(capsys, "compare", *specs, "-i", "CxHxW")
    assert found["symbols"] == ["C", "H", "W", "M"] and found["formulas"][1]["macs_ratio"] == "1/9 + 1/M"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (
            ["macs", "conv2d", "c=M", "k=K", "-i", "CxHxW", "--at", "H=2,K=5"],
            "with these numbers it does not hold that",
        ),
        (["macs", "conv2d", "c=M", "k=3", "g=4", "-i", "CxHxW", "--at", "C=6"], "it does not hold that 4 divides C"),
        (
            ["macs", "conv2d", "c=M", "k=3", "-i", "CxHxW", "--at", "Z=2"],
            "there is no letter 'Z' (there are C, H, M, W)",
        ),
        (
            ["macs", "conv2d", "c=M", "k=3", "-i", "CxHxW", "--at", "C=two"],
            "--at takes whole numbers from 1 for letters",
        ),
        (["macs", "conv2d", "c=8", "k=3", "-i", "3x8x8", "--at", "C=2"], "--at and --latex go with letters for sizes"),
        (
            ["summary", "conv2d", "c=M", "k=3", "-i", "3x8x8"],
            "M: shape, params, macs, rf and compare answer with formulas",
        ),
        (["shape", "conv2d", "c=M", "k=3"], "the input's size is missing: give it with -i, such as -i CxHxW"),
        (["shape", "conv2d", "c=M", "k=3", "-i", "3x?x?"], "a letter that stands for one, such as 3xHxW, not ?"),
    ],
)
def test_what_makes_no_formula(argv: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(argv) == 2
    assert message in capsys.readouterr().err
