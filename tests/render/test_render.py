"""Units, tables and the terminal: exact, readable, never cropped."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
from fractions import Fraction

import pytest

from convcalc import units
from convcalc.cli.app import run
from convcalc.documents import plain
from convcalc.render.table import Answer, Column, Table, to_csv, to_json, to_markdown
from convcalc.render.terminal import console, print_answer
from convcalc.sizes import UNKNOWN


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (999_999, "999,999"),
        (1_000_000, "1.000 M"),
        (118_013_952, "118.0 M"),
        (4_089_184_256, "4.089 G"),
        (5 * 10**12, "5.000 T"),
        (UNKNOWN, "?"),
        (None, "?"),
    ],
)
def test_counts_keep_every_digit_below_a_million(value: int, text: str) -> None:
    assert units.count(value) == text


def test_bytes_seconds_shares_and_fractions() -> None:
    assert units.size_of(512) == "512 B" and units.size_of(3 * 2**30) == "3.000 GiB"
    assert units.seconds(2.5) == "2.500 s" and units.seconds(4.2e-5) == "42.00 µs" and units.seconds(3e-9) == "3 ns"
    assert units.percent(units.share(1, 8)) == "12.5%"
    assert units.percent(units.share(1, 0)) == "-" and units.share(UNKNOWN, 3) is None
    assert plain([Fraction(1, 2), Fraction(4, 2), UNKNOWN, {"a": (1, 2)}]) == ["1/2", 2, None, {"a": [1, 2]}]
    assert units.exactly(1_228_800) == "1,228,800" and units.exactly(UNKNOWN) == "?"


TABLE = Table(
    columns=(Column("a", "name"), Column("n", "count", units.count, right=True)),
    rows=[{"a": "x|y [red] :smile:", "n": 1234567}, {"a": "z", "n": 5}],
    total={"a": "total", "n": 1234572},
    head=["above"],
    foot=["below"],
)
ANSWER = Answer("x", document={"n": [1, 2]}, tables=[TABLE])


def test_text_forms() -> None:
    assert to_csv(ANSWER) == "a,n\nx|y [red] :smile:,1234567\nz,5\n"
    assert to_json(ANSWER) == '{\n  "schema_version": 2,\n  "command": "x",\n  "n": [1, 2]\n}\n'
    assert to_markdown(ANSWER) == (
        "above\n\n| name | count |\n| --- | ---: |\n| x\\|y [red] :smile: | 1.235 M |\n| z | 5 |\n"
        "| **total** | **1.235 M** |\n\nbelow\n"
    )


def test_a_pipe_is_plain_full_width_and_prints_user_text_as_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    wide = Table(columns=(Column("a", "a"),), rows=[{"a": "[red]x[/x] :50: " + "y" * 300}])
    stream = io.StringIO()
    print_answer(Answer("x", document={}, tables=[wide]), stream)
    assert "[red]x[/x] :50: " + "y" * 300 in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_columns_folds_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    stream = io.StringIO()
    print_answer(ANSWER, stream)
    assert all(len(line) <= 40 for line in stream.getvalue().splitlines())
    wide = Table(columns=(Column("a", "a"), Column("b", "b")), rows=[{"a": "x" * 50, "b": "y" * 50}])
    folded = io.StringIO()
    print_answer(Answer("x", document={}, tables=[wide]), folded)
    assert folded.getvalue().count("x") == 50 and folded.getvalue().count("y") == 50
    assert console(folded).width == 40


def test_too_narrow_a_terminal_lists_rows_and_breaks_no_number(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    assert run(["summary", "@resnet_stem"]) == 0
    text = capsys.readouterr().out
    assert "83,520" in text and "64x112x112" in text and "left out at this width: jump" in text
    assert all(len(line) <= 50 for line in text.splitlines())


def test_a_whole_table_as_it_is_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The worked example of many texts: 3 -> 256 channels, 5x5, on 12x12: 843 weights, 4,800 + 49,152 = 53,952 MACs."""
    monkeypatch.delenv("COLUMNS", raising=False)
    assert run(["summary", "-i", "3x12x12", "depthwise_separable", "c=256", "k=5", "relu"]) == 0
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert printed == [
        "input 3x12x12 read as CxHxW, one sample",
        "#  layer                          output   params  params %    MACs  MACs %   other  field  jump",
        "─" * 97,
        "0  depthwise_separable c=256 k=5  256x8x8     843    100.0%  53,952  100.0%       0    5x5     1",
        "1  relu                           256x8x8       0      0.0%       0    0.0%  16,384    5x5     1",
        "",
        "   total                                      843            53,952          16,384",
        "843 parameters; 53,952 MACs = 107,904 FLOPs (2 x MACs)",
    ]


@pytest.mark.parametrize("extra", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}, {"COLUMNS": "60"}])
def test_on_a_terminal_colour_and_width_are_honoured(extra: dict[str, str]) -> None:
    master, slave = pty.openpty()
    env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "FORCE_COLOR")}
    env.update({"TERM": "xterm", **extra})
    argv = [sys.executable, "-m", "convcalc", "summary", "@resnet_stem"]
    process = subprocess.Popen(argv, stdout=slave, stderr=slave, stdin=subprocess.DEVNULL, env=env)
    os.close(slave)
    text = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:
            break
        if not piece:
            break
        text += piece
    assert process.wait() == 0
    plain = text.decode()
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", plain)
    assert "83,520" in plain and "349,224,960" in plain
    if "COLUMNS" in extra:
        assert all(len(line.rstrip("\r")) <= 60 for line in shown.split("\n") if "FLOPs" not in line)
    if extra.get("TERM") == "dumb":
        assert "\x1b" not in plain
