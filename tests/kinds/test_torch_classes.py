"""Every module class of torch.nn: a layer with torch's numbers, or refused with a reason."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch
from torch import nn

from convcalc.analyses.counts.params import params
from convcalc.errors import SpecError
from convcalc.kinds import LOSS, REFUSED, find
from convcalc.kinds.names import plain
from convcalc.spec.assemble import assemble
from convcalc.spec.source import blocks

CLASSES = sorted(
    name for name in dir(nn) if inspect.isclass(getattr(nn, name)) and issubclass(getattr(nn, name), nn.Module)
)
NOT_YET = {"PairwiseDistance", "TransformerDecoderLayer", "TransformerDecoder", "AdaptiveLogSoftmaxWithLoss"}
"""Classes whose shapes are defined and that are no kind yet; each refusal says so."""
NO_LAYERS = {
    *("Module", "Container", "Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"),
    *("DataParallel", "RNNBase", "RNNCellBase", "Transformer", "TransformerEncoder"),
}


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_is_a_layer_or_refused_with_a_reason(name: str) -> None:
    try:
        kind, _ = find(name)
    except SpecError as error:
        assert name in NOT_YET | NO_LAYERS or name.endswith(("Loss", "Loss2d"))
        assert REFUSED.get(plain(name), LOSS) in str(error)
    else:
        assert name not in NOT_YET | NO_LAYERS and kind.torch


RUN: list[tuple[str, tuple[int, ...]]] = [
    ("PixelUnshuffle(2)", (1, 3, 8, 6)), ("LocalResponseNorm(5, alpha=0.1)", (1, 6, 5, 5)),
    ("SyncBatchNorm(6)", (2, 6, 4, 4)), ("RMSNorm((4, 5))", (2, 3, 4, 5)), ("GLU(1)", (1, 6, 4, 4)),
    ("LPPool1d(2, 3, 2)", (1, 3, 9)), ("LPPool2d(2, 3)", (1, 3, 9, 9)), ("LPPool3d(1, 2)", (1, 2, 4, 4, 4)),
    ("Fold((4, 5), (2, 2))", (1, 12, 12)), ("Unflatten(1, (2, 3))", (1, 6, 4, 4)), ("RReLU()", (1, 3, 4, 4)),
    ("Threshold(0.1, 2)", (1, 3, 4, 4)), ("Hardshrink()", (1, 3, 4, 4)), ("Softshrink(0.2)", (1, 3, 4, 4)),
    ("Tanhshrink()", (1, 3, 4, 4)), ("Softmin(dim=1)", (1, 3, 4, 4)), ("FeatureAlphaDropout(0.3)", (1, 3, 4, 4)),
    ("FractionalMaxPool2d(3, output_size=(5, 4))", (1, 3, 12, 9)),
    ("FractionalMaxPool3d(2, output_ratio=(0.5, 0.5, 0.5))", (1, 2, 8, 8, 8)),
    ("LazyConv2d(8, 3, padding=1, groups=2)", (1, 4, 6, 6)), ("LazyConv1d(8, 3)", (1, 4, 6)),
    ("LazyConvTranspose2d(4, 3, stride=2)", (1, 4, 6, 6)), ("LazyBatchNorm2d()", (2, 4, 6, 6)),
    ("LazyInstanceNorm1d()", (1, 4, 6)), ("LazyLinear(7)", (2, 5)), ("LSTM(6, 5, 2, bidirectional=True)", (7, 3, 6)),
    ("GRU(6, 5, bias=False, batch_first=True)", (3, 7, 6)), ("RNN(6, 5, nonlinearity='relu')", (7, 3, 6)),
    ("LSTMCell(6, 5)", (3, 6)), ("GRUCell(6, 5)", (3, 6)), ("RNNCell(6, 5)", (3, 6)),
    ("Identity(54, unused=3)", (1, 3, 4, 4)),
    ("TransformerEncoderLayer(8, 2, 16, batch_first=True)", (3, 7, 8)),
]  # fmt: skip


@pytest.mark.parametrize(("call", "shape"), RUN, ids=[call for call, _ in RUN])
def test_a_class_has_torchs_shape_and_parameters(call: str, shape: tuple[int, ...]) -> None:
    module: Any = eval(f"nn.{call}")
    result = module.eval()(torch.rand(shape))
    result = result if isinstance(result, torch.Tensor) else result[0]
    graph = assemble(blocks([call], ["x".join(map(str, shape))])[0]).graph
    assert graph.outputs[0].shape == tuple(result.shape)
    assert params(graph).total == sum(parameter.numel() for parameter in module.parameters())


def test_modules_of_whole_numbers_and_several_tensors() -> None:
    for call, given, wanted in (
        ("Embedding(10, 3)", ["2x5"], ((2, 5, 3), 30)),
        ("EmbeddingBag(10, 3, mode='max')", ["2x5"], ((2, 3), 30)),
        ("MultiheadAttention(8, 2)", ["7x3x8"], ((7, 3, 8), 4 * 64 + 32)),
        ("MultiheadAttention(8, 2, kdim=5, vdim=6)", ["7x3x8", "4x3x5", "4x3x6"], ((7, 3, 8), 64 * 2 + 40 + 48 + 32)),
        ("Bilinear(3, 4, 5)", ["2x3", "2x4"], ((2, 5), 65)),
        ("CosineSimilarity(dim=1)", ["2x3x4x4", "2x3x4x4"], ((2, 4, 4), 0)),
        ("MaxUnpool2d(2, stride=2)", ["3x32x32"], ((1, 3, 64, 64), 0)),
        ("MaxUnpool3d((2, 1, 3), padding=0)", ["3x4x4x4"], ((1, 3, 8, 4, 12), 0)),
    ):
        graph = assemble(blocks([call], given)[0]).graph
        assert (graph.outputs[0].shape, params(graph).total) == wanted, call


@pytest.mark.parametrize(
    ("call", "given", "reading"),
    [
        ("LSTM(8, 5)", "7x8", "7x8 read as LxF, one sample"),
        ("LSTM(8, 5)", "7x3x8", "7x3x8 read as LxNxF, a batch of 3"),
        ("GRU(8, 5, batch_first=True)", "3x7x8", "3x7x8 read as NxLxF, a batch of 3"),
        ("Embedding(9, 4)", "7", "7 read as L, one sample"),
    ],
)
def test_a_sequence_is_read_as_torch_reads_it(call: str, given: str, reading: str) -> None:
    assert assemble(blocks([call], [given])[0]).reading == f"input {reading}"


def test_find_keeps_the_rank_of_a_name() -> None:
    kind, rank = find("Conv2d")
    assert rank == kind.rank == 2
    arguments: dict[str, Any] = {"out_channels": 64, "kernel_size": 7}
    assert kind.build((3, 224, 224), **arguments).outputs[0].shape == (1, 64, 218, 218)
    assert kind.build((2, 3, 9, 9), **arguments).outputs[0].shape == (2, 64, 3, 3)
    with pytest.raises(Exception, match="conv with 2 spatial axes takes 3 or 4 sizes, not 2"):
        kind.build((3, 224), **arguments)
    with pytest.raises(SpecError, match="an input's shape is a tuple of sizes"):
        kind.build("3x224x224", **arguments)  # type: ignore[arg-type]
    assert find("conv")[0].build((1, 3, 9), **arguments).outputs[0].shape == (1, 64, 3)
