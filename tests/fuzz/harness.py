"""`answer`: the program run in this process on one command line, and `fault`: what is wrong with how it answered."""

from __future__ import annotations

import io
import re
import signal
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from convcalc.cli.app import run

SECONDS = 5.0
"""Of CPU time for one answer."""
CODES = (0, 1, 2, 3)


class OutOfTime(BaseException):
    """An answer took longer than it may."""


class Answer(NamedTuple):
    """An exit code and what was printed."""

    code: int
    out: str
    err: str


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise OutOfTime after so much CPU time."""

    def stop(*_: Any) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def answer(argv: Sequence[str], stdin: bytes = b"") -> Answer:
    """Run a command line as the program would."""
    streams = sys.stdin, sys.stdout, sys.stderr
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin))
    sys.stdout, sys.stderr = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    try:
        with limited(SECONDS):
            try:
                code = run(list(argv))
            except SystemExit as stop:
                code = int(stop.code or 0)
        texts = []
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            texts.append(stream.buffer.getvalue().decode("utf-8"))  # type: ignore[attr-defined]
        return Answer(code, *texts)
    except OutOfTime:
        return Answer(-1, "", f"over {SECONDS:g} s of CPU")
    finally:
        sys.stdin, sys.stdout, sys.stderr = streams


def raw(text: str) -> list[str]:
    """The control and bidirectional characters of a text, line breaks aside."""
    return [c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c != "\n"]


def fault(argv: Sequence[str], told: Answer, folder: Path) -> str:
    """Why this is no answer as the program gives them; nothing where it is one."""
    if told.code not in CODES:
        return f"exit {told.code}: {told.err[-200:]}"
    if raw(told.out) or raw(told.err):
        return f"raw characters {raw(told.out + told.err)[:5]}"
    if told.code == 2 and "--debug" not in argv:
        messages = [line for line in told.err.splitlines() if line.startswith("convcalc: ")]
        if not messages or told.out:
            return f"exit 2 with {len(messages)} messages and {len(told.out)} characters of output"
        if any(len(word) > 210 for word in re.split(r"\s", messages[-1])):
            return "a word of over 200 characters in a message"
    files = [path.name for path in folder.iterdir()]
    return f"a file was written: {files}" if files else ""
