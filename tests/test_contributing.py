"""CONTRIBUTING's table of what to touch, counted on members that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "convcalc"
TABLE = {
    row: set(re.findall(r"`([\w/]+(?:\.py|/))`", places))
    for row, places in re.findall(
        r"^\| an? ([a-z ]+) \| (.*) \| .*\|$", (ROOT / ".github/CONTRIBUTING.md").read_text(encoding="utf-8"), re.M
    )
}
"""What is added -> the files and folders of convcalc/ that the table names."""


def mentions(pattern: str) -> set[str]:
    """The files of convcalc/ in which a pattern occurs."""
    return {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if re.search(pattern, path.read_text(encoding="utf-8"))
    }


def outside(files: set[str], places: set[str]) -> set[str]:
    """The files that no place covers; a folder covers what lies in it."""
    return {file for file in files if not any(file == place or file.startswith(f"{place}") for place in places)}


def test_every_place_is_there() -> None:
    assert len(TABLE) == 12
    for places in TABLE.values():
        assert all((PACKAGE / place).exists() for place in places) and places


@pytest.mark.parametrize(
    ("row", "pattern"),
    [
        ("kind", r"\bnin_mlpconv\b"),
        ("kind", r"\bmixconv\b"),
        ("function", r"\bsoftsign\b"),
        ("function", r"\blogsigmoid\b"),
        ("lint rule", r"\bCC106\b"),
        ("lint rule", r"\bCC107\b"),
        ("torch reader", r"\bswapaxes\b"),
        ("torch reader", r"\bswapdims\b"),
        ("profile column", r"\bfirst_s\b"),
        ("profile column", r"\bp80_s\b"),
        ("device", r"\bxpu\b"),
        ("output format", r"\bmarkdown\b"),
        ("command", r"\bhdc-design\b"),
        ("counter", r"\bcalflops\b"),
    ],
)
def test_one_that_is_there_is_in_no_other_place(row: str, pattern: str) -> None:
    files = mentions(pattern)
    assert files and not outside(files, TABLE[row])


def test_every_command_is_a_file_and_a_line() -> None:
    from convcalc.cli.app import COMMANDS

    files = {path.stem for path in (PACKAGE / "cli/commands").glob("*.py")} - {"__init__"}
    assert files == {name.replace("-", "_") for name in COMMANDS}


def test_an_op_is_in_every_place_that_the_table_names_and_mypy_lists() -> None:
    assert not outside(mentions(r"\bassert_never\(op\)"), TABLE["op"])
    for op in ("Unfold", "Resample", "Pad", "Reduce", "Concat"):
        writers = {"builder.py", "arranger.py"}
        places = TABLE["op"] - {"analyses/counts/useful.py"} - writers
        assert not outside(places, mentions(rf"\b{op}\b")), op
        assert len(writers & TABLE["op"] & mentions(rf"\b{op}\b")) == 1, op


def test_a_place_that_is_missing_is_seen() -> None:
    assert outside(mentions(r"\bsoftsign\b"), {"functions.py"}) == {"kinds/activations.py", "kinds/__init__.py"}
    assert outside({"kinds/norms.py", "ops.py"}, {"kinds/"}) == {"ops.py"}
