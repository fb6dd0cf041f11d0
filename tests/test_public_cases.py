"""Small cases from public bug reports and people's files, with answers known from torch, arithmetic or brute force.

`tests/golden/cases.json` holds them: letters are kinds of faults (a printed module's own arguments, nothing known in a
print, other people's class names, ...). A case says the exit code, values of the JSON document, and words that the
plain run prints or does not.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from convcalc.cli.app import run

CASES = json.loads((Path(__file__).parent / "golden" / "cases.json").read_text(encoding="utf-8"))


def at(document: Any, path: str) -> Any:
    for part in path.split("."):
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


def holds(document: Any, wanted: dict[str, Any]) -> bool:
    return all(
        bool(document.get("at_least")) == value if path == "at_least" else at(document, path) == value
        for path, value in wanted.items()
    )


@pytest.mark.parametrize("case", CASES, ids=[f"{case['kind']}-{case['id']}" for case in CASES])
def test_a_public_case(
    case: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ran(*more: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(case.get("stdin", "").encode())))
        code = run([*case["args"], *more])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    code, out, err = ran()
    assert code == case["rc"], err
    assert all(word in out + err for word in case.get("has", ())), out + err
    assert not any(word in out + err for word in case.get("lacks", ())), out + err
    if code == 0 and case.keys() & {"json", "at_least", "any"}:
        document = json.loads(ran("-f", "json")[1])
        assert holds(document, case.get("json", {})), document
        assert bool(document.get("at_least")) or not case.get("at_least"), document
        assert not case.get("any") or any(holds(document, wanted) for wanted in case["any"]), document
