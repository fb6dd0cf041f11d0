"""What we use of Typer that is not public: a release that moves any of it fails here by name."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

import convcalc.cli.typer_private as private

PACKAGE = Path(private.__file__).parents[1]


def private_imports(path: Path) -> set[str]:
    """Modules with a leading underscore that a file imports from another package."""
    nodes = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom)]
    names = {f"{node.module}" for node in nodes if node.module and node.module.split(".")[0] == "typer"}
    return {name for name in names if any(part.startswith("_") for part in name.split("."))}


def test_private_imports_are_in_one_file() -> None:
    users = {path.name: private_imports(path) for path in PACKAGE.rglob("*.py")}
    assert {name: names for name, names in users.items() if names} == {
        "typer_private.py": {"typer._click", "typer._completion_classes", "typer._completion_shared"}
    }


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("typer._click", "Context"),
        ("typer._completion_shared", "get_completion_script"),
        ("typer._completion_classes", "completion_init"),
    ],
)
def test_what_is_used_is_there(module: str, name: str) -> None:
    assert callable(getattr(importlib.import_module(module), name))


def test_scripts_name_the_program_and_the_variable() -> None:
    for shell in ("bash", "zsh", "fish", "powershell"):
        script = private.completion_script(shell, "convcalc", "_CONVCALC_COMPLETE")
        assert "convcalc" in script and "_CONVCALC_COMPLETE" in script
