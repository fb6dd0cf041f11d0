"""Every kind of layer by name, and the family (one file) whose import defines it.

Adding a kind: its recipe in the family's file, its name here, a golden line, the paper's formula in its test.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import replace
from functools import cache, partial
from typing import Final

from convcalc.errors import SpecError, nearest
from convcalc.kinds.foreign import keras_example
from convcalc.kinds.names import ALIASES, NETWORKS, SEE, canonical, of_network, plain, ranked, spellings
from convcalc.registry import KINDS, Kind

FAMILIES: Final[dict[str, tuple[str, ...]]] = {
    "convolution": (
        "conv", "conv_transpose", "pointwise", "dilated", "grouped", "depthwise", "depthwise_separable",
    ),
    "factorised": ("spatially_separable", "flattened", "stacked", "spatial_cross_channel", "bottleneck"),
    "grouping": (
        "pointwise_grouped", "shuffled_grouped", "shufflenet_unit_a", "shufflenet_unit_b", "shufflenet_unit_c",
    ),
    "deformable": ("deformable", "deformable_v2", "conv_offset"),
    "upsampling": ("resize_conv", "subpixel"),
    "residual": (
        "resnet_basic", "resnet_bottleneck", "se_resnet_bottleneck", "inverted_residual", "fused_mbconv",
    ),
    "dense": ("dense_layer", "dense_block", "dense_transition"),
    "inception": (
        "inception_v1_naive", "inception_v1", "inception_v2", "inception_v2_reduction", "inception_v3_a",
        "inception_v3_b", "inception_v3_c", "inception_v3_d", "inception_v3_e",
    ),
    "inception_v4": (
        "inception_v4_stem_3a", "inception_v4_stem_4a", "inception_v4_stem_5a", "inception_v4_a",
        "inception_v4_reduction_a", "inception_v4_b", "inception_v4_reduction_b", "inception_v4_c",
        "inception_resnet_block35", "inception_resnet_reduction_a", "inception_resnet_block17",
        "inception_resnet_reduction_b", "inception_resnet_block8",
    ),
    "multiscale": ("multi_kernel", "mixconv", "nin_mlpconv"),
    "reparameterised": ("acb", "dbb", "do_conv"),
    "cheaper": ("octave", "hetconv", "ghost", "ghost_bottleneck"),
    "dynamic": ("condconv", "dynamic", "involution"),
    "attention": ("se", "splat", "resnest_bottleneck", "sk"),
    "calibrated": ("scconv", "scbottleneck"),
    "graphs": ("gcn", "cheb"),
    "pooling": (
        "max_pool", "avg_pool", "adaptive_max_pool", "adaptive_avg_pool", "global_max_pool", "global_avg_pool",
        "lp_pool", "fractional_max_pool", "max_unpool",
    ),
    "norms": ("batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm", "local_response_norm"),
    "activations": (
        "relu", "relu6", "leaky_relu", "prelu", "elu", "selu", "celu", "gelu", "silu", "mish", "sigmoid", "tanh",
        "hardswish", "hardsigmoid", "hardtanh", "softplus", "softsign", "rrelu", "threshold", "hardshrink",
        "softshrink", "tanhshrink", "logsigmoid", "softmax", "log_softmax", "softmin", "glu", "dropout",
        "alpha_dropout", "feature_alpha_dropout", "identity",
    ),
    "shaping": (
        "linear", "flatten", "unflatten", "upsample", "upsampling_nearest", "upsampling_bilinear", "pixel_shuffle",
        "pixel_unshuffle", "channel_shuffle", "zero_pad", "constant_pad", "reflection_pad", "replication_pad",
        "circular_pad", "unfold", "fold", "concat", "add", "multiply", "slice",
    ),
    "sequences": (
        "embedding", "embedding_bag", "rnn", "lstm", "gru", "rnn_cell", "lstm_cell", "gru_cell",
    ),
    "transformers": ("multihead_attention", "transformer_encoder_layer"),
    "pairs": ("bilinear", "cosine_similarity"),
}  # fmt: skip

REFUSED: Final[dict[str, str]] = {
    "deformconv": "the offsets of DeformConv2d are an input of their own: use the kind `deformable`",
    "transformer": "it takes two sequences: write transformer_encoder_layer repeat=6 for its encoder",
    "transformerencoder": "it takes a layer as its argument: write transformer_encoder_layer repeat=6",
    "transformerdecoder": "it takes a layer as its argument, and its decoder layers are not among the kinds",
    "transformerdecoderlayer": "not among the kinds: its parts are multihead_attention, linear, layer_norm and add",
    "adaptivelogsoftmaxwithloss": "how much it computes depends on the classes of its targets, which are data",
    "pairwisedistance": "a norm of a difference is not among the kinds: cosine_similarity is",
    "module": "it is the class that layers derive from: name a layer",
    "container": "it is an old name of Module: name a layer",
    "modulelist": "a list has no forward(): name its layers one after another",
    "moduledict": "a dict has no forward(): name its layers one after another",
    "parameterlist": "it holds parameters and computes nothing",
    "parameterdict": "it holds parameters and computes nothing",
    "dataparallel": "it runs copies of a module on several devices: name the module",
    "rnnbase": "it is what RNN, LSTM and GRU derive from: name one of these",
    "rnncellbase": "it is what RNNCell, LSTMCell and GRUCell derive from: name one of these",
    "sequential": "it holds layers: Sequential(Conv2d(3, 8, 3), ReLU())",
}
"""Names that are no layer here, with the reason: all of torch.nn's that are no kind, but for its losses."""
LOSS: Final = "a loss compares an output with a target: it is not a layer of a network"


HOME: Final[dict[str, tuple[str, str]]] = {
    plain(name): (family, name) for family, names in FAMILIES.items() for name in names
}
_OTHER: dict[str, str] = {}
for _alias, _target in ALIASES.items():
    for _spelled in (plain(_alias), canonical(_alias)):
        _OTHER.setdefault(_spelled, plain(_target))
ENDING: Final = re.compile("(networks?|网络)$")
"""What may end the name of a layer, where no network is called so."""
LAZY: Final = ("conv", "conv_transpose", "batch_norm", "instance_norm", "linear")
"""Kinds with a class in torch whose channels come from the input: LazyConv2d."""


@cache
def find(word: str) -> tuple[Kind, int | None]:
    """Return the kind a word names and the rank in its name (`conv2d`: 2), or None.

    Raises SpecError for a name that is not a kind, saying which are near, and for those of other libraries.
    """
    if line := keras_example(word):
        raise SpecError(line)
    if plain(word).startswith("lazy"):
        return _lazy(word)
    for base, rank in ranked(word):
        if plain(base) in REFUSED or plain(base).endswith("loss"):
            raise SpecError(f"{word} cannot be a layer here: {REFUSED.get(plain(base), LOSS)}")
        place = _place(base)
        if place:
            kind = _loaded(*place)
            if rank is not None and kind.ranks and rank not in kind.ranks:
                listed = ", ".join(f"{kind.torch or kind.name}{r}d" for r in kind.ranks)
                raise SpecError(f"there is no {word}: torch has {listed}")
            return (kind if rank is None else _with_rank(kind.name, rank)), rank
    if parts := network(word):
        raise SpecError(f"{word} is not a layer of its own: it is made of {', '.join(parts)}")
    if place := _place(ENDING.sub("", canonical(word))):
        return _loaded(*place), None
    if other := _registered(word):
        return other
    *_, (base, rank) = ranked(word)
    raise SpecError(f"there is no kind {word!r}{_near(canonical(base), rank)} (`convcalc kinds` lists them)")


def _near(base: str, rank: int | None) -> str:
    """What a word may have meant: a kind with the rank that was written (`con2d`: conv2d), or any name."""
    if rank is not None:
        from difflib import get_close_matches

        if close := get_close_matches(base, HOME):
            return nearest(f"{base}{rank}d", [f"{name}{rank}d" for name in close])
    return nearest(base, [*HOME, *_OTHER, *map(plain, NETWORKS)], several=True)


@cache
def _with_rank(name: str, rank: int) -> Kind:
    return replace(KINDS[name], rank=rank)


def _loaded(family: str, name: str) -> Kind:
    """A kind, after the import of its family."""
    importlib.import_module(f"convcalc.kinds.{family}")
    return KINDS[name]


def _place(name: str) -> tuple[str, str] | None:
    """The family and name of the kind that a name without a rank means."""
    for spelled in spellings(name):
        target = _OTHER.get(spelled, spelled)
        if target in HOME:
            return HOME[target]
    return None


def _registered(word: str) -> tuple[Kind, int | None] | None:
    """A kind of another package: registered by `convcalc.kind`, or by an entry point of the group `convcalc.kinds`."""
    _load_entry_points()
    others = {plain(name): kind for name, kind in KINDS.items() if plain(name) not in HOME}
    for base, rank in ranked(word):
        if plain(base) in others:
            kind = others[plain(base)]
            return (kind if rank is None else _with_rank(kind.name, rank)), rank
    return None


@cache
def _load_entry_points() -> None:
    from importlib.metadata import entry_points

    for point in entry_points(group="convcalc.kinds"):
        point.load()


def _lazy(word: str) -> tuple[Kind, int | None]:
    kind, rank = find(word[4:].lstrip("_- "))
    if kind.name not in LAZY:
        raise SpecError(f"there is no {word}: torch has lazy forms of {', '.join(LAZY)}")
    order = tuple(name for name in kind.positional if name != (kind.channels or "in_channels"))
    return _lazily(kind.name, rank, order), rank


@cache
def _lazily(name: str, rank: int | None, order: tuple[str, ...]) -> Kind:
    """A lazy class: no channels among its arguments; torch's lazy instance norms learn and keep statistics."""
    kind = replace(KINDS[name], rank=rank)
    if kind.name == "instance_norm":
        kind = replace(kind, recipe=partial(kind.recipe, affine=True, track_running_stats=True))
    return replace(kind, order=order)


def network(word: str) -> tuple[str, ...]:
    """Return the kinds that a network is made of, where a word names one."""
    names = {canonical(name): parts for name, parts in NETWORKS.items()}
    return next((names[spelled] for spelled in (*spellings(word), of_network(word)) if spelled in names), ())


def command_of(word: str) -> str:
    """Return the command that answers what is most often asked of a network, or nothing."""
    names = {canonical(name): command for name, command in SEE.items()}
    return names.get(canonical(word), "")


def all_kinds() -> dict[str, Kind]:
    """Import every family and return every kind by name."""
    for family in FAMILIES:
        importlib.import_module(f"convcalc.kinds.{family}")
    return {name: KINDS[name] for names in FAMILIES.values() for name in names}
