"""The profiler against others and against itself, at one thread. Run with `pytest -m bench`."""

from __future__ import annotations

import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.benchmark import Timer

from convcalc.profiling import session
from convcalc.profiling.child import kernels
from convcalc.profiling.child.prepare import prepare
from convcalc.profiling.fields import from_json
from convcalc.profiling.intervals import AMBIGUOUS, SAME, SLOWER, ratio, verdict
from convcalc.profiling.observation import Observation
from convcalc.profiling.plan import Job, Plan, Setup, Task
from convcalc.profiling.sampling import interleaved, stopwatch
from tests.profiling.samples import graph

pytestmark = pytest.mark.bench
LAYERS = [
    ("conv2d c=64 k=3 p=1", "64x56x56"), ("conv2d c=64 k=7 s=2 p=3", "3x224x224"), ("pointwise c=128", "256x28x28"),
    ("depthwise k=3 p=1", "128x56x56"), ("conv2d c=128 k=3 p=2 d=2", "128x28x28"),
    ("conv_transpose c=64 k=4 s=2 p=1", "64x28x28"), ("grouped c=128 k=3 p=1 g=4", "128x28x28"),
    ("conv1d c=64 k=9 p=4", "64x2000"), ("conv3d c=16 k=3 p=1", "16x8x28x28"), ("conv2d c=8 k=3", "8x8x8"),
]  # fmt: skip
TIMES = 9


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_depthwise_layer_is_faster_than_the_convolution_it_replaces() -> None:
    """One 178th of the multiply-adds (9 against 25 * 64 for each input channel): the verdict is not in doubt."""
    argv = ["profile", "-i", "16x24x24", "conv2d", "c=64", "k=5", "p=2", "--threads", "1", "--time", "1s", "-f", "json"]
    argv += ["--device", "cpu"]
    command = [sys.executable, "-m", "convcalc", *argv, "--vs", "depthwise k=3 p=1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["verdict"] == "FASTER"


@pytest.mark.parametrize(("spec", "size"), LAYERS)
def test_our_loop_agrees_with_torchs(spec: str, size: str) -> None:
    """Both in one process on the same tensors, block about; torch against itself is the yardstick."""
    made = prepare(graph(spec, size), Setup())
    timer = Timer("call()", globals={"call": made.call})
    block, found = stopwatch(made.call), []
    with torch.inference_mode():
        made.call()
        for _ in range(TIMES):
            theirs = [
                timer.blocked_autorange(min_run_time=0.1).median,
                timer.blocked_autorange(min_run_time=0.1).median,
            ]
            (ours,) = interleaved([block], Task(min_s=0.1, max_s=0.15, warmup_s=0.0))
            found.append((ours.median / theirs[0], theirs[1] / theirs[0], ours.median))
    off = abs(statistics.median(one for one, _, _ in found) - 1)
    itself = statistics.median(abs(one - 1) for _, one, _ in found)
    print(f"\n{spec}: {found[0][2] * 1e6:.0f} us, off by {100 * off:.2f}%, torch against itself {100 * itself:.2f}%")
    assert off <= max(0.02, 2 * itself)


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="needs oneDNN")
def test_onednns_own_times_explain_the_call() -> None:
    """Over convolutions of at least a millisecond that run in oneDNN; the others are named with their backend."""
    explained, elsewhere = [], []
    large = ["64x112x112", "128x56x56", "256x28x28", "8x512x14x14"]
    specs = ["conv2d c=128 k=3 p=1", "conv2d c=256 k=3 p=1 s=2", "conv_transpose c=64 k=4 s=2 p=1", "pointwise c=512"]
    for spec, size in itertools.product(specs, large):
        found = graph(spec, size)
        made = prepare(found, Setup())
        with torch.inference_mode():
            made.call()
            (seen,) = interleaved([stopwatch(made.call)], Task(min_s=0.1, max_s=0.3))
            told = kernels.onednn(made.call, 5)
            share = sum(one.seconds for one in told) / seen.median
        name = kernels.library(made, found, Setup()) or "not told"
        where = ", ".join(dict.fromkeys(one.implementation for one in told if not one.is_reorder)) or "not in oneDNN"
        print(f"\n{spec} on {size}: {seen.median * 1e3:.2f} ms, {name}, {where}: {100 * share:.0f}%", end="")
        if seen.median >= 1e-3:
            (explained if name == "Mkldnn" else elsewhere).append(share)
    print(f"\nmedian {100 * statistics.median(explained):.0f}% of {len(explained)}; {len(elsewhere)} elsewhere")
    assert explained and statistics.median(explained) >= 0.85


def pairs(seconds: float) -> Plan:
    """Twenty comparisons of a layer with itself, four layers five times."""
    setup = Setup()
    groups = [
        tuple(Job(name=name, text=spec, graph=graph(spec, size), setup=setup) for name in "AB")
        for spec, size in LAYERS[:4] * 5
    ]
    return Plan(device="cpu", threads=1, groups=tuple(groups), seconds=seconds, cold=False)


def verdicts(plan: Plan) -> list[str]:
    found = []
    for event in session.run(plan):
        if event["event"] == "row":
            one, two = (from_json(Observation, seen).warm_cache for seen in event["observations"])
            assert one is not None and two is not None
            seen = ratio(two.times, one.times)
            found.append(verdict(seen))
            print(f"{seen.value:.3f} [{seen.low:.3f}, {seen.high:.3f}] {found[-1]} of {one.samples} rounds")
    return found


def test_a_layer_is_not_found_unlike_itself() -> None:
    print()
    found = verdicts(pairs(60.0))
    assert len(found) == 20 and sum(one not in (SAME, AMBIGUOUS) for one in found) <= 1


WAITING = """
import itertools, time, convcalc.profiling.child.rows as rows
real, turns = rows.prepare, itertools.cycle((False, True))
def prepare(graph, setup):
    made = real(graph, setup)
    if next(turns):
        call, times = made.call, []
        import torch
        with torch.inference_mode():
            for _ in range(50):
                start = time.perf_counter(); call(); times.append(time.perf_counter() - start)
        wait = 0.1 * sorted(times)[25]
        def slower():
            call()
            end = time.perf_counter() + wait
            while time.perf_counter() < end: pass
        made.call = slower
    return made
rows.prepare = prepare
"""


def test_a_tenth_more_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    head, _, tail = session.START.partition("from convcalc.profiling.child.worker")
    monkeypatch.setattr(session, "START", f"{head}exec({WAITING!r}); from convcalc.profiling.child.worker{tail}")
    print()
    found = verdicts(pairs(60.0))
    assert len(found) == 20 and sum(one == SLOWER for one in found) >= 18


def wall(*argv: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *argv], check=True, capture_output=True)
    return time.perf_counter() - start


def test_the_overhead_is_little_more_than_importing_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    layer = [
        "-m",
        "convcalc",
        "profile",
        "-i",
        "64x56x56",
        "conv2d",
        "c=64",
        "k=3",
        "p=1",
        "--threads",
        "1",
        "--budget",
        "2s",
    ]
    wall(*layer)  # measures the peaks
    found = [(wall(*layer), wall("-c", "import torch")) for _ in range(5)]
    whole, torchs = (statistics.median(one) for one in zip(*found, strict=True))
    print(
        f"\n{whole:.2f} s for --budget 2s, import torch {torchs:.2f} s: {(whole - 2) / torchs:.2f} times beside the 2 s"
    )
    assert whole <= 2 + 1.4 * torchs


def test_the_resnet_is_within_its_budget(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "convcalc", "profile", "@resnet50_layers", "--threads", "1", "-f", "json"]
    start = time.perf_counter()
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(argv, capture_output=True, text=True, check=True, env=environment)
    took = time.perf_counter() - start
    found = json.loads(done.stdout)
    print(f"\n{took:.1f} s, {found['total']['layers_s'] * 1e3:.1f} ms in all")
    assert len(found["layers"]) == 23 and found["total"]["macs"] == 4_087_136_256
    for row in found["layers"]:
        assert (
            row["status"] != "failed" and row["implementation"] and row["flops_per_s"] and row["fraction_of_attainable"]
        )
    assert took <= 60 + 20  # the peaks, and torch


BUSY = ["-i", "64x56x56", "conv2d", "c=64", "k=3", "p=1", "relu", "depthwise", "k=3", "p=1", "max_pool", "k=2"]
STARVED = 0.05
"""How far a row may be off beside a busy neighbour and be called ok."""


def profiled(*more: str) -> dict[str, Any]:
    argv = [
        sys.executable,
        "-m",
        "convcalc",
        "profile",
        *BUSY,
        "--device",
        "cpu",
        "--budget",
        "8s",
        "-f",
        "json",
        *more,
    ]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_beside_a_busy_neighbour_no_row_that_is_off_is_ok_nor_explained() -> None:
    calm = [profiled() for _ in range(3)]
    usual = [statistics.median(run["layers"][place]["median_s"] for run in calm) for place in range(4)]
    neighbours = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    try:
        busy = [profiled() for _ in range(3)]
    finally:
        for one in neighbours:
            one.kill()
            one.wait()
    rows = [(row, before) for run in busy for row, before in zip(run["layers"], usual, strict=True)]
    fine = [(row, before) for row, before in rows if row["status"] == "ok"]
    contended = [row for row, _ in rows if row["status"] == "contended"]
    print(f"\n{len(fine)} ok and {len(contended)} contended of {len(rows)}")
    assert contended and not any(row["explanation"] for row in contended)
    assert not any("fewer --threads" in advice for row in contended for advice in row["advice"])
    assert all(abs(row["median_s"] / before - 1) <= STARVED for row, before in fine)
