"""`profile --best` on a GPU that a fake child plays: what is tried, what is left out, and that it is no error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from convcalc.cli.app import run
from convcalc.profiling import session
from convcalc.profiling.best import gpu_setups
from convcalc.profiling.fields import to_json
from convcalc.profiling.observation import Observation
from convcalc.profiling.plan import Plan, Setup
from tests.profiling.samples import MACHINE, hot, observation

GPU = {**MACHINE, "device": "cuda", "name": "NVIDIA H200"}
ARGV = ["profile", "-i", "8x12x12", "conv2d", "c=8", "k=3", "relu", "--best", "--threads", "1", "--budget", "1s"]


@pytest.fixture(autouse=True)
def gpu(monkeypatch: pytest.MonkeyPatch, toy_peaks: Any) -> list[Plan]:
    """A child on a GPU: the search is fastest, the compiler is not there, prepacked weights are not for it."""
    plans: list[Plan] = []

    def seen(setup: Setup) -> Observation:
        if setup.layout == "prepacked":
            return Observation(failure="prepacked weights are oneDNN's: they are for the CPU")
        if setup.mode == "compile":
            return Observation(failure="torch refuses it: there is no Triton here")
        return observation(warm_cache=hot(1e-4 if setup.mode == "search" else 2e-4))

    def child(plan: Plan, *_: Any) -> Iterator[dict[str, Any]]:
        plans.append(plan)
        yield {"event": "ready", "machine": dict(GPU)}
        for number, group in enumerate(plan.groups):
            yield {"event": "row", "group": number, "observations": [to_json(seen(job.setup)) for job in group]}

    monkeypatch.setattr(session, "run", child)
    monkeypatch.setenv("COLUMNS", "200")
    return plans


def test_what_cannot_be_had_is_left_out_with_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ARGV) == 0
    printed = capsys.readouterr()
    assert "left out: compile for 0, 1, the whole: torch refuses it: there is no Triton here" in printed.err
    assert "prepacked" not in printed.err + printed.out and "failed" not in printed.err
    assert "torch.backends.cudnn.benchmark" in printed.out and "2.000x" in printed.out


def test_layouts_search_and_compiler_are_tried_on_a_gpu(gpu: list[Plan], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*ARGV, "-f", "json"]) == 0
    conv, relu, whole = json.loads(capsys.readouterr().out)["layers"]
    tried = [(one["setup"]["mode"], one["setup"]["layout"]) for one in conv["variants"]]
    assert tried == [("eager", "nchw"), ("eager", "channels_last"), ("search", "nchw"), ("search", "channels_last")]
    assert conv["best"] == "search" and {one["setup"]["mode"] for one in relu["variants"]} == {"eager"}
    assert len(whole["variants"]) == 4 and gpu[-1].device == "auto"


def test_modes_that_were_asked_for_are_those_that_are_tried(gpu: list[Plan], capsys: Any) -> None:
    assert run([*ARGV, "--mode", "eager,search", "--layout", "nchw,channels_last", "--device", "cuda"]) == 0
    assert {job.setup.mode for group in gpu[-1].groups for job in group} == {"eager", "search"}
    assert {job.setup.layout for group in gpu[-1].groups for job in group} == {"nchw", "channels_last"}
    capsys.readouterr()


def test_what_is_for_a_gpu_is_added_once_and_not_on_a_cpu() -> None:
    given = [Setup(device="auto"), Setup(device="auto", layout="prepacked")]
    more = gpu_setups(given)
    assert more[:2] == given
    assert [(one.device, one.mode, one.layout) for one in more[2:]] == [
        ("cuda", "search", "nchw"), ("cuda", "compile", "nchw"),
    ]  # fmt: skip
    assert gpu_setups([Setup(device="cpu")]) == [Setup(device="cpu")]


def test_a_default_that_fails_is_an_error(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def child(plan: Plan, *_: Any) -> Iterator[dict[str, Any]]:
        yield {"event": "ready", "machine": dict(GPU)}
        for number, group in enumerate(plan.groups):
            yield {"event": "row", "group": number, "observations": [to_json(Observation(failure="no"))] * len(group)}

    monkeypatch.setattr(session, "run", child)
    assert run(ARGV) == 2
    assert "failed: no" in capsys.readouterr().err
