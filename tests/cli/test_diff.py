"""`convcalc diff`: saved runs beside one another."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from convcalc.cli.app import run
from convcalc.profiling import store
from tests.profiling.samples import MACHINE, row


def files(tmp_path: Path, before: list[Any], after: list[Any], machine: dict[str, Any] = MACHINE) -> list[str]:
    for name, rows, where in (("before", before, MACHINE), ("after", after, machine)):
        for one in rows:
            store.append(tmp_path / name, one, where)
    return [str(tmp_path / "before"), str(tmp_path / "after")]


def test_faster_slower_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ("64x56x56", "64x28x28", "64x14x14")
    before = [row(size=size, median=0.001) for size in sizes]
    after = [row(size=size, median=time) for size, time in zip(sizes, (0.002, 0.0005, 0.00101), strict=True)]
    paths = files(tmp_path, before, after)
    assert run(["diff", *paths, "-f", "json"]) == 1  # one is slower
    found = json.loads(capsys.readouterr().out)
    assert [one["verdict"] for one in found["layers"]] == ["SLOWER", "FASTER", "SAME"]
    assert found["layers"][0]["ratio"] == pytest.approx(2.0)
    assert run(["diff", *paths]) == 1
    assert "1 FASTER, 1 SLOWER, 1 SAME, 0 AMBIGUOUS, 0 failed of 3 rows" in capsys.readouterr().out
    assert run(["diff", paths[0], paths[0]]) == 0


def test_a_machine_that_ran_slower_makes_it_ambiguous(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = files(
        tmp_path, [row(median=0.001, reference_matmul_s=0.001)], [row(median=0.0013, reference_matmul_s=0.0013)]
    )
    assert run(["diff", *paths, "-f", "json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["layers"]
    assert one["verdict"] == "AMBIGUOUS" and one["ratio_interval"][0] < 1.01


def test_variants_and_blocks_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    relu = row("relu")
    rows = [row(setup={"dtype": name}) for name in ("fp32", "bf16")] + [
        replace(relu, identity=replace(relu.identity, block=2))
    ]
    paths = files(tmp_path, rows, rows)
    assert run(["diff", *paths]) == 0
    out = capsys.readouterr().out
    assert "bf16" in out and "2:0" in out


def test_other_machines_are_refused_or_forced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = files(tmp_path, [row()], [row()], {**MACHINE, "torch": "2.6.0"})
    assert run(["diff", *paths]) == 2
    err = capsys.readouterr().err
    assert "these runs do not compare: torch is 2.13.0 before and 2.6.0 after: --force" in err
    assert run(["diff", *paths, "--force"]) == 0
    assert "forced: torch is" in capsys.readouterr().out


def test_what_has_nothing_in_common(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = files(tmp_path, [row(), row("relu")], [row(), row(size="64x9x9")])
    assert run(["diff", *paths]) == 0
    out = capsys.readouterr().out
    assert "only in" in out and "relu" in out
    (tmp_path / "other").mkdir()
    none = files(tmp_path / "other", [row()], [row("relu")])
    assert run(["diff", *none]) == 2
    assert "no row in common" in capsys.readouterr().err
    (tmp_path / "empty").write_text("")
    assert run(["diff", str(tmp_path / "empty"), paths[0]]) == 2
    assert "holds no rows" in capsys.readouterr().err
    assert run(["diff", "/no/such", paths[0]]) == 2
    assert "/no/such cannot be read" in capsys.readouterr().err
