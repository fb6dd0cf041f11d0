"""`RowStore`, `append` and `read`: rows in a file, one JSON object a line, read again to go on or to compare."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convcalc.documents import READABLE_VERSIONS, envelope, read_json
from convcalc.errors import ConvcalcError, SpecError
from convcalc.limits import MAX_SAVE_BYTES
from convcalc.profiling.environment import environment, recorded
from convcalc.profiling.machine import cores, cpu_name, torch_version
from convcalc.profiling.observation import NOT_ASKED
from convcalc.profiling.results import identity
from convcalc.profiling.row import Row
from convcalc.units import size_of

if TYPE_CHECKING:
    from convcalc.profiling.plan import Job

COMPARED_KEYS = ("device", "name", "torch", "cores", "cuda", "cudnn", "cpu_capability")
"""What of a machine must be the same for two runs to be compared."""
LINE_BEGINNING = '{"schema_version": '


@dataclass(frozen=True, slots=True)
class SavedRow:
    """A row and the machine its child saw."""

    row: Row
    machine: dict[str, Any]


def append(path: Path, row: Row, machine: dict[str, Any]) -> None:
    """Append one row with its machine, in one write that either all arrives or is taken back.

    Raises ConvcalcError where the file cannot be written, or the disk is full.
    """
    line = json.dumps(envelope("profile", {"machine": machine, **row.to_json()})) + "\n"
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


def read(path: Path) -> list[SavedRow]:
    """Return the rows of a file; of rows with one key the last. Raises SpecError for a file of something else."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_SAVE_BYTES + 1)
        if len(raw) > MAX_SAVE_BYTES:
            raise SpecError(f"{path} cannot be read: it is over {size_of(MAX_SAVE_BYTES)}")
        text = raw.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not text'}") from None
    rows: dict[str, SavedRow] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        saved = _row(line)
        if saved is None and not _cut(line):
            raise SpecError(f"{path}, line {number}: this is not a row of convcalc profile --save")
        if saved is not None:
            rows[saved.row.identity.key] = saved
    return list(rows.values())


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _cut(line: str) -> bool:
    """Whether a line is the beginning of a row whose rest was never written."""
    return line.startswith(LINE_BEGINNING[: len(line)]) and not line.endswith("}")


def _row(line: str) -> SavedRow | None:
    """The row of a line; None where the line is something else."""
    try:
        document = read_json(line)
        row = Row.from_json(document)
        machine = document["machine"]
    except (KeyError, SpecError):
        return None
    ours = document.get("command") == "profile" and document.get("schema_version") in READABLE_VERSIONS
    return SavedRow(row, machine) if ours and _is_machine(machine) else None


def _is_machine(machine: Any) -> bool:
    """Whether this is what a child tells of its machine: text and numbers by name, and variables as text."""
    if not isinstance(machine, dict) or not all(isinstance(machine.get(key, ""), str) for key in ("name", "torch")):
        return False
    environment = machine.get("environment", {})
    return isinstance(environment, dict) and all(isinstance(value, str) for value in environment.values())


def differences(
    before: dict[str, Any], other: dict[str, Any], first: str = "before", second: str = "after"
) -> list[str]:
    """Return what of two machines is not the same, in words."""
    texts = [
        f"{name} is {before.get(name)} {first} and {other.get(name)} {second}"
        for name in COMPARED_KEYS
        if before.get(name) != other.get(name)
    ]
    mine, its = before.get("environment", {}), other.get("environment", {})
    return texts + [
        f"{name} is {mine.get(name, 'not set')} {first} and {its.get(name, 'not set')} {second}"
        for name in sorted({*mine, *its})
        if mine.get(name) != its.get(name) and not name.endswith("_NUM_THREADS")
    ]


class RowStore:
    """Rows in a file: those that are there already, and each new one as soon as it is done.

    A file that can no longer be written ends the keeping, not the run: `failure` says why.
    """

    def __init__(self, path: str | None = None, *, resume: bool = False) -> None:
        self.path = Path(path) if path else None
        self.rows: dict[str, SavedRow] = {}
        self.failure = ""
        if self.path is not None and resume and self.path.exists():
            self.rows = {saved.row.identity.key: saved for saved in read(self.path) if not saved.row.failed}
            circumstances = {}
            for saved in self.rows.values():
                setup = saved.row.identity.setup
                circumstances[repr((saved.machine, setup.threads, setup.allocator))] = saved
            for saved in circumstances.values():
                self._same_machine(saved)

    def _same_machine(self, saved: SavedRow) -> None:
        """Refuse rows of another machine, torch or environment, which would stand beside rows of this one."""
        setup = saved.row.identity.setup
        variables = recorded(environment(setup.threads, cores(), setup.allocator))
        here = {**saved.machine, "torch": torch_version(), "environment": variables}
        if saved.machine.get("device") == "cpu":
            here["name"] = cpu_name()
        unlike = differences(saved.machine, here, "there", "here")
        if unlike:
            raise SpecError(f"{self.path} holds rows of another run: {unlike[0]}: --save to another file")

    def find(self, job: Job, *, cold: bool) -> SavedRow | None:
        """Return the row of a job where it was saved before; `auto` is whatever device it ran on.

        A row that was timed without cold weights is none where they are asked for.
        """
        devices = {job.setup.device}
        if job.setup.device == "auto":
            devices = {saved.row.identity.setup.device for saved in self.rows.values()}
        for device in devices:
            saved = self.rows.get(identity(replace(job, setup=replace(job.setup, device=device))).key)
            if saved is not None and not (cold and saved.row.timing.cold_note == NOT_ASKED):
                return saved
        return None

    def keep(self, row: Row, machine: dict[str, Any]) -> None:
        """Append a row."""
        if self.path is not None and not self.failure:
            try:
                append(self.path, row, machine)
            except ConvcalcError as error:
                self.failure = str(error)
