"""Rows in a file: one JSON object a line, appended whole, read again to go on or to compare."""

from __future__ import annotations

import json
import math
import os
from typing import TYPE_CHECKING, Any

from convcalc.documents import SCHEMA_VERSION, envelope
from convcalc.errors import ConvcalcError, SpecError

if TYPE_CHECKING:
    from pathlib import Path

    from convcalc.profiling.row import Record
from convcalc.profiling.plan import Setup, as_dict

COMPARED = ("device", "name", "torch", "cores", "cuda", "cudnn", "cpu_capability")
"""What of a machine must be the same for two runs to be compared."""
BEGINNING = '{"schema_version": '
WORDS = ("name", "spec", "graph", "status")
LISTS = ("input", "output", "reasons", "advice", "kernels", "other_layouts")
COUNTS = ("macs", "flops", "bytes", "times", "samples", "calls", "outliers")
SECONDS = ("median_s", "p20_s", "p80_s", "min_s", "first_s", "cold_median_s", "compile_s", "yardstick_s")
OTHERS = (
    "whole", "implementation", "flops_per_s", "useful_flops_per_s", "macs_useful", "intensity", "bound",
    "attainable_flops_per_s",
    "fraction_of_attainable", "reorder_share", "kernel_share", "page_faults_per_call", "run_queue_delay",
    "preemptions", "steal", "yardstick_after_over_before", "check", "repro", "cold_note",
)  # fmt: skip
"""What is read of a row: text, lists, whole numbers, positive seconds (or null), and what may be anything else."""
IDENTITY = ("name", "spec", "graph", "input", "setup", "block")


def key(row: Record) -> str:
    """Return what a row is found under: its name, words, input and setup."""
    return json.dumps([row.get(name) for name in IDENTITY], sort_keys=True)


def append(path: Path, row: Record, machine: dict[str, Any]) -> None:
    """Append one row with its machine, in one write that either all arrives or is taken back.

    Raises ConvcalcError where the file cannot be written, or the disk is full.
    """
    line = json.dumps(envelope("profile", {"machine": machine, **row})) + "\n"
    data = line.encode()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            before = os.fstat(handle).st_size
            if before and not _ends_a_line(path):  # a row that was cut off while it was written
                data = b"\n" + data
            try:
                while data:
                    data = data[os.write(handle, data) :]
                os.fsync(handle)
            except OSError:
                if os.fstat(handle).st_size > before:
                    os.ftruncate(handle, before)
                raise
        finally:
            os.close(handle)
    except OSError as error:
        raise ConvcalcError(f"{path} cannot be written: {error.strerror or error}") from None


def read(path: Path) -> list[Record]:
    """Return the rows of a file; of rows with one key the last. Raises SpecError for a file of something else."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}") from None
    found: dict[str, Record] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        row = _row(line)
        if row is None and not _cut(line):
            raise SpecError(f"{path}, line {number}: this is no row of convcalc profile --save")
        if row is not None:
            found[key(row)] = row
    return list(found.values())


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _cut(line: str) -> bool:
    """Whether a line is the beginning of a row whose rest was never written."""
    return line.startswith(BEGINNING[: len(line)]) and not line.endswith("}")


def _row(line: str) -> Record | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and _fits(row) else None


def _fits(row: Record) -> bool:
    """Whether a line has all that is read of a row, each of the right kind."""
    machine, setup, interval = row.get("machine"), row.get("setup"), row.get("interval_s")
    return (
        row.get("command") == "profile"
        and row.get("schema_version") == SCHEMA_VERSION
        and isinstance(machine, dict)
        and isinstance(machine.get("environment", {}), dict)
        and isinstance(setup, dict)
        and set(setup) == set(as_dict(Setup()))
        and all(isinstance(row.get(name), str) for name in WORDS)
        and all(isinstance(row.get(name), list) for name in LISTS)
        and all(_counts(row.get(name)) for name in COUNTS)
        and all(name in row and (row[name] is None or _positive(row[name])) for name in SECONDS)
        and (interval is None) == (row["median_s"] is None)
        and (interval is None or (isinstance(interval, list) and len(interval) == 2 and all(map(_positive, interval))))
        and all(name in row for name in OTHERS)
    )


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _positive(value: Any) -> bool:
    return _number(value) and value > 0


def _counts(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def differences(one: dict[str, Any], other: dict[str, Any], first: str = "before", second: str = "after") -> list[str]:
    """Return what of two machines is not the same, in words."""
    found = [
        f"{name} is {one.get(name)} {first} and {other.get(name)} {second}"
        for name in COMPARED
        if one.get(name) != other.get(name)
    ]
    mine, its = one.get("environment", {}), other.get("environment", {})
    return found + [
        f"{name} is {mine.get(name, 'not set')} {first} and {its.get(name, 'not set')} {second}"
        for name in sorted({*mine, *its})
        if mine.get(name) != its.get(name) and not name.endswith("_NUM_THREADS")
    ]
