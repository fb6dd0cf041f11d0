"""Plain words: `is not a`, never `is no`, in every sentence that users see."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "convcalc"
ODD = re.compile(r"(?<!there )(?<!There )\b(is|are|was|were) no\b (?!longer|larger|more|less|such|holes?\b)")
SHOWN = ("kinds", "cli/commands", "analyses/lint")
"""Folders whose public functions' docstrings are shown to users."""


def texts(path: Path) -> Iterator[str]:
    """The texts of a module, its docstrings only where users read them."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    unseen = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        shown = isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and node.decorator_list
        shown = shown or (isinstance(node, ast.FunctionDef) and node.name == "command")
        seen = shown and any(folder in path.as_posix() for folder in SHOWN)
        for statement in body:
            if isinstance(statement, ast.Expr) and not seen:
                unseen.add(id(statement.value))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in unseen:
            yield node.value


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_nothing_is_no_something(path: Path) -> None:
    odd = [
        f"{text[max(0, match.start() - 30) : match.end() + 30]}" for text in texts(path) for match in ODD.finditer(text)
    ]
    assert not odd


def test_the_pages_say_it_plainly_too() -> None:
    for page in (*PACKAGE.glob("pages/*.md"), PACKAGE.parent / "README.md"):
        assert not ODD.search(page.read_text(encoding="utf-8")), page


def test_the_pattern_finds_what_it_is_for() -> None:
    assert ODD.search("x is no layer") and ODD.search("33 channels are no multiple of 8")
    assert not ODD.search("there is no kind 'x'") and not ODD.search("1,2,5: all is no longer a hole")
