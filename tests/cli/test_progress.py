"""What a run says while it goes on: a bar on a terminal, lines elsewhere, how long it will take, and odd settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from convcalc.cli.app import run
from convcalc.cli.views import progress
from convcalc.cli.views.progress import BarLines
from convcalc.profiling import session
from convcalc.profiling.fields import to_json
from convcalc.profiling.plan import Plan
from convcalc.profiling.run import Limits
from tests.profiling.samples import MACHINE, observation

TWO = ["profile", "-i", "3x12x12", "conv2d", "c=4", "k=3", "relu", "--threads", "1"]


@pytest.fixture(autouse=True)
def answered(monkeypatch: pytest.MonkeyPatch, toy_peaks: Any) -> list[Plan]:
    plans: list[Plan] = []

    def child(plan: Plan, *_: Any) -> Iterator[dict[str, Any]]:
        plans.append(plan)
        yield {"event": "ready", "machine": dict(MACHINE)}
        for number in range(len(plan.groups)):
            yield {"event": "begin", "group": number, "seconds": 1.0}
            yield {"event": "row", "group": number, "observations": [to_json(observation())] * len(plan.groups[number])}

    monkeypatch.setattr(session, "run", child)
    return plans


def test_a_pipe_sees_a_bar_once_a_run_has_taken_a_moment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    lines = BarLines()
    lines.begin(12)
    lines.show("at once")
    lines.wait()
    assert not capsys.readouterr().err
    now[0] = 2.0
    lines.wait()  # nothing was told, and it goes on
    assert capsys.readouterr().err == "[....................] 0/12 2 s  at once\n"
    for _ in range(3):
        lines.advance()
    now[0] = 5.0
    lines.show("3 a layer")
    assert capsys.readouterr().err == "[#####...............] 3/12 5 s  3 a layer\n"
    now[0] = 6.5
    lines.show("4 another")  # just after the last
    assert not capsys.readouterr().err


def test_what_takes_long_is_said_before_and_what_does_not_is_not(
    capsys: pytest.CaptureFixture[str], answered: list[Plan]
) -> None:
    assert run([*TWO, "conv2d", "c=4", "k=3", "relu", "conv2d", "c=4", "k=3"]) == 0
    said = re.search(r"convcalc: this takes about (\d+) s for 6 rows \(--budget bounds it\)", capsys.readouterr().err)
    assert said is not None and 10 < int(said[1]) < 20 and answered[-1].seconds == 10.0
    assert run([*TWO, "--budget", "2s"]) == 0
    assert "this takes" not in capsys.readouterr().err and answered[-1].seconds == 2.0


def test_without_a_budget_there_is_about_a_second_a_row() -> None:
    assert [Limits().seconds_for(rows) for rows in (1, 12, 40, 500)] == [10.0, 10.0, 32.0, 60.0]
    assert Limits(budget=3.0).seconds_for(500) == 3.0


def test_more_threads_than_cores_are_taken_with_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*TWO[:-1], "99", "--budget", "1s"]) == 0
    assert "99 threads on" in capsys.readouterr().err
    assert run([*TWO, "--budget", "1s"]) == 0
    assert "they wait for one another" not in capsys.readouterr().err


def test_the_whole_is_called_the_whole_stack(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    shown: list[str] = []
    monkeypatch.setattr(BarLines, "show", lambda self, text: shown.append(text))
    assert run([*TWO, "--budget", "1s"]) == 0
    assert shown == ["0 conv2d c=4 k=3", "1 relu", "the whole stack"]
    capsys.readouterr()
