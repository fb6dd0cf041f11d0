"""Rows in files: appended whole, read again, refused when they are something else."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from convcalc.errors import ConvcalcError, SpecError
from convcalc.profiling import store
from convcalc.profiling.fields import columns
from convcalc.profiling.row import Row
from tests.profiling.samples import MACHINE, row


def test_rows_come_back_and_the_last_of_a_key_counts(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    store.append(path, row(median=0.001), MACHINE)
    store.append(path, row("relu"), MACHINE)
    store.append(path, row(median=0.002), MACHINE)
    found = store.read(path)
    assert len(found) == 2 and found[0].row.timing.median_s == pytest.approx(0.002, rel=0.1)
    assert found[0].machine == MACHINE and json.loads(path.read_text().splitlines()[0])["schema_version"] == 2
    assert len(path.read_text().splitlines()) == 3


def test_rows_of_version_1_are_read_as_they_were_written(tmp_path: Path) -> None:
    """Of one tensor it wrote a list with its shape, and it had no kinds."""
    new, old = tmp_path / "new.jsonl", tmp_path / "old.jsonl"
    store.append(new, row(), MACHINE)
    document = json.loads(new.read_text())
    shapes = {key: [document[key]] for key in ("input", "output")}
    before = {key: value for key, value in document.items() if key != "kind"}
    old.write_text(json.dumps({**before, **shapes, "schema_version": 1}) + "\n")
    (now,), (then,) = store.read(new), store.read(old)
    assert now.row.identity.input == then.row.identity.input == ((1, 64, 56, 56),)
    assert now.row.identity.key == then.row.identity.key and now.row.output == then.row.output


def test_rows_differ_by_setup_input_and_name() -> None:
    keys = {one.identity.key for one in (row(), row(size="64x28x28"), row(setup={"dtype": "bf16"}), row("relu"))}
    assert len(keys) == 4 and row().identity.key == row(median=0.5).identity.key


def test_models_that_are_called_alike_are_not_taken_for_one_another() -> None:
    """A whole is called the whole whatever its layers are."""
    one, two = row("conv2d c=8 k=3"), row("conv2d c=8 k=5 p=1")
    assert replace(one.identity, spec="the whole").key != replace(two.identity, spec="the whole").key


@pytest.mark.parametrize(
    "change",
    [
        {"median_s": "fast"}, {"median_s": float("nan")}, {"median_s": True}, {"machine": None}, {"setup": "cpu"},
        {"interval_s": None}, {"interval_s": [1, "2"]}, {"machine": {"environment": []}}, {"kernels": None},
        {"times": "x"}, {"macs": None}, {"spec": None}, {"yardstick_s": -1},
    ],
)  # fmt: skip
def test_rows_that_were_changed_by_hand_are_refused(change: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    store.append(path, row(), MACHINE)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}) + "\n")
    with pytest.raises(SpecError, match="line 1: this is not a row"):
        store.read(path)


REQUIRED = [tag for tag in row().to_json() if not columns(Row)[tag].optional]


@pytest.mark.parametrize("key", ["machine", "schema_version", "command", *REQUIRED])
def test_a_row_without_a_key_is_refused(key: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    store.append(path, row(), MACHINE)
    document = json.loads(path.read_text())
    del document[key]
    path.write_text(json.dumps(document) + "\n")
    with pytest.raises(SpecError, match="line 1"):
        store.read(path)


def test_a_line_cut_off_at_the_end_is_passed_over_and_another_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    store.append(path, row(), MACHINE)
    whole = path.read_text()
    path.write_text(whole + whole[:200])
    assert len(store.read(path)) == 1
    path.write_text("nonsense\n" + whole)
    with pytest.raises(SpecError, match="line 1: this is not a row"):
        store.read(path)
    path.write_text(whole.replace('"schema_version": 2', '"schema_version": 99') + whole)
    with pytest.raises(SpecError, match="line 1"):
        store.read(path)
    with pytest.raises(SpecError, match="cannot be read"):
        store.read(tmp_path / "none")


def test_after_a_cut_line_the_next_row_begins_a_line_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"schema_version": 2, "comm')
    store.append(path, row(), MACHINE)
    assert len(store.read(path)) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line() -> None:
    with pytest.raises(ConvcalcError, match="/dev/full cannot be written: No space left"):
        store.append(Path("/dev/full"), row(), MACHINE)


def test_what_was_half_written_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.jsonl"
    store.append(path, row(), MACHINE)
    before = path.read_bytes()
    write = os.write

    def fills_up(handle: int, data: bytes) -> int:
        if len(data) > 100:
            return write(handle, data[:100])
        raise OSError(28, "No space left on device")

    def then_full(handle: int, data: bytes) -> int:
        monkeypatch.setattr(os, "write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        return fills_up(handle, data)

    monkeypatch.setattr(os, "write", then_full)
    with pytest.raises(ConvcalcError, match="No space left"):
        store.append(path, row("relu"), MACHINE)
    assert path.read_bytes() == before


def test_machines_that_differ() -> None:
    other = {**MACHINE, "torch": "2.6.0", "environment": {"OMP_WAIT_POLICY": "PASSIVE"}}
    found = store.differences(MACHINE, other)
    assert found == ["torch is 2.13.0 before and 2.6.0 after", "OMP_WAIT_POLICY is not set before and PASSIVE after"]
    assert store.differences(MACHINE, json.loads(json.dumps(MACHINE))) == []
