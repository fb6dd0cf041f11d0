"""`convcalc sweep`, `fit`, and ranges in the commands that count: as a user runs them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from convcalc.cli.app import run

LARGE = f"{2 * 10**9}x{2 * 10**9}"
FIT = ["fit", "conv2d", "k=3", "-i", "3x8x8"]
GRID = ["conv2d", "c=8:64:8", "k=1,3,5", "s=1,2", "-i", "16x32x32"]


def rows(capsys: pytest.CaptureFixture[str], *argv: str) -> list[dict[str, Any]]:
    assert run([*argv, "-f", "jsonl"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def single(capsys: pytest.CaptureFixture[str], command: str, row: dict[str, Any]) -> dict[str, Any]:
    words = [f"c={row['out_channels']}", f"k={row['kernel_size']}", f"s={row['stride']}"]
    assert run([command, "conv2d", *words, "-i", "16x32x32", "-f", "json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_each_row_is_what_the_commands_say_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    swept = rows(
        capsys, "sweep", *GRID, "--columns", "out_channels,kernel_size,stride,output,params,macs,rf,peak_memory"
    )
    assert len(swept) == 8 * 3 * 2
    for row in swept[::7]:
        assert row["output"] == single(capsys, "shape", row)["output"]
        assert (row["params"], row["macs"]) == tuple(single(capsys, "macs", row)[key] for key in ("params", "macs"))
        assert row["rf"] == single(capsys, "rf", row)["size"][0]
        assert row["peak_memory"] == single(capsys, "memory", row)["inference"]["total"]


@pytest.mark.parametrize(
    ("command", "columns"),
    [
        ("shape", ["output"]), ("params", ["params", "trainable", "weights", "biases", "norm"]),
        ("macs", ["macs", "flops", "other"]), ("rf", ["rf", "jump"]),
        ("memory", ["params", "peak_memory", "training_memory"]),
    ],
)  # fmt: skip
def test_the_counting_commands_take_ranges(
    command: str, columns: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([command, *GRID, "-f", "csv"]) == 0
    found = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(found) == 48 and list(found[0])[:4] == ["out_channels", "kernel_size", "stride", "input"]
    assert set(columns) <= set(found[0]) and found[0]["input"] == "16x32x32"
    assert run([command, *GRID]) == 0
    assert "48 rows" in capsys.readouterr().out


def test_what_is_no_configuration_is_counted_by_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["macs", "conv2d", "c=8:24:8", "g=1:4", "k=3,9", "-i", "6x8x8"]) == 0
    printed = capsys.readouterr()
    # of 24: in_channels 6 by 4 groups, then 8 and 16 channels by 3 groups, and of the other 14 those with k=9
    assert printed.err.splitlines() == [
        "convcalc: kernel_size=3,9 is 2 configurations (per axis: 3x9)",
        "convcalc: 7 rows dropped: the kernel reaches over … positions, but the input has …",
        "convcalc: 6 rows dropped: in_channels must be divisible by groups",
        "convcalc: 4 rows dropped: out_channels must be divisible by groups",
    ]
    assert "7 rows" in printed.out


def test_ranges_of_inputs_and_of_words(capsys: pytest.CaptureFixture[str]) -> None:
    swept = rows(capsys, "shape", "conv2d", "c=4", "k=3", "padding=same,valid,1", "-i", "3x8:10x8")
    assert [row["output"][2:] for row in swept[:3]] == [[8, 8], [9, 8], [10, 8]] and len(swept) == 9
    swept = rows(capsys, "shape", "conv2d", "c=4", "k=3", "-i", "3x8x8,3x9x12")
    assert [row["input"] for row in swept] == [[1, 3, 8, 8], [1, 3, 9, 12]]
    assert rows(capsys, "shape", "conv2d", "c=8:64:pow2", "k=3", "-i", "3x8x8")[-1]["out_channels"] == 64


def test_several_layers_and_several_specs(capsys: pytest.CaptureFixture[str]) -> None:
    swept = rows(capsys, "sweep", "conv2d c=8,16 k=3 relu conv2d c=8,16 k=3", "-i", "3x8x8")
    assert {(row["out_channels_0"], row["out_channels_2"]) for row in swept} == {(8, 8), (8, 16), (16, 8), (16, 16)}
    swept = rows(capsys, "sweep", "conv2d c=8,16 k=3", "max_pool k=2", "-i", "3x8x8")
    assert [row["spec"] for row in swept] == ["conv2d c=8,16 k=3"] * 2 + ["max_pool k=2"]
    assert swept[2]["out_channels"] is None and swept[2]["output"] == [1, 3, 4, 4]


def test_keep_sort_top_and_pareto(capsys: pytest.CaptureFixture[str]) -> None:
    every = rows(capsys, "sweep", *GRID)
    kept = rows(capsys, "sweep", *GRID, "--keep", "macs < 500K and kernel_size > 1")
    assert kept == [row for row in every if row["macs"] < 500_000 and row["kernel_size"] > 1]
    first = rows(capsys, "sweep", *GRID, "--sort", "macs:asc", "--top", "3")
    assert [row["macs"] for row in first] == sorted(row["macs"] for row in every)[:3]
    best = rows(capsys, "sweep", *GRID, "--pareto", "macs,out_channels:max")
    for row in best:
        assert not any(o["macs"] < row["macs"] and o["out_channels"] >= row["out_channels"] for o in every)


def test_fit_is_exhaustive_search(capsys: pytest.CaptureFixture[str]) -> None:
    spec = ["conv2d", "k=3", "p=1", "-i", "64x56x56"]
    (best,) = rows(capsys, "fit", *spec, "--vary", "out_channels=8:2048:8", "--max", "macs=300M")
    every = rows(capsys, "sweep", "conv2d", "c=8:2048:8", *spec[1:])
    assert best["out_channels"] == max(row["out_channels"] for row in every if row["macs"] <= 300e6) == 160
    both = ["--vary", "out_channels=8:256:8", "--vary", "kernel_size=1,3,5,7", "--max", "macs=300M", "--min", "rf=3"]
    found = rows(capsys, "fit", "conv2d", "p=same", "-i", "64x56x56", *both)
    every = rows(capsys, "sweep", "conv2d", "c=8:256:8", "k=1,3,5,7", "p=same", "-i", "64x56x56")
    fits = [(r["out_channels"], r["kernel_size"]) for r in every if r["macs"] <= 300e6 and r["kernel_size"] >= 3]
    front = [a for a in fits if not any(b != a and b[0] >= a[0] and b[1] >= a[1] for b in fits)]
    assert sorted((row["out_channels"], row["kernel_size"]) for row in found) == sorted(front)


def test_the_largest_batch_under_a_memory_budget(capsys: pytest.CaptureFixture[str]) -> None:
    (best,) = rows(capsys, "fit", "@resnet_stem", "--vary", "batch=1:40", "--max", "peak_memory=100MiB")
    for batch, fits in ((best["batch"], True), (best["batch"] + 1, False)):
        assert run(["memory", "@resnet_stem", "-i", f"{batch}x3x224x224", "-f", "json"]) == 0
        total = json.loads(capsys.readouterr().out)["inference"]["total"]
        assert (total <= 100 * 2**20) == fits


MODEL = """
from torch import nn


class Net(nn.Module):
    def __init__(self, width=1.0, depth=2):
        super().__init__()
        channels = int(32 * width)
        later = (nn.Conv2d(channels, channels, 3, stride=2) for _ in range(depth))
        self.layers = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1), *later)

    def forward(self, x):
        return self.layers(x)
"""


def test_a_model_is_built_for_every_combination(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net_of_widths.py").write_text(MODEL)
    words = ["net_of_widths.py:Net", "width=0.5,1", "depth=1:3", "-i", "3x4x4,3x32x32"]
    assert run(["sweep", *words, "--columns", "width,depth,input,output,params,macs,rf", "-f", "jsonl"]) == 0
    printed = capsys.readouterr()
    swept = [json.loads(line) for line in printed.out.splitlines()]
    assert len(swept) == 2 * 3 * 2 - 4 and "dropped" in printed.err  # 4x4 is 1x1 after one layer
    for row in swept:
        given = ["net_of_widths.py:Net", f"width={row['width']}", f"depth={row['depth']}"]
        sizes = "x".join(map(str, row["input"]))
        assert run(["summary", *given, "-i", sizes, "-f", "json"]) == 0
        single = json.loads(capsys.readouterr().out)
        assert (row["params"], row["macs"], row["output"]) == (single["params"], single["macs"], single["output"])
    assert run(["sweep", *words, "--pareto", "macs", "-f", "csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_two_columns_are_drawn_with_their_front(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    line = ["sweep", "conv2d", "c=8:64:8", "k=3:5:2", "p=same", "-i", "3x32x32", "--columns", "params"]
    assert run([*line, "--draw", "macs,out_channels:max"]) == 0
    drawn = capsys.readouterr().out.splitlines()
    picture = drawn[drawn.index("out_channels") :]
    assert sum(text.count("o") for text in picture[1:17]) == 8  # k=3 is the cheapest of each width
    assert sum(text.count("·") for text in picture[1:17]) == 8 and all(len(text) <= 80 for text in picture)
    assert run([*line, "--draw", "out_channels,macs"]) == 0
    curves = capsys.readouterr().out.splitlines()
    assert curves[-2:] == ["  a  kernel_size=3", "  b  kernel_size=5"] or "  b  kernel_size=5" in curves
    assert run([*line, "--draw", "macs,out_channels", "--plot", str(tmp_path / "x.svg")]) == 0
    text = (tmp_path / "x.svg").read_text()
    assert "out_channels" in text and "16 configurations" in text
    for wrong, message in (
        (["--draw", "macs"], "--draw takes two columns"),
        (["--draw", "macs,x"], "there is no column 'x'"),
        (["--plot", "x.svg"], "name them with --draw"),
        (["--draw", "macs,params", "--plot", "x.jpg"], "--plot takes a file that ends in"),
    ):
        assert run([*line, *wrong]) == 2
        assert message in capsys.readouterr().err


def test_rates_of_several_lists(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["hdc-check", "1,2,5/2,4,8", "-f", "json"]) == 1
    first, second = json.loads(capsys.readouterr().out)["lists"]
    assert first["exact"]["full"] and not second["exact"]["full"] and second["exact"]["reached"] == 15
    assert run(["hdc-check", "1,2,5/1,2,3"]) == 0
    assert "2 of 2 lists leave no hole" in capsys.readouterr().out


def test_json_and_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["sweep", *GRID, "-f", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["command"] == "sweep" and document["count"] == len(document["rows"]) == 48
    assert run(["sweep", *GRID, "-o", str(tmp_path / "rows.csv")]) == 0
    assert "48 rows in" in capsys.readouterr().err
    assert len((tmp_path / "rows.csv").read_text().splitlines()) == 49


def test_a_parquet_file_holds_the_rows(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    assert run(["sweep", *GRID, "-o", str(tmp_path / "rows.parquet")]) == 0
    table = parquet.read_table(tmp_path / "rows.parquet").to_pylist()
    assert len(table) == 48 and table[0]["macs"] == rows(capsys, "sweep", *GRID)[0]["macs"]


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("macs", ["--useful"]), ("macs", ["--backward"]), ("macs", ["--convention", "fvcore"]),
        ("rf", ["--unit", "1,1"]), ("rf", ["--paths"]), ("shape", ["--depth", "2"]),
        ("memory", ["--assert", "params<3"]), ("params", ["--depth", "2"]),
    ],
)  # fmt: skip
def test_what_is_of_one_configuration_is_refused_beside_ranges(
    command: str, option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([command, *GRID, *option]) == 2
    assert f"{option[0]} goes with single numbers, not with ranges" in capsys.readouterr().err
    if command != "memory":
        assert run([command, "conv2d", "c=M", "k=3", "-i", "CxHxW", *option]) == 2
        assert f"{option[0]} goes with single numbers, not with letters" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["sweep", "conv2d", "c=8:4", "k=3", "-i", "3x8x8"], "the range 8:4 is empty"),
        (["sweep", "conv2d", "c=8:64:0", "k=3", "-i", "3x8x8"], "the step of 8:64:0 is a whole number from 1"),
        (["sweep", "conv2d", "c=0:64:pow2", "k=3", "-i", "3x8x8"], "doubles from a number above 0"),
        (["sweep", "conv2d", "c=8,,9", "k=3", "-i", "3x8x8"], "has an empty place"),
        (["sweep", "conv2d", "c=1:9999999999", "k=3", "-i", "3x8x8"], "goes past 2,147,483,647"),
        (["sweep", "conv2d", "c=8:16", "k=3"], "the input's size is missing"),
        (["sweep", "conv2d", "c=8,x", "k=3", "-i", "3x8x8"], "out_channels takes a whole number, not 'x'"),
        (["sweep", *GRID, "--columns", "macz"], "there is no column 'macz'; did you mean 'macs'?"),
        (["sweep", *GRID, "--keep", "__import__('os')"], "is none of what may stand here"),
        (["sweep", "linear", f"out_features={10**9}:{2 * 10**9}:{10**9}", "-i", LARGE], "does not fit in 64 bits"),
        (["summary", *GRID], "is several values: shape, params, macs, rf, memory and sweep answer for each"),
        ([*FIT, "--max", "macs=1M"], "fit needs what may vary"),
        ([*FIT, "--vary", "channels=1:8", "--max", "macs=1M"], "no layer here has 'channels'"),
        ([*FIT, "--vary", "out_channels=1:8"], "fit needs a budget"),
        ([*FIT, "--vary", "out_channels=1:8", "--max", "mac=1M"], "did you mean 'macs'?"),
    ],
)  # fmt: skip
def test_errors_are_one_clear_line(argv: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(argv) == 2
    printed = capsys.readouterr()
    assert message in printed.err and not printed.out
