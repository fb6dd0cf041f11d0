"""What needs no torch works where it is missing; what needs it says so in a line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_width import ARGV

ROOT = Path(__file__).parents[2]
NEEDING = {"verify": "torch", "reconcile": "torch", "explain": "sympy", "separable": "numpy", "matrix": "numpy"}
NEEDING |= {"sweep": "numpy", "fit": "numpy", "show": "numpy"}
"""Commands that need a package, and which; of the others none imports it."""
HIDDEN = """
import sys
for name in sys.argv[1].split(","):
    sys.modules[name] = None
from convcalc.cli.app import run
sys.exit(run(sys.argv[2:]))
"""


def hidden(packages: str, *argv: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "XDG_CACHE_HOME": "/nowhere"}  # formulas that were derived before need no sympy
    return subprocess.run(
        [sys.executable, "-c", HIDDEN, packages, *argv],
        capture_output=True, text=True, cwd=ROOT, check=False, env=environment,
    )  # fmt: skip


@pytest.mark.parametrize("command", sorted(set(ARGV) - set(NEEDING)))
def test_commands_that_need_no_package(command: str) -> None:
    done = hidden("torch,numpy,fvcore,sympy", command, *ARGV[command])
    assert done.returncode in (0, 1) and done.stdout and not done.stderr, done.stderr


@pytest.mark.parametrize(("command", "package"), NEEDING.items())
def test_a_package_that_is_missing_is_named_with_the_line_that_brings_it(command: str, package: str) -> None:
    done = hidden(package, command, *ARGV[command])
    assert done.returncode == 3 and not done.stdout
    assert done.stderr == f"convcalc: {package} is not installed here, and this needs it: pip install {package}\n"


def test_a_model_needs_torch() -> None:
    done = hidden("torch", "summary", "examples/models/unet.py:UNet", "-i", "3x64x64")
    assert done.returncode == 3 and "torch is not installed here" in done.stderr
