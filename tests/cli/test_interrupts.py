"""The whole program in a process of its own, interrupted and starved: finished rows are kept, one clear line each."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
LAYERS = ["-i", "16x24x24", *(word for _ in range(8) for word in ("conv2d", "c=16", "k=3", "p=1"))]
SLOW = ["--device", "cpu", "--time", "1s", "--threads", "1", "--peak-flops", "1T", "--peak-bw", "100G", "--no-cold"]


@pytest.fixture(autouse=True)
def not_ignored() -> Iterator[None]:
    """A shell starts what runs in its background with SIGINT ignored, and children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def started(tmp_path: Path, *more: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "convcalc", "profile", *LAYERS, *SLOW, *more]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "COLUMNS": "200"}
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def rows(path: Path) -> list[dict[str, object]]:
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]  # the last may still be on its way


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_keeps_and_prints_what_is_done(number: signal.Signals, code: int, tmp_path: Path) -> None:
    saved = tmp_path / "rows.jsonl"
    process = started(tmp_path, "--save", str(saved))
    for _ in range(600):
        if len(rows(saved)) >= 2:
            break
        time.sleep(0.05)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    done = rows(saved)
    assert process.returncode == code and len(done) >= 2
    assert sum(line.lstrip().startswith(f"{n} ") for n, line in _numbered(out)) >= len(done)
    assert f"interrupted: {len(done)} rows of 9 done" in err and "Traceback" not in err
    assert "that ran add up to" in out and "together" not in out


def _numbered(out: str) -> list[tuple[int, str]]:
    table = out.partition("that ran add up to")[0]
    return [(number, line) for number in range(9) for line in table.splitlines() if line.startswith(f"{number} ")]


@pytest.mark.parametrize("after", [0.05, 0.4, 1.0])
def test_ctrl_c_before_the_first_row_is_quiet(after: float, tmp_path: Path) -> None:
    process = started(tmp_path)
    time.sleep(after)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode in (130, -signal.SIGINT)  # the latter before Python could take it
    assert "Traceback" not in err or process.returncode != 130


def test_a_read_only_cache_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    argv = [
        sys.executable,
        "-c",
        TOY,
        "profile",
        "-i",
        "3x8x8",
        "conv2d",
        "c=4",
        "k=3",
        "--time",
        "20ms",
        "--threads",
        "1",
        "--device",
        "cpu",
    ]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "file")}
    done = subprocess.run(argv, capture_output=True, text=True, env=environment, check=False, timeout=60)
    assert done.returncode == 0 and "conv2d c=4 k=3" in done.stdout
    assert done.stderr.count("convcalc: ") == 1 and "; not kept: " in done.stderr and "cannot be written" in done.stderr


TOY = (
    "import sys\nfrom convcalc.profiling import session\n"
    "session.START = session.START.replace('from ', 'import convcalc.profiling.child.peaks as p; '\n"
    "    'p.SIDES = (64,); p.LEAST_BYTES = p.MOST_BYTES = 2**20; p.SECONDS = 0.01; from ')\n"
    "from convcalc.cli.app import main\nmain()"
)
