"""A saved profile on the tree of modules: medians of rows, sums of parts, and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from convcalc.analyses.counts.modules import module_rows
from convcalc.cli.app import run
from convcalc.errors import SpecError
from convcalc.profiling.module_times import module_times
from convcalc.profiling.store import append
from tests.profiling.samples import MACHINE, graph, row


def test_the_median_of_a_row_and_the_sum_of_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    file = tmp_path / "rows.jsonl"
    model = tmp_path / "net.py"
    model.write_text(
        "from torch import nn\n\n\ndef net():\n"
        "    side = nn.Sequential(nn.Conv2d(8, 8, 3), nn.ReLU())\n"
        "    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.Sequential(side, nn.Conv2d(8, 4, 1)), nn.ReLU())\n"
    )
    words = [f"{model}:net", "-i", "3x16x16"]
    assert run(["profile", *words, "--depth", "3", "--time", "10ms", "--device", "cpu", "--save", str(file)]) == 0
    saved = {d["name"]: d["median_s"] for d in map(json.loads, file.read_text().splitlines()) if not d["whole"]}
    capsys.readouterr()
    assert run(["summary", *words, "--times", str(file), "-f", "json"]) == 0
    times = {layer["name"]: layer["median_s"] for layer in json.loads(capsys.readouterr().out)["layers"]}
    assert times["1.0"] == pytest.approx(saved["1.0.0"] + saved["1.0.1"])
    assert times["1"] == pytest.approx(times["1.0"] + saved["1.1"])
    assert times["0"] == saved["0"] and times["2"] == saved["2"]
    assert run(["summary", *words, "--times", str(file), "--sort", "time", "--top", "1", "-f", "csv"]) == 0
    table = capsys.readouterr().out
    slowest = max(saved, key=lambda name: saved[name])
    assert table.splitlines()[1].startswith(slowest + ",")
    assert run(["summary", f"{model}:net", "-i", "3x18x16", "--times", str(file)]) == 2
    assert "times another" in capsys.readouterr().err
    assert run(["summary", *words, "--columns", "time"]) == 2
    assert "needs --times FILE" in capsys.readouterr().err


def test_several_settings_and_no_times_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    spec, size = "conv2d c=64 k=3 p=1 bias=false", "64x56x56"
    modules = module_rows(graph(spec, size))
    append(file, row(median=0.002), MACHINE)
    name = json.loads(file.read_text())["name"]
    assert modules[0].name == name
    assert module_times(file, modules) == {modules[0].path: pytest.approx(0.002)}
    with pytest.raises(SpecError, match="no times of these modules"):
        module_times(file, [])
    append(file, row(median=0.002, setup={"threads": 3}), MACHINE)
    with pytest.raises(SpecError, match="several settings"):
        module_times(file, modules)
