"""What a shell is offered, by the protocol its script speaks; nothing of it imports torch or a user's file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from convcalc.cli.completions import layer_words, zoo_names
from convcalc.kinds import all_kinds

ROOT = Path(__file__).parents[2]


def offered(line: str, shell: str = "bash") -> list[str]:
    """The words offered for the last one of a command line."""
    words = line.split(" ")
    asks = {
        "bash": {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)},
        "zsh": {"_TYPER_COMPLETE_ARGS": line},
        "fish": {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }[shell]
    environment = {**os.environ, "_CONVCALC_COMPLETE": f"complete_{shell}", **asks}
    command = [sys.executable, "-c", "import sys; from convcalc.cli.app import main; main([])"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, check=False)
    assert not done.stderr, done.stderr
    return [part for part in done.stdout.replace('"', "\n").split() if part]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("convcalc su", ["summary"]),
        ("convcalc shape depthwise_s", ["depthwise_separable"]),
        ("convcalc shape conv2d out", ["out_channels="]),
        ("convcalc shape conv2d bias=", ["bias=true", "bias=false"]),
        ("convcalc shape conv2d c=4 padding_mode=re", ["padding_mode=reflect", "padding_mode=replicate"]),
        ("convcalc summary @res", ["@resnet50_layers", "@resnet_stem"]),
        ("convcalc kinds invol", ["involution"]),
        ("convcalc explain ghost_", ["ghost_bottleneck"]),
        ("convcalc examples unet", ["unet"]),
        ("convcalc profile --device cu", ["cuda"]),
        ("convcalc profile --dtype fp32,b", ["fp32,bf16"]),
        ("convcalc profile --layout ch", ["channels_last"]),
        ("convcalc profile --pass b", ["backward", "both"]),
        ("convcalc lint --rule CC10", [f"CC10{n}" for n in range(1, 10)]),
        ("convcalc shape --form", ["--format"]),
        ("convcalc shape -f ma", ["markdown"]),
    ],
)
def test_words_are_completed(line: str, words: list[str]) -> None:
    assert offered(line) == words


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_offered_the_same(shell: str) -> None:
    assert "depthwise_separable" in " ".join(offered("convcalc shape depthwise_s", shell))
    assert "@resnet_stem" in " ".join(offered("convcalc summary @resnet_s", shell))


def test_completing_imports_neither_torch_nor_a_users_file(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("raise SystemExit('imported')\n")
    script = (
        "import sys; from convcalc.cli.completions import layer_words as c;"
        "c(['net.py:Net'], 'wid'); c(['conv2d'], 'k'); c([], 'torchvision:res'); c([], 'timm:res');"
        "print(sorted({'torch', 'numpy', 'torchvision', 'timm', 'net'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout.strip() == "[]"


def test_every_kind_is_offered() -> None:
    assert set(layer_words([], "")) >= set(all_kinds())


def test_networks_of_an_installed_zoo_are_read_off_its_files() -> None:
    for zoo, some in (("torchvision", {"resnet18", "vit_b_16"}), ("timm", {"resnet50", "convnext_tiny"})):
        names = set(zoo_names(zoo))
        assert names >= some if names else not names
