"""Every command in terminals of 80, 100 and 120 columns: no line too long, no word cut, no table a paragraph."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from convcalc.cli.app import run
from convcalc.cli.command_names import COMMANDS
from convcalc.cli.messages import width_of

MODEL = "examples/models/densenet.py:DenseNet"
ARGV = {
    "summary": ["@resnet_stem"], "shape": ["@resnet_stem"], "params": ["@unet"],
    "macs": ["@aspp_v3", "--useful", "--backward"],
    "memory": ["@resnet_stem", "--depth", "2"], "rf": ["@resnet_stem"], "hdc-check": ["6,12,18"],
    "hdc-design": ["--rf", "100", "-k", "3"], "checkerboard": ["conv_transpose", "c=8", "k=3", "s=2", "-i", "8x14x14"],
    "solve": ["--in", "56", "--out", "112", "--transposed"], "lint": ["@unet"],
    "compare": ["conv2d c=128 k=3 p=1", "depthwise_separable c=128 k=3 p=1", "ghost c=128 k=3", "-i", "64x56x56"],
    "alt": ["conv2d c=128 k=3 p=1", "-i", "64x56x56"], "separable": ["gaussian"], "explain": ["depthwise_separable"],
    "kinds": [], "matrix": ["conv2d", "c=1", "k=3", "-i", "1x4x4"], "examples": [], "help": ["limits"],
    "verify": ["-i", "8x14x14", "Conv2d(8, 16, 3, padding='same')", "BatchNorm2d(16)"],
    "reconcile": [MODEL, "-i", "3x32x32", "--to", "fvcore,thop"], "about": [], "completion": ["bash"],
    "convert": ["examples/detector.cfg"], "show": ["conv2d", "k=3", "s=2", "p=1", "--unit", "1,1"],
    "sweep": ["conv2d", "c=8:64:8", "k=3,5", "p=same", "-i", "3x32x32", "--keep", "macs < 2M"],
    "fit": [
        "conv2d", "p=same", "-i", "64x56x56", "--vary", "out_channels=8:512:8", "--vary", "kernel_size=3,5,7",
        "--max", "macs=300M",
    ],
}  # fmt: skip
"""Words that give each command much to show; those that measure are in tests of their own."""
MEASURED = {"profile", "diff", "machine"}
ASIDE = {"completion", "convert", "matrix"}
"""Commands that print scripts, layers and pictures, as wide as they are."""


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])


def test_every_command_is_looked_at() -> None:
    assert set(ARGV) | MEASURED == set(COMMANDS)


@pytest.mark.parametrize("columns", [80, 100, 120, 200])
@pytest.mark.parametrize("command", sorted(set(ARGV) - ASIDE))
def test_no_line_is_too_long_and_no_word_cut(
    command: str, columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    run([command, *ARGV[command]])
    wide = capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", str(columns))
    run([command, *ARGV[command]])
    narrow = capsys.readouterr().out
    assert [line for line in narrow.splitlines() if cell_len(line) > columns] == []
    words = set(re.findall(r"\S+", wide))
    known = words | {part for word in words for part in re.split(r"(?<=[-–,/=])", word)}
    cut = [
        word
        for line in narrow.splitlines()
        if not set(line) <= set(" ─·123456789░▒▓█")
        for word in line.split()
        if word not in known and not any(word in other for other in ("…",)) and "…" not in word
    ]
    assert [word for word in cut if not _excused(word, words)] == []


def _excused(word: str, words: set[str]) -> bool:
    """Words that only a narrow answer has: short keys, and what it says of columns that are left out."""
    said = (
        "left out at this width: (a wider terminal, -f json or csv have all) --columns chooses"
        " params % MACs field jump other"
    )
    short = re.fullmatch(r"\(?[ckspdg]=\S+", word) is not None
    return (
        short
        or word.strip(",()") in {part.strip(",()") for part in said.split()}
        or any(word in other and len(other) > 60 for other in words)
    )


@pytest.mark.parametrize("command", ["compare", "alt", "summary", "macs", "memory", "verify"])
def test_a_table_stays_a_table(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A value stands in a column of its own, under a rule: no `params 73,856, MACs 231.2 M` in a line."""
    monkeypatch.setenv("COLUMNS", "80")
    run([command, *ARGV[command]])
    lines = capsys.readouterr().out.splitlines()
    assert sum(set(line) == {"─"} for line in lines) >= 1
    assert not any(re.search(r"(params|MACs|field) [\d.,x]+.*, (MACs|other|field|bytes)", line) for line in lines[:20])


def test_what_a_row_loses_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["summary", "@resnet_stem"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "left out at this width: jump, params %, MACs %" in out and "Conv2d(3, 64, 7, s=2, p=3, …)" in out


def shown(capsys: pytest.CaptureFixture[str], *argv: str) -> Any:
    run(list(argv))
    return capsys.readouterr().out


def test_ratios_are_words(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "compare", "conv2d c=128 k=3 p=1", "depthwise_separable c=128 k=3 p=1", "-i", "64x56x56")
    assert "8.4 times fewer" in text and "the same" in text
    text = shown(capsys, "alt", "conv2d c=128 k=3 p=1", "-i", "64x56x56")
    assert "40 times fewer" in text


ERRORS = (
    ["shape", "conv2d", "out=64", "k=3", "-i", "3x8x8"],
    ["shape", "卷积", "输出通道=64", "k=3", "-i", "3x8x8"],
    ["shape", *["relu"] * 60, "Conv2d(3, 64, 3, strides=2)", "-i", "3x8x8"],
    ["hdc-check", "1-2-5"],
    ["explain"],
    ["sumary"],
    ["profile", "--fromat", "x"],
)


@pytest.mark.parametrize("argv", ERRORS, ids=lambda argv: " ".join(argv)[:20])
def test_a_message_is_folded_in_a_terminal_and_one_line_in_a_pipe(
    argv: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(argv) == 2
    (line, *_) = piped = capsys.readouterr().err.splitlines()
    assert len(piped) in (1, 3)
    monkeypatch.setattr("convcalc.cli.messages.width_of", lambda stream: 80)
    monkeypatch.setattr("convcalc.cli.error_messages.width_of", lambda stream: 80)
    assert run(argv) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if cell_len(line) > 80] == []
    carets = 2 if len(piped) == 3 else 0
    said = lines[: len(lines) - carets]
    assert " ".join(part.strip() for part in said) == line and all(part.startswith("  ") for part in said[1:])
    if carets:
        text, marks = lines[-2:]
        assert set(marks) == {" ", "^"} and cell_len(marks) <= cell_len(text)


def test_a_terminal_has_the_width_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    pty = pytest.importorskip("pty")
    import fcntl
    import struct
    import termios

    ours, theirs = pty.openpty()
    with open(theirs, "w") as stream, open(ours):  # noqa: PTH123  a number, not a path
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 61, 0, 0))
        monkeypatch.delenv("COLUMNS", raising=False)
        assert width_of(stream) == 61
        monkeypatch.setenv("COLUMNS", "90")
        assert width_of(stream) == 90
    with Path("/dev/null").open("w") as pipe:
        assert width_of(pipe) is None
