"""Us against torch and fvcore: equal, different for a stated reason, or not seen by them."""

from __future__ import annotations

import json
from math import prod
from typing import Any

import pytest
import torch
from torch import nn

from convcalc.builder import Builder
from convcalc.cli.app import run
from convcalc.graph import Node
from convcalc.ops import Opaque
from convcalc.pytorch import verify
from convcalc.pytorch.counters import DEAD, PRINTED, SPARSE, WORDED
from convcalc.pytorch.verify_report import verify as verify_stacks
from convcalc.spec.assemble import assemble
from convcalc.spec.source import blocks
from tests.golden.test_golden import LINES

GOLDEN = [
    line for line in LINES if int(line[4]) < 200_000_000 and prod(map(int, line[2].split(" ")[0].split("x"))) < 10**6
]
"""Lines of kinds that run in a moment."""


def verified(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, list[dict[str, Any]]]:
    code = run(["verify", "-f", "json", *argv])
    return code, json.loads(capsys.readouterr().out)["layers"]


def test_a_stack_agrees_with_torch_and_fvcore(capsys: pytest.CaptureFixture[str]) -> None:
    code, layers = verified(
        capsys, "-i", "8x14x14", "conv2d", "c=16", "k=3", "g=4", "depthwise_separable", "c=8", "k=3",
        "ConvTranspose2d(8,4,3,stride=2,output_padding=1)", "batch_norm", "relu", "flatten", "linear", "out_features=3",
    )  # fmt: skip
    assert code == 0
    assert {layer[figure]["verdict"] for layer in layers for figure in ("shape", "params")} == {"agrees"}
    assert {layer["macs_torch"]["verdict"] for layer in layers} == {"agrees", verify.NO_CONTRACTION}
    assert {layer["macs_fvcore"]["verdict"] for layer in layers} == {"agrees", verify.NO_CONTRACTION}
    assert [layer["ran"] for layer in layers][:2] == ["torch.nn.Conv2d", "the graph as a module"]
    assert layers[-1]["text"] == "the whole"


def test_fvcore_counts_nothing_for_padding_same(capsys: pytest.CaptureFixture[str]) -> None:
    code, layers = verified(capsys, "-i", "8x14x14", "Conv2d(8, 16, 3, padding='same')")
    assert code == 0
    assert layers[0]["macs_fvcore"]["theirs"] == 0
    assert layers[0]["macs_fvcore"]["verdict"].startswith("differs because fvcore counts 0 for padding='same'")
    assert layers[0]["macs_torch"]["verdict"] == "agrees"


def test_a_difference_without_a_reason_is_exit_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "fvcore_count", lambda module, data: (7, ()))
    code, layers = verified(capsys, "-i", "8x14x14", "conv2d", "c=16", "k=3")
    assert code == 1
    assert layers[0]["macs_fvcore"]["verdict"] == "DIFFERS"
    assert run(["verify", "-i", "8x14x14", "conv2d", "c=16", "k=3"]) == 1
    assert "a figure DIFFERS without a known reason" in capsys.readouterr().out


def seen(**more: Any) -> verify.ModuleCall:
    told = {"shapes": ((1, 2),), "params": 3, "torch_macs": 5, "fvcore_macs": 5, "fvcore_blind": (), "run_as": "x"}
    return verify.ModuleCall(**{**told, **more})


@pytest.mark.parametrize(
    ("more", "figure", "text"),
    [
        ({"shapes": ((1, 3),)}, "shape", "DIFFERS"),
        ({"params": 4}, "params", "DIFFERS"),
        ({"torch_macs": 6}, "macs_torch", "DIFFERS"),
        (
            {"fvcore_macs": None, "fvcore_blind": ("ValueError while tracing",)},
            "macs_fvcore",
            "cannot see: ValueError while tracing",
        ),
        ({"fvcore_macs": 1, "fvcore_blind": ("aten::baddbmm",)}, "macs_fvcore", "DIFFERS"),  # a name is no arithmetic
        ({"fvcore_macs": 9}, "macs_fvcore", "DIFFERS"),
        ({"fvcore_macs": 0, "worded": frozenset({2})}, "macs_fvcore", f"differs because {WORDED}"),
        ({"fvcore_macs": 1, "worded": frozenset({2})}, "macs_fvcore", "DIFFERS"),
    ],
)
def test_verdicts(more: dict[str, Any], figure: str, text: str) -> None:
    assert verify.compare([(1, 2)], 3, steps(), seen(**more))[figure].text == text


def steps(*more: str) -> list[Node]:
    """A convolution of 5 multiply-adds, and steps that cannot be read."""
    b = Builder()
    x = b.conv(b.input((1, 1, 5)), 1, 1)
    for name in more:
        x = b.write(Opaque(name, x.shape), x)
    return list(b.graph(x).nodes)


def test_what_we_cannot_read_is_our_own_reason() -> None:
    verdict = verify.compare([(1, 2)], 3, steps("fft"), seen(torch_macs=9))["macs_torch"]
    assert (verdict.text, verdict.reason) == ("differs because we cannot read fft", "we cannot read fft")


@pytest.mark.parametrize(
    ("spec", "sizes", "reason"),
    [
        ("involution", "64x28x28", PRINTED),
        ("deformable c=64 k=3 p=1", "64x28x28", PRINTED),
        ("deformable_v2 c=64 k=3 p=1", "64x28x28", PRINTED),
        ("do_conv c=64 k=3 p=1", "64x28x28", PRINTED),
        ("hetconv c=64 part=4", "64x28x28", PRINTED),
        ("gcn c=16 edges=10556", "2708x1433", SPARSE),
        ("cheb c=16 edges=300 num_terms=3", "100x16", SPARSE),
        ("conv2d c=8 k=3 p=same", "4x9x9", WORDED),
        ("conv1d c=8 k=3 p=valid", "4x9", WORDED),
        ("conv2d c=8 k=3 p=same g=4 bias=false relu conv2d c=4 k=1", "4x9x9", WORDED),
        ("lstm hidden_size=5", "7x4", "fvcore has no rule for aten::lstm"),
    ],
)
def test_a_counters_number_is_predicted_from_the_reason(spec: str, sizes: str, reason: str) -> None:
    """Where a counter differs, the number that its reason predicts is the number that came."""
    report = verify_stacks([assemble(blocks(spec.split(), [sizes])[0])])
    assert report.holds
    assert reason in {verdict.reason for layer in report.blocks[0] for verdict in layer.verdicts.values()}


def test_the_whole_is_what_fvcore_gives_on_torchs_own_layers() -> None:
    """README's example: the layer with padding in words counts 0, the transposed one 16 x 8 x 4 x 4 x 14 x 14."""
    spec = ["Conv2d(8, 16, 3, padding='same')", "ConvTranspose2d(16, 8, 4, stride=2, padding=1)"]
    report = verify_stacks([assemble(blocks(spec, ["8x14x14"])[0])])
    *_, whole = report.blocks[0]
    assert whole.text == "the whole" and whole.verdicts["macs_fvcore"].theirs == 401_408
    assert whole.verdicts["macs_torch"].text == "agrees" and report.holds


def test_a_layer_that_no_result_needs_is_not_in_fvcores_whole() -> None:
    spec = ["conv c=8 k=3 p=1 as=a conv c=4 k=1 as=dead conv c=4 k=1 from=a"]
    report = verify_stacks([assemble(blocks(spec, ["8x8x8"])[0])])
    assert report.holds and report.blocks[0][-1].verdicts["macs_fvcore"].reason == DEAD


@pytest.mark.parametrize(
    "kind", ["condconv c=8 k=3 p=1", "do_conv c=8 k=3 p=1", "dbb c=8 k=3", "lstm hidden_size=8", "gcn c=8 edges=20"]
)
def test_shared_weights_are_shared_in_the_modules_too(kind: str) -> None:
    name, *_ = kind.split()
    sizes = {"gcn": "9x8", "lstm": "5x8"}.get(name, "8x6x6")
    report = verify_stacks([assemble(blocks(f"{kind} as=a {name} same=a".split(), [sizes])[0])])
    assert report.holds
    assert report.blocks[0][-1].verdicts["params"].text == "agrees"


@pytest.mark.parametrize("line", GOLDEN, ids=range(len(GOLDEN)))
def test_every_kind_agrees_or_differs_for_a_reason(line: list[str]) -> None:
    """The golden lines of every kind, with and without groups, bias and words for padding."""
    subject = assemble(blocks([line[0]], line[1].split(" + "))[0])
    report = verify_stacks([subject])
    assert report.holds, [(layer.text, layer.verdicts) for layer in report.blocks[0] if not layer.holds]


def test_fvcores_failure_is_no_failure_of_ours() -> None:
    class Fails(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise ValueError("no")

    assert verify.fvcore_count(Fails(), (torch.zeros(1),)) == (None, ("ValueError while tracing",))
