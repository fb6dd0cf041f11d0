"""Setups in words, and the environment a child gets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from convcalc.profiling import machine
from convcalc.profiling.environment import environment, recorded
from convcalc.profiling.fields import from_json, to_json
from convcalc.profiling.plan import PASSES, TIMED_DTYPES, Setup, can_prepack
from tests.profiling.samples import graph


def test_a_setup_in_words() -> None:
    assert Setup().describe() == "cpu, 1 thread, fp32, nchw, forward pass"
    assert Setup(device="cuda", mode="search").describe() == "cuda, fp32, nchw, forward pass, search"
    assert Setup(dtype="bf16", mode="compile").differs(Setup()) == "bf16, compile"
    assert Setup().differs(Setup()) == ""
    assert to_json(Setup(direction="both"))["pass"] == "both"
    assert {Setup(dtype=name).itemsize for name in TIMED_DTYPES} == {2, 4} and PASSES["both"] == 3


def test_threads_are_bound_only_when_they_take_all_cores() -> None:
    some, every = environment(1, 4, given={}), environment(4, 4, given={})
    assert (some["OMP_NUM_THREADS"], some["MKL_NUM_THREADS"], some["OMP_PROC_BIND"]) == ("1", "1", "false")
    assert (every["OMP_NUM_THREADS"], every["OMP_PROC_BIND"], every["OMP_PLACES"]) == ("4", "close", "cores")
    assert "OMP_PLACES" not in some and some["OMP_WAIT_POLICY"] == "ACTIVE"


def test_what_the_user_has_set_stays_and_is_recorded() -> None:
    given = {
        "OMP_WAIT_POLICY": "PASSIVE",
        "OMP_PROC_BIND": "spread",
        "OMP_NUM_THREADS": "7",
        "LD_PRELOAD": "x.so",
        "A": "1",
    }
    found = environment(2, 2, given=given)
    assert (found["OMP_WAIT_POLICY"], found["OMP_PROC_BIND"], found["A"]) == ("PASSIVE", "spread", "1")
    assert found["OMP_NUM_THREADS"] == "2"  # threads are ours to set
    told = recorded(found)
    assert told["LD_PRELOAD"] == "x.so" and told["OMP_WAIT_POLICY"] == "PASSIVE" and "A" not in told


def test_verbose_logs_are_not_inherited() -> None:
    assert "ONEDNN_VERBOSE" not in environment(1, 1, given={"ONEDNN_VERBOSE": "2", "DNNL_VERBOSE": "1"})
    assert environment(1, 1)["PATH"] == os.environ["PATH"]


SIBLINGS = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, 4),
        ({"/sys/fs/cgroup/cpu.max": "max 100000"}, 4),
        ({"/sys/fs/cgroup/cpu.max": "250000 100000"}, 2),
        ({"/sys/fs/cgroup/cpu.max": "50000 100000"}, 1),
        ({"/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "300000", "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"}, 3),
        ({"/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1", "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"}, 4),
        ({SIBLINGS.format(n): f"{n % 2},{n % 2 + 2}" for n in range(4)}, 2),
    ],
)  # fmt: skip
def test_cores_are_physical_allowed_and_within_the_quota(
    files: dict[str, str], cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr(machine, "read_word", files.get)
    assert machine.cores() == cores


def test_this_machine() -> None:
    assert machine.cpu_name() and machine.cores() >= 1
    size = machine.cache_bytes()
    assert size is None or 2**15 <= size <= 2**40


def test_versions_are_told_without_importing(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    assert machine.torch_version().partition("+")[0] == torch.__version__.partition("+")[0]
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: (_ for _ in ()).throw(OSError))
    assert machine.cpu_name() and machine.cache_bytes() is None


def test_freed_pages_are_kept_unless_the_system_is_to_decide() -> None:
    assert environment(1, 1, given={})["MALLOC_MMAP_MAX_"] == "0"
    assert "MALLOC_MMAP_MAX_" not in environment(1, 1, "system", given={})
    assert environment(1, 1, given={"MALLOC_MMAP_MAX_": "9"})["MALLOC_MMAP_MAX_"] == "9"


def test_a_setup_travels_in_json() -> None:
    one = Setup(direction="both", allocator="system", keep_denormals=True, threads=3)
    assert from_json(Setup, to_json(one)) == one


@pytest.mark.parametrize(
    ("spec", "setup", "why"),
    [
        ("conv2d c=4 k=3", {}, None),
        ("conv2d c=4 k=3", {"device": "auto"}, None),
        ("conv2d c=4 k=3", {"device": "cuda"}, "for the CPU"),
        ("conv2d c=4 k=3", {"device": "mps"}, "for the CPU"),
        ("conv2d c=4 k=3", {"direction": "backward"}, "the eager forward"),
        ("conv2d c=4 k=3", {"mode": "compile"}, "the eager forward"),
        ("relu", {}, "no convolution whose weights can be packed"),
    ],
)
def test_one_rule_says_whether_weights_can_be_packed(spec: str, setup: dict[str, Any], why: str | None) -> None:
    reason = can_prepack(graph(spec, "3x8x8"), Setup(**setup))
    assert (reason is None) if why is None else why in (reason or "")
