"""The roofline as text and as a picture: rows stand where their numbers say."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from convcalc.errors import ConvcalcError, SpecError, UnavailableError
from convcalc.profiling.row import Shares
from convcalc.render import roofline
from convcalc.render.plot import check_plot
from convcalc.render.roofline import PLOT_COLUMNS, PLOT_ROWS, PlotPoint, drawing, points, save
from tests.profiling.samples import PEAKS, row

SPOTS = [
    PlotPoint("X", "dense", "jit:avx512_core", 100.0, 9e10, 0.7),
    PlotPoint("Y", "depthwise", "jit_dw:avx512_core", 2.0, 1e10, 0.3),
]


def where(lines: list[str], mark: str) -> tuple[int, int]:
    """The column and line of a mark, within the axes."""
    for number, line in enumerate(lines[1 : PLOT_ROWS + 1]):
        cells = line.partition("│")[2]
        if mark in cells:
            return cells.index(mark), number
    raise AssertionError(f"{mark} is not drawn")


def test_marks_stand_where_their_numbers_say() -> None:
    lines = drawing(SPOTS, PEAKS)
    axes = roofline.plot_axes(SPOTS, PEAKS)
    for mark, spot in zip("XY", SPOTS, strict=True):
        column, line = where(lines, mark)
        across = axes.left + (axes.right - axes.left) * column / (PLOT_COLUMNS - 1)
        up = axes.top - (axes.top - axes.bottom) * line / (PLOT_ROWS - 1)
        assert across == pytest.approx(math.log10(spot.intensity), abs=(axes.right - axes.left) / PLOT_COLUMNS)
        assert up == pytest.approx(math.log10(spot.flops_per_s), abs=(axes.top - axes.bottom) / PLOT_ROWS)
    assert lines[-2:] == ["  X  dense", "  Y  depthwise"]


def test_the_roof_rises_to_the_ridge_and_is_flat_beyond() -> None:
    lines = drawing(SPOTS, PEAKS)[1 : PLOT_ROWS + 1]
    flat = [line.partition("│")[2] for line in lines if "──" in line]
    assert len(flat) == 1 and "╱" in "".join(lines)
    axes = roofline.plot_axes(SPOTS, PEAKS)
    begins = axes.left + (axes.right - axes.left) * flat[0].index("─") / (PLOT_COLUMNS - 1)
    assert begins == pytest.approx(math.log10(PEAKS.ridge), abs=2 * (axes.right - axes.left) / PLOT_COLUMNS)


def test_roofs_are_labelled_and_ticks_round() -> None:
    text = "\n".join(drawing(SPOTS, PEAKS))
    assert "100.0 GFLOP/s" in text and "20.00 GB/s" in text
    across = drawing(SPOTS, PEAKS)[PLOT_ROWS + 2].split()
    assert across == ["3", "10", "30", "100"]
    up = [line.partition("│")[0].strip() for line in drawing(SPOTS, PEAKS)[1 : PLOT_ROWS + 1]]
    assert [tick for tick in up if tick] == ["100", "30", "10"]
    assert roofline.round_ticks(0.9, 1.1) == [8.0, 9.0, 10.0, 11.0, 12.0] or len(roofline.round_ticks(0.9, 1.1)) > 1


def test_rows_on_one_spot_share_a_star() -> None:
    lines = drawing([SPOTS[0], SPOTS[0]._replace(name="1", label="twin")], PEAKS)
    assert "*" in "".join(lines[1:PLOT_ROWS]) and lines[-1] == "  * several rows"


def test_points_are_rows_with_multiply_adds() -> None:
    rows = [
        replace(row(), variant="default", shares=Shares(share=0.5, macs_share=1.0)),
        replace(row("relu"), variant="default"),
    ]
    (spot,) = points(rows)
    assert (
        spot.name == "0"
        and spot.kernel == "jit:avx512_core"
        and spot.intensity == rows[0].roofline.intensity
        and spot.share == 0.5
    )
    two = points([rows[0], replace(rows[0], variant="bf16")])
    assert [one.label for one in two] == [
        "conv2d c=64 k=3 p=1 bias=false (default)",
        "conv2d c=64 k=3 p=1 bias=false (bf16)",
    ]


@pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
def test_pictures_are_written(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / f"roof.{kind}"
    save(str(path), SPOTS, PEAKS, "a CPU")
    data = path.read_bytes()
    assert data.startswith({"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}[kind]) and len(data) > 5000
    if kind == "svg":
        text = data.decode()
        for words in (
            "Roofline: a CPU",
            "100.0 GFLOP/s (measured)",
            "20.00 GB/s (measured)",
            "jit_dw:avx512_core",
            "Y  depthwise",
        ):
            assert words in text


def test_many_rows_and_long_names_fit(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    many = [PlotPoint(str(n), "x" * 200, f"kernel {n}", 1.0 + n, 1e9 * (n + 1), 0.01) for n in range(70)]
    save(str(tmp_path / "roof.svg"), many, PEAKS, "a CPU")
    text = (tmp_path / "roof.svg").read_text()
    assert "and 40 more" in text and "x" * 60 not in text
    assert len(drawing(many, PEAKS)) > PLOT_ROWS


def test_what_cannot_be_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SpecError, match=r"ends in .svg, .png, .pdf"):
        check_plot("roof.gif")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UnavailableError, match=r"pip install 'convcalc\[plot\]'"):
        check_plot("roof.svg")
    monkeypatch.undo()
    pytest.importorskip("matplotlib")
    with pytest.raises(ConvcalcError, match="cannot be written"):
        save(str(tmp_path / "no" / "roof.svg"), SPOTS, PEAKS, "a CPU")
