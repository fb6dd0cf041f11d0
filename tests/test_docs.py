"""Every command of the README runs, every example is read, every kind, command and option is documented."""

from __future__ import annotations

import ast
import json
import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from jsonschema import Draft202012Validator
from rich.cells import cell_len

from convcalc.analyses.counts.stack_layers import LAYER_KEYS
from convcalc.cli.app import COMMANDS, run
from convcalc.cli.help_text import EXAMPLES as HELP_EXAMPLES
from convcalc.cli.schemas import keys, schema, schema_names
from convcalc.cli.views.pages import page_text
from convcalc.kinds import all_kinds
from convcalc.profiling import store
from convcalc.profiling.fields import columns
from convcalc.profiling.plan import Plan
from convcalc.profiling.row import Row
from tests.profiling.samples import MACHINE, row

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE = (ROOT / ".github/README.zh.md").read_text(encoding="utf-8")
PAGE_NAMES = sorted(path.stem for path in (ROOT / "convcalc/pages").glob("*.md"))
TEXTS = {name: page_text(name) for name in PAGE_NAMES}
ALL = "\n".join((README, CHINESE, *TEXTS.values()))
"""All that is written for users."""


def commands(text: str) -> list[str]:
    return [line for block in re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S) for line in block.splitlines()]


TOUR = list(dict.fromkeys(commands(ALL)))
EXAMPLES = sorted((ROOT / "examples").iterdir())


@pytest.fixture(autouse=True)
def in_the_checkout(monkeypatch: pytest.MonkeyPatch, in_process: list[Plan]) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("COLUMNS", raising=False)


SAID = re.compile(
    r"convcalc: measured this machine's peak speeds in|convcalc: this takes about|\[[#.]{20}\] \d+/\d+"
    r"|convcalc: the roofs are doubtful|convcalc: \d+ threads? on \d+ cores?"
    r"|convcalc: \w+=[\d,]+ is \d configurations \(per axis"
)
"""What a run that measures may say on stderr."""


@pytest.mark.parametrize("line", TOUR)
def test_every_command_of_the_tour_answers(
    line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program, *argv = shlex.split(line)
    assert program == "convcalc"
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    if argv[0] == "diff" and argv[1].endswith(".jsonl"):  # of what the line before it saved
        store.append(Path(argv[1]), row(), MACHINE)
    if "--times" in argv:
        assert run(shlex.split(TOUR[TOUR.index(line) - 1])[1:]) == 0
        capsys.readouterr()
    assert run(argv) == 0
    printed = capsys.readouterr()
    if "-o" in argv:
        assert Path(argv[argv.index("-o") + 1]).stat().st_size > 0
        return
    assert printed.out.strip()
    timed = argv[0] in ("machine", "profile") or "--timed" in argv or re.search(r"=\d+(,\d+)+", line)
    assert not printed.err or (all(re.match(SAID, line) for line in printed.err.splitlines()) and timed)


def test_what_the_readme_shows_is_what_is_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for text, width in ((README, "100"), (TEXTS["models"], "110")):
        monkeypatch.setenv("COLUMNS", width)
        blocks = re.findall(r"^```console(?: (zoo))?\n(.*?)^```", text, re.M | re.S)
        assert blocks
        for is_zoo, shown in blocks:
            if is_zoo and find_spec("torchvision") is None:
                continue
            parts = re.split(r"^\$ convcalc (.*)\n", shown, flags=re.M)[1:]
            for command, output in zip(parts[::2], parts[1::2], strict=True):
                assert run(shlex.split(command)) == 0
                printed = capsys.readouterr().out
                assert [line.rstrip() for line in printed.splitlines()] == output.splitlines()


def test_the_pictures_of_the_readme_are_those_that_convcalc_draws(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for rates in ("2,4,8", "1,2,5"):
        drawn = tmp_path / "map.svg"
        run(["hdc-check", rates, "-o", str(drawn)])
        name = f".github/gridding-{rates.replace(',', '-')}.svg"
        assert name in README and drawn.read_text() == (ROOT / name).read_text()
    root = ElementTree.parse(drawn).getroot()
    assert sum(part.tag.endswith("rect") for part in root.iter()) == 3 + 3 * 3 + 9 * 9 + 17 * 17  # the last has no red
    moving = tmp_path / "transposed.svg"
    (words,) = re.findall(r"`convcalc (show conv_transpose2d .*) -o transposed.svg`", README)
    assert run([*words.split(), "-o", str(moving)]) == 0
    assert moving.read_text() == (ROOT / ".github/transposed.svg").read_text()
    capsys.readouterr()


def test_the_readme_is_short_and_links_to_what_is_there() -> None:
    assert len(README.splitlines()) < 200
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).is_file(), target
    for target in re.findall(r"\]\(([^)#:]+)\)", CHINESE):
        assert (ROOT / ".github" / target).resolve().is_file(), target


@pytest.mark.parametrize("name", [*PAGE_NAMES, "limits"])
def test_every_page_is_printed_within_a_terminal(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["help", name]) == 0
    out = capsys.readouterr().out
    code = {f"  {line}" for block in re.findall(r"^```.*?\n(.*?)^```", ALL, re.M | re.S) for line in block.splitlines()}
    assert len(out.splitlines()) > 8 and "**" not in out
    assert [line for line in out.splitlines() if cell_len(line) > 80 and line not in code] == []
    assert run(["help"]) == 0
    assert name in capsys.readouterr().out.splitlines()[-1]


def test_the_workflow_and_the_hook_of_the_readme_run(capsys: pytest.CaptureFixture[str]) -> None:
    workflow, hook = (yaml.safe_load(text) for text in re.findall(r"^```yaml\n(.*?)^```", TEXTS["models"], re.M | re.S))
    steps = workflow["jobs"]["budget"]["steps"]
    runs = [step["run"] for step in steps if step.get("run", "").startswith("convcalc ")]
    entries = [entry["entry"] for repo in hook["repos"] for entry in repo["hooks"]]
    assert len(runs) == len(entries) == 1
    for line in (*runs, *entries):
        assert run(shlex.split(line)[1:]) == 0, capsys.readouterr().err


def test_the_tour_shows_every_command() -> None:
    assert {shlex.split(line)[1] for line in TOUR} == set(COMMANDS)


def test_the_two_set_up_commands_install_with_the_constraints_and_do_what_they_say() -> None:
    blocks = re.findall(r"^```sh setup\n(.*?)^```", README, re.M | re.S)
    assert len(blocks) == 2
    assert all("-c .ci/constraints.txt" in block and block.count("\n") == 1 for block in blocks)
    assert "profile @resnet_stem" in blocks[0] and "pytest" in blocks[1]


@pytest.mark.parametrize("path", [p for p in EXAMPLES if p.suffix == ".txt"], ids=lambda path: path.name)
def test_every_example_is_read(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert path.read_text(encoding="utf-8").startswith("# ")
    assert run(["summary", f"@{path.stem}"]) == 0
    assert run(["summary", f"@examples/{path.name}"]) == 0
    assert "total" in capsys.readouterr().out


@pytest.mark.parametrize("path", [p for p in EXAMPLES if p.suffix == ".py"], ids=lambda path: path.name)
def test_every_script_runs(path: Path) -> None:
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert "1,000,000 configurations" in done.stdout
    assert "F**2*M*(N + k**2)" in done.stdout


def test_the_python_of_the_readme_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```", TEXTS["from-python"], re.M | re.S)
    exec(compile(block, "README.md", "exec"), {})
    first, second = capsys.readouterr().out.splitlines()
    # 3*9 + 3*64 weights; 224^2 positions times them
    assert first == f"(1, 64, 224, 224) 219 {224 * 224 * 219}"
    exact = ast.literal_eval(second)
    assert exact["receptive_field"] == 17 and exact["coverage"] == 1  # 1 + 2*(1+2+5); the rates of Wang et al.


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help_that_starts_with_its_line_and_gives_an_example(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([name, "--help"]) == 0
    text = capsys.readouterr().out
    lines = text[text.index("Examples:") :].splitlines()[1:]
    assert len(lines) == 3 and all(line.startswith(f"  convcalc {name}") for line in lines)
    assert run([name, "-h"]) == 0


RUNNABLE = [
    f"{name} {words}".strip()
    for name, lines in HELP_EXAMPLES.items()
    for words in lines
    if name not in ("diff", "completion") and "my_model" not in words and "torchvision" not in words
]


@pytest.mark.parametrize("line", RUNNABLE)
def test_every_example_of_a_help_page_answers(
    line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    argv = shlex.split(line) + (["--budget", "8s"] if line.startswith("profile") else [])
    assert run(argv) in (0, 1)
    assert "convcalc: no such" not in capsys.readouterr().err


def test_the_table_of_commands_says_what_their_docstrings_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert all(line in text for line in COMMANDS.values())


def test_every_option_is_in_the_readme(capsys: pytest.CaptureFixture[str]) -> None:
    missing = set()
    for name in COMMANDS:
        run([name, "--help"])
        missing |= {o for o in re.findall(r"(--[a-z-]+)", capsys.readouterr().out) if o not in ALL}
    assert missing <= {"--help", "--input", "--output", "--kernel-size"}  # shown by their short forms


def test_every_kind_is_listed_with_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["kinds"]) == 0
    text = capsys.readouterr().out
    for name, kind in all_kinds().items():
        assert name in text and kind.help in text
        assert run(["kinds", name]) == 0
        one = capsys.readouterr().out
        assert all(argument in one for argument in kind.arguments)


def test_exit_codes_are_documented() -> None:
    from convcalc.cli import exits

    for code in (exits.ANSWERED, exits.FAILED, exits.MISUSED, exits.UNAVAILABLE, exits.BUG, exits.INTERRUPTED):
        assert f"| {code} |" in TEXTS["exit-codes"]


def test_every_key_of_every_document_has_a_sentence() -> None:
    for command in schema_names():
        assert all(keys(command).values()), command
        assert command in COMMANDS
    assert set(schema_names()) == set(COMMANDS) - {"completion"}


def test_the_schema_of_a_row_has_the_columns_that_are_declared() -> None:
    row = schema("profile")["$defs"]["row"]["properties"]
    layer = dict.fromkeys(LAYER_KEYS)
    assert list(row) == list({**layer, **columns(Row)})
    for key, declared in columns(Row).items():
        shared = key in layer
        assert shared or row[key]["description"].lower().startswith(declared.description.lower())


def test_a_schema_is_printed_whole(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["help", "json", "--schema", "summary"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == schema("summary") and "common.json" not in json.dumps(printed)
    assert run(["help", "json", "--schema", "lint", "-o", str(tmp_path / "x.json")]) == 0
    assert json.loads((tmp_path / "x.json").read_text()) == schema("lint")
    assert run(["help", "json", "--schema", "sumary"]) == 2
    assert "did you mean 'summary'?" in capsys.readouterr().err
    assert run(["help", "formats", "--schema", "summary"]) == 2


def test_a_document_that_is_not_as_its_schema_says_is_refused() -> None:
    validator = Draft202012Validator(schema("shape"))
    shapes = {"input": [1, 2], "output": [1, 2]}
    layer = {"index": 0, "name": "0", "kind": "relu", "text": "relu", **shapes, "params": 0, "macs": 0}
    whole = {"schema_version": 2, "command": "shape", "params": 0, "macs": 0, **shapes, "layers": [layer]}
    assert validator.is_valid(whole)
    for wrong in ({"more": 1}, {"layers": [{**layer, "index": "0"}]}, {"input": "1x2"}, {"schema_version": 1}):
        assert not validator.is_valid({**whole, **wrong})
    assert not validator.is_valid({key: value for key, value in whole.items() if key != "layers"})
