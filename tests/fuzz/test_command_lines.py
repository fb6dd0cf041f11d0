"""Mutated command lines, files and input: an answer or one clear line, nothing written, nothing raw, in 5 s of CPU."""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path
from random import Random

import pytest

from tests.fuzz.harness import answer, fault

SEED = int(os.environ.get("FUZZ_SEED", "20261126"))
ROOT = Path(__file__).parents[2]
TIMED = ("profile", "machine", "diff", "verify", "completion")
"""Commands that run kernels, load torch or write shell code."""
STRANGE = (
    "\x1b[31m", "\x07", "\u202e", "\u200b", "٣", "፩", "²", "𝟛", "×", "−", "½", "\ufeff", "\x85", "\u2028", "é", "层",
    "'", '"', "(", ")", "[", "]", "{", "}", "#", "@", "=", ",", ":", ";", "+", "-", "--", "*", "/", "\\", "|", "<b>",
    "$(touch x)", "__import__('os')", "%s", "{0}", "..", "~", "None", "True", "nan", "inf", "1e400", "0x3", "1_0", "-0",
)  # fmt: skip
NUMBERS = ("0", "-1", "1", "2", "3", "7", "64", "999", "65536", "1000000", "4294967296", "9" * 18, "9" * 19, "9" * 5000)
MODEL = """Net(
  (conv1): Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
  (bn): BatchNorm2d(8, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)
  (layers): Sequential(
    (0-3): 4 x Linear(in_features=8, out_features=8, bias=True)
  )
)
"""


def seeds() -> list[list[str]]:
    """Command lines of the README and of the public cases."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [shlex.split(line, comments=True)[1:] for block in blocks for line in block.splitlines()]
    cases = json.loads((ROOT / "tests" / "golden" / "cases.json").read_text(encoding="utf-8"))
    lines += [case["args"] for case in cases]
    plain = [argv for argv in lines if argv and argv[0] not in TIMED and not {"--time", "-o", "--output"} & set(argv)]
    return [argv for argv in plain if not any(word.startswith(("torchvision:", "timm:")) for word in argv)]


SEEDS = seeds()


def mutated(random: Random) -> tuple[list[str], bytes]:
    """A command line with one to three changes, and standard input."""
    argv = list(random.choice(SEEDS))
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        argv = _changed(random, argv)
    stdin = MODEL if random.random() < 0.5 else " ".join(random.choice(SEEDS))
    for _ in range(random.randint(0, 2)):
        stdin = _text(random, stdin)
    words = [word.replace("\0", "") for word in argv if not word.startswith(("-o", "--o"))]  # no program gets a zero
    return words, stdin.encode("utf-8", "surrogatepass")


def _changed(random: Random, argv: list[str]) -> list[str]:
    place = random.randrange(len(argv) + 1)
    word = argv[place] if place < len(argv) else ""
    match random.randrange(12):
        case 0:
            return [*argv[:place], *argv[place + 1 :]]
        case 1:
            return [*argv[:place], word, *argv[place:]]
        case 2:
            return [*argv[:place], random.choice(random.choice(SEEDS)), *argv[place:]]
        case 3:
            return [*argv[:place], *([word + argv[place + 1]] if place + 1 < len(argv) else [word]), *argv[place + 2 :]]
        case 4:
            return [
                *argv[:place],
                random.choice(("-", "--debug", "-f", "json", "csv", "--ascii", "--nothing")),
                *argv[place:],
            ]
        case 5:
            other = random.randrange(len(argv) + 1)
            return [argv[other] if n == place and other < len(argv) else w for n, w in enumerate(argv)]
        case _:
            return [*argv[:place], _text(random, word), *argv[place + 1 :]]


def _text(random: Random, text: str) -> str:
    """A text with one change: a number, a strange sign, a cut, or a piece twice."""
    numbers = list(re.finditer(r"\d+", text))
    if numbers and random.random() < 0.5:
        match = random.choice(numbers)
        return text[: match.start()] + random.choice(NUMBERS) + text[match.end() :]
    start, end = sorted((random.randint(0, len(text)), random.randint(0, len(text))))
    return text[:start] + random.choice((*STRANGE, "", text[start:end] * 2)) + text[random.choice((start, end)) :]


def check(start: int, count: int, folder: Path) -> None:
    failures = []
    for number in range(start, start + count):
        argv, stdin = mutated(Random(SEED + number))
        told = answer(argv, stdin)
        if wrong := fault(argv, told, folder):
            failures.append(f"{number} {wrong[:200]}\n    {argv!r:.300} < {stdin!r:.200}")
            for path in folder.iterdir():
                path.unlink()
    assert not failures, f"{len(failures)} of {count}:\n" + "\n".join(failures[:30])


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, in which nothing may appear."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


@pytest.mark.parametrize("part", range(8))
def test_mutated_command_lines(part: int, empty: Path) -> None:
    check(part * 250, 250, empty)


@pytest.mark.thorough
@pytest.mark.parametrize("part", range(100))
def test_many_mutated_command_lines(part: int, empty: Path) -> None:
    check(10_000 + part * 1000, 1000, empty)
