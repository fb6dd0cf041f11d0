"""The spec grammar: what each way of writing means, as shapes whose values are known from torch."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from convcalc.analyses.counts.macs import macs
from convcalc.analyses.counts.params import params
from convcalc.errors import ConvcalcError, SpecError, UnsupportedError
from convcalc.sizes import PerAxis
from convcalc.spec.assemble import assemble
from convcalc.spec.source import blocks
from convcalc.spec.tensors import tensor
from convcalc.subject import Subject


def read(*spec: str, i: str | tuple[str, ...] = "3x224x224", layout: str = "chw") -> Subject:
    given = (i,) if isinstance(i, str) else i
    return assemble(blocks(spec, [one for one in given if one])[0], layout=layout, needs_input=False)


def out(*spec: str, **more: Any) -> tuple[int, ...]:
    return read(*spec, **more).graph.outputs[0].shape


SAME = [
    ["Conv2d(3, 64, 7, stride=2, padding=3)"],
    ["nn.Conv2d(3, 64, 7, 2, 3)"],
    ["torch.nn.Conv2d(3, 64, kernel_size=(7, 7), stride=(2, 2), padding=(3, 3))"],
    ["self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3)"],
    ["self.conv1=nn.Conv2d(3,64,7,stride=2,padding=3),"],
    ["conv2d", "out_channels=64", "k=7", "s=2", "p=3"],
    ["conv2d out_channels=64 k=7 s=2 p=3"],
    ["CONV2D", "c=64", "kernel_size=7x7", "stride=2", "padding=3+3"],
    ["Conv2d(3, 64, 7)", "s=2", "p=3"],
    ["conv", "in_channels=3", "c=64", "k=(7,7)", "s=2", "p=3+3x3+3"],
    ["卷积", "c=64", "k=7", "s=2", "p=3"],
    ["Sequential(nn.Conv2d(3, 64, 7, stride=2, padding=3))"],
    ["Conv2d(3, 64, 7,\n  stride=2,  # as in the paper\n  padding=3)"],
    ["Ｃｏｎｖ２ｄ（3, 64, 7, stride=2, padding=3）"],
]


@pytest.mark.parametrize("spec", SAME, ids=[" ".join(spec)[:50] for spec in SAME])
def test_many_ways_to_write_one_layer(spec: list[str]) -> None:
    stack = read(*spec)
    assert stack.graph.outputs[0].shape == (1, 64, 112, 112)
    assert params(stack.graph).total == sum(p.numel() for p in nn.Conv2d(3, 64, 7).parameters())


def test_short_keys_hold_where_the_kind_has_no_such_name() -> None:
    dropped = blocks(["dropout", "p=0.25"])[0].layers[0]
    assert dropped.arguments == {"p": 0.25}
    assert blocks(["Dropout(p=0.25)"])[0].layers[0].arguments == {"p": 0.25}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("k=3x5", PerAxis((3, 5))),
        ("p=0+1", (0, 1)),
        ("p=0+1x2+2", PerAxis(((0, 1), (2, 2)))),
        ("padding=same", "same"),
        ("bias=false", False),
        ("bias=no", False),
        ("bias=True", True),
        ("padding_mode=reflect", "reflect"),
    ],
)
def test_values_of_words(word: str, value: Any) -> None:
    (layer,) = blocks(["conv2d", word])[0].layers
    assert list(layer.arguments.values()) == [value]


def test_values_of_other_arguments() -> None:
    def told(*spec: str) -> dict[str, Any]:
        return blocks(spec)[0].layers[0].arguments

    assert told("upsample", "scale_factor=2x1.5") == {"scale_factor": PerAxis((2, 1.5))}
    assert told("layer_norm", "normalized_shape=5,10") == {"normalized_shape": (5, 10)}
    assert told("LayerNorm([5, 10])") == {"normalized_shape": (5, 10)}
    assert told("adaptive_avg_pool", "output_size=(5,7)") == {"output_size": PerAxis((5, 7))}
    assert told("AdaptiveAvgPool2d((None, 7))") == {"output_size": PerAxis((None, 7))}
    assert told("ZeroPad2d((1, 1, 2, 0))") == {"padding": (1, 1, 2, 0)}
    assert told("leaky_relu", "negative_slope=1e-2") == {"negative_slope": 0.01}
    assert told("Conv2d(3, 4, 3, padding=((0, 1), (2, 2)))")["padding"] == PerAxis(((0, 1), (2, 2)))
    assert told("Conv2d(3, 4, 3, padding=same)")["padding"] == "same"
    assert told("Softmax(dim=-1)") == {"dim": -1}
    assert told("max_pool", "k=2", "stride=none") == {"kernel_size": 2, "stride": None}


def test_padding_per_side_and_tensorflows_same() -> None:
    assert out("conv2d", "c=4", "k=2", "p=0+1") == (1, 4, 224, 224)
    assert out("conv2d", "c=4", "k=3", "p=0+1x2+2") == (1, 4, 223, 226)
    assert out("conv2d", "c=4", "k=3", "s=2", "padding=tf_same", i="3x225x225") == (1, 4, 113, 113)


def test_repeat_chains_and_times_counts() -> None:
    chained = read("conv2d", "c=3", "k=3", "bias=false", "repeat=3")
    assert chained.graph.outputs[0].shape == (1, 3, 218, 218)
    assert params(chained.graph).total == 3 * 81
    assert [scope.path for scope in chained.graph.scopes if len(scope.path) == 2] == [
        ("0", "0"),
        ("0", "1"),
        ("0", "2"),
    ]
    assert read("conv2d", "c=3", "k=3", "times=3").graph.scopes[0].times == 3


def test_branches() -> None:
    spec = (
        "conv out_channels=64 k=3 p=1 as=skip maxpool2d k=2 conv out_channels=64 k=3 p=1 "
        "upsample scale_factor=2 concat from=skip,last"
    )
    assert out(*spec.split()) == (1, 128, 224, 224)
    assert out("relu", "as=a", "add", "from=a,input") == (1, 3, 224, 224)
    assert out("add", "from=high,low", i=("high=3x8x8", "low=3x8x8")) == (1, 3, 8, 8)
    assert out("add", i=("3x8x8", "3x8x8")) == (1, 3, 8, 8)
    assert out("conv2d", "c=2", "k=1", "from=input_1", i=("3x8x8", "5x4x4")) == (1, 2, 4, 4)


@pytest.mark.parametrize(
    ("spec", "given", "shape", "words"),
    [
        ("relu", "5x7", (1, 5, 7), "read as CxL, one sample"),
        ("relu", "3x8x8", (1, 3, 8, 8), "read as CxHxW, one sample"),
        ("relu", "2x3x8x8", (2, 3, 8, 8), "read as NxCxHxW, a batch of 2"),
        ("relu", "2x3x4x8x8", (2, 3, 4, 8, 8), "read as NxCxDxHxW, a batch of 2"),
        ("conv1d c=3 k=1", "2x3x8", (2, 3, 8), "read as NxCxL, a batch of 2"),
        ("relu conv3d c=3 k=1", "3x4x8x8", (1, 3, 4, 8, 8), "read as CxDxHxW, one sample"),
        ("conv c=3 k=1x1x1", "3x4x8x8", (1, 3, 4, 8, 8), "read as CxDxHxW, one sample"),
        ("upsample scale_factor=1 mode=linear", "3x8", (1, 3, 8), "read as CxL, one sample"),
        ("linear out_features=3", "3", (1, 3), "read as F, one sample"),
        ("relu linear out_features=3", "2x3", (2, 3), "read as NxF, a batch of 2"),
        ("linear out_features=3", "2x10x3", (2, 10, 3), "read as a batch of 2, features last"),
        ("conv2d c=3 k=1", "3 × 8 × 8".replace(" ", ""), (1, 3, 8, 8), "one sample"),
        ("conv2d c=3 k=1", "3x8x8:int64", (1, 3, 8, 8), "one sample"),
    ],
)
def test_how_an_input_is_read(spec: str, given: str, shape: tuple[int, ...], words: str) -> None:
    stack = read(*spec.split(), i=given)
    assert stack.graph.outputs[0].shape == shape
    assert words in stack.reading


def test_channels_last_is_hinted_and_read() -> None:
    assert "--input-layout hwc" in read("relu", i="12x12x3").hint
    assert not read("relu", i="3x12x12").hint and not read("relu", i="3x12x3").hint
    assert out("conv2d", "c=4", "k=5", i="12x12x3", layout="hwc") == (1, 4, 8, 8)
    assert out("conv2d", "c=4", "k=5", i="2x12x12x3", layout="hwc") == (2, 4, 8, 8)


def test_flatten_leaves_the_rank_to_the_number_of_sizes() -> None:
    assert out("flatten", "linear", "out_features=10", i="1x28x28") == (1, 10)
    assert macs(read("flatten", "linear", "out_features=10", i="1x28x28").graph) == 7840


def test_without_an_input_sizes_are_unknown_but_channels_are_not() -> None:
    graph = read("Conv3d(3, 10, (6, 5, 4))", i="").graph
    assert params(graph).total == 3610 and str(graph.outputs[0].shape) == "(?, 10, ?, ?, ?)"
    assert params(read("Linear(5, 3)", i="").graph).total == 18
    assert "2-D" in read("conv c=4 k=3 in_channels=2", i="").reading


def test_a_dtype_and_a_name_of_an_input() -> None:
    one = tensor("high=10x3:int64")
    assert (one.name, one.sizes, one.dtype) == ("high", (10, 3), "int64")
    with pytest.raises(SpecError, match="two inputs are called 'a'"):
        read("add", i=("a=3x3x3", "a=3x3x3"))


FILE = """\
# a stem
input 3x32x32
Conv2d(3, 8, 3,
       padding=1)   # over two lines
relu as=skip
self.pool = nn.MaxPool2d(2)
input 8x16x16
conv2d c=4 k=1
"""


def test_files_hold_comments_inputs_code_lines_and_blocks(tmp_path: Path) -> None:
    path = tmp_path / "net.txt"
    path.write_text(FILE.replace("\n", "\r\n"), encoding="utf-8-sig")
    found = [assemble(block) for block in blocks([f"@{path}"])]
    assert [stack.graph.outputs[0].shape for stack in found] == [(1, 8, 16, 16), (1, 4, 16, 16)]
    with pytest.raises(SpecError, match="-i would replace the inputs of 2 blocks"):
        blocks([f"@{path}"], ["3x8x8"])
    more = blocks([f"@{path}", "conv2d", "c=2", "k=1"])
    assert assemble(more[1]).graph.outputs[0].shape == (1, 2, 16, 16)


def test_the_input_of_a_file_is_replaced_by_i() -> None:
    assert out("@resnet_stem", i="2x3x64x64") == (2, 64, 16, 16)


def pasted(model: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{model}\n".encode())))


def test_a_pasted_sequential_is_read_for_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.Sequential(nn.BatchNorm2d(8), nn.ReLU(inplace=True)),
        nn.Sequential(*(nn.Sequential(nn.Conv2d(8, 8, 3, padding="same", bias=False), nn.GELU()) for _ in range(3))),
        nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Dropout(0.5), nn.Linear(8, 10),
    )  # fmt: skip
    pasted(model, monkeypatch)
    stack = assemble(blocks(["-"], ["3x32x32"])[0])
    assert stack.graph.outputs[0].shape == tuple(model(torch.zeros(1, 3, 32, 32)).shape)
    assert params(stack.graph).total == sum(p.numel() for p in model.parameters())


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_a_pasted_model_of_other_modules_is_read_for_params_only(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 4, 32), 2)
    pasted(model, monkeypatch)
    with pytest.raises(UnsupportedError, match="shows its modules, not what forward"):
        blocks(["-"])
    pasted(model, monkeypatch)
    found = blocks(["-"], printed=True)
    total = sum(params(assemble(b, needs_input=False).graph).total * b.layers[0].times for b in found)
    hidden = sum(p.numel() for n, p in model.named_parameters() if "in_proj" in n)
    assert total == sum(p.numel() for p in model.parameters()) - hidden
    assert any("MultiheadAttention" in name for block in found for name in block.hidden)


def test_a_printed_model_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    for text, message in {
        "Sequential(\n  (0): ReLU()\n": "Sequential( is never closed",
        "Sequential(\n  (0): ReLU()\n)\n)\n": "this ) closes nothing",
        "Sequential(\n  (0): ReLU()\n)\nSequential(\n  (0): ReLU()\n)\n": "a second model begins here",
    }.items():
        (tmp_path / "net.txt").write_text(text)
        with pytest.raises(SpecError) as caught:
            blocks([f"@{tmp_path / 'net.txt'}"])
        assert message in str(caught.value)


@pytest.mark.parametrize("layer", ["Conv2d(3, 8, 3, groups=2)", "conv2d c=8 k=400"])
def test_errors_name_their_layer(layer: str) -> None:
    with pytest.raises(ConvcalcError, match="layer 1 "):
        out("relu", layer)


def written(tmp_path: Path, text: str) -> str:
    (tmp_path / "net.txt").write_text(text)
    return f"@{tmp_path / 'net.txt'}"


def test_a_printed_module_that_is_no_layer_is_refused_unless_only_params_are_asked(tmp_path: Path) -> None:
    """A gate halves the channels and a misspelt Linear changes everything after it: no shape can be told."""
    spec = written(tmp_path, "Sequential(\n  (0): Conv2d(3, 8, kernel_size=(3, 3))\n  (1): SwiGLU(dim=1)\n)\n")
    with pytest.raises(SpecError, match="SwiGLU is not a layer convcalc knows"):
        blocks([spec], ["3x8x8"])
    (block,) = blocks([spec], printed=True)
    assert block.hidden == ("1 (SwiGLU)",)
    spec = written(tmp_path, "Net(\n  (a): Linear(in_features=3, out_features=2)\n  (b): Unpool(2)\n)\n")
    assert [block.hidden for block in blocks([spec], printed=True)] == [("b (Unpool)",)]


def test_an_empty_container_of_a_printed_model_is_nothing(tmp_path: Path) -> None:
    spec = written(tmp_path, "Sequential(\n  (0): ReLU()\n  (shortcut): Sequential()\n)\n")
    assert len(blocks([spec])[0].layers) == 1


def test_stated_channels_are_enough_for_params_wherever_they_stand() -> None:
    def total(*spec: str) -> int:
        return params(read(*spec, i="").graph).total

    assert total("relu", "Conv2d(3, 4, 3)") == 112
    assert total("Conv2d(1, 6, 5)", "relu", "Flatten()", "Linear(256, 10)") == 156 + 2570
    assert total("Upsample(scale_factor=2)", "BatchNorm2d(5)") == 10


def test_a_prefix_a_bare_word_and_lower_case_truth() -> None:
    assert out("nn.ReLU", "torch.nn.GELU") == (1, 3, 224, 224)
    assert out("Conv2d(3, 4, 3, bias=false)") == (1, 4, 222, 222)
    assert out("concat", "from=input,input", "axis=-1", i="3x8x8") == (1, 3, 8, 16)
    assert out("slice", "axis=-1", "stop=2", i="3x8x8") == (1, 3, 8, 2)


@pytest.mark.parametrize(
    ("given", "layout", "spec", "reading"),
    [
        ("64x128x3", "hwc", "conv2d c=4 k=3", "input 64x128x3 read as HxWxC, one sample"),
        ("2x64x128x3", "hwc", "conv2d c=4 k=3", "input 2x64x128x3 read as NxHxWxC, a batch of 2"),
        ("3x64x128", "chw", "conv2d c=4 k=3", "input 3x64x128 read as CxHxW, one sample"),
        ("2x3x64x128", "chw", "conv2d c=4 k=3", "input 2x3x64x128 read as NxCxHxW, a batch of 2"),
        ("5x9", "chw", "conv1d c=4 k=3", "input 5x9 read as CxL, one sample"),
        ("3x8", "chw", "linear out_features=2", "input 3x8 read as NxF, a batch of 3"),
    ],
)
def test_letters_and_sizes_stand_in_one_order(given: str, layout: str, spec: str, reading: str) -> None:
    assert assemble(blocks(spec.split(), [given])[0], layout=layout).reading == reading


@pytest.mark.parametrize(
    ("given", "looks"),
    [
        *((given, True) for given in ("12x12x3", "64x128x3", "224x224x1", "32x32x4")),
        *((given, False) for given in ("2x4x4", "128x1x1", "3x224x224", "64x4x4", "3x3x3", "64x28x28", "1x64x64x3")),
    ],
)
def test_the_hint_on_channels_last_comes_where_an_image_is(given: str, looks: bool) -> None:
    """With an answer and with an error; never for a gate or a small map."""
    if not given.startswith("1x64"):
        assert ("--input-layout hwc" in read("relu", i=given).hint) == looks
    with pytest.raises(ConvcalcError) as caught:
        out("conv2d", "c=4", "k=999", i=given)
    assert ("--input-layout hwc" in str(caught.value)) == looks
