"""The stories that pictures tell: layers on the way, an image, offsets, kernels that are made, models."""

from __future__ import annotations

import json
import re
from itertools import product
from pathlib import Path

import numpy
import pytest
from PIL import Image

from convcalc.analyses.wiring.generated import kernel_reads
from convcalc.analyses.wiring.scene import Scene
from convcalc.cli.app import run
from convcalc.render.show.cells import Spot
from convcalc.render.show.deployed import folded_boxes
from convcalc.render.show.offsets import neighbours, offset_panels
from convcalc.render.show.unravelled import path_panels
from convcalc.spec.drawn import drawn
from convcalc.spec.source import blocks

UNET = "examples/models/unet.py:UNet"


def scene(words: str, *inputs: str) -> Scene:
    return Scene(*drawn(blocks(words.split(), inputs)[0]))


@pytest.mark.parametrize(("rates", "read", "field"), [((2, 2, 2), 7, 13), ((1, 2, 5), 17, 17), ((2, 4, 8), 15, 29)])
def test_gridding_grows_layer_by_layer(
    rates: tuple[int, ...], read: int, field: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """The paper's figure, and hdc-check's counts: the last layer alone, the last two, and all of them."""
    words = " ".join(f"conv1d c=1 k=3 d={rate}" for rate in rates)
    picture = scene(words, f"1x{field}")
    (reads,) = picture.reads(0, [0])
    assert len(reads) == read
    assert run(["hdc-check", ",".join(map(str, rates)), "-f", "json"]) == (0 if read == field else 1)
    exact = json.loads(capsys.readouterr().out)["exact"]
    assert (exact["receptive_field"], exact["reached"]) == (field, read)
    between = picture.between(0, 0)
    assert [int(layer.read.sum()) for layer in between] == [
        len({a * rates[-1] + b * rates[-2] for a in range(3) for b in range(3)}), 3
    ]  # fmt: skip


def test_the_picture_of_rates_has_a_map_for_each_layer(tmp_path: Path) -> None:
    path = tmp_path / "x.svg"
    assert run(["hdc-check", "1,2,5", "-o", str(path)]) == 0
    text = path.read_text()
    assert re.findall(r">(rates [\d,]*\d)", text) == ["rates 5", "rates 2,5", "rates 1,2,5"]


def test_an_image_is_bright_where_it_is_read(tmp_path: Path) -> None:
    photo, out = tmp_path / "photo.png", tmp_path / "field.png"
    Image.new("RGB", (64, 64), (200, 200, 200)).save(photo)
    words = ["conv2d", "k=3", "d=2", "conv2d", "k=3", "d=2"]
    assert run(["show", *words, "-i", "3x64x64", "--image", str(photo), "-o", str(out)]) == 0
    with Image.open(out) as drawn_image:
        pixels = numpy.asarray(drawn_image.convert("L"), dtype=int)
    first = pixels[12 : 12 + 256, 12 : 12 + 256][2::4, 2::4]
    second = pixels[12 : 12 + 256, 280 : 280 + 256][2::4, 2::4]
    assert (first > 150).sum() == 9 and (second > 150).sum() == 25  # holes are dark


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["conv2d", "k=3", "--image", "none.png", "-o", "f.png"], "--image none.png cannot be read"),
        (["conv2d", "k=3", "--image", "README.md", "-o", "f.png"], "it is not a picture that can be read"),
        (["conv2d", "k=3", "--image", "x.png"], "--image draws into a picture"),
        ([UNET, "-i", "3x32x32", "-o", "f.png"], "the graph of a model is a page (.html) or a drawing (.svg)"),
    ],
)
def test_what_cannot_be_drawn_is_said(argv: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", *argv]) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_offsets_move_the_points_and_zero_ones_do_not() -> None:
    picture = scene("deformable k=3", "2x7x7")
    zero, spread, turned = offset_panels(picture, Spot(0, 0, (1, 2)))
    lit = {(y, x) for y, row in enumerate(zero.rows) for x, cell in enumerate(row) if cell.mark == "read"}
    (reads,) = picture.reads(0, [1 * 5 + 2])
    assert lit == {divmod(read.element % 49, 7) for read in reads}
    centre = [sum(axis) / 9 for axis in list(zip(*zero.points, strict=True))[:2]]
    for panel, scale in ((spread, 1.6), (turned, 1.0)):
        for before, after in zip(zero.points, panel.points, strict=True):
            lengths = [((y - centre[0]) ** 2 + (x - centre[1]) ** 2) ** 0.5 for y, x, _ in (before, after)]
            assert lengths[1] == pytest.approx(lengths[0] * scale)
    assert neighbours(2.0, 3.5) == [(2, 3), (2, 4)] and offset_panels(scene("conv2d k=3"), Spot(0, 0, (0, 0))) == []


def test_kernels_that_are_made_say_from_what() -> None:
    """Involution makes a position's kernel from all channels there; CondConv one for all, from the whole map."""
    picture = scene("involution group_channels=2 reduction=2 k=3", "4x5x5")
    made = kernel_reads(picture, 0, 12)
    want = numpy.zeros((4, 5, 5), bool)
    want[:, 2, 2] = True
    assert (made == want).all()
    assert kernel_reads(scene("condconv k=3 c=2", "2x5x5"), 0, 0).all()
    assert kernel_reads(scene("conv2d k=3 c=2", "2x5x5"), 0, 0) is None


def test_trained_and_deployed_forms_stand_side_by_side() -> None:
    subject = scene("acb k=3 c=2", "2x5x5").subject
    deployed = [box for box in folded_boxes(subject) if not box.is_lane]
    assert folded_boxes(scene("inception_v1").subject) == []
    assert [(box.name, box.reads) for box in deployed[1:]] == [(deployed[1].name, (deployed[0].name,))]
    assert all(box.name.startswith("deployed: ") for box in deployed)
    assert folded_boxes(scene("conv2d k=3").subject) == []


def test_a_model_is_a_graph_of_modules_that_open(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "unet.html"
    assert run(["show", UNET, "-i", "3x32x32", "-o", str(path)]) == 0
    text = path.read_text()
    edges = set(re.findall(r'data-from="([^"]+)" data-to="([^"]+)"', text))
    assert {("input", "down.0"), ("down.0", "pool"), ("down.3", "concat"), ("up.0", "concat")} <= edges
    assert text.count("<details>") >= 3 and len(text.encode()) < 300 * 1024 and "src=" not in text
    assert run(["show", UNET, "-i", "3x32x32"]) == 0
    assert "concat reads down.3 and up.0" in " ".join(capsys.readouterr().out.split())
    drawing = tmp_path / "unet.svg"
    assert run(["show", UNET, "-i", "3x32x32", "-o", str(drawing)]) == 0
    outermost = set(re.findall(r'data-from="([^"]+)" data-to="([^"]+)"', drawing.read_text()))
    assert outermost < edges and ("down.3", "concat") in outermost


def test_residual_blocks_are_unravelled_into_their_paths() -> None:
    """Veit et al., arXiv:1605.06431, fig. 1: three blocks are eight paths, one for each set of blocks."""
    (panel,) = path_panels(scene("resnet_basic c=4 resnet_basic c=4 resnet_basic c=4", "4x5x5"))
    passed = {tuple(cell.mark == "read" for cell in row) for row in panel.rows}
    assert len(panel.rows) == 8 and passed == set(product((False, True), repeat=3))
    assert [sum(cell.mark == "read" for cell in row) for row in panel.rows] == [0, 1, 1, 1, 2, 2, 2, 3]
    assert path_panels(scene("conv2d c=4 k=3 conv2d c=4 k=3", "4x7x7")) == []
    assert path_panels(scene("resnet_basic c=4", "4x5x5")) == []
