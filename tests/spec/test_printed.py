"""Printed models: torch's own parameter counts, whatever stands around, in and beside the modules."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from convcalc.analyses.counts.report import CountReport, count
from convcalc.errors import SpecError, UnsupportedError
from convcalc.kinds import all_kinds
from convcalc.ops import Parameter
from convcalc.spec.assemble import assemble
from convcalc.spec.printed import ALSO_TORCH, LEARNERS, torch_kind
from convcalc.spec.source import blocks
from convcalc.spec.weightless import WEIGHTLESS
from tests.golden.test_golden import LINES


def counted(text: str, monkeypatch: pytest.MonkeyPatch) -> CountReport:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    return count([assemble(block, needs_input=False) for block in blocks(["-"], printed=True)])


def numel(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


class Holder(nn.Module):
    """Any modules under names."""

    def __init__(self, **modules: nn.Module) -> None:
        super().__init__()
        for name, module in modules.items():
            self.add_module(name, module)


class Conv2d(nn.Conv2d):
    """As Detectron2's: a convolution that holds its norm and activation."""

    def __init__(self, *args: Any, norm: nn.Module, activation: nn.Module, **more: Any) -> None:
        super().__init__(*args, **more)
        self.norm, self.activation = norm, activation


class Linear(nn.Linear):
    """As an adapter's: a linear layer that holds two narrow ones."""

    def __init__(self, reads: int, makes: int, rank: int) -> None:
        super().__init__(reads, makes)
        self.lora_A = nn.ModuleDict({"default": nn.Linear(reads, rank, bias=False)})
        self.lora_B = nn.ModuleDict({"default": nn.Linear(rank, makes, bias=False)})


OWN_AND_PARTS = [
    Conv2d(3, 8, 3, norm=nn.BatchNorm2d(8), activation=nn.ReLU(), bias=False),
    Conv2d(8, 16, (1, 5), groups=4, norm=nn.GroupNorm(4, 16), activation=nn.GELU()),
    Linear(8, 12, 4),
    nn.Sequential(Conv2d(3, 4, 1, norm=nn.Identity(), activation=nn.PReLU(4)), nn.Conv2d(4, 4, 1)),
    nn.LSTM(8, 5, num_layers=2, bidirectional=True),
    nn.GRU(8, 5, bias=False),
    nn.RNN(8, 5, 2, nonlinearity="relu"),
    nn.LSTM(8, 6, proj_size=2, batch_first=True),
    nn.Embedding(10, 3, padding_idx=0),
    nn.Bilinear(3, 4, 5, bias=False),
    nn.RMSNorm((4, 5)),
    nn.SyncBatchNorm(6),
    nn.ParameterList([torch.zeros(3, 4), torch.zeros(2)]),
    nn.ParameterDict({"left": torch.zeros(5, 10)}),
    nn.ParameterDict({"a": torch.zeros(()), "b": torch.zeros(2, 3, 4)}),
    nn.Sequential(nn.Softmax(dim=4), nn.Flatten(4, -1), nn.LocalResponseNorm(5), nn.Conv3d(3, 4, (1, 2, 3))),
]


@pytest.mark.parametrize("module", OWN_AND_PARTS, ids=lambda module: type(module).__name__)
def test_a_module_has_its_own_weights_and_those_of_its_parts(
    module: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = counted(str(Holder(inner=module)), monkeypatch)
    assert (report.params.total, report.at_least) == (numel(module), [])


@pytest.mark.parametrize(
    "module",
    [
        parametrizations.weight_norm(nn.Conv2d(3, 8, 3)),
        parametrizations.weight_norm(nn.ConvTranspose1d(6, 4, 3)),
        parametrizations.weight_norm(nn.Linear(7, 5)),
        parametrizations.weight_norm(nn.ConvTranspose2d(6, 4, 3), name="bias"),
        parametrizations.spectral_norm(nn.Conv1d(3, 8, 3)),
        parametrizations.orthogonal(nn.Linear(6, 6)),
    ],
    ids=lambda module: type(module).__name__,
)
def test_parametrizations_that_torch_has_are_counted(module: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    report = counted(str(nn.Sequential(module)), monkeypatch)
    assert (report.params.total, report.at_least) == (numel(module), [])


def test_another_parametrization_makes_it_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    class Twice(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return 2 * x

    module = nn.Conv2d(3, 8, 3)
    parametrize.register_parametrization(module, "weight", Twice())
    report = counted(str(nn.Sequential(module)), monkeypatch)
    assert report.params.total == 224 and report.at_least == ["0.parametrizations.weight.0 (Twice)"]


UNKNOWN = {
    "Net(\n  (a): Foo(3)\n)": (0, ["a (Foo)"]),
    "Net(\n  (a): Foo()\n  (b): Bar(\n    (c): Foo(1)\n  )\n)": (0, ["a (Foo)", "b.c (Foo)"]),
    "Sequential(\n  (0): Foo(3)\n)": (0, ["0 (Foo)"]),
    "Net(\n  (e): SE(16)\n  (b): Bottleneck(64, 16)\n  (c): CondConv2d()\n)": (
        0, ["e (SE)", "b (Bottleneck)", "c (CondConv2d)"],
    ),
    "Net(\n  (c): C2f(\n    (cv1): Conv(\n      (conv): Conv2d(3, 8, kernel_size=(1, 1))\n    )\n  )\n)": (32, []),
    "Net(\n  (c): Conv(3, 8, 3)\n  (d): conv2d(3, 8, 3)\n)": (0, ["c (Conv)", "d (conv2d)"]),
    "Net(\n  (s): Conv2dStaticSamePadding(\n    3, 32, kernel_size=(3, 3)\n    (pad): ZeroPad2d((0, 1, 0, 1))"
    "\n  )\n  (h): Linear(in_features=2, out_features=3, bias=True)\n)": (9, ["s (Conv2dStaticSamePadding)"]),
    "Net(\n  (l): LazyConv2d(0, 8, kernel_size=(3, 3), stride=(1, 1))\n)": (0, ["l (LazyConv2d)"]),
    "Net(\n  (m): MultiheadAttention(\n    (out_proj): NonDynamicallyQuantizableLinear(in_features=4, out_features=4,"
    " bias=True)\n  )\n)": (20, ["m (MultiheadAttention)"]),
    "Net(\n  (c): Conv2d(original_name=Conv2d)\n)": (0, ["c (Conv2d)"]),
}  # fmt: skip


@pytest.mark.parametrize(("text", "wanted"), UNKNOWN.items(), ids=range(len(UNKNOWN)))
def test_what_is_not_known_is_at_least_and_named(
    text: str, wanted: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    report = counted(text, monkeypatch)
    assert (report.params.total, report.at_least) == wanted


def test_a_foot_says_what_no_print_shows(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from convcalc.cli.app import run

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"Net(\n  (a): Foo(3)\n)\n")))
    assert run(["params", "-"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "at least: the weights of a (Foo) could not be read" in out and "at least 0" in out
    assert "a print does not show parameters that a container holds itself" in out


@pytest.mark.parametrize("name", sorted(WEIGHTLESS - {"None", "FrozenBatchNorm2d"}))
def test_well_known_leaves_without_weights_are_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    report = counted(
        f"Net(\n  (c): Linear(in_features=2, out_features=3, bias=True)\n  (x): {name}(7, p=2)\n)", monkeypatch
    )
    assert (report.params.total, report.at_least) == (9, [])


SPELLINGS = {
    "ReLU(inplace)": "Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))",
    "ReLU (inplace)": "Conv2d (3, 8, kernel_size=(3, 3), stride=(1, 1))",
    "LeakyReLU(0.2, inplace)": "Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1), padding=same)",
    "MaxPool2d (size=(2, 2), stride=(2, 2), dilation=(1, 1))": "Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))",
    "Dropout (p = 0.5)": "Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))",
    "GELU(approximate=none)": "Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))",
    "Upsample(scale_factor=2, mode=nearest)": "Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))",
    "Softmax ()": "Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))",
    "Threshold(0, 0, inplace)": "Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))",
}


@pytest.mark.parametrize(("leaf", "layer"), SPELLINGS.items())
def test_old_spellings_are_read(leaf: str, layer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"Sequential (\n  (0): {layer}\n  (1): {leaf}\n)\n"
    report = counted(text, monkeypatch)
    assert (report.params.total, report.at_least) == (224, [])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert assemble(blocks(["-"], ["3x8x8"])[0]).graph.outputs[0].channels == 8


def test_an_old_linear_layer_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert counted("Net (\n  (fc): Linear (512 -> 10)\n)", monkeypatch).params.total == 5130


MODEL = str(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()))
AROUND = [
    f">>> model = Net()\n>>> print(model)\n{MODEL}\n>>> ",
    f"In [3]: model\nOut[3]: {MODEL}",
    f"Out[3]: \n{MODEL}",
    f"model = {MODEL}",
    "\n".join(f"# {line}" for line in MODEL.split("\n")),
    "\n".join(f"> {line}" for line in MODEL.split("\n")),
    f"Loading weights from file.pth\n\n{MODEL}\n\nTotal params: 224\nTrainable params: 224",
    MODEL.replace("  (1)", "  init_cfg={'type': 'Kaiming', 'layer': 'Conv2d'}\n  (1)"),
    f"{MODEL[:-1]}  init_cfg=dict(type='Kaiming')\n)",
    f"$ python train.py\n{MODEL}",
]


@pytest.mark.parametrize("text", AROUND, ids=range(len(AROUND)))
def test_what_stands_around_a_model_is_no_part_of_it(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    report = counted(text, monkeypatch)
    assert (report.params.total, report.at_least) == (224, [])


def test_a_stray_line_that_calls_a_class_makes_it_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    report = counted(MODEL.replace("  (1)", "  Normalise(mean=[0.5])\n  (1)"), monkeypatch)
    assert report.params.total == 224 and report.at_least == ["Normalise (stdin, line 3)"]
    assert "skipped 1 line" in report.hints[0]


def test_a_module_that_stands_there_too_often_is_refused_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SpecError, match="stands there 1 to 10,000 times"):
        counted("Sequential(\n  (0): 1000000000 x ReLU()\n)", monkeypatch)


def test_a_leaf_whose_shape_does_not_show_stops_a_shape_only(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "Sequential(\n  (0): Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))\n  (1): Permute()\n)"
    assert counted(text, monkeypatch).params.total == 224
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    with pytest.raises(SpecError, match="what Permute does to a shape does not show"):
        blocks(["-"], ["3x8x8"])
    frozen = "Sequential(\n  (0): FrozenBatchNorm2d(3, eps=1e-05)\n  (1): DropPath(drop_prob=0.1)\n)"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(frozen.encode())))
    assert assemble(blocks(["-"], ["3x8x8"])[0]).graph.outputs[0].shape == (1, 3, 8, 8)
    own = str(nn.Sequential(Conv2d(3, 8, 3, norm=nn.BatchNorm2d(8), activation=nn.ReLU())))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(own.encode())))
    with pytest.raises(UnsupportedError, match="a printed Conv2d shows its modules"):
        blocks(["-"], ["3x8x8"])


def test_the_kinds_that_learn_are_those_whose_recipes_write_parameters() -> None:
    """By the golden lines of every kind that torch has; attention and encoder layers are never leaves of a print."""
    learned = set()
    for spec, given, *_ in (*LINES, ("instance_norm affine=true", "2x3x4x5")):
        (block,) = blocks([spec], given.split(" + "))
        if len(block.layers) > 1:
            continue
        graph = assemble(block).graph
        learned |= {block.layers[0].kind.name} if any(isinstance(node.op, Parameter) for node in graph.nodes) else set()
    parts = {"multihead_attention", "transformer_encoder_layer"}
    assert {name for name in learned - parts if all_kinds()[name].torch} == LEARNERS


def test_only_torchs_own_names_are_layers_of_a_print() -> None:
    for name in ("Conv", "conv2d", "CONV2D", "SE", "Concat", "ReLU2d", "LazyConv2d", "Ghost", "Conv2D", "fc"):
        assert torch_kind(name) is None, name
    for name in ("Conv2d", "ReLU", "Dropout3d", "BatchNorm1d", *ALSO_TORCH):
        assert torch_kind(name) is not None, name
        assert hasattr(nn, name)
