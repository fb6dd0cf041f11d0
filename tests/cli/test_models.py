"""A model on the command line: from a file of code or a package, in every command; what is refused, and why."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

from convcalc.cli.app import run

NET = """
import torch
from torch import nn

class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)
    def forward(self, x):
        return torch.relu(self.norm(self.conv(x)) + x)

class Net(nn.Module):
    def __init__(self, num_classes=10, width=16):
        super().__init__()
        print("built")
        self.stem = nn.Conv2d(3, width, 7, 2, 3)
        self.blocks = nn.Sequential(*[Block(width) for _ in range(3)])
        self.head = nn.Conv2d(width, num_classes, 1)
    def forward(self, x):
        return self.head(self.blocks(self.stem(x)))

class Named(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(50, 8)
        self.out = nn.Linear(8, 4)
    def forward(self, input_ids, scale=None):
        y = self.out(self.table(input_ids))
        return {"scores": y, "pooled": y.mean(1)}

class Raises(nn.Module):
    def forward(self, x):
        raise KeyError("no such part")

class Asks(nn.Module):
    def forward(self, x):
        return x if x.mean().item() > 0 else -x

class Empty(nn.Module):
    def forward(self, x):
        return None

class Masked(nn.Module):
    def forward(self, x):
        mask = torch.ones(x.shape[-2:], dtype=torch.bool, device=x.device)
        return x * 2 if mask.all() else x

def tuned(pretrained=True, weights="IMAGENET"):
    assert not pretrained and weights is None
    return Net()

def three():
    return [1, 2, 3]

model = Net(width=8)
"""
PARAMS = 3 * 16 * 49 + 16 + 3 * (16 * 16 * 9 + 16 + 32) + 16 * 10 + 10


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "nets_of_a_test", raising=False)  # another test's
    path = tmp_path / "nets_of_a_test.py"
    path.write_text(NET)
    return path


def document(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, object]:
    code = run([*argv, "-f", "json"])
    out, err = capsys.readouterr()
    assert code == 0, err
    answer: dict[str, object] = json.loads(out)
    return answer


def test_a_class_in_a_file_is_counted(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = document(capsys, "summary", f"{net.name}:Net", "num_classes=5", "-i", "3x64x64")
    assert answer["params"] == PARAMS - 5 * 17
    assert answer["output"] == [1, 5, 32, 32]
    assert answer["macs"] == 32 * 32 * (3 * 16 * 49 + 3 * 16 * 16 * 9 + 16 * 5)
    names = [row["name"] for row in answer["layers"]]  # type: ignore[attr-defined]
    assert names[:4] == ["stem", "blocks", "blocks.0", "blocks.0.conv"]


def test_what_a_model_prints_goes_to_stderr(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["params", f"{net.name}:Net", "-f", "csv"]) == 0
    out, err = capsys.readouterr()
    assert "built" not in out and "built" in err


def test_an_instance_a_factory_and_a_module_path(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert document(capsys, "params", f"{net.name}:model")["params"] != PARAMS
    assert document(capsys, "params", "nets_of_a_test:Net")["params"] == PARAMS
    assert document(capsys, "params", f"{net.name}:tuned")["params"] == PARAMS
    assert run(["params", f"{net.name}:tuned"]) == 0
    assert "pretrained=False, weights=None: no weights are loaded" in capsys.readouterr().err


def test_named_whole_number_inputs_and_outputs_in_a_dict(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = document(capsys, "shape", f"{net.name}:Named", "-i", "input_ids=2x7:int64")
    assert answer["output"] == [[2, 7, 4], [2, 4]]
    assert answer["macs"] == 14 * 32


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["shape"], 0), (["params"], 0), (["macs", "--useful", "--backward"], 0), (["rf", "--unit", "3,3"], 0),
        (["memory"], 0), (["checkerboard"], 0), (["lint", "--exit-zero"], 0), (["solve", "--out", "16"], 0),
        (["summary", "--train"], 0), (["summary", "--top", "3"], 0), (["summary", "--flat"], 0),
        (["explain", "--layer", "blocks.0.conv"], 0), (["hdc-check"], 2),
    ],
)  # fmt: skip
def test_every_command_takes_a_model(argv: list[str], code: int, net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command, *options = argv
    assert run([command, f"{net.name}:Net", "-i", "3x32x32", *options]) == code, capsys.readouterr().err


def test_two_models_side_by_side_each_on_its_own_input(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = document(capsys, "compare", f"{net.name}:Net -i 3x32x32", f"{net.name}:Net width=8 -i 3x64x64")
    first, second = answer["specs"]  # type: ignore[misc]
    assert (first["output"], second["output"]) == ([1, 10, 16, 16], [1, 10, 32, 32])


def test_sizes_of_a_model_are_tried_and_said(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = document(capsys, "solve", f"{net.name}:Net", "-i", "3x32x32", "--out", "16x16")
    assert len(answer["tried"]) <= 64 and answer["smallest"] == 1  # type: ignore[arg-type]
    assert answer["giving"] == [31, 32]


def test_a_mask_made_in_forward_has_values(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert document(capsys, "shape", f"{net.name}:Masked", "-i", "3x8x8")["output"] == [1, 3, 8, 8]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nets_of_a_test.py:Net"], "the input's size is missing"),
        (["nets_of_a_test.py:Nett", "-i", "3x8x8"], "has no 'Nett'; did you mean 'Net'"),
        (["nets_of_a_test.py:Net", "classes=3"], "takes no argument 'classes'; did you mean 'num_classes'"),
        (["nets_of_a_test.py:Block", "-i", "3x8x8"], "needs channels: give it as channels=..."),
        (["nets_of_a_test.py:Raises", "-i", "3x8x8"], "nets_of_a_test.py:34: KeyError: 'no such part'"),
        (["nets_of_a_test.py:Asks", "-i", "3x8x8"], "calls item on a tensor: what follows needs values"),
        (["nets_of_a_test.py:Empty", "-i", "3x8x8"], "returns no tensor"),
        (["nets_of_a_test.py:three", "-i", "3x8x8"], "returns a list, not a torch.nn.Module"),
        (["nets_of_a_test.py:Net", "-i", "4x8x8"], "nets_of_a_test.py:21"),
        (["nets_of_a_test.py", "-i", "3x8x8"], "name what is in it: nets_of_a_test.py:Masked, "),
        (["missing.py:Net", "-i", "3x8x8"], "there is no file 'missing.py'"),
        (["no_such_package.sub:Net", "-i", "3x8x8"], "there is no package or module 'no_such_package.sub'"),
        (["weights.pt", "-i", "3x8x8"], "is a pickle, and reading one runs the code in it"),
        (["relu", "nets_of_a_test.py:Net", "-i", "3x8x8"], "a model stands alone"),
        (["nets_of_a_test.py:Net", "conv2d", "-i", "3x8x8"], "come its arguments, such as num_classes=10"),
        (["json.decoder.Decoder", "-i", "3x8x8"], "a model is a word with a colon: json.decoder:Decoder"),
    ],
)
def test_errors_are_one_line_that_says_what_works(
    words: list[str], message: str, net: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["shape", *words]) == 2
    err = capsys.readouterr().err
    assert message in err and "Traceback" not in err


def test_a_missing_import_is_not_available_here(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net.write_text("import torch\nimport no_such_library\n")
    assert run(["shape", f"{net.name}:Net", "-i", "3x8x8"]) == 3
    assert "nets_of_a_test.py:2: No module named 'no_such_library': install it first" in capsys.readouterr().err


def test_a_typo_in_a_file_is_said_with_its_line(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net.write_text("import torch\nclass Net(:\n")
    assert run(["shape", f"{net.name}:Net", "-i", "3x8x8"]) == 2
    assert "nets_of_a_test.py:2: " in capsys.readouterr().err


def test_files_and_standard_input_name_no_code(
    net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither is imported: the file would leave a mark."""
    net.write_text("from pathlib import Path\nPath('imported').touch()\n")
    for text in (f"{net.name}:Net", "nets_of_a_test:Net", f"input 3x8x8\nrelu\n{net.name}:Net"):
        (tmp_path / "net.txt").write_text(text)
        assert run(["shape", "@net.txt", "-i", "3x8x8"]) == 2
        assert "only the command line may name code" in capsys.readouterr().err
    assert not (tmp_path / "imported").exists()


def test_words_that_meant_a_model_are_answered_with_the_form_that_works(
    net: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for argv, message in (
        ([net.name], f"name what is in it: {net.name}:Masked"),
        ([f"{net.name}:Net"], f"for a model: convcalc summary {net.name}:Net"),
        (["json.decoder.Decoder"], "json.decoder:Decoder; convcalc summary reads it"),
    ):
        assert run(argv) == 2
        assert message in capsys.readouterr().err


def test_layers_have_no_training_mode(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["shape", "relu", "-i", "3x8x8", "--train"]) == 2
    assert "--train is for a model" in capsys.readouterr().err


def test_a_model_takes_no_memory_for_weights(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A width whose weights would take 20 GB on the CPU."""
    answer = document(capsys, "params", f"{net.name}:Net", "width=8000")
    assert answer["params"] > 1_500_000_000  # type: ignore[operator]
    assert torch.get_default_device().type == "cpu"


def test_a_model_that_returns_a_dataclass_is_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "classed.py").write_text(
        "from dataclasses import dataclass\n\nimport torch\nfrom torch import nn\n\n\n"
        "@dataclass\nclass Out:\n    scores: torch.Tensor\n    sums: torch.Tensor\n\n\n"
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.conv = nn.Conv2d(3, 4, 3)\n\n    def forward(self, x):\n"
        "        y = self.conv(x)\n        return Out(y, y.sum(1))\n"
    )
    assert run(["verify", "classed.py:Net", "-i", "3x8x8"]) == 0
    assert "1x4x6x6 + 1x6x6" in capsys.readouterr().out
