"""What drawn input once broke, each by name: it must be an answer or one clear line, and write nothing."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from convcalc.cli.app import COMMANDS
from tests.fuzz.harness import answer, fault, raw

LONG = "9" * 5000
REFUSED = {
    "four-values-per-axis": ["shape", "-i", "3x8x8", "conv", "c=3", "k=1x1x1x1"],
    "five-values-per-axis": ["rf", "maxpool", "k=1x1x1x1x1", "-i", "3x8x8"],
    "digits-int-refuses": ["shape", "-i", "3x8x8", "relu", "repeat=፩"],
    "endless-repeat": ["shape", "-i", "3x8x8", "relu", f"repeat={LONG}"],
    "endless-times": ["params", "-i", "3x8x8", "relu", f"times={LONG}"],
    "endless-kernel-name": ["separable", f"gaussian {LONG}"],
    "endless-input": ["shape", "-i", f"3x{LONG}", "relu"],
    "endless-size": ["solve", "--in", LONG, "--out", "3"],
    "endless-position": ["rf", "-i", "3x8x8", "relu", "--unit", LONG],
    "endless-image": ["separable", "sobel", "--image", LONG],
    "endless-ridge": ["lint", "-i", "3x8x8", "relu", "--ridge", LONG],
    "ridge-nan": ["lint", "-i", "3x8x8", "relu", "--ridge", "nan"],
    "ridge-1e400": ["lint", "-i", "3x8x8", "relu", "--ridge", "1e400"],
    "endless-roofs": ["machine", "--peak-flops", LONG, "--peak-bw", "1"],
    "endless-batch": ["profile", "-i", "3x8x8", "relu", "--batch", f"1:1:{LONG}"],
    "endless-threads": ["profile", "-i", "3x8x8", "relu", "--threads", LONG],
    "arabic-zero": ["separable", "1/٠"],
    "kernel-as-option": ["separable", "-1 0o7 1; -2 0 2"],
    "kernel-as-help": ["separable", "-1 0 1; -2h"],
    "word-of-64-KiB": ["shape", "-i", "3x8x8", "conv", f"c={'a' * 65_000}"],
    "printed-repeat": ["params", "-"],
    "too-many-steps": ["shape", "-i", "3x8x8", *(["relu", "repeat=10000"] * 20)],
    "none-for-all-axes": ["shape", "-i", "3x8x8", "AdaptiveAvgPool2d(None)"],
    "eps-of-a-batch": ["shape", "-i", "3x8x8", "BatchNorm2d(3, eps=0, track_running_stats=False)"],
    "kernel-of-10^18": ["lint", "-i", "3x8x8", "conv2d", "c=3", "k=1000000000000000001"],
    "endless-ways": ["checkerboard", "-i", "3x16x16", "conv2d", "c=3", "k=3", "p=1", "repeat=5000"],
}
STDIN = {"printed-repeat": b"Sequential(\n  (0): 1000000000 x ReLU()\n)\n"}


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("name", REFUSED)
def test_what_once_broke_is_refused(name: str, empty: Path) -> None:
    told = answer(REFUSED[name], STDIN.get(name, b""))
    assert told.code == 2 and not fault(REFUSED[name], told, empty), told
    first = told.err.splitlines()[0]
    assert first.startswith("convcalc: ") and len(first) < 700


ANSWERED = {
    "sides-for-all-axes": (["shape", "-i", "3x8x8", "zero_pad2d", "p=0+1", "-f", "json"], '"output": [1, 3, 9, 9]'),
    "a-rate-list": (["hdc-check", ",".join(map(str, range(2, 1001, 2))), "--suggest"], "up to 200 layers, not for 500"),
    "a-negative-kernel": (["separable", "-1 0 1; -2 0 2; -1 0 1"], "rank 1: separable"),
    "a-negative-kernel-and-an-option": (["separable", "-1 0 1", "--image", "32"], "on 32 x 32"),
    "features-first": (["shape", "-i", "64x100", "batchnorm1d", "relu", "linear", "out_features=10"], "a batch of 64"),
    "features-alone": (["shape", "-i", "2x3", "BatchNorm1d(3)"], "read as NxF, a batch of 2"),
    "channels-stated": (["shape", "-i", "64x100", "BatchNorm1d(64)"], "read as CxL, one sample"),
    "channels-of-a-convolution": (["shape", "-i", "64x100", "batchnorm1d", "conv1d", "c=3", "k=3"], "read as CxL"),
    "all-axes-none": (["shape", "-i", "3x8x8", "AdaptiveAvgPool2d((None, 4))"], "output 3x8x4"),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERED)
def test_what_once_was_refused_is_answered(name: str, empty: Path) -> None:
    argv, words = ANSWERED[name]
    told = answer(argv)
    assert told.code in (0, 1) and words in told.out and not fault(argv, told, empty), told


def npz() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.npy", npy((1, 3)))
    return out.getvalue()


def npy(shape: tuple[int, ...], data: bytes = b"\0" * 24) -> bytes:
    header = repr({"descr": "<f8", "fortran_order": False, "shape": shape}).encode()
    header += b" " * (64 - (10 + len(header) + 1) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


FILES = {
    "an-archive.npy": npz(),
    "a-lie.npy": npy((10**6, 10**6)),
    "no-rows.npy": npy((0, 10**20)),
    "short.npy": npy((3, 3)),
    "a-flag.npy": npy((True, 3)),
    "no-columns.npy": npy((3, 0), b""),
    "below-zero.npy": npy((-1, -3)),
    "a-pickle.npy": np.lib.format.magic(1, 0)
    + b"\x46\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,)}".ljust(72),
    "rubbish.npy": b"[" * 1000,
    "a-number.csv": (LONG + ",1\n").encode(),
    "binary.csv": bytes(range(256)),
}


@pytest.mark.parametrize("name", FILES)
def test_kernel_files_that_lie(name: str, empty: Path, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(FILES[name])
    told = answer(["separable", str(path)])
    assert told.code == 2 and not fault([], told, empty), told


@pytest.mark.parametrize("argv", [["separable", "big.csv"], ["diff", "big.csv", "big.csv"], ["separable", "big.npy"]])
def test_files_past_a_limit_are_not_read(argv: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("big.csv", "big.npy"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(10**10)  # a sparse file
    told = answer(argv)
    assert told.code == 2 and "it is over" in told.err


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": ' * 50_000, "null", "9" * 5000])
def test_saves_that_are_none(text: str, tmp_path: Path) -> None:
    path = tmp_path / "save.jsonl"
    path.write_text(text, encoding="utf-8")
    told = answer(["diff", str(path), str(path)])
    assert told.code == 2 and "this is not a row" in told.err


@pytest.mark.parametrize("columns", ["²", "፩", "-5", "0", "abc", LONG, "1"])
def test_any_width_of_a_terminal(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    told = answer(["shape", "-i", "3x8x8", "relu"])
    assert told.code == 0 and "output3x8x8" in re.sub(r"\s", "", told.out)


HOSTILE = "conv2d c=8 k=3 \x1b]0;x\x07foo\u202e"
PLACES = {
    "a-word": (["shape", "-i", "3x8x8", "conv2d", "c=8", "k=3", "\x1b[31mfoo"], ""),
    "an-input": (["shape", "-i", "3x\x1b[31m8", "relu"], ""),
    "an-option": (["shape", "--\x1b[31m", "relu"], ""),
    "a-command": (["sha\x1b[31mpe"], ""),
    "a-file-name": (["shape", "@\x1b[31mfoo"], ""),
    "a-folder": (["shape", "-i", "3x8x8", "relu", "-o", "\x1b[31m/foo"], ""),
    "a-line": (["shape", "-i", "3x8x8", "-"], HOSTILE),
    "a-comment": (["shape", "-i", "3x8x8", "-"], "Conv2d(3, 8, 3, # \x1b[31m\n bias=True)"),
    "a-printed-name": (["params", "-"], "Net(\n  (\x1b[31ma): Conv2d(3, 8, kernel_size=(3, 3))\n  (b\u202e): Foo()\n)"),
    "a-name": (["shape", "-i", "3x8x8", "-"], "relu as=\x1b[31mx"),
    "a-bidirectional-comment": (["macs", "-i", "3x8x8", "-"], "Conv2d(3, 8, 3, # \u202e\n bias=True)"),
}


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv", "markdown"])
@pytest.mark.parametrize("place", PLACES)
def test_no_control_character_leaves_raw(place: str, form: str, empty: Path) -> None:
    argv, stdin = PLACES[place]
    told = answer([*argv, "-f", form], stdin.encode())
    assert not raw(told.out) and not raw(told.err) and told.code in (0, 2), told
    if form in ("json", "jsonl") and told.out:
        for document in told.out.splitlines() if form == "jsonl" else [told.out]:
            assert json.loads(document)["command"]


CALL = "Conv2d(3, 8, 3, # \x1b[31m\u202e\x07\n padding=1)"
ASKED = {
    "hdc-check": ["Conv2d(3, 8, 3, # \x1b[31m\u202e\n dilation=2)"],
    "compare": [CALL, "relu", "-i", "3x8x8"],
    "solve": [CALL, "-i", "3x8x8"],
    "explain": [CALL, "-i", "3x8x8"],
    "matrix": ["Conv2d(3, 8, 3, # \x1b[31m\u202e\n padding=1, bias=False)", "-i", "3x4x4"],
    "separable": ["1 0 \x1b[31m"],
    "hdc-design": ["--rf", "\x1b[31m3"],
    "machine": ["--threads", "\x1b[31m1"],
    "diff": ["\x1b[31ma", "\u202eb"],
    "kinds": ["\x1b[31mconv"],
    "examples": ["\x1b[31m"],
    "convert": ["\x1b[31mfile"],
    "completion": ["\x1b[31mbash"],
    "help": ["\x1b[31mspec"],
    "profile": ["relu\x1b[31m", "-i", "3x8x8"],
    "verify": ["relu\x1b[31m", "-i", "3x8x8"],
}
"""What each command is asked with control characters in it; the others with `CALL`."""


@pytest.mark.parametrize("form", ["table", "csv", "markdown"])
@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_prints_a_control_character(command: str, form: str, empty: Path) -> None:
    argv = [command, *ASKED.get(command, [CALL, "-i", "3x8x8"])]
    told = answer(argv if command == "completion" else [*argv, "-f", form])
    assert told.code in (0, 1, 2) and not raw(told.out) and not raw(told.err), told
    assert command not in ("shape", "params", "macs", "rf", "summary", "compare") or "\\x1b[31m" in told.out
