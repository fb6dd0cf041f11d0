"""Garbled saves: `diff`, --resume's reader and the kept roofs say what is wrong in one line, or read what is right."""

from __future__ import annotations

import json
import os
from pathlib import Path
from random import Random
from typing import Any

import pytest

from convcalc.errors import SpecError
from convcalc.profiling import cache
from convcalc.profiling.fields import to_json
from convcalc.profiling.roofline import FILE, read_peaks
from convcalc.profiling.store import append, read
from tests.fuzz.harness import answer, fault
from tests.profiling.samples import MACHINE, PEAKS, row

SEED = int(os.environ.get("FUZZ_SEED", "20261126"))
VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 10**400, 1e308, float("nan"), "", "=HYPERLINK(\"x\")", "\x1b[31m", "\u202e", "9" * 5000, [], {},
    [[[[]]]], {"a": {"b": None}}, ["x"], 2**63,
)  # fmt: skip


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("save") / "good.jsonl"
    for spec in ("conv2d c=64 k=3 p=1 bias=false", "maxpool2d k=2", "relu"):
        append(path, row(spec), MACHINE)
    return path.read_text(encoding="utf-8")


def garbled(random: Random, text: str) -> str:
    """A save with one to three changes, of a value or of its letters."""
    lines = text.splitlines()
    for _ in range(random.randint(1, 3)):
        place = random.randrange(len(lines))
        if random.random() < 0.6:
            try:
                document = json.loads(lines[place])
            except (ValueError, RecursionError):
                continue
            _garble(random, document)
            lines[place] = json.dumps(document)
        else:
            start, end = sorted(random.randint(0, len(lines[place])) for _ in range(2))
            piece = random.choice(("", "[" * 100_000, "{", '"', "\x00", "\x1b]0;x\x07", "9" * 5000, lines[place]))
            lines[place] = lines[place][:start] + piece + lines[place][end:]
    return "\n".join(lines)


def _garble(random: Random, document: Any) -> None:
    """Change, drop or move one value somewhere in a document."""
    while True:
        keys = list(document) if isinstance(document, dict) else list(range(len(document)))
        if not keys:
            return
        key = random.choice(keys)
        inner = document[key]
        if isinstance(inner, (dict, list)) and inner and random.random() < 0.7:
            document = inner
            continue
        if isinstance(document, dict) and random.random() < 0.2:
            del document[key]
        else:
            document[key] = random.choice((*VALUES, document[random.choice(keys)]))
        return


def check(start: int, count: int, good: str, folder: Path) -> None:
    failures = []
    before, after = folder / "before.jsonl", folder / "after.jsonl"
    inner = folder / "nothing"
    inner.mkdir(exist_ok=True)
    for number in range(start, start + count):
        random = Random(SEED + number)
        before.write_text(good if random.random() < 0.5 else garbled(random, good), encoding="utf-8", errors="replace")
        after.write_text(garbled(random, good), encoding="utf-8", errors="replace")
        argv = ["diff", str(before), str(after), *random.choice(([], ["--force"], ["-f", "csv"], ["-f", "markdown"]))]
        told = answer(argv)
        wrong = fault(argv, told, inner)
        if "csv" in argv and told.code == 0 and any(line.startswith(("=", "@", "+")) for line in told.out.splitlines()):
            wrong = wrong or "a cell that a spreadsheet works out"
        try:
            read(after)
        except SpecError:
            pass
        except Exception as error:
            wrong = wrong or f"{type(error).__name__}: {error}"
        if wrong:
            failures.append(f"{number} {wrong[:300]}")
    assert not failures, f"{len(failures)} of {count}:\n" + "\n".join(failures[:20])


def test_garbled_saves(good: str, tmp_path: Path) -> None:
    check(0, 500, good, tmp_path)


@pytest.mark.thorough
@pytest.mark.parametrize("part", range(10))
def test_many_garbled_saves(part: int, good: str, tmp_path: Path) -> None:
    check(10_000 + part * 1000, 1000, good, tmp_path)


def test_garbled_roofs_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache.write(FILE, "here", to_json(PEAKS))
    path = cache.folder() / FILE
    text = path.read_text(encoding="utf-8")
    assert read_peaks(cache.read(FILE, "here")) == PEAKS
    for number in range(300):
        random = Random(SEED + number)
        document = json.loads(text)
        _garble(random, document)
        path.write_text(json.dumps(document), encoding="utf-8")
        peaks = read_peaks(cache.read(FILE, "here"))
        assert peaks is None or peaks.ridge > 0
    for wrong in ("[" * 100_000, "", "null", "[]", '{"entries": ' + "9" * 5000 + "}", "\x00"):
        path.write_text(wrong, encoding="utf-8")
        assert cache.read(FILE, "here") is None
