"""Whole networks written as lists of kinds: their totals are the published ones, to the digit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from convcalc.analyses.counts.macs import macs
from convcalc.analyses.counts.params import params
from convcalc.spec.assemble import assemble
from convcalc.spec.source import blocks

RECORDS = {
    row["id"]: row
    for path in (Path(__file__).parents[1] / "golden/oracle").glob("*.json")
    for row in json.loads(path.read_text(encoding="utf-8"))
}


def totals(layers: list[str], size: int) -> tuple[int, int]:
    graph = assemble(blocks(layers, [f"3x{size}x{size}"])[0]).graph
    assert graph.outputs[0].shape == (1, 1000)
    return params(graph).total, macs(graph)


def head(classes: int = 1000) -> list[str]:
    return ["global_avg_pool", "flatten", f"linear {classes}".replace(" ", " out_features=")]


def stem(channels: int, kernel: int = 7, act: str = "relu") -> list[str]:
    return [f"conv2d c={channels} k={kernel} s=2 p={kernel // 2} bias=false", "batch_norm", act]


def resnet(block: str, depths: tuple[int, ...] = (3, 4, 6, 3), first: str = "") -> list[str]:
    layers = []
    for stage, depth in enumerate(depths):
        for place in range(depth):
            stride = 2 if stage and not place else 1
            layers.append(f"{block} c={256 * 2**stage} s={stride} {'' if place else first}")
    return layers


def test_resnet50() -> None:
    row = RECORDS["net.resnet50"]
    layers = [*stem(64), "maxpool2d k=3 s=2 p=1", *resnet("resnet_bottleneck"), *head()]
    assert totals(layers, 224) == (row["params"], row["macs"])


def test_se_resnet50_strides_at_the_first_1x1() -> None:
    row = RECORDS["net.legacy_seresnet50"]
    layers = [*stem(64), "maxpool2d k=3 s=2 ceil_mode=true", *resnet("se_resnet_bottleneck"), *head()]
    assert totals(layers, 224) == (row["params"], row["macs"])


def test_scnet50() -> None:
    row = RECORDS["net_scnet50"]
    layers = [*stem(64), "maxpool2d k=3 s=2 p=1", *resnet("scbottleneck"), *head()]
    assert totals(layers, 224) == (row["params"], row["macs"])


def test_resnest50_published_by_its_authors() -> None:
    three = "conv2d c={} k=3 s={} p=1 bias=false"
    deep = [three.format(32, 2), "batch_norm", "relu", three.format(32, 1), "batch_norm", "relu", three.format(64, 1)]
    layers = [
        *deep,
        "batch_norm",
        "relu",
        "maxpool2d k=3 s=2 p=1",
        *resnet("resnest_bottleneck", first="is_first=true"),
    ]
    assert totals([*layers, *head()], 224) == (27_483_240, 5_371_160_576)  # run by the catalogue (variants 7)


@pytest.mark.parametrize(("size", "row"), [("2.0x", "shufflenet_v1-g3-2.0x"), ("0.5x", "shufflenet_v1-g3-0.5x")])
def test_shufflenet_v1(size: str, row: str) -> None:
    widths, narrow = {"2.0x": ((480, 960, 1920), 48), "0.5x": ((120, 240, 480), 12)}[size]
    layers = [*stem(narrow, 3), "maxpool2d k=3 s=2 p=1"]
    for stage, (width, repeats) in enumerate(zip(widths, (4, 8, 4), strict=True)):
        layers.append(f"shufflenet_unit_c c={width} groups=3 {'first_groups=1' if not stage else ''}")
        layers += [f"shufflenet_unit_b groups=3 repeat={repeats - 1}"]
    layers += ["global_avg_pool", "flatten", "linear out_features=1000 bias=false"]
    assert totals(layers, 224) == (RECORDS[row]["params"], RECORDS[row]["macs"])


def test_densenet121_published_by_torchvision() -> None:
    layers = [*stem(64), "maxpool2d k=3 s=2 p=1"]
    for place, depth in enumerate((6, 12, 24, 16)):
        layers += [f"dense_block num_layers={depth}", *(["dense_transition"] if place < 3 else [])]
    held, work = totals([*layers, "batch_norm", "relu", *head()], 224)
    assert held == 7_978_856
    assert round(work / 1e9, 2) == 2.83


def test_mobilenet_v2_published_by_torchvision() -> None:
    layers = [*stem(32, 3, "relu6")]
    for expansion, width, repeats, stride in (
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    ):  # fmt: skip
        layers.append(f"inverted_residual c={width} s={stride} expansion={expansion}")
        layers += [f"inverted_residual expansion={expansion}"] * (repeats - 1)
    layers += ["conv2d c=1280 k=1 bias=false", "batch_norm", "relu6"]
    held, work = totals([*layers, *head()], 224)
    assert held == 3_504_872
    assert round(work / 1e9, 3) == 0.301


def test_efficientnet_b0_published_by_torchvision() -> None:
    layers = [*stem(32, 3, "silu")]
    for expansion, kernel, width, repeats, stride in (
        (1, 3, 16, 1, 1), (6, 3, 24, 2, 2), (6, 5, 40, 2, 2), (6, 3, 80, 3, 2), (6, 5, 112, 3, 1), (6, 5, 192, 4, 2),
        (6, 3, 320, 1, 1),
    ):  # fmt: skip
        kind = f"inverted_residual k={kernel} expansion={expansion} activation=silu reduction=4"
        layers += [f"{kind} c={width} s={stride}", *[kind] * (repeats - 1)]
    layers += ["conv2d c=1280 k=1 bias=false", "batch_norm", "silu"]
    held, work = totals([*layers, *head()], 224)
    assert held == 5_288_548
    assert round(work / 1e9, 3) == 0.386


def test_efficientnet_v2_s_published_by_torchvision() -> None:
    layers = [*stem(24, 3, "silu")]
    for fused, expansion, width, repeats, stride in (
        (True, 1, 24, 2, 1), (True, 4, 48, 4, 2), (True, 4, 64, 4, 2), (False, 4, 128, 6, 2), (False, 6, 160, 9, 1),
        (False, 6, 256, 15, 2),
    ):  # fmt: skip
        kind = f"fused_mbconv expansion={expansion}" if fused else (
            f"inverted_residual expansion={expansion} activation=silu reduction=4"
        )  # fmt: skip
        layers += [f"{kind} c={width} s={stride}", *[kind] * (repeats - 1)]
    layers += ["conv2d c=1280 k=1 bias=false", "batch_norm", "silu"]
    held, work = totals([*layers, *head()], 384)
    assert held == 21_458_488
    assert round(work / 1e9, 3) == 8.366


def test_ghostnet_published_by_its_authors() -> None:
    layers = [*stem(16, 3)]
    for kernel, mid, width, gate, stride in (
        (3, 16, 16, 0, 1), (3, 48, 24, 0, 2), (3, 72, 24, 0, 1), (5, 72, 40, 0.25, 2), (5, 120, 40, 0.25, 1),
        (3, 240, 80, 0, 2), (3, 200, 80, 0, 1), (3, 184, 80, 0, 1), (3, 184, 80, 0, 1), (3, 480, 112, 0.25, 1),
        (3, 672, 112, 0.25, 1), (5, 672, 160, 0.25, 2), (5, 960, 160, 0, 1), (5, 960, 160, 0.25, 1),
        (5, 960, 160, 0, 1), (5, 960, 160, 0.25, 1),
    ):  # fmt: skip
        layers.append(f"ghost_bottleneck mid_channels={mid} c={width} k={kernel} s={stride} se_ratio={gate}")
    layers += ["conv2d c=960 k=1 bias=false", "batch_norm", "relu", "global_avg_pool", "conv2d c=1280 k=1", "relu"]
    assert totals([*layers, "flatten", "linear out_features=1000"], 224) == (5_182_508, 141_150_512)  # variants 5
