"""The house itself: floors, file length, packages, start-up imports, no names of a machine."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "convcalc"
FLOORS = {
    "errors": 0, "sizes": 0, "units": 0, "limits": 0, "documents": 0, "window": 1, "functions": 1,
    "equations": 2, "ops": 2, "shapes": 2, "graph": 2,
    "padding": 3, "arguments": 3, "builder": 3, "registry": 3, "patterns": 3, "folding": 3, "subject": 3,
    "kinds": 4, "spec": 5, "analyses": 5, "profiling": 6, "pytorch": 6, "render": 7, "cli": 8, "api": 9,
}  # fmt: skip
HEAVY = ("torch", "numpy", "sympy", "fvcore", "pydantic")
LONG = {"builder.py": 420}
"""Files over 300 lines, and how far they may go: the pen, and one rule per op."""
FILES = sorted(PACKAGE.rglob("*.py"))


def room(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else ""


def imported(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [
                f"{node.module}.{alias.name}" if node.module == "convcalc" else node.module for alias in node.names
            ]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_only_go_down(path: Path) -> None:
    here = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if here in ("__init__", "__main__"):
        return
    for name in imported(path):
        if name.startswith("convcalc"):
            there = room(name)
            assert FLOORS[there] <= FLOORS[here], f"{here} imports {name}, a floor above"
            assert {here, there} != {"kinds", "analyses"}, f"{here} imports {name}: readers do not know recipes"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_are_small_rooms(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONG.get(path.name, 300)


def test_every_folder_is_a_package_that_is_installed() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    folders = {str(path.parent.relative_to(ROOT)).replace("/", ".") for path in PACKAGE.rglob("__init__.py")}
    assert set(told) == folders | {"convcalc.examples"}


def test_the_top_level_is_what_was_agreed() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    top = {name.split("/")[0] for name in tracked}
    assert {name for name in top if not name.startswith(".")} <= {
        "pyproject.toml",
        "README.md",
        "convcalc",
        "tests",
        "examples",
    }


def modules_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    return set(done.stdout.splitlines()[-1].split())


RUN = "from convcalc.cli.app import run\nassert run({argv!r}) == 0"
LIGHT = [
    ["shape", "-i", "3x224x224", "conv2d", "out_channels=64", "k=7"],
    ["params", "Conv3d(3, 10, (6, 5, 4))"],
    ["macs", "-i", "3x8x8", "depthwise_separable", "c=4"],
    ["summary", "@resnet_stem"],
    ["rf", "@unet"],
    ["hdc-check", "1,2,5"],
    ["hdc-check", "@hdc_block"],
    ["kinds"],
    ["--help"],
]


@pytest.mark.parametrize("argv", LIGHT, ids=lambda argv: " ".join(argv)[:30])
def test_commands_that_need_no_torch_import_none(argv: list[str]) -> None:
    loaded = modules_after(RUN.format(argv=argv))
    assert not [name for name in HEAVY if name in loaded]


def test_the_test_above_can_fail() -> None:
    assert "torch" in modules_after("import convcalc.pytorch.module")
    assert "numpy" in modules_after("import numpy")


def test_help_imports_no_command() -> None:
    loaded = modules_after(RUN.format(argv=["--help"]))
    assert "convcalc.cli.commands.shape" not in loaded and "convcalc.kinds" not in loaded and "rich" not in loaded


GATES = {
    "se": ((1, 32, 8, 8), {}, 2), "sk": ((1, 32, 8, 8), {}, 4), "splat": ((1, 32, 8, 8), {"padding": 1}, 3),
    "scconv": ((1, 32, 8, 8), {}, 4),
}  # fmt: skip
"""Kinds whose gates the papers do not count, with how many convolutions each has (1x1s included)."""


@pytest.mark.parametrize("name", GATES)
def test_gates_are_no_contractions(name: str) -> None:
    from convcalc.kinds import find
    from convcalc.ops import Conv, Einsum

    shape, arguments, convolutions = GATES[name]
    graph = find(name)[0].build(shape, **arguments)
    assert not any(isinstance(node.op, Einsum) for node in graph.nodes)
    assert sum(isinstance(node.op, Conv) for node in graph.nodes) == convolutions


def test_formulas_are_the_only_use_of_sympy() -> None:
    loaded = modules_after(RUN.format(argv=["summary", "-i", "64x8x8", "involution"]))
    assert not [name for name in HEAVY if name in loaded]
    assert "sympy" in modules_after(RUN.format(argv=["explain", "se"]))


def test_the_version_is_one_fact() -> None:
    from importlib.metadata import version

    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert version("convcalc") == told
    assert (PACKAGE / "py.typed").exists()


def test_constraints_lie_within_the_declared_ranges() -> None:
    from importlib.metadata import requires

    from packaging.requirements import Requirement

    pinned = dict(line.split("==") for line in (ROOT / ".ci/constraints.txt").read_text().splitlines() if "==" in line)
    for text in requires("convcalc") or []:
        requirement = Requirement(text)
        assert requirement.specifier.contains(pinned[requirement.name]), requirement
