"""What each command answers: the documented JSON, in exact integers, and the same facts in every form."""

from __future__ import annotations

import ast
import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from convcalc import kinds
from convcalc.cli.app import run

STEM = ["@resnet_stem"]
# ResNet-18's stem and first block: torchvision's own parameter counts; MACs = positions x weights by hand
PARAMS = [9408, 128, 0, 0, 36864, 128, 0, 36864, 128, 0, 0]
MACS = [112 * 112 * 9408, 0, 0, 0, 56 * 56 * 36864, 0, 0, 56 * 56 * 36864, 0, 0, 0]


def asked(capsys: pytest.CaptureFixture[str], *argv: str, code: int = 0) -> Any:
    assert run([*argv, "-f", "json"]) == code
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("command", ["shape", "params", "macs", "rf", "summary"])
def test_the_common_keys(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, command, *STEM)
    assert (found["schema_version"], found["command"]) == (2, command)
    assert found["input"] == [1, 3, 224, 224] and found["output"] == [1, 64, 56, 56]
    assert found["params"] == sum(PARAMS) and found["macs"] == sum(MACS)
    assert [layer["params"] for layer in found["layers"]] == PARAMS
    assert [layer["macs"] for layer in found["layers"]] == MACS
    first = found["layers"][0]
    assert (first["name"], first["kind"], first["input"], first["output"]) == (
        "0",
        "conv",
        [1, 3, 224, 224],
        [1, 64, 112, 112],
    )
    assert found["layers"][9]["input"] == [[1, 64, 56, 56], [1, 64, 56, 56]]


def test_params(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "params", "Conv2d(3, 8, 3)", "BatchNorm2d(8)", "prelu")
    assert {k: found[k] for k in ("weights", "biases", "norm", "other", "trainable", "params")} == {
        "weights": 217, "biases": 8, "norm": 16, "other": 0, "trainable": 241, "params": 241,
    }  # fmt: skip
    assert found["input"] == [None, 3, None, None] and found["macs"] is None
    assert found["layers"][1]["norm"] == 16


def test_macs_and_the_other_work(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(
        capsys,
        "macs",
        "-i",
        "3x8x8",
        "conv2d",
        "c=4",
        "k=3",
        "batch_norm",
        "relu",
        "max_pool",
        "k=2",
        "softmax",
        "dim=1",
    )
    assert found["macs"] == 36 * 4 * 27 and found["flops"] == 2 * found["macs"]
    assert found["other"] == {"bias": 144, "batch_norm": 288, "relu": 144, "max_pool": 144, "softmax": 3 * 36}
    assert found["layers"][0]["flops"] == 2 * found["layers"][0]["macs"]


def test_rf(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "rf", "conv", "c=8", "k=3", "s=2", "p=1", "conv_transpose", "c=8", "k=4", "s=2", "p=1")
    one, two = found["layers"]
    assert (one["size"], one["jump"], one["start"], one["centre"], one["global"]) == (
        [3, 3],
        [2, 2],
        [-1, -1],
        [0, 0],
        None,
    )
    assert (two["size"], two["jump"]) == ([5, 5], [1, 1])
    up = asked(capsys, "rf", "conv_transpose1d", "c=8", "k=3", "s=2")["layers"][0]
    assert (up["size_min"], up["size_max"], up["jump"]) == ([1], [2], ["1/2"])
    shifted = asked(capsys, "rf", "conv1d", "c=8", "k=2")
    assert shifted["centre"] == ["1/2"]
    gate = asked(
        capsys, "rf", "-i", "4x8x8", "conv2d", "c=4", "k=3", "p=1", "as=a", "global_avg_pool", "multiply", "from=a,last"
    )
    assert gate["size"] == [3, 3] and gate["global"] == "global pooling"
    both = asked(capsys, "rf", "-i", "a=3x8x8", "-i", "b=3x8x8", "add", "from=a,b")
    assert set(both["fields"]) == {"a", "b"} and both["fields"]["a"]["size"] == [1, 1]


def test_several_blocks(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "summary", "@mobilenet_layers")
    assert [block["layers"][0]["times"] for block in found["blocks"]] == [5, 5]
    assert found["params"] == 5 * (512 * 9 + 512 * 512)
    assert found["macs"] == 5 * 196 * (512 * 9 + 512 * 512)
    assert asked(capsys, "params", "@mobilenet_layers")["params"] == found["params"]
    assert run(["shape", "@mobilenet_layers"]) == 0
    assert capsys.readouterr().out.count("output 512x14x14 (batch 1)") == 2


def test_at_least_is_said_by_name(capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    (tmp_path / "net.txt").write_text(
        "Net(\n  (a): Linear(in_features=3, out_features=2, bias=True)\n  (b): Strange()\n)\n"
    )
    found = asked(capsys, "params", f"@{tmp_path / 'net.txt'}")
    assert found["params"] == 8
    assert (
        found["blocks"][0]["at_least"] == ["b (Strange)"] if "blocks" in found else found["at_least"] == ["b (Strange)"]
    )
    assert run(["params", f"@{tmp_path / 'net.txt'}"]) == 0
    text = capsys.readouterr().out
    assert "at least" in text and "b (Strange)" in text


def test_hdc_check_of_rates(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "hdc-check", "1,2,9", "-k", "3", code=1)
    assert found["rates"] == [1, 2, 9] and found["kernel_size"] == 3 and found["m"] == [3, 5, 9]
    assert found["rules"]["m2_within_kernel"] == {"holds": False, "m2": 5}
    assert found["rules"]["no_common_divisor"] == {"holds": True, "divisor": 1}
    assert found["rules"]["sawtooth"] == "one tooth"
    exact = found["exact"]
    assert exact["holes"] == [7, 8, 16, 17] and not exact["full"] and exact["receptive_field"] == 25
    assert exact["coverage"] == 0.84 and exact["coverage_2d"] == pytest.approx(441 / 625)
    assert asked(capsys, "hdc-check", "1", "2", "5")["exact"]["full"] is True
    assert asked(capsys, "hdc-check", "1,2,2", "-k", "3,3,5")["kernel_size"] == [3, 3, 5]


def test_hdc_check_of_layers(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "hdc-check", "conv", "c=4", "k=3", "d=2", "relu", "conv", "c=4", "k=3", "d=2", code=1)
    (group,) = found["groups"]
    assert [layer["name"] for layer in group["layers"]] == ["0", "2"] and group["layers"][1]["index"] == 2
    assert group["rates"] == [2, 2] and group["parallel"] is False
    aspp = [
        "identity",
        "as=x",
        "conv",
        "c=4",
        "k=3",
        "d=6",
        "p=6",
        "from=x",
        "as=a",
        "conv",
        "c=4",
        "k=3",
        "d=12",
        "p=12",
        "from=x",
        "as=b",
        "concat",
        "from=a,b",
    ]
    found = asked(capsys, "hdc-check", *aspp)
    (group,) = found["groups"]
    assert group["parallel"] and [[layer["name"] for layer in branch] for branch in group["layers"]] == [["1"], ["2"]]
    assert group["rates"] == [[6], [12]]
    assert group["exact"]["reached"] == 5 and group["exact"]["coverage_2d"] == 17 / 625  # 3x3 + 3x3, the middle shared
    asked(capsys, "hdc-check", *aspp, "--strict", code=1)


def recipes() -> set[str]:
    """The names of the functions in kinds/ with a decorator that registers them."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in Path(kinds.__file__).parent.glob("*.py")]
    functions = [node for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)]
    decorators = {
        node.name: [ast.unparse(call).partition("(")[0] for call in node.decorator_list] for node in functions
    }
    return {name.rstrip("_") for name, names in decorators.items() if {"kind", "activation"} & set(names)}


def test_kinds_and_examples(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "kinds")
    assert {row["name"] for row in found["kinds"]} == recipes()  # each that is written, none besides
    assert {"name", "about", "source", "torch"} <= set(found["kinds"][0])
    one = asked(capsys, "kinds", "Conv2d")
    assert one["name"] == "conv" and one["arguments"][1] == {
        "name": "out_channels",
        "takes": "a whole number",
        "default": "required",
    }
    assert {"@resnet_stem", "@unet"} <= {row["name"] for row in asked(capsys, "examples")["examples"]}


@pytest.mark.parametrize(
    "command", ["shape", "params", "macs", "rf", "summary", "hdc-check", "kinds", "examples", "verify"]
)
def test_every_form_of_every_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    spec = {"hdc-check": ["1,2,5"], "kinds": [], "examples": []}.get(
        command, ["-i", "3x8x8", "conv2d", "c=4", "k=3", "relu"]
    )
    assert run([command, *spec, "-f", "jsonl"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert rows and all(row["schema_version"] == 2 and row["command"] == command for row in rows)
    assert run([command, *spec, "-f", "csv"]) == 0
    table = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert len(table) > 1 and all(len(line) == len(table[0]) for line in table)
    assert run([command, *spec, "-f", "markdown"]) == 0
    text = capsys.readouterr().out
    assert "| --- |" in text or "| --- " in text


def test_csv_carries_exact_integers(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["macs", *STEM, "-f", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [int(row["macs"]) for row in rows] == MACS
    assert float(rows[0]["share"]) == pytest.approx(MACS[0] / sum(MACS))


def test_a_file_takes_the_answer(capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    path = tmp_path / "out.json"
    assert run(["shape", *STEM, "-f", "json", "-o", str(path)]) == 0
    assert capsys.readouterr().out == ""
    assert json.loads(path.read_text())["output"] == [1, 64, 56, 56]


def test_depth_opens_layers(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "params", "-i", "3x8x8", "depthwise_separable", "c=4", "--depth", "2")
    assert [(layer["name"], layer["params"]) for layer in found["layers"]] == [("0.depthwise", 27), ("0.pointwise", 12)]


def test_hints_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["shape", "-i", "12x12x3", "relu"]) == 0
    printed = capsys.readouterr()
    assert "--input-layout hwc" in printed.err and "hwc" not in printed.out


def test_version_and_bare_help(capsys: pytest.CaptureFixture[str]) -> None:
    from importlib.metadata import version

    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"convcalc {version('convcalc')}\n"
    assert run([]) == 0
    assert "Count:" in capsys.readouterr().out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_completion_scripts(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    assert "_CONVCALC_COMPLETE" in capsys.readouterr().out


def test_completion_knows_the_commands(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_CONVCALC_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "convcalc sha")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert run([]) == 0
    assert capsys.readouterr().out == "shape\n"


def test_summary_gives_fields_as_rf_does(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "summary", *STEM)["layers"][0]
    assert (found["size"], found["jump"], found["start"]) == ([7, 7], [2, 2], [-3, -3])


def test_json_lines_say_which_block(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["macs", "@mobilenet_layers", "-f", "jsonl"]) == 0
    assert [json.loads(line)["block"] for line in capsys.readouterr().out.splitlines()] == [0, 1]


def test_a_shape_without_spatial_axes_is_still_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["shape", "-i", "2x3x8x8", "flatten", "start_dim=0"]) == 0
    assert "output 384" in capsys.readouterr().out


def test_rf_bounds_what_it_writes_out(capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["rf", "-i", "3x1000000", "ConvTranspose1d(3, 3, 9, stride=99991)", "Conv1d(3, 3, 9, stride=99989)"]
    assert run([*argv, "ConvTranspose1d(3, 3, 9, stride=9973)"]) == 2
    assert "past what is written out" in capsys.readouterr().err
    assert run(["rf", "Upsample(scale_factor=0.7)"]) == 0
    assert "10/7" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "ok"),
    [
        (["hdc-check", "1,2,5"], True), (["hdc-check", "2,4,8"], False),
        (["checkerboard", "conv_transpose", "k=3", "s=2", "-i", "1x8x8"], False),
        (["lint", "@unet", "--exit-zero"], True), (["verify", "-i", "3x8x8", "relu"], True),
        (["macs", "-i", "3x8x8", "relu", "--assert", "macs<=0"], True),
        (["params", "Conv2d(3, 4, 3)", "--assert", "params<100"], False),
    ],
)  # fmt: skip
def test_an_answer_with_an_exit_code_of_its_own_says_ok(
    argv: list[str], ok: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*argv, "-f", "json"]) == (0 if ok else 1)
    assert json.loads(capsys.readouterr().out)["ok"] is ok


def test_an_answer_that_asks_nothing_says_no_ok(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["shape", "-i", "3x8x8", "relu", "-f", "json"]) == 0
    assert "ok" not in json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("command", ["summary", "macs", "params"])
def test_numbers_are_the_same_in_every_format(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Of one copy, with how often it stands, and the block it is of."""
    assert run([command, "@mobilenet_layers", "-f", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert run([command, "@mobilenet_layers", "-f", "jsonl"]) == 0
    objects = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == len(objects) and any(one.get("times", 1) == 5 for one in objects)
    for row, one in zip(rows, objects, strict=True):
        assert int(row["times"]) == one.get("times", 1)
        assert all(int(row[key]) == one[key] for key in ("params", "macs") if key in row)
        assert command == "params" or int(row["block"]) == one["block"]
