"""Pictures of `show`: what is lit, the sums written out, the files; against the matrix, torch and the graph."""

from __future__ import annotations

import re
from math import prod
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import torch
from PIL import Image

from convcalc.analyses.steps import steps
from convcalc.analyses.wiring.scene import Scene
from convcalc.cli.app import run
from convcalc.kinds import all_kinds
from convcalc.render.show.blocks import block_svg, boxes
from convcalc.render.show.cells import Mark
from convcalc.render.show.frames import chosen_spots, frame, spots
from convcalc.render.show.sums import inputs_of, weight_number
from convcalc.render.show.terminal import moved, print_frames, print_graph, step_through
from convcalc.spec.drawn import drawn
from convcalc.spec.source import blocks

SVG = "{http://www.w3.org/2000/svg}"


def scene(*words: str, inputs: tuple[str, ...] = ()) -> Scene:
    return Scene(*drawn(blocks(words, inputs)[0]))


@pytest.mark.parametrize("name", sorted(all_kinds()))
def test_the_frame_of_every_kind_lights_what_is_read(name: str) -> None:
    picture = scene(name)
    for spot in (next(spots(picture)), list(spots(picture))[-1]):
        shown = frame(picture, spot)
        cells = [cell for column in shown.columns for panel in column for row in panel.rows for cell in row]
        assert sum(cell.mark is Mark.unit for cell in cells) == 1
        said = sum(
            map(int, re.findall(r"\b(\d+) (?:of|elements? of)", shown.head[1].partition(" reads ")[2].replace(",", "")))
        )
        element = spot.channel * prod(spot_sizes(picture, spot.output)) + flat(
            spot.position, spot_sizes(picture, spot.output)
        )
        assert said == len(picture.reads(spot.output, [element])[0])


def spot_sizes(picture: Scene, output: int) -> tuple[int, ...]:
    return picture.shape(picture.outputs[output])[1:]


def flat(position: tuple[int, ...], sizes: tuple[int, ...]) -> int:
    index = 0
    for at, size in zip(position, sizes, strict=True):
        index = index * size + at
    return index


@pytest.mark.parametrize(
    ("words", "function"),
    [
        ("conv2d c=2 k=3 s=2 p=1 g=2", lambda x, w: torch.nn.functional.conv2d(x, w, stride=2, padding=1, groups=2)),
        ("conv2d c=3 k=2x3 d=2", lambda x, w: torch.nn.functional.conv2d(x, w, dilation=2)),
        ("conv_transpose2d c=2 k=3 s=2", lambda x, w: torch.nn.functional.conv_transpose2d(x, w, stride=2)),
        ("conv1d c=2 k=3 p=1", lambda x, w: torch.nn.functional.conv1d(x, w, padding=1)),
    ],
)
def test_the_sum_written_out_is_torchs(words: str, function: Any) -> None:
    sizes = "2x6" if "1d" in words else "2x6x6"
    picture = scene(*words.split(), inputs=(sizes,))
    assert picture.walk is not None
    shape = picture.walk.node.inputs[1].shape
    weights = torch.tensor([weight_number(n) for n in range(prod(shape))], dtype=torch.float64).reshape(shape)
    x = torch.tensor(inputs_of(picture)[0], dtype=torch.float64).reshape(picture.inputs[0].shape)
    want = function(x, weights)
    for spot in spots(picture):
        (line,) = frame(picture, spot, numbers=True).foot
        total = int(re.search(r"(-?\d+), and the bias", line).group(1))  # type: ignore[union-attr]
        assert total == int(want[(0, spot.channel, *spot.position)])
        terms = line.partition(" = ")[0] if " = " in line else "0"
        assert "more" in terms or eval(terms or "0") == total


def test_an_svg_moves_and_holds_a_frame_for_each_output(tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    assert run(["show", "conv2d", "k=3", "s=2", "p=1", "-o", str(path)]) == 0
    text = path.read_text()
    root = ElementTree.fromstring(text)
    frames = [group for group in root.iter(f"{SVG}g") if group.get("class") == "f"]
    assert len(frames) == 9 and "@keyframes" in text and "prefers-color-scheme:dark" in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    lit = [sum(rect.get("fill") == "#ffc53d" for rect in group.iter(f"{SVG}rect")) for group in frames]
    assert lit == [1] * 9


def test_pictures_of_pixels(tmp_path: Path) -> None:
    moving, still = tmp_path / "a.gif", tmp_path / "a.png"
    assert run(["show", "conv1d", "k=3", "-i", "1x6", "-o", str(moving)]) == 0
    assert run(["show", "inception_v1", "--unit", "0,0", "-o", str(still)]) == 0
    with Image.open(moving) as picture:
        assert getattr(picture, "n_frames", 0) == 4 and picture.info["loop"] == 0
    with Image.open(still) as picture:
        assert picture.size[0] > 400


@pytest.mark.parametrize(
    "name", ["inception_v1", "sk", "splat", "dense_block", "dbb", "octave", "resnet_bottleneck", "scconv"]
)
def test_edges_drawn_are_those_of_the_graph(name: str) -> None:
    graph = scene(name).subject.graph
    sequence = steps(graph)
    assert len({step.name for step in sequence}) == len(sequence)
    root = ElementTree.fromstring(block_svg(boxes(graph, sequence), name))
    drawn_edges = {(path.get("data-from"), path.get("data-to")) for path in root.iter(f"{SVG}path")}
    assert drawn_edges == {(read, step.name) for step in sequence for read in step.reads}
    # each step joins the values that its nodes join: walked in the graph itself
    reached = reachable(sequence)
    for value in graph.outputs:
        maker = [step for step in sequence if step.output.index == value.index]
        assert not maker or "input" in reached[maker[0].name] or any("input" in each for each in reached[maker[0].name])


def reachable(sequence: list[Any]) -> dict[str, set[str]]:
    above: dict[str, set[str]] = {}
    for step in sequence:
        above[step.name] = set(step.reads).union(*(above.get(name, set()) for name in step.reads))
    return above


def test_keys_step_from_output_to_output(capsys: pytest.CaptureFixture[str]) -> None:
    picture = scene("octave", "c=4", inputs=("4x4x4",))
    start = next(spots(picture))
    right = moved(picture, start, "\x1b[C")
    assert right.position == (0, 1) and moved(picture, right, "\x1b[D") == start
    assert moved(picture, start, "\x1b[B").position == (1, 0) and moved(picture, start, "\x1b[A").position == (3, 0)
    assert moved(picture, start, "m").output == 1 and moved(picture, start, "c").channel == 1
    keys = iter(["\x1b[C", "j", "q"])
    assert step_through(picture, start, lambda: next(keys)).position == (1, 1)
    print_frames([frame(picture, start)])
    print_graph(picture.subject.graph)
    assert "high_to_low.conv reads avg: conv 3 x 3, padding 1; " in capsys.readouterr().out.replace("\n", " ")


def test_a_unit_may_name_its_channel_and_is_refused_where_it_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    picture = scene("conv2d", "k=3", "c=4")
    (spot,) = chosen_spots(picture, (3, 1, 2))
    assert (spot.channel, spot.position) == (3, (1, 2))
    assert run(["show", "conv2d", "k=3", "--unit", "9,9"]) == 2
    assert "there is no output at 9: the picture has 0..2 along that axis" in capsys.readouterr().err
    assert run(["show", "conv2d", "k=3", "--unit", "1"]) == 2
    assert "--unit is a position per axis of 2x3x3" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["conv2d", "k=3", "-o", "a.jpg"], "a picture is a file whose name ends in .html, .svg, .gif, .png"),
        (["inception_v1", "--numbers"], "--numbers writes out the sum of one convolution or pool"),
        (["conv2d", "k=9", "-i", "1x4x4"], "the kernel reaches over 9 positions"),
        (["conv2d", "k=3", "-i", "4x2x9x9"], "a picture is that of one sample"),
    ],
)
def test_what_is_not_drawn_is_said_in_a_line(argv: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", *argv]) == 2
    assert message in capsys.readouterr().err


def test_without_colour_and_letters_beyond_ascii(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["show", "conv2d", "k=3", "s=2", "p=1", "--unit", "1,1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100 and "\x1b" not in "".join(lines)
    assert [line[:13] for line in lines[4:11]] == [
        "- - - - - - -", "- · · · · · -",
        "- · a b c · -", "- · d e f · -", "- · g h i · -",
        "- · · · · · -", "- - - - - - -",
    ]  # fmt: skip


def test_channels_are_a_block_matrix_and_a_shuffle_mixes_the_blocks(capsys: pytest.CaptureFixture[str]) -> None:
    """arXiv:1707.01083, fig. 1: two grouped convolutions keep their blocks, a shuffle between them does not."""
    for words, joined in (("conv2d c=6 k=1 g=3 conv2d c=6 k=1 g=3", 12), ("shuffled_grouped c=6 k=1 g=3", 24)):
        assert run(["show", *words.split(), "-i", "6x1x1", "--channels"]) == 0
        text = capsys.readouterr().out
        assert f"{joined} of 36 pairs of channels are joined" in text
    assert "2: channel shuffle" in text
    for words, joined in (
        ("depthwise k=3", 4),
        ("conv2d c=4 k=3", 16),
        ("conv2d c=4 k=3 g=2", 8),
        ("max_pool2d k=2", 4),
    ):
        assert run(["show", *words.split(), "-i", "4x5x5", "--channels"]) == 0
        assert f"{joined} of 16 pairs" in capsys.readouterr().out
