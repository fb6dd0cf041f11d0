"""What people type who know other tools, or none: answered with the form that works here."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from convcalc.cli.app import run

I3 = ("-i", "3x8x8")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("involution", "there is no command 'involution'; for a kind of layer: convcalc explain involution"),
        ("net.txt", "for the layers in that file: convcalc summary @net.txt"),
        ("flops", "did you mean convcalc macs?"),
        (
            "explain",
            "explain takes a kind: explain involution, or with numbers, explain depthwise_separable -i 3x12x12",
        ),
        ("solve 224 112", "solve takes the two sizes as options: solve --in 224 --out 112"),
        ("solve 224", "solve --in 224 --out 112"),
        ("summary linear 1000 -i 8", "'1000' is not a layer: settings have names, linear out_features=1000"),
        ("summary conv2d 3 64 7", "settings have names, conv2d c=64 k=7, or stand in a call, Conv2d(3, 64, 7)"),
        ("summary 3 -i 8", "settings have names, conv2d c=64 k=7"),
        ("shape conv2d out=64 k=3", "conv has no argument 'out'; did you mean 'out_channels'?"),
        ("shape conv2d channels=64 k=3", "did you mean 'out_channels'?"),
        ("shape conv2d c=64 filter_size=3", "did you mean 'kernel_size'?"),
        ("shape linear out=64", "did you mean 'out_features'?"),
        ("shape 卷积 输出通道=64", "did you mean 'out_channels'?"),
        ("shape conv2d c=64 k=3 步长=2", "did you mean 'stride'?"),
        ("shape conv2d c=64 dilaton=2", "did you mean 'dilation'?"),
        ("shape Conv2d(3,64,3,strides=2)", "did you mean 'stride'?"),
        ("macs @resnet_stem --max-macs 600M", "no such option: --max-macs; use --assert 'macs<600M'"),
        ("hdc-check 1-2-5", "rates are whole numbers from 1 with commas between, such as 1,2,5, not '1-2-5'"),
        ("rf dbb k=3", "what dbb is made of depends on its channels: give out_channels and the input's size (-i)"),
        ("rf hetconv k=3 -i 8x32x32", "what hetconv is made of depends on its channels: give out_channels and part"),
    ],
)
def test_words_of_others_lead_to_ours(
    line: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.txt").write_text("input 3x8x8\nrelu\n")
    words = line.split()
    assert run([*words, *I3] if words[0] == "shape" else words) == 2
    assert message in capsys.readouterr().err


@pytest.mark.skipif(find_spec("torchvision") is not None, reason="torchvision is installed: it is named as it is")
@pytest.mark.parametrize("word", ["resnet18", "torchvision.models.resnet18", "torchvision.models.resnet18()"])
def test_a_network_is_named_although_its_package_is_not_here(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    hint = "the network is torchvision:resnet18 (pip install torchvision)"
    for argv in (["summary", word, *I3], [word]):
        assert run(argv) == 2
        assert hint in capsys.readouterr().err


def test_channels_may_be_left_out_where_sizes_alone_are_asked(capsys: pytest.CaptureFixture[str]) -> None:
    for argv in (["solve", "conv2d", "k=3", "s=2"], ["solve", "conv2d", "k=3", "s=2", "-i", "3x32x32"]):
        assert run([*argv, "--max-size", "64"]) == 0
        assert "each         3      1  from 3 on" in capsys.readouterr().out


def test_an_equals_sign_behind_i_is_no_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["shape", "-i=3x8x8", "relu"]) == 0
    assert "output 3x8x8" in capsys.readouterr().out
