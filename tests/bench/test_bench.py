"""Timing comparisons: ratios of medians in one interleaved run, never absolute times. Run with `pytest -m bench`."""

from __future__ import annotations

import os
import pty
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy
import pytest

from convcalc.analyses.counts.macs import macs
from convcalc.analyses.counts.params import params
from convcalc.kinds import find
from convcalc.pytorch.trace import trace

pytestmark = pytest.mark.bench
CONVCALC = str(Path(sys.executable).with_name("convcalc"))
PASS = [sys.executable, "-c", "pass"]
SHAPE = [CONVCALC, "shape", "-i", "3x224x224", "conv2d", "out_channels=64", "k=7", "s=2", "p=3"]
ROUNDS = 15


def once(argv: list[str], *, terminal: bool) -> float:
    """Wall time of one run, its output to a pipe or to a pseudo-terminal."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("COV_", "COVERAGE"))}
    if not terminal:
        start = time.perf_counter()
        subprocess.run(argv, capture_output=True, check=True, env=env, cwd="/")
        return time.perf_counter() - start
    master, slave = pty.openpty()
    start = time.perf_counter()
    process = subprocess.Popen(argv, stdout=slave, stderr=slave, stdin=subprocess.DEVNULL, env=env, cwd="/")
    os.close(slave)
    while True:
        try:
            if not os.read(master, 65536):
                break
        except OSError:
            break
    assert process.wait() == 0
    elapsed = time.perf_counter() - start
    os.close(master)
    return elapsed


def ratio(one: list[str], two: list[str], *, terminal: bool = False) -> float:
    """Median wall time of one command over another's, runs interleaved."""
    for argv in (one, two):
        once(argv, terminal=terminal)
    times = [(once(one, terminal=terminal), once(two, terminal=False)) for _ in range(ROUNDS)]
    return statistics.median(a for a, _ in times) / statistics.median(b for _, b in times)


@pytest.mark.parametrize("terminal", [False, True], ids=["piped", "pty"])
@pytest.mark.parametrize(("argv", "most"), [(SHAPE, 10.0), ([CONVCALC, "--help"], 6.0)], ids=["shape", "help"])
def test_start_up(argv: list[str], most: float, terminal: bool) -> None:
    found = ratio(argv, PASS, terminal=terminal)
    print(f"\n{' '.join(argv[1:3])} on {'a pty' if terminal else 'a pipe'}: {found:.2f} times python -c pass")
    assert found <= most


@pytest.mark.parametrize(
    "layer",
    [
        "depthwise_separable c=64", "se", "resnet_bottleneck", "inception_v4_b", "octave c=64", "mixconv", "dbb c=64",
        "dense_block num_layers=12", "condconv c=64", "splat p=1", "shufflenet_unit_a", "deformable_v2 c=64",
    ],
    ids=lambda layer: layer.split()[0],
)  # fmt: skip
def test_any_kind_costs_about_what_one_conv_costs(layer: str) -> None:
    found = ratio([CONVCALC, "summary", "-i", "64x16x16", *layer.split()], SHAPE)
    print(f"\nsummary of {layer}: {found:.2f} times shape of one conv2d")
    assert found <= 1.4


def test_a_million_configurations_in_one_call() -> None:
    kind, _ = find("depthwise_separable")
    rng = numpy.random.default_rng(0)
    count = 1_000_000
    channels, outputs = rng.integers(1, 513, count), rng.integers(1, 513, count)
    kernels, sizes = rng.integers(1, 8, count), rng.integers(7, 225, count)

    def answer(c: object, o: object, k: object, n: object) -> tuple[object, object, object]:
        graph = kind.build((1, c, n, n), out_channels=o, kernel_size=k)  # type: ignore[arg-type]
        return graph.outputs[0].shape[2], params(graph).total, macs(graph)

    answer(channels[:10], outputs[:10], kernels[:10], sizes[:10])
    start = time.perf_counter()
    swept = answer(channels, outputs, kernels, sizes)
    together = (time.perf_counter() - start) / count
    sample = rng.integers(0, count, 500)
    start = time.perf_counter()
    single = [answer(int(channels[i]), int(outputs[i]), int(kernels[i]), int(sizes[i])) for i in sample]
    alone = (time.perf_counter() - start) / len(sample)
    for place, row in zip(sample, single, strict=True):
        assert tuple(int(part[place]) for part in swept) == row  # type: ignore[index]
    print(f"\neach: {together * 1e9:.0f} ns together, {alone * 1e6:.0f} us alone: {alone / together:.0f} times")
    assert alone / together >= 100


def test_the_cost_of_one_more_layer() -> None:
    """Building and counting must grow in proportion to the number of layers."""
    from convcalc.spec.assemble import assemble
    from convcalc.spec.source import blocks

    def cost(layers: int) -> float:
        words = ["conv2d c=8 k=3 p=1 relu " * layers]
        times = []
        for _ in range(5):
            start = time.perf_counter()
            graph = assemble(blocks(words, ["8x32x32"])[0]).graph
            assert macs(graph) == layers * 1024 * 576
            times.append(time.perf_counter() - start)
        return min(times)

    small, large = cost(50), cost(400)
    print(f"\nper layer: {small / 50 * 1e6:.0f} us of 50, {large / 400 * 1e6:.0f} us of 400")
    assert large / small <= 8 * 2


def test_reading_a_model_is_faster_than_torchs_counter_on_meta() -> None:
    import torch
    from torch import nn
    from torch.utils.flop_counter import FlopCounterMode

    model = nn.Sequential(
        *(nn.Sequential(nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU()) for _ in range(50))
    )
    model = model.eval()
    meta = model.to("meta")
    x = torch.empty(1, 16, 32, 32, device="meta")

    def ours() -> float:
        start = time.perf_counter()
        trace(meta, (1, 16, 32, 32))
        return time.perf_counter() - start

    def theirs() -> float:
        start = time.perf_counter()
        with FlopCounterMode(display=False), torch.no_grad():
            meta(x)
        return time.perf_counter() - start

    ours(), theirs()
    times = [(ours(), theirs()) for _ in range(ROUNDS)]
    found = statistics.median(b for _, b in times) / statistics.median(a for a, _ in times)
    print(f"\ntorch's counter on meta takes {found:.1f} times as long as trace")
    assert found >= 2
