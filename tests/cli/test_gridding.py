"""What hdc-check and hdc-design print and hold, as a user asks for it."""

from __future__ import annotations

import io
import json
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from rich.color import Color
from rich.console import Console

from convcalc.analyses.hdc.report import hdc_check
from convcalc.cli.app import run
from convcalc.cli.views.hdc import Drawing, rate_tables
from convcalc.render import terminal
from convcalc.render.heat import COLOURS, cell_size, cuts, grid, heat, level
from convcalc.render.table import Picture
from convcalc.units import short

PACKAGE = Path(sys.modules["convcalc"].__file__ or "").parent

ASPP = ["identity", "as=x"]
for _d in (6, 12, 18):
    ASPP += ["conv", "c=4", "k=3", f"d={_d}", f"p={_d}", "from=x", f"as=b{_d}"]
ASPP += ["concat", "from=b6,b12,b18"]


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def asked(capsys: pytest.CaptureFixture[str], *argv: str, code: int = 0) -> Any:
    assert run([*argv, "--format", "json"]) == code
    return json.loads(capsys.readouterr().out)


def printed(capsys: pytest.CaptureFixture[str], *argv: str, code: int = 0) -> str:
    assert run(list(argv)) == code
    return capsys.readouterr().out


def test_rates_per_axis_are_judged_apart(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "hdc-check", "1x2,2x4", "-k", "3x5", code=1)
    height, width = found["groups"]
    assert (height["axis"], height["rates"], height["kernel_size"]) == ("height", [1, 2], 3)
    assert (width["axis"], width["rates"], width["kernel_size"]) == ("width", [2, 4], 5)
    assert height["exact"]["full"] and not width["exact"]["full"]
    assert width["exact"]["coverage_2d"] == height["exact"]["coverage_2d"] == 7 * 13 / (7 * 25)
    assert (width["exact"]["reached_all"], width["exact"]["positions_all"]) == (91, 175)
    line = asked(capsys, "hdc-check", "conv1d", "in_channels=2", "c=2", "k=3", "d=2", code=1)
    assert line["groups"][0]["exact"]["coverage_2d"] is None
    assert asked(capsys, "hdc-check", "1x1x2,2x2x1", "-k", "3")["groups"][0]["axis"] == "depth"


def test_everything_about_a_stack(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "hdc-check", "2,2,2", "--suggest", code=1)
    assert found["closed_form"] == {"full": False, "fails_at": {"rate": 2, "span": 1}}
    assert found["ways"]["counts"] == [1, 0, 3, 0, 6, 0, 7, 0, 6, 0, 3, 0, 1]  # gradients in torch: rf-dilated-5
    assert (found["ways"]["least"], found["ways"]["most"], found["ways"]["middle"]) == (0, 7, 7)
    assert found["teeth"] == [{"rates": [2], "times": 3, "full": False}]
    assert found["suggestions"][0] == [1, 2, 3]
    assert asked(capsys, "hdc-check", "1,2,5", "--suggest")["suggestions"] == []


def test_the_table_says_why_and_what_would_help(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "hdc-check", "2,2,2", "--suggest", code=1)
    assert "rate 2 is larger than 1, the field of the smaller rates" in text
    assert "2 rates changed:\n  1,2,3 (field 13)" in text
    assert "49 of 169 in 2-D" in text and "░░· ░░· ▒▒· ▒▒· ▒▒· ░░· ░░" in text
    text = printed(capsys, "hdc-check", "2,4,8", "--suggest", code=1)
    assert "no 3 rates with these kernels reach a field of 29 without holes; with kernel 3 it takes 4 layers" in text
    assert "nothing to repair" in printed(capsys, "hdc-check", "1,2,5", "--suggest")


def test_the_sawtooth_is_read_whole_and_by_tooth(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "hdc-check", "1,2,5,1,2,5")
    assert "rising sequence 1,2,5 (2 times)" in text and "33 of 33" in text and "M_2 passes" in text


@pytest.mark.parametrize(("strict", "code"), [([], 0), (["--strict"], 1)])
def test_branches_side_by_side_warn_and_fail_only_when_strict(
    strict: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(capsys, "hdc-check", *ASPP, *strict, code=code)
    assert "7 of 37 positions (18.9%); 25 of 1,369 in 2-D" in text and "warning" in text
    (group,) = asked(capsys, "hdc-check", *ASPP, *strict, code=code)["groups"]
    assert group["parallel"] and [[layer["name"] for layer in branch] for branch in group["layers"]] == [
        ["1"],
        ["2"],
        ["3"],
    ]
    assert group["exact"]["reached"] == 7 and group["exact"]["coverage_2d"] == 25 / 1369


def test_pixels_of_the_input_are_said_where_a_step_is_more_than_one(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["conv", "c=4", "k=3", "s=4", "conv", "c=4", "k=3", "d=1", "conv", "c=4", "k=3", "d=2"]
    text = printed(capsys, "hdc-check", *words)
    assert "one step is 4 input pixels, so the rates are 4,8 pixels there" in text


def test_parts_of_one_layer_are_named_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["dilated", "c=4", "k=3", "d=2", "repeat=2"]
    (group,) = asked(capsys, "hdc-check", *words, code=1)["groups"]
    assert len(group["layers"]) == 2 and all(layer["name"].startswith("0.") for layer in group["layers"])


def test_pictures_fit_and_can_do_without_colour_or_unicode(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "hdc-check", "20,40,60", "--ascii", code=1)
    drawn = [line for line in text.splitlines() if line and set(line) <= set(". 123456789")]
    assert 20 <= len(drawn) <= 40 and max(map(len, drawn)) <= 78 and "the most of" in text
    assert drawn == drawn[::-1] and all(line == line[::-1] for line in drawn)  # a symmetric stack stays so
    assert {"1", "2", "3", "4", "6", "9"} <= set("".join(drawn))  # taps keep their counts
    assert len(drawn) == (max(map(len, drawn)) + 1) // 2  # a square field is square
    assert "ways to each" not in printed(capsys, "hdc-check", "1,2", "--no-picture")
    line = printed(capsys, "hdc-check", "conv1d", "in_channels=2", "c=2", "k=3", "d=2", code=1)
    assert "\n1 · 1 · 1\n" in line
    assert "```\n" in printed(capsys, "hdc-check", "1,2", "--format", "markdown")


def test_a_shrunk_cell_is_the_most_of_its_positions() -> None:
    picture = Picture([((1, 3, 5, 7), (2, 4, 6, 1))], "ways")
    found = grid(picture, wide=2, high=2)
    assert found.cell == 2 and found.rows == [[3 * 4, 3 * 6], [7 * 4, 7 * 6]] and found.holed == 0
    assert [level(value, 10, 4) for value in (0, 0.01, 2.5, 10)] == [0, 1, 1, 4]
    two = Picture([((1, 0), (1, 0)), ((0, 1), (0, 1))], "ways")
    assert heat(two)[:2] == ["1 ·", "· 1"] and heat(two)[-1] == "ways, from 0 to 1: · none"
    shrunk = grid(two, wide=1, high=1)
    assert shrunk.rows == [[1]] and shrunk.holed == 1 and shrunk.cell == 2
    holed = heat(Picture([((1, 0, 1, 1), (1, 1, 1, 1))], "ways"), wide=4, high=2)
    assert holed[:2] == ["1 1", "1 1"] and "(2 of 4 cells have positions with none), from 0 to 1" in holed[-1]


@pytest.mark.parametrize("length", [*range(1, 40), 73, 100, 121])
def test_cells_lie_alike_at_both_ends(length: int) -> None:
    for cell in range(1, 12):
        if cell > 1 and length % 2 and not cell % 2:
            continue  # an odd axis has no symmetric cells of an even size
        parts = cuts(length, cell)
        assert [place for part in parts for place in part] == list(range(length))
        sizes = [len(part) for part in parts]
        assert sizes == sizes[::-1] and max(sizes) <= max(cell, 1)
    chosen = cell_size([length, length], [40, 39])
    assert len(cuts(length, chosen)) <= 39


def test_the_answer_stands_first_and_again_below_the_map(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "hdc-check", "2,4,8", code=1).splitlines()
    assert lines[0] == lines[-1] == "2,4,8 leaves holes: 15 of 29 positions are read (52%)"
    assert printed(capsys, "hdc-check", "1,2,5").startswith("1,2,5: no holes, all 17 positions are read\n")


def test_the_answer_is_red_or_green_and_no_two_colours_of_256_are_one() -> None:
    for rates, colour in (("2,4,8", "\x1b[1;31m"), ("1,2,5", "\x1b[1;32m")):
        report = hdc_check([(int(rate),) for rate in rates.split(",")], [(3,)] * 3)
        tables = rate_tables(report, rates, "3", Drawing(True, False))
        stream = io.StringIO()
        shown = Console(file=stream, force_terminal=True, color_system="256", width=100)
        for table in tables:
            terminal._print(shown, table)
        assert stream.getvalue().count(colour) == 2
    assert len({Color.parse(name).number for name in terminal.COLOURS_256}) == len(COLOURS)


def test_the_map_is_quick(capsys: pytest.CaptureFixture[str]) -> None:
    """CPU seconds of both maps beside those of the answers without: 2.5 s were spent on one."""
    taken = {}
    for flag in ("--no-picture", "--picture"):
        start = time.process_time()
        for rates in ("6,12,18", "8,16,24"):
            assert run(["hdc-check", rates, flag]) == 1
        taken[flag] = time.process_time() - start
    capsys.readouterr()
    assert taken["--picture"] < taken["--no-picture"] + 0.6


def test_a_huge_count_is_written_short() -> None:
    huge = Picture([((3**900, 3**900),)], "ways")
    assert heat(huge)[-1].endswith("up to " + short(3**900))


def test_designs(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "hdc-design", "--rf", "17", "-k", "3")
    assert found["fewest_layers"] == 3 and [1, 2, 5] in [one["rates"] for one in found["designs"]]
    assert found["sawtooth"][0]["tooth"] == [1, 3] and found["sawtooth"][0]["copies"] == 2
    assert all(one["receptive_field"] >= 17 for one in (*found["designs"], *found["sawtooth"]))
    text = printed(capsys, "hdc-design", "--rf", "1024", "-k", "2")
    assert "1,2,4,8,16,32,64,128,256,512" in text and "reach at most 1,024" in text
    assert "one position needs no dilated layer" in printed(capsys, "hdc-design", "--rf", "1")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["hdc-design", "--rf", "28", "--layers", "3"], "3 layers of kernel 3 reach at most 27 without holes"),
        (["hdc-design", "--rf", "0"], "a field must be at least 1, not 0"),
        (["hdc-design", "--rf", "9", "-k", "1"], "a kernel of 1 sees one position"),
        (["hdc-design", "--rf", "9", "--layers", "0"], "--layers takes a whole number from 1 to 100, not 0"),
        (["hdc-design", "--rf", "1000000000"], "past what is searched"),
        (["hdc-check", "1,2", "-i", "3x8x8"], "rates take no -i"),
        (["hdc-check", "1,2", "-k", ""], "a kernel is a whole number below a billion, not ''"),
        (["hdc-check", "1e3,2"], "rates are whole numbers from 1"),
        (["hdc-check", "1x2,3x4x5"], "the rate 1x2 names 2 axes where others name 3"),
        (["hdc-check", "1x2x3x4"], "4 axes are more than a convolution has"),
        (["hdc-check", "1,2", "-k", "3x3x3,5x5"], "the kernel 5x5 names 2 axes where others name 3"),
    ],
)
def test_what_cannot_be_asked(argv: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(argv) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "rates", "reached", "field"),
    [
        ("hdc_resnet", [1, 2, 5, 9, 5, 9, 17], 97, 97),  # catalogue 2.2: 5, 9, 17 after 1, 2, 5, 9 is full, 97 of 97
        ("wavenet", [2**n for n in range(10)], 1024, 1024),  # arXiv:1609.03499: a field of 1024 per block
        ("tcn", [1, 1, 2, 2, 4, 4, 8, 8], 61, 61),  # 1 + 2 (k-1) (2^n - 1) for k = 3, n = 4
        ("aspp", [[6], [12], [18], [24]], 9, 49),
        ("aspp_v3", [[1], [6], [12], [18]], 7, 37),
    ],
)
def test_the_examples(
    name: str, rates: list[Any], reached: int, field: int, capsys: pytest.CaptureFixture[str]
) -> None:
    (group,) = asked(capsys, "hdc-check", f"@{name}")["groups"]
    assert group["rates"] == rates
    assert (group["exact"]["reached"], group["exact"]["receptive_field"]) == (reached, field)


def test_rates_pass_through_few_files(capsys: pytest.CaptureFixture[str]) -> None:
    """From the words to the answer and its table: every file of which a function is handed these very rates."""
    files: set[str] = set()

    def watch(frame: FrameType, event: str, _: Any) -> None:
        names = frame.f_code.co_varnames[: frame.f_code.co_argcount]
        path = Path(frame.f_code.co_filename)
        if event == "call" and PACKAGE in path.parents and any(is_rates(frame.f_locals.get(name)) for name in names):
            files.add(str(path.relative_to(PACKAGE)))

    def is_rates(value: Any) -> bool:
        text = repr(value) if type(value) in (list, tuple) else ""
        forms = ("1, 2, 9", "1,2,9", "(1,), (2,), (9,)", "(1, 3), (2, 3), (9, 3)")
        return any(form in text for form in forms)

    sys.setprofile(watch)
    try:
        assert run(["hdc-check", "1,2,9", "--suggest"]) == 1  # 9 is past what 1 and 2 leave no hole for
    finally:
        sys.setprofile(None)
    assert "1,2,9" in capsys.readouterr().out
    files -= {"documents.py", "render/table.py", "render/terminal.py", "cli/options.py"}  # any answer goes there
    assert {"cli/commands/hdc_check.py", "analyses/hdc/report.py", "analyses/hdc/gridding.py"} <= files
    assert len(files) <= 6, files
