"""What every command prints at 80 columns, help and all, kept in snapshots/: `UPDATE_SNAPSHOTS=1` writes them anew.

The numbers in them are checked elsewhere; timings are those of rows made up for tests.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from convcalc.cli.app import run
from convcalc.cli.command_names import COMMANDS
from convcalc.profiling import store
from convcalc.profiling.fields import to_json
from convcalc.profiling.plan import Plan
from tests.cli.test_width import ARGV
from tests.profiling.samples import MACHINE, PEAKS, observation, row

FOLDER = Path(__file__).parent / "snapshots"
MEDIANS = (3.1e-3, 4.2e-4, 4.5e-4, 4.4e-4, 2.9e-3, 1.2e-4, 1.1e-4, 3.0e-3, 1.3e-4, 1.9e-4, 1.0e-4, 1.07e-2)
"""Seconds of rows, one after another."""
MEASURED = {
    "profile": ["@resnet_stem", "--threads", "1", "--explain", "--device", "cpu"],
    "machine": ["--threads", "1", "--device", "cpu"],
    "diff": ["before.jsonl", "after.jsonl"],
}
HOW = "this is not what was printed before: UPDATE_SNAPSHOTS=1 writes it anew, git diff shows it"


def scripted(plan: Plan, *_: Any) -> Iterator[dict[str, Any]]:
    """What a child tells that times each row in a set time."""
    yield {"event": "ready", "machine": {**MACHINE, "threads": plan.threads}}
    for setup in plan.peaks:
        told = {"dtype": setup.dtype, "threads": setup.threads, "peaks": to_json(PEAKS)}
        yield {"event": "peaks", **told, "took_s": None, "unkept": "", "doubt": ""}
    for number, group in enumerate(plan.groups):
        yield {"event": "begin", "group": number, "seconds": 1.0}
        seen = [to_json(observation(median=MEDIANS[number % len(MEDIANS)])) for _ in group]
        yield {"event": "row", "group": number, "observations": seen}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("convcalc.profiling.session.run", scripted)
    monkeypatch.setattr("convcalc.profiling.run.cores", lambda: 4)
    monkeypatch.chdir(Path(__file__).parents[2])


def masked(text: str, tmp_path: Path) -> str:
    """Without what differs between machines and versions."""
    text = text.replace(str(tmp_path), "TMP").replace(str(Path.cwd()), "HERE")
    return "\n".join(line.rstrip() for line in text.splitlines())


@pytest.mark.usefixtures("answers")
@pytest.mark.parametrize("command", sorted(set(COMMANDS) - {"about", "completion"}))
def test_what_is_printed(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    argv = MEASURED.get(command) or ARGV[command]
    if command == "diff":
        for name, medians in (("before", MEDIANS), ("after", MEDIANS[::-1])):
            for size, median in zip(("64x56x56", "64x28x28", "64x14x14"), medians, strict=False):
                store.append(tmp_path / f"{name}.jsonl", row(size=size, median=median), MACHINE)
        monkeypatch.chdir(tmp_path)
    run([command, *argv])
    answer = capsys.readouterr()
    run([command, "--help"])
    help_text = capsys.readouterr().out
    typed = " ".join(f'"{word}"' if " " in word else word for word in (command, *argv))
    said = "".join(f"\n{line}" for line in answer.err.splitlines())
    text = f"$ convcalc {typed}\n{answer.out}{said}\n\n$ convcalc {command} --help\n{help_text}"
    text = masked(text, tmp_path) + "\n"
    wide = [line for line in text.splitlines() if cell_len(line) > 80 and not line.startswith(("$", "convcalc: "))]
    assert command in ("convert", "matrix") or not wide
    kept = FOLDER / f"{command}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(text, encoding="utf-8")
    assert kept.read_text(encoding="utf-8") == text, HOW


def test_no_snapshot_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(COMMANDS) - {"about", "completion"}


def test_no_word_of_another_language_than_plain_english() -> None:
    """The phrases that newcomers did not understand are in no answer and no help."""
    odd = re.compile(
        r"tooth|teeth|closed form|deviation / mean|lays tensors out anew|in none of its kernels|its time was over"
        r"|far off|all once|in general position|it pays|not built yet"
    )
    for path in FOLDER.glob("*.txt"):
        text = path.read_text(encoding="utf-8")
        assert not odd.search(text), (path.stem, odd.findall(text))
