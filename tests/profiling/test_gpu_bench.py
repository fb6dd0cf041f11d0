"""The line that tests/bench/gpu.py prints, by figures measured on an NVIDIA H200."""

from __future__ import annotations

from convcalc.spec.assemble import assemble
from convcalc.spec.source import blocks
from tests.bench.gpu import LAYERS, Comparison, line

US = 1e-6
MEASURED = [
    Comparison("conv fp32", "ok", 104.6 * US, 103.8 * US, 97.3 * US, 97.1 * US),
    Comparison("conv bf16", "ok", 73.6 * US, 73.3 * US, 67.6 * US, 67.6 * US),
    Comparison("1x1 bf16", "ok", 45.6 * US, 45.7 * US, 37.8 * US, 38.1 * US),
    Comparison("depthwise fp32", "ok", 87.4 * US, 87.6 * US, 81.5 * US, 81.5 * US),
    Comparison("512-512 fp32", "ok", 41.3 * US, 40.7 * US, 32.6 * US, 34.0 * US),
]


def test_rows_that_agree_and_one_that_does_not() -> None:
    text, holds = line(MEASURED[:4])
    assert holds and "do_bench: 4 of 4;" in text and "us: 4 of 4; ok: 4 of 4" in text
    text, holds = line(MEASURED)  # the last one's graph is 4% off
    assert not holds and "us: 4 of 5" in text
    text, holds = line([one._replace(status="drift") for one in MEASURED[:4]])
    assert not holds and "ok: 0 of 4" in text
    text, holds = line([one._replace(cold_s=2 * one.cold_s) for one in MEASURED[:4]])
    assert not holds and "do_bench: 0 of 4" in text
    short = MEASURED[0]._replace(bench_graph_s=20e-6)
    assert "us: 0 of 0" in line([short])[0]  # rows under 30 us are not judged by it


def test_its_layers_are_read() -> None:
    assert len(LAYERS) == 12
    for spec, size in LAYERS:
        assert assemble(blocks(spec.split(), [size])[0]).graph.outputs
