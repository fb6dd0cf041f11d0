"""`calflops`, `ptflops`: counters that put their own functions in the place of torch's.

Sources: calflops 0.3.2, pytorch_ops.py; ptflops 0.7.5, pytorch_ops.py and pytorch_engine.py.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from convcalc import ops
from convcalc.analyses.conventions.operators import ATTENTION, CONVS, MHA, number_of, printed_flops
from convcalc.analyses.conventions.record import FunctionCall, Operand
from convcalc.analyses.counts.macs import macs_of

if TYPE_CHECKING:
    from convcalc.analyses.conventions.record import ForwardRecord, ModuleCall

Counts = Counter[str]
POOLS = tuple(
    f"{adaptive}{kind}_pool{rank}d" for adaptive in ("", "adaptive_") for kind in ("max", "avg") for rank in (1, 2, 3)
)
RECURRENT = ("lstm", "gru", "rnn_tanh", "rnn_relu")
UNPATCHED = "products written as @, mm, bmm or einsum"


def calflops(record: ForwardRecord) -> Counts:
    """F.linear, F.conv*, torch.matmul, addmm and baddbmm; not @, bmm, mm, einsum or attention."""
    terms: Counts = Counter()
    for call in record.functions:
        if not call.macs:
            continue
        match call.name:
            case name if name in CONVS:
                terms.update(_calflops_conv(call))
            case "linear" | "addmm" | "baddbmm":
                continue
            case "matmul" if call.home != "operator":
                continue
            case "multi_head_attention_forward":
                products = _products(call)
                if not call.argument(15, "need_weights", True):
                    terms[ATTENTION] -= sum(products)
                else:
                    masked = call.argument(16, "attn_mask") is not None
                    terms[UNPATCHED] -= sum(products[1:]) if masked else sum(products)
            case "scaled_dot_product_attention":
                terms[ATTENTION] -= call.macs
            case name if name in RECURRENT:
                terms["recurrent layers"] -= call.macs
            case _:
                terms[UNPATCHED] -= call.macs
    return terms


def _products(call: FunctionCall) -> list[int]:
    """The multiply-adds of attention's two products."""
    contracting = (node for node in call.nodes if isinstance(node.op, ops.Einsum) and len(node.inputs[1].shape) > 2)
    return [int(macs_of(node)) for node in contracting]


def _calflops_conv(call: FunctionCall) -> Counts:
    """Its output size is its own: floor where padding='same' pads one more, the forward's for a transposed layer."""
    weight = call.argument(1, "weight").shape
    if "transpose" in call.name:
        groups = call.argument(6, "groups", 1)
        return Counter({"groups of transposed layers, divided twice": call.macs // groups - call.macs})
    counted = math.prod((call.x.shape[0], *weight, *_calflops_output(call)))
    return Counter({"padding='same' with an even kernel": counted - call.macs})


def _calflops_output(call: FunctionCall) -> tuple[int, ...]:
    weight = call.argument(1, "weight").shape
    transposed = "transpose" in call.name
    rank = len(weight) - 2
    stride = number_of(call.argument(3, "stride", 1), rank)
    dilation = number_of(call.argument(7 if transposed else 5, "dilation", 1), rank)
    padding = call.argument(4, "padding", 0)
    kernel = weight[2:]
    if padding == "same":
        pads = tuple(d * (k - 1) // 2 for d, k in zip(dilation, kernel, strict=True))
    else:
        pads = number_of(0 if padding == "valid" else padding, rank)
    each = zip(call.x.shape[-rank:], pads, dilation, kernel, stride, strict=True)
    return tuple((size + 2 * p - (d * (k - 1) + 1)) // s + 1 for size, p, d, k, s in each)


def calflops_work(record: ForwardRecord) -> Counts:
    """What its FLOPs hold beside two for each of its MACs: biases of convolutions, norms, activations, pools."""
    terms: Counts = Counter()
    for call in record.functions:
        terms.update(_calflops_work(call))
    return terms


def _calflops_work(call: FunctionCall) -> Counts:
    elements = call.x.elements
    match call.name:
        case name if name in CONVS:
            if call.argument(2, "bias") is None:
                return Counter()
            weight = call.argument(1, "weight").shape
            out = weight[1] if "transpose" in name else weight[0]
            return Counter({"biases of convolutions": out * call.x.shape[0] * math.prod(_calflops_output(call))})
        case "batch_norm":
            affine, trains = call.argument(3, "weight") is not None, call.argument(5, "training", False)
            each = (5 if affine else 4) if trains else (2 if affine else 1)
            return Counter({"norms": each * elements})
        case "layer_norm" | "group_norm" | "instance_norm":
            place = 3 if call.name == "instance_norm" else 2
            return Counter({"norms": (5 if call.argument(place, "weight") is not None else 4) * elements})
        case "relu" | "prelu" | "elu" | "leaky_relu" | "relu6" | "silu" | "gelu" if call.home == "F":
            return Counter({"activations": elements})
        case "softmax" if call.home == "F":
            return Counter({"softmax": elements})
        case name if name in POOLS and call.home == "F":
            return Counter({"pools": elements})
        case "interpolate" | "upsample":
            return Counter({"interpolation, without the scale": _calflops_interpolation(call)})
        case "add" | "mul" if call.home != "operator":
            return Counter({f"torch.{call.name}": _broadcast(call)})
        case "addmm" | "baddbmm":
            return Counter({"biases of addmm": call.x.elements})
        case "einsum":
            return Counter({"einsum, four printed digits": printed_flops(call)})
        case "multi_head_attention_forward" if call.argument(15, "need_weights", True):
            return Counter({"softmax": call.results_of("softmax")})
        case _:
            return Counter()


def _calflops_interpolation(call: FunctionCall) -> int:
    size = call.argument(1, "size")
    if size is None:
        return call.x.elements
    return math.prod(size) if isinstance(size, (tuple, list)) else int(size)


def _broadcast(call: FunctionCall) -> int:
    shapes = [part.shape for part in call.arguments if isinstance(part, Operand)]
    rank = max(map(len, shapes), default=0)
    padded = [(1,) * (rank - len(shape)) + tuple(shape) for shape in shapes]
    return math.prod(map(max, *padded)) if len(padded) > 1 else math.prod(padded[0]) if padded else 1


def ptflops(record: ForwardRecord) -> Counts:
    """Modules of an exact type, for one sample, and the patched F.* and torch.* calls, some of which are both."""
    terms: Counts = Counter()
    modules: Counts = Counter()
    inside: Counter[tuple[str, ...]] = Counter()
    for call in record.functions:
        inside[call.path] += call.macs
    known = set()
    for module in record.modules:
        counts = _ptflops_module(module)
        if counts is not None:
            known.add(module.path)
            modules.update(counts)
    contraction = modules.pop("contraction", 0)
    seen = sum(inside[path] for path in known)
    terms["modules for one sample of the batch"] += contraction // record.batch - contraction
    terms["modules by another rule"] += contraction - seen
    for name, amount in modules.items():
        terms[name] += amount // record.batch
    for call in record.functions:
        counted = _ptflops_function(call)
        ours = 0 if call.path in known else call.macs
        products = counted.pop("products", 0)
        terms["functional calls it does not see"] -= max(ours - products, 0)
        terms["products inside attention, a second time"] += max(products - ours, 0)
        terms.update(counted)
    return Counter({name: amount for name, amount in terms.items() if amount})


def _ptflops_module(module: ModuleCall) -> Counts | None:
    x, y, settings = module.x, module.y, module.settings
    match module.exact:
        case "Conv1d" | "Conv2d" | "Conv3d" | "ConvTranspose1d" | "ConvTranspose2d" | "ConvTranspose3d":
            walked = (x if "Transpose" in module.exact else y).shape[2:]
            filters = settings["in_channels"] * (settings["out_channels"] // settings["groups"])
            each = math.prod(settings["kernel_size"]) * filters
            bias = y.elements if settings["bias"] else 0
            return Counter({"contraction": x.shape[0] * math.prod(walked) * each, "biases": bias})
        case "Linear":
            bias = y.elements if settings["bias"] else 0
            return Counter({"contraction": x.shape[-1] * y.elements, "biases": bias})
        case "ReLU" | "PReLU" | "ELU" | "LeakyReLU" | "ReLU6" | "GELU":
            return Counter({"activations": y.elements})
        case name if name.replace("Adaptive", "") in (
            f"{kind}Pool{rank}d" for kind in ("Max", "Avg") for rank in (1, 2, 3)
        ):
            return Counter({"pools": x.elements})
        case "BatchNorm1d" | "BatchNorm2d" | "BatchNorm3d" | "InstanceNorm1d" | "InstanceNorm2d" | "InstanceNorm3d":
            return Counter({"norms": (2 if settings["affine"] else 1) * x.elements})
        case "GroupNorm":
            return Counter({"norms": (2 if settings["affine"] else 1) * x.elements})
        case "LayerNorm":
            return Counter({"norms": x.elements})
        case "Upsample":
            return Counter({"interpolation": y.elements // (y.shape[0] or 1) * 1})
        case "MultiheadAttention":
            return _ptflops_attention(module)
        case _:
            return None


def _ptflops_attention(module: ModuleCall) -> Counts:
    settings = module.settings
    query, key, value = (part.shape for part in module.inputs[:3] if part is not None)
    first = 1 if settings["batch_first"] else 0
    batch, (lq, lk, lv) = query[1 - first], (shape[first] for shape in (query, key, value))
    dq, dk, dv = query[2], key[2], value[2]
    heads = settings["num_heads"]
    projections = lq * dq * dq + lk * dk * dk + lv * dv * dv + lq * dv * dv
    products = heads * (lq * lk * (dq // heads) + lq * lk * (dv // heads))
    bias = (lq + lk + lv) * dq if settings.get("in_proj_bias") else 0
    return Counter(
        {
            "contraction": batch * (projections + products),
            "biases": batch * (bias + lq * dv),
            "scale and softmax of attention": batch * (lq * dq + heads * lq * lk),
        }
    )


def _ptflops_function(call: FunctionCall) -> Counts:
    elements = call.x.elements
    match call.name:
        case "relu" | "prelu" | "elu" | "relu6" | "gelu" | "silu" if call.home == "F":
            return Counter({"activations, by their functions": elements})
        case name if name in POOLS and call.home == "F":
            return Counter({"pools, by their functions": elements})
        case "softmax" if call.home == "F":
            return Counter({"softmax": elements})
        case "interpolate" | "upsample":
            return Counter({"interpolation, by its function": call.y.elements})
        case "matmul" | "mm" | "bmm" if call.home in ("torch", "Tensor"):
            return Counter({"products": call.macs})
        case "addmm" | "baddbmm":
            return Counter({"products": call.macs, "biases of addmm": call.x.elements})
        case "add" | "mul" if call.home != "operator":
            return Counter({f"torch.{call.name}": _broadcast(call)})
        case name if name == MHA and call.argument(15, "need_weights", True):
            products = _products(call)
            masked = call.argument(16, "attn_mask") is not None
            softmax = call.results_of("softmax")
            return Counter({"products": sum(products), "softmax": softmax, "biases of addmm": softmax if masked else 0})
        case _:
            return Counter()
