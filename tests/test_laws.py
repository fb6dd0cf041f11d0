"""True for every registered kind, automatically: a new kind is under all of these the moment it exists."""

from __future__ import annotations

import json
from math import prod
from typing import Any

import numpy
import pytest
import sympy
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from convcalc.analyses.counts.macs import macs, other
from convcalc.analyses.counts.memory import bytes_of, is_stored, memory, storages
from convcalc.analyses.counts.params import Params, params
from convcalc.analyses.counts.report import count as count_layers
from convcalc.analyses.counts.segments import segments
from convcalc.analyses.counts.training import needs_gradient, saved_tensors, training
from convcalc.analyses.field.fields import fields
from convcalc.analyses.field.reach import Reach
from convcalc.analyses.field.seen import boxes_seen
from convcalc.arguments import REQUIRED
from convcalc.builder import Builder
from convcalc.documents import plain
from convcalc.errors import ShapeError, SpecError, UnsupportedError
from convcalc.folding import folded
from convcalc.functions import NORMS
from convcalc.graph import Graph
from convcalc.kinds import FAMILIES, all_kinds
from convcalc.ops import Einsum, Elementwise, Pool, Sample
from convcalc.padding import torch_pools
from convcalc.pytorch.module import GraphModule
from convcalc.pytorch.trace import trace
from convcalc.pytorch.verify import layer_module
from convcalc.registry import Kind
from convcalc.render.table import Answer, to_json
from convcalc.sizes import PerAxis
from convcalc.subject import Block, Subject
from tests.strategies import cases, windows
from tests.worlds import built, fixed_values, positions_seen, positive, ran

KINDS = sorted(all_kinds())
BLOCK_FAMILIES = set(FAMILIES) - {
    *("convolution", "pooling", "norms", "activations", "shaping", "sequences", "transformers", "pairs"),
}
every_kind = pytest.mark.parametrize("name", KINDS)
ANY_RANK = [
    name
    for name in KINDS
    if all_kinds()[name].ranks == (1, 2, 3)
    or name in ("pointwise", "dilated", "grouped", "depthwise", "depthwise_separable")
]


# (1) three worlds agree ----------


@every_kind
@given(data=st.data())
def test_an_array_answers_as_its_rows_do(name: str, data: st.DataObject) -> None:
    inputs, arguments = data.draw(cases(name))
    steps = numpy.arange(4)
    swept = [(shape[0], shape[1], *(size + steps for size in shape[2:])) for shape in inputs]
    if "normalized_shape" in arguments:
        arguments["normalized_shape"] = (*swept[0][2:],)
    try:
        graph = all_kinds()[name].build(*swept, **arguments)
    except (UnsupportedError, ShapeError, SpecError):
        assume(False)
    valid = numpy.broadcast_to(graph.valid, 4)
    for row in steps:
        shapes_ = [(shape[0], shape[1], *(size + int(row) for size in shape[2:])) for shape in inputs]
        if "normalized_shape" in arguments:
            arguments["normalized_shape"] = shapes_[0][2:]
        try:
            one = all_kinds()[name].build(*shapes_, **arguments)
        except ShapeError:
            assert not valid[row]
            continue
        assert valid[row]
        for swept_output, output in zip(graph.outputs, one.outputs, strict=True):
            assert _at(swept_output.shape, row) == output.shape
        assert _at((macs(graph), params(graph).total), row) == (macs(one), params(one).total)
        assert {k: _at((v,), row)[0] for k, v in other(graph).items()} == other(one) or "adaptive" in name


def _at(sizes: tuple[Any, ...], row: int) -> tuple[int, ...]:
    return tuple(int(numpy.broadcast_to(size, 4)[row]) for size in sizes)


@every_kind
@given(data=st.data())
def test_a_symbol_filled_in_later_answers_as_the_number(name: str, data: st.DataObject) -> None:
    inputs, arguments = data.draw(cases(name))
    one = built(name, inputs, arguments)
    filled: dict[Any, int] = {}

    def symbol(stem: str, value: int) -> Any:
        made = sympy.Symbol(f"{stem}{len(filled)}", positive=True, integer=True)
        filled[made] = value
        return made

    sizes = {size: symbol("S", size) for shape in inputs for size in shape[2:]}
    if name == "octave" or len(set(inputs)) == len(inputs) == 1:
        shapes_ = [(shape[0], shape[1], *(symbol("S", size) for size in shape[2:])) for shape in inputs]
    else:
        shapes_ = [(shape[0], shape[1], *(sizes[size] for size in shape[2:])) for shape in inputs]
    swapped = {
        key: symbol("A", value)
        if key in ("out_channels", "out_features", "multiplier", "kernel_size", "stride") and isinstance(value, int)
        else value
        for key, value in arguments.items()
    }
    builder = Builder(assume=lambda holds: bool(holds.subs(filled)))  # type: ignore[attr-defined]
    try:
        graph = all_kinds()[name].build(*shapes_, builder=builder, **swapped)
    except (UnsupportedError, ShapeError, SpecError):
        assume(False)
    assert all(bool(sympy.sympify(one.holds).subs(filled)) for one in graph.constraints)
    for symbolic, output in zip(graph.outputs, one.outputs, strict=True):
        assert _filled(symbolic.shape, filled) == output.shape
    assert _filled((macs(graph), params(graph).total), filled) == (macs(one), params(one).total)


def _filled(sizes: tuple[Any, ...], values: dict[Any, int]) -> tuple[int, ...]:
    return tuple(int(sympy.sympify(size).subs(values)) for size in sizes)


# (2) torch agrees ----------


@every_kind
@given(data=st.data())
def test_torch_agrees_on_shape_params_and_macs(name: str, data: st.DataObject) -> None:
    inputs, arguments = data.draw(cases(name))
    graph = built(name, inputs, arguments)
    assume(_countable(graph))
    module = GraphModule(graph)
    shape, counted = ran(module, inputs)
    assert shape == graph.outputs[0].shape
    assert counted == macs(graph) - _unseen(graph)
    assert sum(parameter.numel() for parameter in module.parameters()) == params(graph).total
    own = layer_module(all_kinds()[name], None, arguments, inputs[0], 1) if len(inputs) == 1 else None
    if own is not None:
        assert ran(own, inputs) == (graph.outputs[0].shape, macs(graph))
        assert sum(parameter.numel() for parameter in own.parameters()) == params(graph).total


def _countable(graph: Graph) -> bool:
    """Whether every contraction sums at least two terms: torch turns one over a single term into a product."""
    for node in graph.nodes:
        if isinstance(node.op, Einsum):
            reads, kept = node.op.equation.split("->")
            letters = zip(reads.replace(",", ""), (s for v in node.inputs for s in v.shape), strict=True)
            if prod({letter: size for letter, size in letters if letter not in kept}.values()) == 1:
                return False
    return True


def _unseen(graph: Graph) -> int:
    """Products with a sparse matrix, which run as gather, scale and scatter: no counter sees them."""
    return sum(macs([node]) for node in graph.nodes if any(v.nonzeros is not None for v in node.inputs))


NOT_ALONE = {
    *("bilinear", "cosine_similarity", "multihead_attention"),  # more tensors go in
    *("max_unpool", "embedding", "embedding_bag"),  # indices, or whole numbers
}
"""Kinds whose class in torch is not called with one tensor of real numbers."""
ALONE = [name for name in KINDS if all_kinds()[name].torch and name not in NOT_ALONE]


UNLIKE = {"fractional_max_pool", "transformer_encoder_layer"}
"""Kinds whose windows are random, and whose parameters torch holds in another order (see test_sequences.py)."""


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize("name", [name for name in ALONE if name not in UNLIKE])
@given(data=st.data())
def test_the_module_computes_what_torchs_own_layer_computes(name: str, data: st.DataObject) -> None:
    inputs, arguments = data.draw(cases(name))
    graph = built(name, inputs, arguments)
    own = layer_module(all_kinds()[name], None, arguments, inputs[0], 1) if len(inputs) == 1 else None
    assume(own is not None and arguments.get("divisor_override") is None)
    module = GraphModule(graph).eval()
    assert own is not None
    with torch.no_grad():
        for mine, theirs in zip(module.parameters(), own.parameters(), strict=True):
            theirs.copy_(mine.reshape(theirs.shape))
        x = torch.randn(inputs[0])
        theirs = own.eval()(x)
        torch.testing.assert_close(module(x), theirs if isinstance(theirs, torch.Tensor) else theirs[0])


# (3) errors agree (conv, conv_transpose, pools, pads and resizes also in test_refusals.py, with wild arguments) ------


@pytest.mark.parametrize("name", ALONE)
@given(data=st.data())
def test_we_refuse_what_torch_refuses_on_the_cpu(name: str, data: st.DataObject) -> None:
    (shape,), arguments = data.draw(cases(name))
    if len(shape) > 2 and data.draw(st.booleans()):
        shape = (*shape[:2], *(data.draw(st.integers(1, 3)) for _ in shape[2:]))
    for key in ("groups", "num_groups", "upscale_factor", "num_parameters", "dim", "start_dim"):
        if key in arguments and data.draw(st.integers(0, 3)) == 0:
            arguments[key] = data.draw(st.integers(1, 7))
    try:
        graph = all_kinds()[name].build(shape, **arguments)
    except (ShapeError, SpecError):
        graph = None
    try:
        own = layer_module(all_kinds()[name], None, arguments, shape, 1)
        assume(own is not None)
        assert own is not None
        theirs = ran(own, [shape])[0]
    except (RuntimeError, ValueError, IndexError, AssertionError, NotImplementedError, ZeroDivisionError):
        theirs = None
    assert (None if graph is None else graph.outputs[0].shape) == (theirs if theirs and 0 not in theirs else None)


# (4) graph -> module -> trace ----------


LOOKED_UP = {"embedding", "embedding_bag"}
FOLDED_BACK = {"fold", "max_unpool", "fractional_max_pool"}
"""Kinds that read back as other steps with the same numbers: columns are a layout, a random pool cannot be read."""


@pytest.mark.parametrize("name", [name for name in KINDS if name not in LOOKED_UP | FOLDED_BACK])
@given(data=st.data())
def test_a_graph_run_and_read_back_is_the_same(name: str, data: st.DataObject) -> None:
    inputs, arguments = data.draw(cases(name))
    graph = built(name, inputs, arguments)
    assume(all(torch_pools(window) for node in graph.nodes if isinstance(node.op, Pool) for window in node.op.windows))
    read = trace(GraphModule(graph).eval(), *inputs)
    assert [value.shape for value in read.outputs] == [value.shape for value in graph.outputs]
    assert params(read).total == params(graph).total
    assert macs(read) == macs(graph) - _unseen(graph)
    if not any(isinstance(node.op, Sample) for node in graph.nodes):  # read back as grid_sample, which reads anywhere
        assert _reach(read) == _reach(graph)


def _reach(graph: Graph) -> Any:
    return fields(graph)[graph.outputs[-1].index]


# (5) reach holds every path, and gradients are nonzero exactly on paths ----------


CURVED = {
    *("max_pool", "adaptive_max_pool", "global_max_pool"),  # a maximum passes one gradient, or ties
    *("layer_norm", "group_norm", "instance_norm", "softmax", "log_softmax", "softmin"),  # gradients of a mean cancel
    *("rms_norm", "local_response_norm", "cosine_similarity", "fractional_max_pool"),
    *("max_unpool", "fold"),  # the first tap stands for the one of a pool; columns are no positions
    *("rnn", "lstm", "gru", "rnn_cell", "lstm_cell", "gru_cell", "multihead_attention", "transformer_encoder_layer"),
    *("embedding", "embedding_bag", "bilinear", "glu"),
    *("hardtanh", "relu6", "hardsigmoid", "tanh", "sigmoid"),  # flat far from zero
}


SATURATED = {"sigmoid", "hardsigmoid", "relu6", "subtract", "negative"}
"""Functions in a block that can pass no gradient at all, or cancel one: paths then hold it, and no more."""
BLOCKS = {name for family in BLOCK_FAMILIES for name in FAMILIES[family]}


def _linear_enough(graph: Graph) -> bool:
    """Steps whose gradient is positive wherever a path leads: no maximum, no norm, no saturation."""
    for node in graph.nodes:
        op = node.op
        if isinstance(op, Pool) and op.function == "max":
            return False
        if isinstance(op, Elementwise) and (op.axes or op.function in (NORMS - {"batch_norm"}) | SATURATED):
            return False
        if getattr(op, "mode", "") == "bicubic":
            return False
    return True


@pytest.mark.parametrize("name", [name for name in KINDS if name not in CURVED])
@given(data=st.data())
def test_gradients_are_nonzero_exactly_on_paths_and_reach_holds_them(name: str, data: st.DataObject) -> None:
    inputs, arguments = data.draw(cases(name))
    graph = built(name, inputs, arguments)
    exact = _linear_enough(graph)
    assume(exact or name in BLOCKS)
    place_of = data.draw(st.integers(0, len(graph.outputs) - 1))
    value = graph.outputs[place_of]
    spatial = tuple(data.draw(st.integers(0, size - 1)) for size in value.spatial)
    followed = True
    try:
        boxes_seen(graph, value, spatial)
    except UnsupportedError:
        followed = False  # a generated kernel, sampling: what is seen depends on the data
    field = fields(graph)[value.index]
    module = positive(graph)
    tensors = [torch.ones(shape, dtype=torch.float64, requires_grad=True) for shape in inputs]
    results = module(*tensors)
    result = results if len(graph.outputs) == 1 else results[place_of]
    picked = result[(slice(None), slice(None), *spatial)].sum()
    gradients = torch.autograd.grad(picked, tensors, allow_unused=True)
    for source, gradient in enumerate(gradients):
        seen = set() if gradient is None else {tuple(p) for p in gradient.abs().sum((0, 1)).nonzero().tolist()}
        if followed and exact:
            assert positions_seen(graph, value, spatial, source) == seen
        if name in BORDER and not _interior(field, spatial, inputs[source]):
            continue
        for place in seen:
            assert _inside(field, source, spatial, place), (field, spatial, place)


BORDER = {"reflection_pad", "replication_pad", "circular_pad", "conv"}
"""Kinds whose padding can read other positions near the border: their reach is that of the interior."""


def _interior(field: Any, output: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    for (_, axis, own), reach in field.items():
        if own is not None:
            first, last = reach.at(output[own - 2]) or (0, 0)
            if first < 0 or last >= shape[axis]:
                return False
    return True


def _inside(field: Any, source: int, output: tuple[int, ...], place: tuple[int, ...]) -> bool:
    for axis, position in enumerate(place):
        mine = [(key[2], reach) for key, reach in field.items() if key[0] == source and key[1] == axis + 2]
        if any(own is None for own, _ in mine):
            continue
        held = [reach.at(output[own - 2]) for own, reach in mine if isinstance(reach, Reach) and own is not None]
        if not any(span is not None and span[0] <= position <= span[1] for span in held):
            return False
    return True


# (6) the two directions of a window ----------


@given(window=windows(), outputs=st.integers(1, 50))
@settings(max_examples=300)
def test_size_out_undoes_size_in(window: Any, outputs: int) -> None:
    size = window.size_in(outputs)
    assume(size >= 1)
    assert window.size_out(size) == outputs


# (7) monotony ----------


def _takes_kernels(kind: Kind) -> bool:
    return "kernel_size" in kind.arguments and {"size", "sizes"} & set(kind.arguments["kernel_size"].takes) != set()


@pytest.mark.parametrize("name", [name for name in KINDS if _takes_kernels(all_kinds()[name]) and name != "fold"])
@given(data=st.data())
def test_a_bigger_kernel_never_shrinks_the_field(name: str, data: st.DataObject) -> None:
    inputs, arguments = data.draw(cases(name))
    assume(isinstance(arguments.get("kernel_size"), int) and isinstance(arguments.get("padding", 0), int))
    small = built(name, inputs, arguments)
    large = built(name, inputs, {**arguments, "kernel_size": arguments["kernel_size"] + 2})
    for key, reach in _reach(small).items():
        bigger = _reach(large).get(key)
        if isinstance(reach, Reach) and isinstance(bigger, Reach):
            assert bigger.sizes[0] >= reach.sizes[0] and bigger.sizes[1] >= reach.sizes[1]


@every_kind
@given(data=st.data(), times=st.integers(2, 5))
def test_a_larger_batch_scales_macs_and_leaves_params(name: str, data: st.DataObject, times: int) -> None:
    inputs, arguments = data.draw(cases(name))
    one = built(name, inputs, arguments)
    many = built(name, [(shape[0] * times, *shape[1:]) for shape in inputs], arguments)
    if name not in ("do_conv", "gcn", "cheb"):  # composed once per forward; no batch axis
        assert macs(many) == times * macs(one)
    assert params(many) == params(one)


# (8) 1-D is 2-D with height one ----------


@pytest.mark.parametrize("name", ANY_RANK)
@given(data=st.data())
def test_one_axis_is_two_with_height_one(name: str, data: st.DataObject) -> None:
    inputs, arguments = data.draw(cases(name, rank=1))
    flat = built(name, inputs, arguments)
    neutral = {"kernel_size": 1, "stride": 1, "dilation": 1, "padding": 0, "output_padding": 0, "output_size": 1}
    lifted = {}
    defaults = {a.name: a.default for a in all_kinds()[name].arguments.values() if a.name in neutral and a.default}
    for key, value in {**defaults, **arguments}.items():
        given = value[0] if isinstance(value, PerAxis) else value
        lifted[key] = PerAxis((neutral[key], given)) if key in neutral and not isinstance(given, str) else given
    lifted = {key: value for key, value in lifted.items() if value is not REQUIRED}
    if "stride" not in lifted and "pool" in name and "kernel_size" in lifted:
        lifted["stride"] = lifted["kernel_size"]
    tall = built(name, [(shape[0], shape[1], 1, *shape[2:]) for shape in inputs], lifted)
    assert tall.outputs[0].shape[:2] + tall.outputs[0].shape[3:] == flat.outputs[0].shape
    assert tall.outputs[0].shape[2] == 1
    assert macs(tall) == macs(flat)
    assert params(tall) == params(flat)


# (9) JSON round trip ----------


@every_kind
@given(data=st.data())
def test_json_gives_back_the_document(name: str, data: st.DataObject) -> None:
    inputs, arguments = data.draw(cases(name))
    graph = built(name, inputs, arguments)
    stack = Subject(graph, Block((), ()), "")
    ours = count_layers([stack]).to_dict()
    answer = json.loads(to_json(Answer("shape", document=ours, tables=[])))
    assert answer == {"schema_version": 2, "command": "shape", **plain(ours)}
    shapes = [list(value.shape) for value in graph.outputs]
    assert answer["output"] == plain(shapes[0] if len(shapes) == 1 else shapes)
    assert answer["params"] == params(graph).total


# (10) rows add up ----------


@every_kind
@given(data=st.data(), depth=st.integers(1, 4))
def test_rows_by_scope_add_up_to_the_total(name: str, data: st.DataObject, depth: int) -> None:
    inputs, arguments = data.draw(cases(name))
    graph = built(name, inputs, arguments)
    found = segments(graph, depth)
    assert sum((params(row.nodes) for row in found), Params()) == params(graph)
    assert sum(macs(row.nodes) for row in found) == macs(graph)
    summed: dict[str, int] = {}
    for row in found:
        for key, count in other(row.nodes).items():
            summed[key] = summed.get(key, 0) + count
    assert summed == other(graph)


def test_two_stacked_kinds_add_up_as_well() -> None:
    b = Builder()
    x = b.input((1, 4, 8, 8))
    with b.scope("0"):
        y = b.conv(x, 8, 3, bias=True)
    with b.scope("1"):
        z = b.relu(b.batch_norm(y))
    found = segments(b.graph(z))
    assert [row.name for row in found] == ["0", "1"]
    assert [params(row.nodes).total for row in found] == [4 * 8 * 9 + 8, 16]
    assert found[0].outputs == (y,) and found[1].inputs == (y,)


# (11) memory ----------


RECURRENT = {"rnn", "lstm", "gru", "rnn_cell", "lstm_cell", "gru_cell"}
"""Kinds of which what is kept for backward depends on the library that runs them."""


@pytest.mark.parametrize("name", [name for name in KINDS if name not in RECURRENT])
@given(data=st.data())
def test_peak_memory_is_at_least_every_step_and_at_most_the_sum(name: str, data: st.DataObject) -> None:
    shapes, arguments = data.draw(cases(name))
    graph = built(name, shapes, arguments)
    found, step = memory(graph, 4), training(graph, 4)
    roots = storages(graph)
    sizes = {node.output.index: bytes_of(node.output, 4) for node in graph.nodes}
    fixed = {node.output.index for node in graph.nodes if is_stored(node)}
    every = sum(size for index, size in sizes.items() if index not in fixed and roots[index] == index)
    assert found.everything == every
    for node in graph.nodes:
        at_once = {roots[value.index] for value in (*node.inputs, node.output)} - fixed
        assert sum(sizes[index] for index in at_once) <= found.alive.get(node.output.index, found.peak) <= found.peak
    assert found.peak <= every
    assert found.held == sum(sizes[index] for index in fixed)
    assert found.peak + found.held <= step.peak <= 2 * (every + found.held) + sum(_extra(graph))
    assert memory(graph, 8).peak >= found.peak


def _extra(graph: Graph) -> list[int]:
    needs = needs_gradient(graph)
    return [size for node in graph.nodes for _, size in saved_tensors(node, needs, 4).buffers]


# products with a sparse matrix keep their messages; involution's taps stay a view of the map in torch's einsum
OTHERWISE = {"gcn", "cheb", "involution"}


@pytest.mark.parametrize("name", [name for name in KINDS if name not in OTHERWISE | RECURRENT])
def test_torch_keeps_for_backward_what_we_say(name: str) -> None:
    """The distinct tensors that autograd saves, but parameters and buffers, are as many bytes as ours."""
    shapes, arguments = first_case(name)
    graph = all_kinds()[name].build(*shapes, **arguments)
    module = GraphModule(graph).train()
    fixed = {tensor.untyped_storage().data_ptr() for tensor in (*module.parameters(), *module.buffers())}
    saved: dict[int, int] = {}
    alive = []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        alive.append(tensor)
        place = tensor.untyped_storage()
        if place.data_ptr() not in fixed:
            saved[place.data_ptr()] = place.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        module(*(torch.randn(shape) for shape in shapes))
    # the module normalises with running statistics, which are buffers; training takes those of the batch. torch wraps
    # a constant factor into a tensor of 4 bytes
    needs = needs_gradient(graph)
    batch = sum(
        dict(saved_tensors(node, needs, 4).buffers).get("statistics", 0) for node in graph.nodes if _running(node)
    )
    masks = sum(3 * dict(saved_tensors(node, needs, 4).buffers).get("mask", 0) for node in graph.nodes)
    assert sum(saved.values()) == pytest.approx(training(graph, 4).saved - batch + masks, abs=8)


def _running(node: Any) -> bool:
    return isinstance(node.op, Elementwise) and bool(dict(node.op.settings).get("running"))


# (12) the folded form ----------


@pytest.mark.parametrize("name", [n for n in KINDS if "form" in all_kinds()[n].arguments])
@given(data=st.data())
def test_the_folded_form_loads_the_same_weights_and_gives_the_same_output(name: str, data: st.DataObject) -> None:
    inputs, arguments = data.draw(cases(name))
    kind = all_kinds()[name]
    trained = built(name, inputs, {**arguments, "form": "train"})
    folding = kind.build(*inputs, builder=Builder(folds=False), **{**arguments, "form": "folded"})
    deployed = built(name, inputs, {**arguments, "form": "folded"})
    module = GraphModule(trained, dtype=torch.float64).eval()
    for key, tensor in module.state_dict().items():
        if "norm" in key:
            tensor.copy_(torch.rand_like(tensor) + 0.5)
    same = GraphModule(folding, dtype=torch.float64).eval()
    loaded = same.load_state_dict(module.state_dict(), strict=False)
    assert not loaded.unexpected_keys
    assert set(loaded.missing_keys) <= dict(same.named_buffers()).keys()  # a kernel of ones, known without training
    values = fixed_values(folding, same)
    last = GraphModule(deployed, dtype=torch.float64).eval()
    start = len(inputs)
    _, moved = folded(folding.nodes, start)
    with torch.no_grad():
        for old, new in moved.items():
            holder = last.get_submodule(".".join(deployed.nodes[new.index].scope))
            if old in values and new.index in holder.tensors:
                getattr(holder, holder.tensors[new.index]).copy_(values[old])
        x = [torch.randn(shape, dtype=torch.float64) for shape in inputs]
        torch.testing.assert_close(same(*x), module(*x))
        torch.testing.assert_close(last(*x), module(*x))
    if name != "do_conv":  # a multiplier below the taps holds fewer weights than the kernel it makes
        assert params(deployed).total <= params(trained).total
    assert macs(deployed) <= macs(trained)
    assert macs(deployed) == ran(GraphModule(deployed), inputs)[1]


# every kind trains ----------


@every_kind
def test_a_kind_runs_forward_and_backward(name: str) -> None:
    """On the first drawn case that fits: every parameter a step reads and every input gets a gradient of its shape."""
    found = first_case(name)
    graph = all_kinds()[name].build(*found[0], **found[1])
    module = GraphModule(graph, dtype=torch.float64).train()
    inputs = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in found[0]]
    results = module(*inputs)
    results = (results,) if isinstance(results, torch.Tensor) else results
    assert [tuple(result.shape) for result in results] == [value.shape for value in graph.outputs]
    sum(result.square().sum() for result in results).backward()
    read = {value.index for node in graph.nodes for value in node.inputs}
    for tensor, value in zip(inputs, graph.inputs, strict=True):
        if value.index in read and name not in LOOKED_UP:
            assert tensor.grad is not None and tensor.grad.isfinite().all()
    for parameter in module.parameters():
        assert parameter.grad is not None and parameter.grad.shape == parameter.shape


def first_case(name: str) -> tuple[list[tuple[int, ...]], dict[str, Any]]:
    found: list[Any] = []

    @settings(max_examples=40, database=None, derandomize=True)
    @given(case=cases(name))
    def search(case: Any) -> None:
        if not found:
            try:
                all_kinds()[name].build(*case[0], **case[1])
            except (ShapeError, SpecError):
                return
            found.append(case)

    search()
    return found[0]
