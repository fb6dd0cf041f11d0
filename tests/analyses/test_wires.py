"""Which elements an output reads, channel by channel: against torch's gradients, for every kind there is."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from convcalc.analyses.wiring.wires import channel_wires, wires
from convcalc.errors import LimitError
from convcalc.graph import Graph, Node, Value
from convcalc.kinds import all_kinds
from convcalc.ops import Elementwise, Pool, Sample
from convcalc.spec.assemble import assemble
from convcalc.spec.source import blocks
from tests.strategies import cases
from tests.worlds import built, random_module

KINDS = sorted(all_kinds())
FIXED = {
    *("embedding", "embedding_bag"),  # their input is a list of places, which has no gradient
    "fractional_max_pool",  # its windows lie elsewhere in every run
}


def gradients(graph: Graph, value: Value, element: tuple[int, ...]) -> tuple[list[Any], float]:
    """The gradients of one element with respect to each input, and the element itself."""
    generator = torch.Generator().manual_seed(1)
    tensors = [
        (0.5 + torch.rand(each.shape, generator=generator, dtype=torch.float64)).requires_grad_()
        for each in graph.inputs
    ]
    results = random_module(graph)(*tensors)
    result = results if len(graph.outputs) == 1 else results[graph.outputs.index(value)]
    return list(torch.autograd.grad(result[element], tensors, allow_unused=True)), float(result[element].detach())


def smooth(graph: Graph) -> bool:
    """Whether every path has a gradient: no maximum that picks one, no step that is flat somewhere."""
    for node in graph.nodes:
        op = node.op
        if isinstance(op, Pool) and op.function == "max":
            return False
        if getattr(op, "mode", "") in ("bicubic", "unpool"):
            return False
        if any(value.nonzeros is not None for value in node.inputs):
            return False  # which nodes an edge joins is not known
        if isinstance(op, Elementwise) and (op.function in FLAT or _constant(node)):
            return False
    return True


def _constant(node: Node) -> bool:
    """Whether a share of a whole is the share of one: softmax over an axis of one position."""
    shape = node.inputs[0].shape
    axes = node.op.axes if isinstance(node.op, Elementwise) else ()
    return bool(axes) and all(shape[axis] == 1 for axis in axes)


FLAT = {"relu6", "hardsigmoid", "hardtanh", "sigmoid", "tanh", "maximum", "minimum", "clamp", "subtract", "negative"}
"""Functions that may be flat far from zero, pick one of two, or cancel."""


@pytest.mark.parametrize("name", [name for name in KINDS if name not in FIXED])
@given(data=st.data())
def test_an_element_reads_exactly_what_has_a_gradient(name: str, data: st.DataObject) -> None:
    inputs, arguments = data.draw(cases(name))
    assume(name != "cosine_similarity" or inputs[0][arguments["dim"]] > 1)  # of two numbers it is 1 or -1
    graph = built(name, inputs, arguments)
    value = data.draw(st.sampled_from(graph.outputs))
    element = tuple(data.draw(st.integers(0, size - 1)) for size in value.shape)
    marks = numpy.zeros((1, *value.shape), bool)
    marks[(0, *element)] = True
    found = wires(graph, value, marks)
    noise = 1e-14 if any(isinstance(node.op, Sample) for node in graph.nodes) else 0.0  # of grid_sample's own places
    by_input, number = gradients(graph, value, element)
    for each, gradient in zip(graph.inputs, by_input, strict=True):
        want = numpy.zeros(each.shape, bool) if gradient is None else (gradient.abs() > noise).numpy()
        mine = found[each.index][0] if each.index in found else numpy.zeros(each.shape, bool)
        assert not (want & ~mine).any(), "an input has a gradient and is not drawn"
        if smooth(graph) and number:  # 0: a kernel that is made from the input, over nothing but padding
            assert (want == mine).all(), "an input is drawn and has no gradient"


def test_a_shuffle_between_two_grouped_convolutions_joins_groups() -> None:
    """ShuffleNet (arXiv:1707.01083, fig. 1): without the shuffle each output sees the channels of its own group only.

    With it the second convolution's groups read the channels (0, 2), (4, 1), (3, 5) of the first: two groups each.
    """
    grouped = "conv2d c=6 k=1 g=3"
    for words, groups in (
        (f"{grouped} {grouped}", [{0}, {0}, {1}, {1}, {2}, {2}]),
        ("shuffled_grouped c=6 k=1 g=3", [{0, 1}, {0, 1}, {0, 2}, {0, 2}, {1, 2}, {1, 2}]),
    ):
        graph = assemble(blocks(words.split(), ("6x1x1",))[0]).graph
        (table,) = channel_wires(graph, graph.outputs[0]).values()
        assert [{column // 2 for column in numpy.flatnonzero(row)} for row in table] == groups
        assert [int(row.sum()) for row in table] == [2 * len(each) for each in groups]


def test_more_pairs_than_can_be_held_are_refused() -> None:
    graph = all_kinds()["conv"].build((1, 64, 200, 200), out_channels=64, kernel_size=3)
    with pytest.raises(LimitError, match="pairs of elements are past what is followed one by one"):
        channel_wires(graph, graph.outputs[0])
