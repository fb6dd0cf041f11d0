"""`torchinfo`, `thop`, `torchscan`: counters that look at modules: what is called without one is not seen.

Sources: torchinfo 1.8.0, layer_info.py; thop 0.1.1, profile.py and vision/; torchscan 0.2.0, modules/.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from convcalc.analyses.conventions.record import ForwardRecord, ModuleCall

CONVS = ("Conv1d", "Conv2d", "Conv3d")
TRANSPOSED = ("ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d")
BATCH_NORMS = ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d")
UNSEEN = "calls outside of a module it knows"
CONTRACTION = "contraction"
Counts = Counter[str]


def _ladder(record: ForwardRecord, rule: Callable[[ModuleCall], Counts | None]) -> Counts:
    """The terms of a counter that has a rule for some modules.

    Of a rule's counts `contraction` stands against our multiply-adds of the calls right inside the module.
    """
    inside: Counter[tuple[str, ...]] = Counter()
    for call in record.functions:
        inside[call.path] += call.macs
    calls: Counter[tuple[str, ...]] = Counter(call.path for call in record.modules)
    terms: Counts = Counter()
    seen: Counter[tuple[str, ...]] = Counter()
    for module in record.modules:
        counts = rule(module)
        if counts is None:
            continue
        ours = inside[module.path] // calls[module.path]
        seen[module.path] += ours
        for name, amount in counts.items():
            if name == CONTRACTION:
                terms[_difference(module)] += amount - ours
            else:
                terms[name] += amount
    terms[UNSEEN] -= sum(inside.values()) - sum(seen.values())
    return Counter({name: amount for name, amount in terms.items() if amount})


def _difference(module: ModuleCall) -> str:
    """Why a module's contraction is counted otherwise."""
    if module.is_a(*TRANSPOSED):
        return "transposed layers by their output: stride to the power of the axes"
    if module.is_a("Linear"):
        return "linear layers once, not for each token"
    return f"{module.class_name} by another rule"


def torchinfo(record: ForwardRecord) -> Counts:
    """Weights and biases of modules without parts, times the positions of a Conv, else times the batch alone."""
    return _ladder(record, _torchinfo)


def _torchinfo(module: ModuleCall) -> Counts | None:
    if not module.leaf:
        return None
    counts: Counts = Counter()
    size = module.y.shape
    for name, numbers in module.parameters:
        if name in ("weight", "bias"):
            times = math.prod((*size[:1], *size[2:])) if "Conv" in module.class_name else size[0] if size else 0
            counts[_kind(module, name)] += times * numbers
        elif "weight" in name or "bias" in name:
            counts[_kind(module, "weight" if "weight" in name else "bias")] += math.prod(size[:2]) * numbers
    return counts or None


def _kind(module: ModuleCall, name: str) -> str:
    contracts = (
        module.is_a(*CONVS, *TRANSPOSED, "Linear", "LSTM", "GRU", "RNN", "Bilinear") or "Conv" in module.class_name
    )
    if contracts:
        return CONTRACTION if name == "weight" else "biases"
    return "parameters of norms and tables, once for each sample"


def thop(record: ForwardRecord) -> Counts:
    """Modules of an exact type; convolutions by output positions, norms at 4 a number, some pools."""
    return _ladder(record, _thop)


def _thop(module: ModuleCall) -> Counts | None:
    x, y, settings = module.x, module.y, module.settings
    match module.exact:
        case name if name in (*CONVS, *TRANSPOSED):
            each = (x.shape[1] // settings["groups"]) * math.prod(settings["kernel_size"])
            return Counter({CONTRACTION: y.elements * each * module.names})
        case "Linear":
            return Counter({CONTRACTION: settings["in_features"] * y.elements * module.names})
        case (
            "BatchNorm1d"
            | "BatchNorm2d"
            | "BatchNorm3d"
            | "LayerNorm"
            | "SyncBatchNorm"
            | "InstanceNorm1d"
            | ("InstanceNorm2d" | "InstanceNorm3d")
        ):
            affine = settings.get("affine") or settings.get("elementwise_affine")
            return Counter({"norms": (4 if affine else 2) * x.elements})
        case "PReLU":
            return Counter({"PReLU": x.elements})
        case "Softmax":
            width = x.shape[settings["dim"]]
            return Counter({"softmax": x.elements // width * (3 * width - 1)})
        case "AvgPool1d" | "AvgPool2d" | "AvgPool3d":
            return Counter({"average pools": y.elements})
        case "AdaptiveAvgPool1d" | "AdaptiveAvgPool2d" | "AdaptiveAvgPool3d":
            kernel = math.prod(a / b for a, b in zip(x.shape[2:], y.shape[2:], strict=False))
            return Counter({"adaptive average pools": int((kernel + 1) * y.elements)})
        case "Upsample" | "UpsamplingBilinear2d" | "UpsamplingNearest2d":
            each = {"nearest": 1, "linear": 5, "bilinear": 11, "bicubic": 259}.get(settings.get("mode", ""), 0)
            return Counter({"interpolation": each * y.elements})
        case _:
            return None


def torchscan(record: ForwardRecord) -> Counts:
    """Modules without parts: linear layers and convolutions by output positions, batch norms, pools by their taps."""
    return _ladder(record, _torchscan)


def _torchscan(module: ModuleCall) -> Counts | None:
    if not module.leaf:
        return None
    x, y, settings = module.x, module.y, module.settings
    if module.is_a("Linear"):
        return Counter({CONTRACTION: settings["in_features"] * y.elements})
    if module.is_a(*TRANSPOSED, *CONVS):
        each = (x.shape[1] // settings["groups"]) * math.prod(settings["kernel_size"])
        extra = 4 * len(settings["kernel_size"]) if module.is_a(*TRANSPOSED) else 0
        return Counter({CONTRACTION: y.elements * each, "padding of transposed layers": extra})
    if module.is_a(*BATCH_NORMS, "SyncBatchNorm"):
        return Counter({"batch norms": (2 if settings["affine"] else 1) * x.elements})
    return _torchscan_pools(module)


def _torchscan_pools(module: ModuleCall) -> Counts | None:
    x, y, settings = module.x, module.y, module.settings
    kernel = settings.get("kernel_size") or 1
    taps = math.prod(kernel) if isinstance(kernel, tuple) else kernel
    rank = len(x.shape) - 2
    ratios = math.prod(a // b if a % b == 0 else a % b + 1 for a, b in zip(x.shape[2:], y.shape[2:], strict=False))
    for kind, name, each in (
        ("MaxPool", "max pools, the kernel's side for its taps", taps - 1),
        ("AvgPool", "average pools, the kernel's side for its taps", taps - 1 + rank),
        ("AdaptiveMaxPool", "adaptive max pools", ratios - 1),
        ("AdaptiveAvgPool", "adaptive average pools", ratios - 1 + rank),
    ):
        if module.is_a(*(f"{kind}{axes}d" for axes in (1, 2, 3))):
            return Counter({name: each * y.elements})
    return None


def torchscan_flops(record: ForwardRecord) -> Counts:
    """The contractions that its FLOPs know: modules, and those inside nn.MultiheadAttention."""
    known = {call.path for call in record.modules if call.is_a("MultiheadAttention")}
    inside = sum(call.macs for call in record.functions if call.path in known)
    terms = _ladder(record, lambda module: _only_contraction(_torchscan(module)))
    terms[UNSEEN] += inside
    return Counter({name: amount for name, amount in terms.items() if amount})


def _only_contraction(counts: Counts | None) -> Counts | None:
    return None if counts is None or CONTRACTION not in counts else Counter({CONTRACTION: counts[CONTRACTION]})


def torchscan_work(record: ForwardRecord) -> Counts:
    """What its FLOPs hold beside two for each multiply-add: an addition less per output, biases, norms, activations."""
    terms: Counts = Counter()
    for module in record.modules:
        if module.leaf or module.is_a("MultiheadAttention"):
            terms.update(_torchscan_work(module))
    return terms


ACTIVATIONS = {"ReLU": 1, "ELU": 6, "LeakyReLU": 4, "ReLU6": 2, "Tanh": 6, "Sigmoid": 4}
"""Operations an element, by exact or inherited class."""
FIRST = "one addition less for each output"


def _torchscan_work(module: ModuleCall) -> Counts:
    x, y, settings = module.x, module.y, module.settings
    if module.is_a("MultiheadAttention"):
        return _attention_work(module)
    if module.is_a("Linear", *CONVS, *TRANSPOSED):
        extra = 8 * len(settings["kernel_size"]) if module.is_a(*TRANSPOSED) else 0
        bias = y.elements if settings["bias"] else 0
        return Counter({FIRST: -y.elements, "biases": bias, "padding of transposed layers": extra})
    if module.is_a(*BATCH_NORMS, "SyncBatchNorm"):
        return Counter({"batch norms": 2 * settings["num_features"] + (4 if settings["affine"] else 2) * x.elements})
    for name, each in ACTIVATIONS.items():
        if module.is_a(name):
            return Counter({"activations": each * x.elements})
    if module.is_a("Dropout"):
        return Counter({"dropout": x.elements if settings.get("p") else 0})
    if module.is_a("LayerNorm"):
        rows = x.elements // math.prod(settings["normalized_shape"])
        learned = sum(1 for name in ("weight", "bias") if settings.get(name))
        return Counter({"layer norms": (6 + learned) * x.elements + 2 * rows})
    return _torchscan_pools(module) or Counter()


def _attention_work(module: ModuleCall) -> Counts:
    """nn.MultiheadAttention beside its products: scale, softmax, biases, an addition less for each sum."""
    settings = module.settings
    query, key, value = (part.shape for part in module.inputs[:3] if part is not None)
    batch, length = (query[0], query[1]) if settings["batch_first"] else (query[1], query[0])
    source = key[1] if settings["batch_first"] else key[0]
    heads, features = settings["num_heads"], settings["embed_dim"]
    bias = 1 if settings.get("in_proj_bias") else 0
    tokens = [math.prod(shape[:-1]) for shape in (query, key, value)]
    scores = batch * heads * length * source
    first = -sum(tokens) * features - scores - batch * length * features - tokens[0] * features
    counts: Counts = Counter({FIRST: first, "biases": (bias * sum(tokens) + tokens[0]) * features})
    counts["softmax and scale"] = 1 + batch * length * features + 3 * scores - batch * heads * length
    averaged = len(module.outputs) > 1 and len(module.outputs[1].shape) == 3
    counts["mean of the weights"] = scores if averaged else 0
    return counts
