"""Every row of the oracle records (numbers obtained by running third-party code): shape, parameters and MACs equal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.golden.run_oracle import DECLINED, answer, expected, main

FOLDER = Path(__file__).parent / "oracle"
ROWS: list[dict[str, Any]] = [
    row for path in sorted(FOLDER.glob("*.json")) for row in json.loads(path.read_text("utf-8"))
]


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_a_recorded_run_is_our_answer(row: dict[str, Any]) -> None:
    ours = answer(row)
    if ours.declined:
        assert row["kind"] in NO_LAYERS or row["id"] in DECLINED or row["kind"] == "resnest_bottleneck_seedbug"
        return
    assert ours == expected(row)


NO_LAYERS = {
    *("receptive_field", "receptive_field_upsampling", "hdc_coverage_2d", "hdc_bruteforce", "checkerboard_overlap"),
    *("matrix_form", "kernel_separability", "network", "shufflenet_v1_network", "octave_net", "hetconv_net"),
    *("scnet_net", "sk_net", "rednet"),
}
"""Rows that are no layer: analyses (their own tests) and whole networks."""


def test_the_script_prints_a_line_for_each_row_and_fails_where_one_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = next(row for row in ROWS if row["kind"] == "ghost_module")
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([row, {**row, "params": row["params"] + 1}, {**row, "kind": "unheard_of"}]))
    assert main(str(path)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["equal", "DIFFERS", "DIFFERS"]
    assert lines[-1] == "1 equal, 0 declined, 2 DIFFERS"
