"""Each difference from torch that `help spec` lists is one: torch and we do not say the same of its example."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn

from convcalc.cli.app import run
from convcalc.spec.unlike_torch import LOOSER, STRICTER, Difference


def torch_takes(item: Difference) -> bool:
    sizes = [int(size) for size in item.input.split("x")]
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        for shape in ([1, *sizes], sizes):
            try:
                eval(f"nn.{item.call}", {"nn": nn}).eval()(torch.zeros(shape))
                return True
            except (TypeError, ValueError, RuntimeError, NotImplementedError):
                continue
    return False


@pytest.mark.parametrize("item", LOOSER, ids=lambda item: item.call)
def test_what_is_taken_here_and_not_by_torch(item: Difference, capsys: pytest.CaptureFixture[str]) -> None:
    assert not torch_takes(item)
    assert run(["shape", "-i", item.input, *(item.words.split() if item.words else [item.call])]) == 0


@pytest.mark.parametrize("item", STRICTER, ids=lambda item: item.call)
def test_what_is_taken_by_torch_and_not_here(item: Difference, capsys: pytest.CaptureFixture[str]) -> None:
    assert torch_takes(item)
    assert run(["shape", "-i", item.input, item.call]) == 2


def test_help_lists_them(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert run(["help", "spec"]) == 0
    out = capsys.readouterr().out
    assert all(item.about in out and (item.words or item.call) in out for item in (*LOOSER, *STRICTER))
    assert run(["help", "shape"]) == 0 and "Output shape after each layer" in capsys.readouterr().out
    assert run(["help"]) == 0 and "Count:" in capsys.readouterr().out
    assert run(["help", "shapes"]) == 2 and "did you mean 'shape'?" in capsys.readouterr().err
