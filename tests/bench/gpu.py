"""Time layers on a GPU beside triton's own timers, in one process, and print a line on how they agree.

    python tests/bench/gpu.py [--seconds 4]

Twelve layers in fp32 and bf16. Cold (cache overwritten) stands beside triton.testing.do_bench, a graph of calls beside
do_bench_cudagraph, both medians. Wanted: cold within 4% in 85% of the rows, graphs within 2% in rows over 30 us, 95% of
the rows `ok`. Exit code 1 where one of them is missed, 3 without CUDA or triton.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch

from convcalc.profiling.child import rows
from convcalc.profiling.child.prepare import prepare
from convcalc.profiling.fields import from_json
from convcalc.profiling.observation import Observation
from convcalc.profiling.plan import Job, Plan, Setup
from convcalc.profiling.results import to_row
from convcalc.spec.assemble import assemble
from convcalc.spec.source import blocks

LAYERS = [
    ("conv2d c=64 k=3 p=1", "32x64x56x56"), ("pointwise c=64", "32x256x56x56"),
    ("depthwise k=7 p=3", "32x96x28x28"), ("conv2d c=512 k=3 p=1", "1x512x7x7"),
    ("conv2d c=64 k=7 s=2 p=3", "32x3x224x224"), ("grouped c=128 k=3 p=1 g=4", "32x128x28x28"),
    ("conv_transpose c=32 k=4 s=2 p=1", "32x64x28x28"), ("conv1d c=128 k=9 p=4", "32x128x2000"),
    ("conv3d c=32 k=3 p=1", "8x16x16x56x56"), ("batch_norm", "32x64x56x56"), ("relu", "32x64x56x56"),
    ("max_pool k=3 s=2 p=1", "32x64x112x112"),
]  # fmt: skip
DTYPES = ("fp32", "bf16")
COLD_WITHIN, COLD_ROWS = 0.04, 0.85
GRAPH_WITHIN, GRAPH_FROM_S = 0.02, 30e-6
OK_ROWS = 0.95


class Comparison(NamedTuple):
    """One row: its status, and ours and triton's seconds cold and in a graph; None where a call cannot be captured."""

    name: str
    status: str
    cold_s: float
    bench_s: float
    graph_s: float | None
    bench_graph_s: float | None

    @property
    def cold_ratio(self) -> float:
        return self.cold_s / self.bench_s

    @property
    def graph_ratio(self) -> float | None:
        if self.graph_s is None or self.bench_graph_s is None:
            return None
        return self.graph_s / self.bench_graph_s


def line(comparisons: Sequence[Comparison]) -> tuple[str, bool]:
    """Return the line that sums the rows up, and whether all that is wanted holds."""
    count = len(comparisons)
    cold = sum(abs(one.cold_ratio - 1) <= COLD_WITHIN for one in comparisons)
    graphs = [one.graph_ratio for one in comparisons if (one.bench_graph_s or 0.0) > GRAPH_FROM_S and one.graph_ratio]
    near = sum(abs(ratio - 1) <= GRAPH_WITHIN for ratio in graphs)
    fine = sum(one.status == "ok" for one in comparisons)
    text = (
        f"cold within {COLD_WITHIN:.0%} of do_bench: {cold} of {count}; graph within {GRAPH_WITHIN:.0%} of"
        f" do_bench_cudagraph over {GRAPH_FROM_S * 1e6:.0f} us: {near} of {len(graphs)}; ok: {fine} of {count}"
    )
    return text, cold >= COLD_ROWS * count and near == len(graphs) and fine >= OK_ROWS * count


def compare(spec: str, size: str, dtype: str, seconds: float) -> Comparison:
    """Time one layer by the profiler and then by triton, the same call on like tensors."""
    from triton.testing import do_bench, do_bench_cudagraph

    graph = assemble(blocks(spec.split(), [size])[0]).graph
    setup = Setup(device="cuda", dtype=dtype)
    job = Job(name=spec, text=spec, graph=graph, setup=setup)
    events: list[dict[str, Any]] = []
    plan = Plan(device="cuda", threads=1, groups=((job,),), seconds=seconds)
    rows.run(plan, lambda event, **more: events.append({"event": event, **more}))
    (seen,) = [from_json(Observation, event["observations"][0]) for event in events if event["event"] == "row"]
    row = to_row(job, seen, None)
    if seen.failure or seen.cold_cache is None:
        raise SystemExit(f"{spec} {dtype}: {seen.failure or seen.cold_note}")
    with torch.inference_mode():
        call = prepare(graph, setup).call
        bench = do_bench(call, return_mode="median") / 1e3
        try:
            bench_graph = do_bench_cudagraph(call, return_mode="median") / 1e3
        except RuntimeError:
            bench_graph = None
    alone = dict(seen.device_state).get("graph_s")
    return Comparison(f"{spec} {size} {dtype}", row.status, seen.cold_cache.median, bench, alone, bench_graph)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=4.0)
    seconds = parser.parse_args().seconds
    if not torch.cuda.is_available() or find_spec("triton") is None:
        print("there is no CUDA device here, or no triton", file=sys.stderr)
        return 3
    comparisons = []
    for spec, size in LAYERS:
        for dtype in DTYPES:
            one = compare(spec, size, dtype, seconds)
            comparisons.append(one)
            if abs(one.cold_ratio - 1) > COLD_WITHIN or one.status != "ok":
                print(f"{one.name}: {one.status}, cold / do_bench {one.cold_ratio:.3f}", file=sys.stderr)
    text, holds = line(comparisons)
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}: {text}")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
