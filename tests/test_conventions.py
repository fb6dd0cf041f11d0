"""Us against torch and fvcore: equal, different for a stated reason, or not seen by them."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import nn

from convcalc.cli.app import run
from convcalc.pytorch import verify


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
        ({"fvcore_macs": 1, "fvcore_blind": ("aten::baddbmm",)}, "macs_fvcore", "cannot see aten::baddbmm"),
        ({"fvcore_macs": 9}, "macs_fvcore", "DIFFERS"),
    ],
)
def test_verdicts(more: dict[str, Any], figure: str, text: str) -> None:
    assert verify.compare([(1, 2)], 3, 5, [], seen(**more))[figure].text == text


def test_what_we_cannot_read_is_our_own_reason() -> None:
    assert (
        verify.compare([(1, 2)], 3, 5, ["fft"], seen(torch_macs=9))["macs_torch"].text
        == "differs because we cannot read fft"
    )


def test_fvcores_failure_is_no_failure_of_ours() -> None:
    class Fails(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise ValueError("no")

    assert verify.fvcore_count(Fails(), (torch.zeros(1),)) == (None, ("ValueError while tracing",))
