"""Names, aliases, and torch's own order of arguments."""

from __future__ import annotations

import inspect

import pytest
from torch import nn

from convcalc.arguments import REQUIRED, SORTS
from convcalc.errors import SpecError
from convcalc.kinds import FAMILIES, all_kinds, find
from convcalc.kinds.names import ALIASES
from convcalc.registry import Kind

OURS_ONLY = {"in_channels"}
IGNORED = {"device", "dtype", "kwargs", "args", "_weight", "_freeze", "_random_samples", "include_last_offset"}
SAID_IN_WORDS = {"RNN", "LSTM", "GRU"}
"""Classes whose arguments torch documents, and takes as *args."""


UNLIKE = {("softmax", "dim"), ("softmin", "dim"), ("transformer_encoder_layer", "activation")}
"""Defaults that differ: an old guess of an axis is None here as there, a function is its name."""


def torch_names(kind: Kind) -> list[str]:
    return [f"{kind.torch}{rank}d" for rank in kind.ranks] if kind.ranks else [kind.torch]


TORCH = [(kind, name) for kind in all_kinds().values() if kind.torch for name in torch_names(kind)]


@pytest.mark.parametrize(("kind", "name"), TORCH, ids=[name for _, name in TORCH])
def test_positional_order_and_defaults_are_torchs(kind: Kind, name: str) -> None:
    if name in {"Identity", *SAID_IN_WORDS}:  # takes anything and ignores it; see test_sequences.py
        return
    signature = inspect.signature(getattr(nn, name).__init__).parameters
    theirs = [parameter for parameter in list(signature)[1:] if parameter not in IGNORED]
    ours = list(kind.positional)
    if "Norm" in name and "bias" not in signature and "bias" in ours:  # torch's norms have had it since 2.13
        ours.remove("bias")
    if name == "AvgPool1d":  # refused at build: torch's 1-D average has none
        ours.remove("divisor_override")
    assert [p for p in ours if p in theirs] == ours, (ours, theirs)
    late = {"Hardtanh": ["min_value", "max_value"]}.get(name, [])  # deprecated spellings
    assert ours == theirs[: len(theirs) - len(late)], (ours, theirs)
    for key in ours:
        default = kind.arguments[key].default
        if key == (kind.channels or "in_channels"):
            continue
        wanted = signature[key].default
        if wanted is inspect.Parameter.empty:
            assert default is REQUIRED, key
        elif wanted != default:
            assert (kind.name, key) in UNLIKE, (key, wanted, default)


@pytest.mark.parametrize(("kind", "name"), TORCH, ids=[name for _, name in TORCH])
def test_torch_names_are_found_whatever_the_case(kind: Kind, name: str) -> None:
    for spelled in (name, name.lower(), name.upper()):
        found, rank = find(spelled)
        assert (found.name, found.recipe, found.rank) == (kind.name, kind.recipe, rank)
        assert (rank is not None) == bool(kind.ranks)


def test_every_alias_names_a_kind_and_hides_none() -> None:
    for alias, target in ALIASES.items():
        assert find(alias)[0] is find(target)[0]
        assert alias not in all_kinds()


def test_lookup_ignores_case_dashes_and_underscores() -> None:
    assert find("Depthwise-Separable")[0] is find("depthwise_separable")[0] is find("DEPTHWISESEPARABLE")[0]
    assert find("conv")[1] is None and find("conv3d")[1] == 3
    assert find("空洞卷积")[0].name == "dilated"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("cnov2d", "there is no kind 'cnov2d'; did you mean 'conv2d'?"),
        ("depthwize", "did you mean 'depthwise'"),
        ("xyzzy", "there is no kind 'xyzzy' "),
        ("Conv2D", "Conv2D is Keras's name: write Conv2d"),
        ("MaxPooling2D", "write MaxPool2d"),
        ("SeparableConv2D", "write depthwise2d(kernel_size=3, bias=False) Conv2d(out_channels=64, kernel_size=1)"),
        ("DeformConv2d", "the offsets of DeformConv2d are an input of their own: use the kind `deformable`"),
        ("UpsamplingNearest3d", "there is no UpsamplingNearest3d: torch has UpsamplingNearest2d"),
    ],
)
def test_names_that_are_no_kind(word: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        find(word)
    assert message in str(caught.value)


def test_every_kind_says_what_it_does_where_it_comes_from_and_what_it_takes() -> None:
    for family, names in FAMILIES.items():
        for name in names:
            kind = all_kinds()[name]
            assert kind.help.endswith(".") and len(kind.help) < 110, name
            assert kind.source, name
            assert kind.recipe.__module__ == f"convcalc.kinds.{family}"
            assert all(set(argument.takes) <= set(SORTS) for argument in kind.arguments.values()), name
            assert "in_channels" in kind.arguments or kind.channels, name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"out_channels": 4}, "conv needs kernel_size"),
        (
            {"out_channels": 4, "kernel_size": 3, "dilaton": 2},
            "conv has no argument 'dilaton'; did you mean 'dilation'?",
        ),
        ({"out_channels": True, "kernel_size": 3}, "out_channels takes a whole number, not True"),
        ({"out_channels": 4, "kernel_size": 2.5}, "kernel_size takes a whole number or one per axis, not 2.5"),
        ({"out_channels": 4, "kernel_size": 3, "bias": 1}, "bias takes true or false, not 1"),
        (
            {"out_channels": 4, "kernel_size": 3, "padding_mode": "zero"},
            "padding_mode is one of zeros, reflect, replicate, circular, not 'zero'; did you mean 'zeros'?",
        ),
        ({"out_channels": 4, "kernel_size": 3, "in_channels": 5}, "in_channels is 5, but the input has 3"),
    ],
)
def test_wrong_arguments_are_said_plainly(arguments: dict[str, object], message: str) -> None:
    from convcalc.errors import ConvcalcError

    with pytest.raises(ConvcalcError) as caught:
        all_kinds()["conv"].build((1, 3, 8, 8), **arguments)
    assert message in str(caught.value)
