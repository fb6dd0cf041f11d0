"""`fvcore`, `torch`, `torch_no_grad`, `torch_meta`, `ptflops_aten`: counters that see every operator of a forward.

Each returns what it adds to our multiply-adds, or leaves out, by name. Sources: fvcore 0.1.5, nn/flop_count.py and
jit_handles.py; torch 2.14, utils/flop_counter.py; ptflops 0.7.5, aten_ops.py.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from convcalc import ops
from convcalc.analyses.conventions.record import FunctionCall, Operand
from convcalc.analyses.counts.macs import macs_of
from convcalc.equations import letter_sizes

if TYPE_CHECKING:
    from convcalc.analyses.conventions.record import ForwardRecord, ModuleCall
    from convcalc.graph import Node

CONVS = tuple(f"conv{kind}{rank}d" for kind in ("", "_transpose") for rank in (1, 2, 3))
MATRICES = ("matmul", "__matmul__", "mm", "bmm", "linear", "addmm")
ATTENTION = "attention in one operator"
MHA = "multi_head_attention_forward"
EXACT_EINSUMS = ("abc,abd->acd", "abc,adc->adb")
"""The equations, in letters by their first place, that fvcore counts itself."""


def fvcore(record: ForwardRecord) -> Counter[str]:
    """Convolutions and products of matrices, norms at 2 to 5 a number, some pools and resizes; attention not at all."""
    terms: Counter[str] = Counter()
    for call in record.functions:
        if call.nodes and not any(node.output.index in record.needed for node in call.nodes):
            terms["steps that no result needs"] -= call.macs
            continue
        if call.name in CONVS:
            if isinstance(call.argument(4, "padding", 0), str):
                terms["padding in words: aten::_convolution_mode has no rule"] -= call.macs
        elif call.name in MATRICES:
            continue
        elif call.name == MHA:
            _attention(call, terms, masked_product=False)
        elif call.name == "einsum":
            terms["einsum: half of four printed digits"] += _printed(call) - call.macs
        elif call.name == "scaled_dot_product_attention":
            terms[ATTENTION] -= call.macs
        elif call.macs and call.name in ("lstm", "gru", "rnn_tanh", "rnn_relu"):
            terms["recurrent layers"] -= call.macs
        elif call.macs and call.name in ("baddbmm", "mv", "dot", "bilinear", "deform_conv2d"):
            terms[f"{call.name} has no rule"] -= call.macs
        else:
            terms.update(_fvcore_work(call))
    return terms


def _fvcore_work(call: FunctionCall) -> Counter[str]:
    elements, outputs = call.x.elements, call.y.elements
    match call.name:
        case "batch_norm":
            affine = call.argument(3, "weight") is not None
            each = (5 if affine else 4) if call.argument(5, "training", False) else (2 if affine else 1)
            return Counter({"batch norms": each * elements})
        case "layer_norm" | "group_norm":
            return Counter({f"{call.name[:5]} norms": (5 if call.argument(2, "weight") is not None else 4) * elements})
        case "instance_norm":
            return Counter({"instance norms": (5 if call.argument(3, "weight") is not None else 4) * elements})
        case "adaptive_avg_pool2d":
            return Counter({"adaptive average pools": elements})
        case "interpolate" if len(call.x.shape) == 4 and not call.argument(6, "antialias", False):
            mode = call.argument(3, "mode", "nearest")
            return Counter({"interpolation": {"nearest": 1, "bilinear": 4}.get(mode, 0) * outputs})
        case "grid_sample" | "grid_sampler":
            return Counter({"sampling": 4 * outputs})
        case _:
            return Counter()


def _attention(call: FunctionCall, terms: Counter[str], *, masked_product: bool) -> None:
    """nn.MultiheadAttention: its projections are linear layers; its products are two bmm, or one fused operator.

    With a mask the first product is a baddbmm, which counts where `masked_product` says so.
    """
    products = [node for node in call.nodes if isinstance(node.op, ops.Einsum) and len(node.inputs[1].shape) > 2]
    if not call.argument(15, "need_weights", True):
        terms[ATTENTION] -= sum(int(macs_of(node)) for node in products)
    elif call.argument(16, "attn_mask") is not None and not masked_product:
        terms["baddbmm has no rule"] -= int(macs_of(products[0]))


def _printed(call: FunctionCall) -> int:
    """What fvcore makes of an einsum: two equations by itself, of others half of what numpy prints."""
    if _canonical(call)[0] in EXACT_EINSUMS:
        return call.macs
    return printed_flops(call) // 2


def _canonical(call: FunctionCall) -> tuple[str, list[Operand]]:
    equation, operands = _equation(call)
    letters = dict.fromkeys(letter for letter in equation if letter.isalpha())
    return equation.translate({ord(letter): 97 + place for place, letter in enumerate(letters)}), operands


def printed_flops(call: FunctionCall) -> int:
    """Return the cost of an einsum as numpy prints it, with four digits."""
    import numpy as np

    equation, operands = _canonical(call)
    arrays = [np.broadcast_to(np.float32(0), operand.shape) for operand in operands]
    for line in str(np.einsum_path(equation, *arrays, optimize="optimal")[1]).split("\n"):
        if "optimized flop" in line.lower():
            return math.floor(float(line.split(":")[-1]))
    return 0


def _equation(call: FunctionCall) -> tuple[str, list[Operand]]:
    equation = str(call.arguments[0]).replace(" ", "")
    rest = call.arguments[1:]
    operands = (
        rest[0] if len(rest) == 1 and isinstance(rest[0], (list, tuple)) and not isinstance(rest[0], Operand) else rest
    )
    return equation, list(operands)


def torch_meta(record: ForwardRecord) -> Counter[str]:
    """FlopCounterMode on the meta device: all products, attention as its matrix products."""
    terms: Counter[str] = Counter()
    for call in record.functions:
        _unseen_by_torch(call, terms)
    return terms


def torch(record: ForwardRecord) -> Counter[str]:
    """FlopCounterMode on the CPU: the fused attention that runs there has no formula."""
    terms = torch_meta(record)
    for call in record.functions:
        if call.name == "scaled_dot_product_attention":
            terms[ATTENTION] -= call.macs
        elif call.name == MHA:
            _attention(call, terms, masked_product=True)
    return terms


def torch_training(record: ForwardRecord) -> Counter[str]:
    """FlopCounterMode on the CPU, forward and backward of the sum of the results; the inputs need no gradient.

    A convolution's weight gradient is counted as if it had no groups (conv_backward_flop).
    """
    terms = torch(record)
    for call in record.functions:
        if call.name in ("scaled_dot_product_attention", "lstm", "bilinear", "deform_conv2d"):
            continue
        fused = call.name == MHA and not call.argument(15, "need_weights", True)
        for node in call.nodes:
            work = int(macs_of(node))
            attends = fused and isinstance(node.op, ops.Einsum) and len(node.inputs[1].shape) > 2
            if not work or node.output.index not in record.trained or attends or _sums_single_terms(node):
                continue
            groups = node.op.groups if isinstance(node.op, ops.CONVOLUTIONS) else 1
            if node.inputs[0].index in record.trained:
                terms["gradients of activations"] += work
            if node.inputs[1].index in record.trained:
                terms["gradients of weights"] += work
                terms["gradients of grouped weights, as if without groups"] += (int(groups) - 1) * work
    return terms


def torch_no_grad(record: ForwardRecord) -> Counter[str]:
    """FlopCounterMode under no_grad on the CPU: nn.MultiheadAttention and encoder layers run as one operator."""
    fused = {call.path for call in record.modules if _runs_fused(call)}
    terms: Counter[str] = Counter()
    for call in record.functions:
        if any(call.path[: len(path)] == path for path in fused):
            terms["attention and its projections in one operator"] -= call.macs
            continue
        _unseen_by_torch(call, terms)
        if call.name == "scaled_dot_product_attention":
            terms[ATTENTION] -= call.macs
        elif call.name == MHA:
            _attention(call, terms, masked_product=True)
    return terms


def _runs_fused(call: ModuleCall) -> bool:
    """Whether torch's fast path takes a module: self-attention, batch first, an even number of heads, in eval mode."""
    if not call.is_a("MultiheadAttention", "TransformerEncoderLayer") or call.settings.get("training"):
        return False
    if call.is_a("TransformerEncoderLayer"):
        return bool(call.settings.get("fast"))
    same = len({part for part in call.inputs[:3] if part is not None}) == 1
    plain = call.settings.get("in_proj_bias") and call.settings.get("in_proj_weight")
    return bool(call.settings.get("batch_first") and same and plain and call.settings.get("num_heads", 1) % 2 == 0)


def _unseen_by_torch(call: FunctionCall, terms: Counter[str]) -> None:
    if not call.macs:
        return
    if call.name == "lstm":
        terms["LSTMs, which run as one operator"] -= call.macs
    elif call.name in ("bilinear", "deform_conv2d"):
        terms[f"{call.name} has no formula"] -= call.macs
    elif call.name == "einsum":
        single = [node for node in call.nodes if _sums_single_terms(node)]
        terms["einsum that sums single terms"] -= sum(int(macs_of(node)) for node in single)


def _sums_single_terms(node: Node) -> bool:
    """Whether every letter that is summed has one value: torch then multiplies element by element."""
    if not isinstance(node.op, ops.Einsum):
        return False
    sizes = letter_sizes(node.op.equation, tuple(value.shape for value in node.inputs), lambda *_, **__: None)
    reads, kept = node.op.equation.split("->")
    return math.prod(sizes[letter] for letter in set(reads) - {",", *kept}) == 1


def ptflops_aten(record: ForwardRecord) -> Counter[str]:
    """mm, addmm, bmm and convolution, with biases; neither baddbmm nor fused attention."""
    terms: Counter[str] = Counter()
    for call in record.functions:
        _unseen_by_torch(call, terms)
        if (call.name in (*CONVS, "linear") and call.argument(2, "bias") is not None) or call.name == "addmm":
            terms["biases"] += call.y.elements
        elif call.name == "baddbmm":
            terms["baddbmm has no rule"] -= call.macs
        elif call.name == "scaled_dot_product_attention":
            terms[ATTENTION] -= call.macs
        elif call.name == MHA:
            _attention(call, terms, masked_product=False)
            terms["biases"] += call.results_of("add_bias")
    return terms


def number_of(value: Any, rank: int) -> tuple[int, ...]:
    """Return a setting per axis: a number stands for each."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * rank
