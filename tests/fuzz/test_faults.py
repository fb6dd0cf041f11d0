"""Outputs that cannot be written, closed pipes, odd environments and signals: one line, an exit code, no loss."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fuzz.harness import raw

pytestmark = pytest.mark.thorough
ROOT = Path(__file__).parents[2]
COMMANDS = {
    "shape": ["shape", "-i", "3x8x8", "conv2d", "c=4", "k=3"],
    "params": ["params", "@resnet_stem"],
    "macs": ["macs", "@resnet_stem", "--useful"],
    "memory": ["memory", "@resnet_stem"],
    "rf": ["rf", "@resnet_stem", "--unit", "3,3"],
    "hdc-check": ["hdc-check", "1,2,5"],
    "hdc-design": ["hdc-design", "--rf", "30"],
    "checkerboard": ["checkerboard", "conv_transpose", "c=4", "k=4", "s=2", "-i", "4x8x8"],
    "solve": ["solve", "--in", "56", "--out", "28"],
    "separable": ["separable", "sobel"],
    "matrix": ["matrix", "conv2d", "c=1", "k=3", "-i", "1x4x4"],
    "lint": ["lint", "@resnet_stem", "--exit-zero"],
    "summary": ["summary", "@resnet_stem"],
    "compare": ["compare", "conv2d c=4 k=3", "octave c=4", "-i", "4x8x8"],
    "alt": ["alt", "conv2d c=4 k=3 p=1", "-i", "4x8x8"],
    "kinds": ["kinds"],
    "explain": ["explain", "conv"],
    "examples": ["examples"],
    "help": ["help", "limits"],
    "find": ["kinds", "conv"],
    "json": ["summary", "@resnet_stem", "-f", "json"],
}
OUTPUTS = {
    "full": ("/dev/full", 2), "proc": ("/proc/version", 2), "missing": ("no/such/folder", 2), "folder": (".", 2),
    "nothing": ("", 2), "loop": ("loop", 2), "file": ("old", 0), "null": ("/dev/null", 0),
}  # fmt: skip
ENVIRONMENTS: dict[str, dict[str, str | None]] = {
    "c": {"LC_ALL": "C"}, "ascii": {"PYTHONIOENCODING": "ascii"}, "utf16": {"PYTHONIOENCODING": "utf-16"},
    "latin": {"PYTHONIOENCODING": "latin-1"}, "dumb": {"TERM": "dumb"}, "no-term": {"TERM": None},
    "no-home": {"HOME": None, "XDG_CACHE_HOME": None}, "bad-home": {"HOME": "/nowhere", "XDG_CACHE_HOME": None},
    "one": {"COLUMNS": "1"}, "zero": {"COLUMNS": "0"}, "minus": {"COLUMNS": "-5"}, "letters": {"COLUMNS": "abc"},
    "squared": {"COLUMNS": "²"}, "wide": {"COLUMNS": "9" * 5000}, "colour": {"FORCE_COLOR": "1"},
    "no-colour": {"NO_COLOR": "1"}, "turkish": {"LC_ALL": "tr_TR.UTF-8"}, "warnings": {"PYTHONWARNINGS": "error"},
    "digits": {"PYTHONINTMAXSTRDIGITS": "640"}, "optimised": {"PYTHONOPTIMIZE": "2"}, "dev": {"PYTHONDEVMODE": "1"},
    "tmp": {"TMPDIR": "/nowhere"}, "cache": {"XDG_CACHE_HOME": "/proc"}, "threads": {"OMP_NUM_THREADS": "x"},
    "hash": {"PYTHONHASHSEED": "1"}, "unbuffered": {"PYTHONUNBUFFERED": "1"},
}  # fmt: skip
"""Variables that are set, or taken away."""


def environment(changes: dict[str, str | None] | None = None) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COLUMNS"))}
    for key, value in {"PYTHONPATH": str(ROOT), **(changes or {})}.items():
        kept.pop(key, None)
        if value is not None:
            kept[key] = value
    return kept


def ran(
    argv: list[str], folder: Path, *, changes: dict[str, str | None] | None = None, shell: str = ""
) -> subprocess.CompletedProcess[bytes]:
    """The program in a folder of its own; `shell` is what stands behind it."""
    program = [sys.executable, "-m", "convcalc", *argv]
    if shell:
        program = ["bash", "-c", f'"$@" {shell}', "bash", *program]
    return subprocess.run(program, cwd=folder, env=environment(changes), capture_output=True, timeout=60, check=False)


def messages(err: bytes) -> list[str]:
    return [line for line in err.decode("utf-8", "replace").splitlines() if line.startswith("convcalc:")]


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("command", list(COMMANDS)[:18])
def test_outputs_that_cannot_be_written(command: str, output: str, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop2")
    (tmp_path / "loop2").symlink_to(tmp_path / "loop")
    (tmp_path / "old").write_text("old\n", encoding="utf-8")
    path, code = OUTPUTS[output]
    done = ran([*COMMANDS[command], "-o", path], tmp_path)
    assert done.returncode == code and not done.stdout, done
    assert len(messages(done.stderr)) == (1 if code else 0)
    assert (tmp_path / "loop").is_symlink() and sorted(p.name for p in tmp_path.iterdir()) == ["loop", "loop2", "old"]
    text = (tmp_path / "old").read_text(encoding="utf-8")
    assert (text != "old\n") == (output == "file")


@pytest.mark.parametrize("shell", ["| head -1", "| true", ">&-", "> /dev/full", "2>&-", "<&-"])
@pytest.mark.parametrize("command", COMMANDS)
def test_pipes(command: str, shell: str, tmp_path: Path) -> None:
    done = ran(COMMANDS[command], tmp_path, shell=f"{shell}; exit ${{PIPESTATUS[0]}}")
    assert done.returncode == (2 if shell == "> /dev/full" else 0), done
    assert len(messages(done.stderr)) == (1 if shell == "> /dev/full" else 0)
    assert b"Traceback" not in done.stderr and b"Exception ignored" not in done.stderr


@pytest.mark.parametrize("name", ENVIRONMENTS)
@pytest.mark.parametrize("command", COMMANDS)
def test_environments(command: str, name: str, tmp_path: Path) -> None:
    done = ran(COMMANDS[command], tmp_path, changes=ENVIRONMENTS[name])
    assert done.returncode == 0 and done.stdout, done
    assert not messages(done.stderr) and b"Traceback" not in done.stderr
    if name not in ("utf16", "colour"):
        assert not raw(done.stdout.decode("utf-8", "replace"))


PROFILE = [
    "profile",
    "-i",
    "8x32x28x28",
    "--threads",
    "1",
    "--device",
    "cpu",
    "--time",
    "0.5s",
    "--peak-flops",
    "100G",
    "--peak-bw",
    "10G",
]
LAYERS = ["conv2d c=32 k=3 p=1"] * 20


def descendants(pid: int) -> list[int]:
    """The processes a process has started, and theirs."""
    children = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = status.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if int(words[1]) == pid:
            children.append(int(status.parent.name))
    return children + [below for child in children for below in descendants(child)]


@pytest.mark.parametrize("after", [0.1, 1.5, 4, 7, 9, 11])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGKILL])
def test_signals(number: signal.Signals, after: float, tmp_path: Path) -> None:
    save = tmp_path / "save.jsonl"
    child = subprocess.Popen(
        [sys.executable, "-m", "convcalc", *PROFILE, "--no-cold", *LAYERS, "-f", "json", "--save", str(save)],
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    time.sleep(after)
    below = descendants(child.pid)
    child.send_signal(number)
    out, _ = child.communicate(timeout=20)
    for _ in range(40):  # a child in the middle of a call ends with the call's thread, on a busy machine later
        if not (left := [pid for pid in below if Path(f"/proc/{pid}").exists()]):
            break
        time.sleep(0.1)
    assert not left, "a child was left behind"
    saved = save.read_text(encoding="utf-8").splitlines() if save.exists() else []
    assert all(json.loads(line)["command"] == "profile" for line in saved)
    if number in (signal.SIGINT, signal.SIGTERM):
        code = 130 if number == signal.SIGINT else 143
        assert child.returncode in (code, -number, 0), child.returncode
        if child.returncode == code and out:
            document = json.loads(out)
            assert (
                document["interrupted"] and document["total"]["median_s"] is None and not document["total"]["complete"]
            )
            assert len(document["layers"]) == len(saved)
