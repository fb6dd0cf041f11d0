"""The machine's roofs: arithmetic, what is kept and when it is measured again; the measuring itself on toys."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from convcalc.cli.app import run
from convcalc.profiling import cache, noise
from convcalc.profiling.child import peaks
from convcalc.profiling.child.backends import Backend
from convcalc.profiling.child.peaks import Product, _better, measure_peaks
from convcalc.profiling.machine import cpu_name, torch_version
from convcalc.profiling.plan import Plan, Setup
from convcalc.profiling.roofline import key
from convcalc.profiling.sampling import Measurement
from tests.profiling.samples import PEAKS

CPU = Backend(torch.device("cpu"))


@pytest.fixture(autouse=True)
def kept(in_process: list[Plan], toy_peaks: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "200")
    return toy_peaks


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[Setup]:
    calls: list[Setup] = []

    def fake(setup: Setup, backend: Any) -> Any:
        calls.append(setup)
        return PEAKS

    monkeypatch.setattr(peaks, "measure_peaks", fake)
    return calls


def test_a_second_run_measures_nothing(counted: list[Setup], kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["machine", "--threads", "1"]) == 0
    printed = capsys.readouterr()
    assert "100.0 GFLOP/s" in printed.out and "20.00 GB/s" in printed.out
    assert "below 5.000 FLOPs per byte" in printed.out and "512 x 512 products in torch.mm" in printed.out
    assert "measured this machine's peak speeds in" in printed.err
    assert json.loads(kept.read_text())["entries"]
    assert run(["machine", "--threads", "1"]) == 0
    assert not capsys.readouterr().err and len(counted) == 1
    assert run(["machine", "--threads", "1", "--refresh"]) == 0
    assert len(counted) == 2
    assert run(["machine", "--threads", "2"]) == 0
    assert run(["machine", "--threads", "1", "--dtype", "bf16"]) == 0
    assert len(counted) == 4 and len(json.loads(kept.read_text())["entries"]) == 3


def test_figures_given_by_hand_are_labelled_and_not_kept(
    counted: list[Setup], kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["machine", "--threads", "1", "--peak-flops", "989T", "--peak-bw", "3.35T", "--format", "json"]
    assert run(argv) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["flops_per_s"], found["bytes_per_s"]) == (989e12, 3.35e12)
    assert (found["flops_from"], found["bytes_from"]) == ("given", "given")
    (entry,) = json.loads(kept.read_text())["entries"].values()
    assert entry["flops_from"] == "measured" and len(counted) == 1


@pytest.mark.parametrize(
    "text", ["", "nonsense", "[]", '{"schema_version": 1}', '{"schema_version": 1, "entries": {}}']
)
def test_a_file_that_cannot_be_read_is_measured_anew(
    text: str, counted: list[Setup], kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.parent.mkdir(parents=True)
    kept.write_text(text)
    assert run(["machine", "--threads", "1"]) == 0
    capsys.readouterr()
    assert len(counted) == 1 and len(json.loads(kept.read_text())["entries"]) == 1


def test_an_entry_of_another_version_is_measured_anew(counted: list[Setup], kept: Path) -> None:
    assert cache.write("peaks.json", key(cpu_name(), torch_version(), 1, "fp32"), {"gflops": 3}) == ""
    assert run(["machine", "--threads", "1"]) == 0
    assert len(counted) == 1


def test_a_cache_that_cannot_be_written_is_one_line_and_no_failure(
    counted: list[Setup], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert run(["machine", "--threads", "1"]) == 0
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "not kept" in err and "cannot be written" in err


def test_where_caches_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    for platform, end in (("linux", ".cache/convcalc"), ("darwin", "Library/Caches/convcalc")):
        monkeypatch.setattr(sys, "platform", platform)
        assert str(cache.folder()).endswith(end)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    assert cache.folder() == Path("/local/convcalc")


def test_other_entries_stay(kept: Path) -> None:
    assert cache.write("peaks.json", "a", {"n": 1}) == cache.write("peaks.json", "b", {"n": 2}) == ""
    assert cache.read("peaks.json", "a") == {"n": 1} and cache.read("peaks.json", "c") is None
    assert [path.name for path in kept.parent.iterdir()] == ["peaks.json"]  # nothing half written is left behind


def test_toys_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peaks, "SIDES", (32, 64))
    monkeypatch.setattr(peaks, "LEAST_BYTES", 2**20)
    monkeypatch.setattr(peaks, "MOST_BYTES", 2**20)
    monkeypatch.setattr("convcalc.profiling.child.backends.cpu.cache_bytes", lambda: None)
    found = measure_peaks(Setup(), CPU)
    assert found.flops_per_s > 0 and found.bytes_per_s > 0
    assert found.near_bytes_per_s is None and found.gemm_side in (32, 64)
    assert (found.flops_from, found.bytes_from) == ("measured", "measured")


def test_rates_count_2n3_operations_and_each_tensors_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    def runs(block: Any, *_: Any) -> Measurement:
        block(1)
        return Measurement(times=(0.5, 0.5, 0.25, 0.5, 0.5), calls=1, settled=True)

    monkeypatch.setattr(peaks, "measure", runs)
    monkeypatch.setattr(peaks, "SIDES", (16,))
    monkeypatch.setattr(peaks, "LEAST_BYTES", 4 * 5000)
    monkeypatch.setattr(peaks, "MOST_BYTES", 4 * 5000)
    monkeypatch.setattr("convcalc.profiling.child.backends.cpu.cache_bytes", lambda: None)
    found = measure_peaks(Setup(), CPU)
    assert found.flops_per_s == 2 * 16**3 / 0.5 and found.burst_flops_per_s == 2 * 16**3 / 0.25
    assert found.bytes_per_s == 3 * 5000 * 4 / 0.5  # the triad moves three arrays of 5,000 floats


def test_the_faster_library_is_the_roof(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = torch.randn(8, 8), torch.randn(8, 8)
    found = peaks.libraries(one, two)
    assert "torch.mm" in found
    for work in found.values():
        work()
    monkeypatch.setattr(torch.Tensor, "to_mkldnn", lambda self: (_ for _ in ()).throw(RuntimeError("no oneDNN")))
    assert set(peaks.libraries(one, two)) == {"torch.mm"}


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--peak-bw", "3x"], "--peak-bw is a number with a suffix"),
        (["--peak-flops", "0"], "--peak-flops must be above 0"),
        (["--threads", "-1"], "'-1'"),
        (["--threads", "1,2"], "one --dtype and one number of --threads"),
        (["--device", "gpu"], "--device takes auto, cpu, cuda"),
    ],
)
def test_what_cannot_be_given(argv: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["machine", *argv]) == 2
    assert message in capsys.readouterr().err


def entry(kept: Path) -> dict[str, Any]:
    (one,) = json.loads(kept.read_text())["entries"].values()
    return dict(one)


def test_roofs_measured_under_load_are_provisional_and_measured_again_when_it_is_calmer(
    kept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    delay, load, rate, calls = [0.3], [4.0], [1e11], []
    monkeypatch.setattr(noise, "between", lambda *_: noise.SystemNoise(1.0, delay[0], 0, 0, 0.0))
    monkeypatch.setattr(noise, "conditions", lambda: {"load": load[0], "governor": None, "boost": None})

    def product(*_: Any) -> Product:
        calls.append(rate[0])
        return Product(rate[0], rate[0], 64, "torch.mm", 0.001)

    monkeypatch.setattr(peaks, "_product", product)
    argv = ["machine", "--threads", "1"]
    assert run(argv) == 0
    printed = capsys.readouterr()
    assert "provisional, as its threads waited for a core 30.0% of the time: measured again" in printed.err
    assert "provisional, as its threads waited" in printed.out
    assert entry(kept)["circumstances"]["load"] == 4.0
    assert run(argv) == 0 and len(calls) == 1  # the machine is as busy as before
    load[0], delay[0], rate[0] = 1.0, 0.0, 1.5e11
    assert run(argv) == 0 and len(calls) == 2
    assert entry(kept)["flops_per_s"] == 1.5e11 and not entry(kept)["circumstances"]["provisional"]
    load[0] = 0.1
    assert run(argv) == 0 and len(calls) == 2  # what was measured in calm is kept
    capsys.readouterr()


def test_two_provisional_measurements_that_agree_are_right() -> None:
    busy = replace(PEAKS, circumstances=replace(PEAKS.circumstances, provisional="its threads waited"))
    assert _better(busy, replace(busy, flops_per_s=0.98e11)) == replace(
        busy, circumstances=replace(busy.circumstances, provisional="")
    )
    assert _better(busy, replace(busy, flops_per_s=0.5e11)) == busy  # a load can only lower a roof
    assert _better(busy, replace(PEAKS, flops_per_s=0.9e11)).flops_per_s == 0.9e11
    assert _better(None, busy) == busy


def test_two_threads_below_one_are_doubtful(
    counted: list[Setup], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slower = replace(PEAKS, flops_per_s=0.6e11)
    monkeypatch.setattr(peaks, "measure_peaks", lambda setup, backend: PEAKS if setup.threads == 1 else slower)
    assert run(["machine", "--threads", "1"]) == 0 and "doubtful" not in capsys.readouterr().err
    for _ in range(2):
        assert run(["machine", "--threads", "2"]) == 0
        err = capsys.readouterr().err
        assert "doubtful: 2 threads gave 60.00 GFLOP/s and 1 thread 100.0: convcalc machine --refresh" in err


def test_a_gpus_single_precision_is_measured_with_tf32_and_without(monkeypatch: pytest.MonkeyPatch) -> None:
    matmul = torch.backends.cuda.matmul
    before = matmul.allow_tf32
    rates = {False: 50.8e12, True: 380e12}
    monkeypatch.setattr(
        peaks,
        "_product",
        lambda *_: Product(rates[matmul.allow_tf32], 1.1 * rates[matmul.allow_tf32], 8192, "torch.mm"),
    )
    monkeypatch.setattr(peaks, "_traffic", lambda *_: 4.2e12)
    monkeypatch.setattr(peaks, "free_bytes", lambda device: None)
    found = measure_peaks(Setup(device="cuda"), CPU)
    assert (found.flops_per_s, found.tf32_flops_per_s) == (50.8e12, 380e12) and matmul.allow_tf32 == before
    assert found.of("tf32").flops_per_s == 380e12 and found.of("fp32").ridge == found.ridge
    assert found.burst("tf32") == pytest.approx(418e12) and found.compute("fp32") == 50.8e12
    half = measure_peaks(Setup(device="cuda", dtype="bf16"), CPU)
    assert half.tf32_flops_per_s is None and half.compute("bf16") == 50.8e12
    assert found.override(1e12, None).compute("tf32") == 1e12  # a roof given by hand is the roof


def test_a_rested_device_is_asked_for_a_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(peaks.time, "sleep", slept.append)
    times = iter([2e-3] * 5 + [1e-3] * 15)
    assert peaks._burst(lambda calls: next(times), (3e-3, 4e-3), Setup(device="cuda")) == 1e-3
    assert slept == [peaks.REST_S]
    assert peaks._burst(lambda calls: 9.0, (3e-3, 4e-3), Setup()) == 3e-3 and len(slept) == 1
