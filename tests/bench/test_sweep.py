"""Sweeps: a million configurations in process, memory that stays, and one configuration beside torch's own counter."""

from __future__ import annotations

import random
import time
import tracemalloc
from itertools import islice

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from convcalc.analyses.counts.macs import macs
from convcalc.analyses.counts.params import params
from convcalc.errors import ShapeError
from convcalc.spec.assemble import assemble
from convcalc.spec.source import blocks
from convcalc.sweeps.evaluate import Sweep
from convcalc.sweeps.grid import grid_of

pytestmark = pytest.mark.bench
SPECS = {
    "conv2d": "conv2d c=8:512:8 k=1,3,5 s=1,2 p=0:2",
    "depthwise_separable": "depthwise_separable c=8:512:8 k=1,3,5 s=1,2 p=0:2",
    "ghost": "ghost c=8:512:8 k=1,3,5 s=1,2,3 cheap_kernel_size=3,5",
}
SIZES = dict.fromkeys(SPECS, "16x32:288:8x32:228:7")
LARGE = "conv2d c=8:512:8 k=1,3,5,7 s=1,2,3 p=0:3 d=1,2"
COLUMNS = ("params", "macs")


def swept(name: str) -> tuple[Sweep, float, int]:
    (block,) = blocks(SPECS[name].split(), [SIZES[name]])
    sweep = Sweep(grid_of(block), COLUMNS)
    begin, rows = time.perf_counter(), 0
    for batch in sweep.rows():
        rows += batch.count
    return sweep, time.perf_counter() - begin, rows


@pytest.mark.parametrize("name", SPECS)
def test_a_million_rows_in_half_a_second(name: str) -> None:
    swept(name)
    sweep, seconds, rows = min((swept(name) for _ in range(3)), key=lambda found: found[1])
    per_million = seconds / sweep.grid.rows * 1e6
    print(f"{name}: {sweep.grid.rows:,} combinations, {rows:,} rows, {per_million:.3f} s per million")
    assert sweep.grid.rows > 9e5 and per_million < 0.5


def test_memory_is_the_same_for_ten_million_rows() -> None:
    (block,) = blocks([LARGE], ["16x32:288:4x32:288:4"])
    grid = grid_of(block)
    peaks = []
    for most in (2, 60):
        tracemalloc.start()
        rows = sum(batch.count for batch in islice(Sweep(grid, COLUMNS).rows(), most))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    first, last = (f"{peak / 2**20:.0f} MiB" for peak in peaks)
    print(f"{grid.rows:,} combinations: at most {first} in the first boxes, {last} after {rows:,} rows")
    assert grid.rows > 1e7 and rows > 1e7 and peaks[1] < 1.2 * peaks[0]


@pytest.mark.parametrize("name", SPECS)
def test_rows_are_what_ints_give(name: str) -> None:
    (block,) = blocks(SPECS[name].split(), [SIZES[name]])
    grid = grid_of(block)
    sweep = Sweep(grid, COLUMNS)
    known = {}
    for batch in sweep.rows():
        places = random.sample(range(batch.count), min(batch.count, 400))
        for row in batch.take(places).records(text=True):
            known[tuple(str(row[axis.column]) for axis in grid.axes)] = row["params"], row["macs"]
    for values, found in random.sample(sorted(known.items()), min(len(known), 1000)):
        layer, first = block.layers[0], block.inputs[0]
        arguments, sizes = dict(layer.arguments), list(first.sizes)
        for axis, value in zip(grid.axes, map(int, values), strict=True):
            if axis.layer is not None:
                arguments[axis.argument] = value
            else:
                sizes[axis.size or 0] = value
        single = block._replace(
            layers=(layer._replace(arguments=arguments),), inputs=(first._replace(sizes=tuple(sizes)),)
        )
        try:
            graph = assemble(single).graph
        except ShapeError:
            pytest.fail(f"{values} is no configuration")
        assert found == (params(graph).total, macs(graph))


def test_a_configuration_is_500_times_faster_than_torchs_counter() -> None:
    def counted(channels: int, kernel: int) -> int:
        with torch.device("meta"):
            module = nn.Conv2d(16, channels, kernel)
            x = torch.empty(1, 16, 64, 64)
        counter = FlopCounterMode(display=False)
        with counter, torch.no_grad():
            module(x)
        return counter.get_total_flops()

    counted(8, 3)
    begin = time.perf_counter()
    for channels in range(8, 208):
        counted(channels, 3)
    theirs = (time.perf_counter() - begin) / 200
    sweep, seconds, _ = swept("conv2d")
    ours = seconds / sweep.grid.rows
    print(f"torch {theirs * 1e6:.0f} us, here {ours * 1e6:.3f} us a configuration: {theirs / ours:,.0f} times")
    assert theirs > 500 * ours
