"""What is installed: one version, typed, and the tested versions within the ranges that are declared."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

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


def built(source: Path, kind: str, into: Path) -> Path:
    """A wheel or an sdist of a source tree, by the backend that pyproject names."""
    code = f"from setuptools import build_meta; print(build_meta.build_{kind}({str(into)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True, check=True)
    return into / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def wheel_and_sdist(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    pytest.importorskip("setuptools")
    source, dist = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    if not files:
        pytest.skip("this is no checkout")
    for name in files:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, source / name)
    return built(source, "wheel", dist), built(source, "sdist", dist)


def test_a_wheel_runs_without_the_repository(wheel_and_sdist: tuple[Path, Path], tmp_path: Path) -> None:
    wheel, _ = wheel_and_sdist
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    environment = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
    for argv, words in (
        (["summary", "@resnet_stem"], "83,520 parameters; 349,224,960 MACs"),
        (["help", "counting"], "How things are counted"),
        (["summary", "@unet", "-f", "json"], '"macs"'),
        (["help", "json", "--schema", "shape"], '"$schema"'),
    ):
        code = f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); from convcalc.cli.app import main; main()"
        command = [sys.executable, "-c", code, *argv]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=True)
        assert words in done.stdout
    place = "import sys; sys.path.insert(0, sys.argv[1]); import convcalc; print(convcalc.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", place, str(tmp_path / "site")], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert str(tmp_path) in found.stdout


def test_an_sdist_makes_the_same_wheel(wheel_and_sdist: tuple[Path, Path], tmp_path: Path) -> None:
    wheel, sdist = wheel_and_sdist
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    (tmp_path / "dist").mkdir()
    again = built(source, "wheel", tmp_path / "dist")
    with zipfile.ZipFile(wheel) as first, zipfile.ZipFile(again) as second:
        assert sorted(first.namelist()) == sorted(second.namelist())


@pytest.mark.parametrize("place", [0, 1], ids=["wheel", "sdist"])
def test_pip_installs_it_and_its_program_runs_elsewhere(
    place: int, wheel_and_sdist: tuple[Path, Path], tmp_path: Path
) -> None:
    """Into a folder of its own, whose program finds what is in that folder, not the checkout."""
    target = tmp_path / "installed"
    options = ["-q", "--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(target), str(wheel_and_sdist[place])]
    subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    environment = {**os.environ, "PYTHONPATH": str(target), "COLUMNS": "200"}
    for argv, words in ((["summary", "@resnet_stem"], "349,224,960 MACs"), (["about"], str(target))):
        program = [sys.executable, str(target / "bin" / "convcalc"), *argv]
        done = subprocess.run(program, capture_output=True, text=True, cwd=tmp_path, env=environment, check=True)
        assert words in done.stdout
