"""Large problems are answered or refused in 5 s of CPU and 1 GB, whatever is drawn; and those that once were not."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest

from tests.fuzz.large_problems import draw, measured

SEED = int(os.environ.get("FUZZ_SEED", "20261126"))


def check(numbers: range, folder: Path) -> None:
    failures = []
    for number in numbers:
        argv, stdin = draw(Random(SEED + number))
        if wrong := measured(argv, folder, stdin).fault():
            failures.append(f"{number} {wrong}\n    {' '.join(argv)[:200]} < {stdin[:120]!r}")
    assert not failures, f"{len(failures)} of {len(numbers)}:\n" + "\n".join(failures[:20])


@pytest.mark.parametrize("part", range(6))
def test_large_problems(part: int, tmp_path: Path) -> None:
    check(range(part * 5, part * 5 + 5), tmp_path)


@pytest.mark.thorough
@pytest.mark.parametrize("part", range(50))
def test_many_large_problems(part: int, tmp_path: Path) -> None:
    check(range(1_000 + part * 20, 1_000 + part * 20 + 20), tmp_path)


def diamonds(count: int) -> str:
    lines = ["identity as=x0"]
    for n in range(count):
        lines += [
            f"conv c=8 k=3 p=1 from=x{n} as=a{n}",
            f"conv c=8 k=5 p=2 from=x{n}",
            f"add from=a{n},last as=x{n + 1}",
        ]
    return "\n".join(lines)


CONVOLUTIONS = "\n".join(["Conv2d(3,3,3,padding=1)"] * 9_990)
BOTTLENECKS = ("resnet_bottleneck", "out_channels=256", "repeat=400")
PAST = {
    "unlike-diamonds": (["checkerboard", "-i", "8x16x16", "-"], diamonds(12), 1.5, 200),
    "wavenet": (["checkerboard", "@wavenet"], "", 1.5, 200),
    "bottlenecks": (["checkerboard", "-i", "256x14x14", *BOTTLENECKS], "", 5, 500),
    "long-sound": (["rf", "-i", "1x300000", "conv1d", "c=1", "k=3", "--unit", "7"], "", 2, 100),
    "sides-of-2^31": (["rf", "-i", "3x2147483648", "conv1d", "c=1", "k=3"], "", 2, 100),
    "taps": (["macs", "--useful", "-i", "1x10", "conv1d", "c=1", "k=100000000", "p=100000000"], "", 2, 100),
    "output-paddings": (["solve", "--in", "5", "--out", "5", "--transposed", "-k3", "-d100000000"], "", 2, 100),
    "rates": (["hdc-check", ",".join(["1"] * 10_000)], "", 2, 100),
    "rates-suggested": (["hdc-check", ",".join(map(str, range(2, 1001, 2))), "--suggest"], "", 2, 100),
    "matrix-rows": (
        ["matrix", "conv_transpose1d", "c=1", "k=1", "s=1000000", "-i", "1x1000", "-f", "json"],
        "",
        2,
        200,
    ),
    "matrix-at-its-limit": (["matrix", "conv2d", "c=1", "k=3", "-i", "3x87x87", "-f", "json"], "", 3.5, 300),
    "deep-shape": (["shape", "-i", "3x8x8", "-"], CONVOLUTIONS, 4, 300),
    "deep-rf": (["rf", "-i", "3x8x8", "-"], CONVOLUTIONS, 4, 300),
    "deep-lint": (["lint", "-i", "3x8x8", "-"], CONVOLUTIONS, 4, 300),
    "explained": (["explain", "dense_block", "num_layers=1000", "-i", "3x8x8"], "", 4, 300),
    "endless-name": (["separable", f"a{'9' * 60_000} x"], "", 2, 100),
}
"""What once took too long or too much: the command, its input, CPU seconds and MiB, with room for a busy machine."""


@pytest.mark.parametrize("name", PAST)
def test_what_once_took_too_much(name: str, tmp_path: Path) -> None:
    argv, stdin, seconds, most = PAST[name]
    cost = measured(argv, tmp_path, stdin)
    assert not cost.fault(), cost
    assert cost.seconds < 2 * seconds and cost.bytes < most * 2**20, cost
