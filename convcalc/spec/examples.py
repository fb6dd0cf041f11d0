"""`examples_folder`: where the files lie that come with convcalc."""

from __future__ import annotations

from pathlib import Path


def examples_folder() -> Path:
    """Return where the shipped examples lie: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "examples"
    return inside if inside.is_dir() else package.parent / "examples"


def example_files() -> dict[str, Path]:
    """Return the files by the names they are read by: those of layers without their suffix."""
    folder = examples_folder()
    return {path.name.removesuffix(".txt"): path for path in sorted((*folder.glob("*.txt"), *folder.glob("*.cfg")))}
