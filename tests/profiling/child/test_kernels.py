"""Which kernels ran: asked of torch and oneDNN as they are installed here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from convcalc.profiling.child import kernels
from convcalc.profiling.child.prepare import Prepared, prepare
from convcalc.profiling.plan import Setup
from tests.profiling.samples import graph

ONEDNN = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="needs oneDNN")


def made(spec: str, size: str, **setup: str) -> Prepared:
    return prepare(graph(spec, size), Setup(**setup))  # type: ignore[arg-type]


@ONEDNN
def test_a_convolution_is_named_with_its_reorders() -> None:
    with torch.inference_mode():
        found = kernels.on_cpu(made("conv2d c=64 k=3 p=1", "64x28x28").call, 3)
    names = [one.name for one in found]
    assert names.count("convolution") == 1
    conv = found[names.index("convolution")]
    assert conv.seconds > 0 and conv.repro.startswith("benchdnn --conv") and "kh3" in conv.repro
    assert all(one.reorder == (one.name == "reorder" or one.name in kernels.MOVERS) for one in found)


def test_torchs_own_operators_are_named() -> None:
    with torch.inference_mode():
        found = kernels.on_cpu(made("max_pool k=2", "8x32x32").call, 3)
    assert any("max_pool2d" in one.implementation for one in found)
    assert all(one.seconds > 0 for one in found)


@pytest.mark.parametrize(("spec", "size"), [("conv2d c=64 k=3 p=1", "64x28x28"), ("conv3d c=4 k=3", "4x6x6x6")])
def test_the_library_is_what_torch_says_it_chooses(spec: str, size: str) -> None:
    """Torch is asked with the same tensors; with oneDNN switched off its own loops are left, and another name."""
    setup, conv = Setup(), graph(spec, size)
    prepared = prepare(conv, setup)
    chooses = torch._C._select_conv_backend
    rank = len(conv.inputs[0].shape) - 2
    padding = [1 if "p=1" in spec else 0] * rank
    weight, bias = (parameter.detach() for parameter in prepared.module.parameters())
    arguments = (prepared.inputs[0], weight, bias, [1] * rank, padding, [1] * rank, False, [0] * rank, 1)
    assert kernels.library(prepared, conv, setup) == str(chooses(*arguments)).rpartition(".")[2]
    if torch.backends.mkldnn.is_available():
        torch._C._set_mkldnn_enabled(False)
        try:
            assert kernels.library(prepared, conv, setup).startswith("Slow")
        finally:
            torch._C._set_mkldnn_enabled(True)


def test_where_torch_does_not_say_there_is_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    setup = Setup()
    conv = graph("conv2d c=64 k=3 p=1", "64x28x28")
    two = graph("conv2d c=4 k=1 conv2d c=4 k=1", "4x6x6")
    assert kernels.library(prepare(two, setup), two, setup) == ""
    monkeypatch.delattr(torch._C, "_select_conv_backend", raising=False)
    assert kernels.library(prepare(conv, setup), conv, setup) == ""


def test_what_c_code_prints_is_caught_and_the_rest_is_not() -> None:
    code = (
        "import os, sys\nfrom convcalc.profiling.child.kernels import captured\nprint('before')\n"
        "with captured() as text:\n    os.write(1, b'from C\\n'); print('from Python')\n"
        "print('after'); print(repr(text()), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "before\nafter\n"
    assert done.stderr.strip().splitlines()[-1] == repr("from C\nfrom Python\n")


def test_an_error_inside_gives_the_descriptor_back() -> None:
    before = _open()
    with pytest.raises(ValueError, match="boom"), kernels.captured():
        raise ValueError("boom")
    assert _open() == before


def _open() -> int:
    """How many descriptors are open, where the system tells."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def test_a_torch_that_cannot_be_asked_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "verbose", None)
    assert kernels.onednn(lambda: None, 1) == []
    monkeypatch.undo()
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert kernels.onednn(lambda: None, 1) == []
