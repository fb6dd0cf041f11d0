"""Timed sweeps: with a child that times each row in a set time; and on two workers of a cluster on this machine."""

from __future__ import annotations

import csv
import io
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

from convcalc.cli.app import run
from convcalc.profiling.fields import to_json
from convcalc.profiling.plan import Plan
from convcalc.profiling.run import Run
from convcalc.sweeps.measure import predictors
from tests.profiling.samples import MACHINE, PEAKS, observation, row

GRID = ["sweep", "conv2d", "c=8:32:8", "k=1,3", "p=same", "-i", "16x32x32", "--profile", "--threads", "1"]
CPU = ["--device", "cpu"]


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """A child that says that each row takes a nanosecond for each multiply-add; the rows it was given."""
    given: list[str] = []

    def child(plan: Plan, *_: Any) -> Iterator[dict[str, Any]]:
        from convcalc.analyses.counts.macs import macs

        yield {"event": "ready", "machine": {**MACHINE, "threads": plan.threads}}
        for setup in plan.peaks:
            told = {"dtype": setup.dtype, "threads": setup.threads, "peaks": to_json(PEAKS)}
            yield {"event": "peaks", **told, "took_s": None, "unkept": "", "doubt": ""}
        for number, group in enumerate(plan.groups):
            given.extend(job.text for job in group)
            yield {"event": "begin", "group": number, "seconds": 1.0}
            seen = [to_json(observation(median=1e-9 * int(macs(job.graph)))) for job in group]
            yield {"event": "row", "group": number, "observations": seen}

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("convcalc.profiling.session.run", child)
    monkeypatch.setattr("convcalc.profiling.store.cpu_name", lambda: MACHINE["name"])
    monkeypatch.setattr("convcalc.profiling.store.torch_version", lambda: MACHINE["torch"])
    monkeypatch.setattr("convcalc.profiling.store.recorded", lambda variables: {})
    return given


def test_each_kept_row_is_timed_beside_its_counts(scripted: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*GRID, *CPU, "--keep", "kernel_size == 3", "-f", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == len(scripted) == 4
    for each in rows:
        assert float(each["median_s"]) == pytest.approx(1e-9 * int(each["macs"])) and each["status"] == "ok"
    assert scripted[0] == "conv out_channels=8 kernel_size=3"


def test_macs_predict_what_macs_decide(scripted: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*GRID, *CPU, "--model-of-time", "-f", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    fits = {fit["count"]: fit for fit in document["predictors"]}
    assert fits["MACs"]["r_squared"] == pytest.approx(1.0) and fits["MACs"]["each_s"] == pytest.approx(1e-9)
    assert fits["bytes"]["r_squared"] < 0.9 and set(fits) == {"MACs", "bytes", "roofline"}
    assert document["machine"]["name"] == MACHINE["name"] and len(document["rows"]) == 8
    assert run([*GRID, *CPU, "--model-of-time"]) == 0
    assert "the time fitted as a constant and so much for each:" in capsys.readouterr().out


def test_a_fit_is_numpys_line() -> None:
    medians = [1e-3, 3e-3, 2e-3, 5e-3, 4e-3]
    timed = {place: row(size=f"{8 * (place + 1)}x14x14", median=median) for place, median in enumerate(medians)}
    fit = next(fit for fit in predictors(timed, Run()) if fit.count == "MACs")
    x = numpy.asarray([timed[place].work.macs for place in range(5)], dtype=float)
    slope, constant = numpy.polyfit(x, medians, 1)
    assert (fit.each_s, fit.constant_s) == (pytest.approx(slope), pytest.approx(constant))
    assert fit.r_squared == pytest.approx(numpy.corrcoef(x, medians)[0, 1] ** 2)


def test_rows_are_saved_and_taken_up_again(
    scripted: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = ["--save", str(tmp_path / "rows.jsonl")]
    assert run([*GRID, *CPU, *kept, "--top", "3", "--sort", "macs:asc", "-f", "csv"]) == 0
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 3 == len(scripted)
    assert json.loads((tmp_path / "rows.jsonl").read_text().splitlines()[0])["machine"]["name"] == MACHINE["name"]
    first = capsys.readouterr().out
    assert run([*GRID, *CPU, *kept, "--resume", "--top", "3", "--sort", "macs:asc", "-f", "csv"]) == 0
    assert len(scripted) == 3 and capsys.readouterr().out == first


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--keep", "macs < 1"], "nothing is kept, so there is nothing to time"),
        (["--resume"], "--resume goes on with a file"),
        (["--engine", "dusk"], "--engine is one of process, dask, not 'dusk'; did you mean 'dask'?"),
        (["--engine", "dask"], "needs the address of its scheduler"),
        (["--scheduler", "tcp://x:1"], "--scheduler goes with --engine dask"),
    ],
)
def test_options_that_make_no_sense(
    options: list[str], message: str, scripted: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*GRID, *CPU, *options]) == 2
    assert message in capsys.readouterr().err
    assert run(["sweep", *GRID[1:7], "--budget", "3s"]) == 2
    assert "--budget goes with --profile" in capsys.readouterr().err


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, resources={"convcalc": 1}, dashboard_address=None
    ) as workers:
        yield workers


STATIC = ["sweep", "conv2d", "c=8:128:8", "k=1,3,5", "g=1:3", "-i", "12x16:64:8x16:64:8"]
QUIET = pytest.mark.filterwarnings("ignore")


@QUIET
def test_a_cluster_gives_the_same_rows(cluster: Any, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--engine", "dask", "--scheduler", cluster.scheduler_address]
    for options in ([], ["--keep", "macs < 1M", "--sort", "macs", "--top", "5"]):
        assert run([*STATIC, *options, "-f", "csv"]) == 0
        here = capsys.readouterr()
        assert run([*STATIC, *options, *where, "-f", "csv"]) == 0
        there = capsys.readouterr()
        assert sorted(here.out.splitlines()) == sorted(there.out.splitlines())
        assert here.err == there.err and "dropped" in here.err


@QUIET
def test_a_worker_that_dies_loses_nothing(cluster: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every row is there once, measured on the worker that is left."""
    where = ["--engine", "dask", "--scheduler", cluster.scheduler_address, "--budget", "4s"]

    def kill() -> None:
        file = tmp_path / "rows.jsonl"
        while not file.exists() or not file.read_text():
            time.sleep(0.05)
        next(iter(cluster.workers.values())).process.process._process.kill()

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    assert (
        run([*GRID, *CPU, "--keep", "kernel_size == 3", *where, "--save", str(tmp_path / "rows.jsonl"), "-f", "csv"])
        == 0
    )
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["out_channels"] for row in rows] == ["8", "16", "24", "32"] and all(row["machine"] for row in rows)
    saved = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert len(saved) == 4 and all(line["machine"]["name"] for line in saved)


@QUIET
def test_nobody_at_the_address(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("convcalc.sweeps.cluster.CONNECT_S", 0.5)
    assert run([*STATIC, "--engine", "dask", "--scheduler", "tcp://127.0.0.1:1"]) == 3
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("convcalc: the scheduler at tcp://127.0.0.1:1 cannot be reached")
