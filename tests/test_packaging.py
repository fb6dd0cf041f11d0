"""What is installed: one version, typed, and the tested versions within the ranges that are declared."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_version_is_one_fact() -> None:
    from importlib.metadata import version

    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert version("convcalc") == declared
    assert (ROOT / "convcalc" / "py.typed").exists()


def test_constraints_lie_within_the_declared_ranges() -> None:
    from importlib.metadata import requires

    from packaging.requirements import Requirement

    pinned = dict(line.split("==") for line in (ROOT / ".ci/constraints.txt").read_text().splitlines() if "==" in line)
    for text in requires("convcalc") or []:
        requirement = Requirement(text)
        assert requirement.specifier.contains(pinned[requirement.name]), requirement
