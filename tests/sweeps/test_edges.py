"""Sweeps at their edges: several specs, columns with gaps, names that meet, options that do not go together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from convcalc.cli.app import run

PAIR = ["conv2d c=8 k=1", "conv2d c=8 k=3:5:2", "-i", "3x20x20"]
SMALL = ["conv2d", "c=8,16", "k=3", "-i", "3x8x8"]


def lines(capsys: pytest.CaptureFixture[str], *argv: str) -> list[dict[str, Any]]:
    assert run([*argv, "-f", "jsonl"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def table(capsys: pytest.CaptureFixture[str], *argv: str) -> list[list[str]]:
    assert run([*argv]) == 0
    return [line.split() for line in capsys.readouterr().out.splitlines()[2:-1]]


def test_each_row_is_timed_with_its_own_spec(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    saved = tmp_path / "rows.jsonl"
    timing = ["--profile", "--threads", "1", "--budget", "1s", "--save", str(saved), "--columns", "macs", "-f", "json"]
    assert run(["sweep", *PAIR, *timing]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["columns"][:2] == ["macs", "median_s"]
    # 3 channels into 8, on 20x20, 18x18 and 16x16 positions
    counted = [3 * 8 * 400, 3 * 8 * 9 * 324, 3 * 8 * 25 * 256]
    assert [row["macs"] for row in document["rows"]] == counted
    kept = [json.loads(line) for line in saved.read_text().splitlines()]
    assert sorted(row["macs"] for row in kept if "macs" in row) == sorted(counted)


def test_what_is_not_known_is_the_worst_of_a_front(capsys: pytest.CaptureFixture[str]) -> None:
    specs = ["max_pool k=2:4:2", "conv2d c=8:16:8 k=1", "-i", "3x8x8"]
    front = table(capsys, "sweep", *specs, "--pareto", "macs,out_channels:max", "--columns", "out_channels,macs")
    assert front == [["-", "0"], ["-", "0"], ["8", "1,536"], ["16", "3,072"]]
    assert run(["sweep", "conv2d", "c=8", "k=3", "p=same,valid", "-i", "3x8x8", "--pareto", "padding,macs"]) == 2
    assert "padding is not a number in every row" in capsys.readouterr().err


def test_a_setting_does_not_hide_a_count(capsys: pytest.CaptureFixture[str]) -> None:
    with_norm, without = lines(
        capsys, "sweep", "inception", "norm=true,false", "-i", "192x8x8", "--columns", "norm_0,norm,params"
    )
    assert (with_norm["norm_0"], without["norm_0"]) == (True, False)
    assert without["norm"] == 0 and with_norm["norm"] > 0
    assert with_norm["params"] - without["params"] == with_norm["norm"]


def test_rows_of_other_ranks_keep_their_shapes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name, sizes in (("a", "3x8x8"), ("b", "2x3x8x8")):
        (tmp_path / f"{name}.txt").write_text(f"input {sizes}\nconv2d c=8 k=3\n")
    files = [f"@{tmp_path}/a.txt", f"@{tmp_path}/b.txt", "--columns", "input,output,macs"]
    plain = table(capsys, "sweep", *files)
    assert plain == [["3x8x8", "8x6x6", "7,776"], ["2x3x8x8", "2x8x6x6", "15,552"]]
    assert table(capsys, "sweep", *files, "--sort", "macs:asc") == plain
    assert table(capsys, "sweep", *files, "--sort", "macs") == plain[::-1]


def test_columns_are_written_once_and_axes_by_their_layout(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sweep", *SMALL, "--columns", "params,params,macs", "-f", "csv"]) == 0
    assert capsys.readouterr().out.splitlines() == ["params,macs", "224,7776", "448,15552"]
    words = ["conv2d", "c=8", "k=3", "-i", "3x16:17x16", "--input-layout", "hwc", "--columns", "width,output"]
    assert table(capsys, "sweep", *words) == [["16", "8x1x14"], ["17", "8x1x15"]]


def test_fractions_are_in_the_order_of_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["sweep", "upsample", "scale_factor=2,3.5,10", "-i", "3x8x8", "--columns", "scale_factor"]
    assert table(capsys, *words, "--sort", "scale_factor") == [["10"], ["3.5"], ["2"]]
    assert table(capsys, *words, "--keep", "scale_factor * 2 > 5") == [["3.5"], ["10"]]


def test_a_parquet_column_is_what_all_its_values_are(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "rows.parquet"
    for words, name, values in (
        (["conv2d", "c=8", "k=3,3x5", "-i", "3x8x8"], "kernel_size", ["3", "3x5"]),
        (["upsample", "scale_factor=2,3.5", "-i", "3x8x8"], "scale_factor", [2.0, 3.5]),
        (["conv2d", "c=8", "k=3", "bias=true,false", "-i", "3x8x8"], "bias", [True, False]),
        (["conv2d", "c=8:16:8", "k=9", "-i", "3x8x8"], "out_channels", []),
    ):
        assert run(["sweep", *words, "-o", str(file)]) == 0
        assert parquet.read_table(file)[name].to_pylist() == values


def test_times_are_written_as_parquet_and_other_answers_are_not(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "times.parquet"
    assert run(["sweep", *SMALL, "--profile", "--threads", "1", "--budget", "1s", "-o", str(file)]) == 0
    table = parquet.read_table(file)
    assert str(table.schema.field("median_s").type) == "double"
    assert [row["macs"] for row in table.to_pylist()] == [7776, 15552]
    assert run(["shape", "conv2d", "c=8", "k=3", "-i", "3x8x8", "-o", str(file)]) == 2
    assert "Parquet is for the rows of sweep, fit and ranges" in capsys.readouterr().err


def test_each_layer_has_its_own_range_in_fit(capsys: pytest.CaptureFixture[str]) -> None:
    layers = ["conv2d", "c=8", "k=3", "conv2d", "c=8", "k=3", "-i", "3x32x32"]
    vary = ["--vary", "0.out_channels=8:16:8", "--vary", "1.out_channels=8:16:8"]
    (best,) = lines(capsys, "fit", *layers, *vary, "--max", "macs=10M")
    assert (best["out_channels_0"], best["out_channels_1"]) == (16, 16)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--device", "cpu"], "--device goes with --profile"),
        (["--save", "x", "--resume"], "--save, --resume go with --profile"),
        (["--draw", "macs,params", "-f", "csv"], "--draw and --plot go with a table"),
        (["--draw", "macs,params", "--profile"], "leave --profile out"),
        (["--keep", "-" * 1_500 + "1 < 2"], "nests too deep"),
        (["--draw", "macs,params", "--plot", "x.svg", "-o", "x.csv"], "--draw and --plot go with a table"),
    ],
)  # fmt: skip
def test_no_option_is_passed_over(words: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sweep", *SMALL, *words]) == 2
    assert line in capsys.readouterr().err


def test_more_rows_than_a_table_has_are_drawn(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    picture = tmp_path / "x.svg"
    words = ["conv2d", "k=1", "-i", "3x8x8", "--draw", "macs:max,params:max", "--plot", str(picture)]
    assert run(["sweep", *words, "c=1:3000"]) == 0
    assert "3,000 configurations" in picture.read_text()
    assert run(["sweep", *words, "c=1:30000"]) == 2
    assert "more than 20,000 rows are not drawn" in capsys.readouterr().err


def test_a_list_holds_so_many_values(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["shape", "conv2d", "c=1:100000000,5", "k=1", "-i", "3x8x8"]) == 2
    assert "lists too many values" in capsys.readouterr().err


def test_a_rule_for_some_rows_drops_those(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["conv_transpose1d", "c=4,5", "k=1", "padding=tf_same", "output_padding=0:1", "-i", "4x4"]
    assert [row["out_channels"] for row in lines(capsys, "sweep", *words)] == [4, 5]


def test_sizes_that_differ_have_names_that_differ(capsys: pytest.CaptureFixture[str]) -> None:
    pair = ["conv2d c=M k=3", "conv2d c=M k=5", "-i", "CxHxW"]
    assert run(["compare", *pair, "-f", "json"]) == 0
    first, second = json.loads(capsys.readouterr().out)["formulas"]
    assert (first["names"]["H_out"], second["names"]["H_out_2"]) == ("H - 2", "H - 4")
    numbers = {"C": 3, "M": 8, "H": 9, "W": 9}
    sizes = {**first["names"], **second["names"]}
    values = numbers | {name: eval(size, {}, dict(numbers)) for name, size in sizes.items()}
    # 25 taps on 5x5 positions, 9 on 7x7
    assert eval(second["macs_ratio"], {}, values) == pytest.approx(25 * 25 / (9 * 49))
    assert run(["compare", "conv2d c=M k=3 p=1", "conv2d c=8 k=K", "-i", "CxHxW", "--at", "M=3"]) == 0
    assert run(["macs", pair[0], "-i", "CxHxW", "--at", "C=3,C=4"]) == 2
    assert "names C twice" in capsys.readouterr().err


def test_an_octave_layer_without_a_high_map_is_swept(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["octave", "c=4,8", "alpha_out=0,1", "k=3", "-i", "4x4x4", "--columns", "out_channels,alpha_out,params"]
    found = [tuple(row.values())[2:] for row in lines(capsys, "sweep", *words)]
    # whatever share is low, all of the 4 channels read are high: a kernel of 9 for each pair of channels
    assert sorted(found) == [(c, alpha, 36 * c) for c in (4, 8) for alpha in (0, 1)]
