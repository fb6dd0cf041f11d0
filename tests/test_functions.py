"""The table of elementwise functions: torch says what each makes of zero, and what the builder refuses."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from convcalc import ops
from convcalc.analyses.counts.macs import macs, other
from convcalc.analyses.counts.memory import memory
from convcalc.analyses.counts.useful import useful
from convcalc.builder import Builder
from convcalc.errors import UnsupportedError
from convcalc.functions import FUNCTIONS, NORMS, Function
from convcalc.kinds import find
from convcalc.pytorch.lower import compute
from convcalc.pytorch.readers import READERS
from convcalc.sizes import total
from convcalc.spec.assemble import assemble
from convcalc.spec.source import blocks

SETTINGS: dict[str, dict[str, Any]] = {
    "power": {"exponent": 2.0}, "threshold": {"threshold": 0.5, "value": 1.0}, "local_response_norm": {"size": 3},
    "softmax": {"dim": 1}, "log_softmax": {"dim": 1}, "dropout": {"p": 0.5}, "clamp": {"min": 0.0},
    "cumsum": {"dim": 1},
}  # fmt: skip
SECOND = {"minimum": -1.0, "gt": -1.0, "ge": -1.0, "eq": 0.0}
"""What the second tensor holds, where ones would make a zero of a zero."""
COMPUTED = [name for name, f in FUNCTIONS.items() if f.torch or name in ("identity", "dropout")]
"""Functions of numbers; a norm's zero depends on its statistics, a view's and a write's on places."""


def at_zero(name: str, **settings: Any) -> torch.Tensor:
    """f(0) of a map of 4 channels, the second tensor of ones."""
    x, one = torch.zeros(1, 4, 2, 2), torch.ones(4) if name == "prelu" else torch.ones(1, 4, 2, 2)
    one = one * SECOND.get(name, 1.0)
    op = ops.Elementwise(name, settings=tuple({**SETTINGS.get(name, {}), **settings}.items()))
    return compute(op, [x, one, one][: FUNCTIONS[name].arity])


@pytest.mark.parametrize("name", COMPUTED)
def test_zero_stays_zero_where_the_table_says_so(name: str) -> None:
    about = FUNCTIONS[name]
    assert about.zero_stays(SETTINGS.get(name, {})) == bool((at_zero(name) == 0).all()), name


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("threshold", {"threshold": -0.5, "value": 1.0}),
        ("threshold", {"threshold": 0.5, "value": 0.0}),
        ("power", {"exponent": 0.5}),
        ("power", {"exponent": -1.0}),
        ("hardtanh", {"min_val": 0.5, "max_val": 2.0}),
        ("hardtanh", {"min_val": -1.0, "max_val": -0.5}),
        ("hardtanh", {"min_val": 0.0, "max_val": 6.0}),
        ("softplus", {"beta": 2.0, "threshold": 20.0}),
        ("leaky_relu", {"negative_slope": 0.3}),
        ("clamp", {"min": 0.5}),
        ("clamp", {"max": -0.5}),
        ("clamp", {"min": -1.0, "max": 1.0}),
    ],
)
def test_settings_decide_what_becomes_of_zero(name: str, settings: dict[str, Any]) -> None:
    assert FUNCTIONS[name].zero_stays(settings) == bool((at_zero(name, **settings) == 0).all())


def test_a_division_by_a_constant_keeps_zero_and_one_of_a_constant_does_not() -> None:
    assert FUNCTIONS["divide"].zero_stays({"other": 2}) and not FUNCTIONS["divide"].zero_stays({"first": 1})


@pytest.mark.parametrize(
    ("function", "lost"),
    [("hardtanh min_val=0.5 max_val=2", 0), ("hardtanh min_val=-1 max_val=1", 1), ("relu", 1), ("sigmoid", 0)],
)
def test_padding_is_lost_work_only_while_it_is_zero(function: str, lost: int) -> None:
    """One zero around 6x6, then 3x3 on 8x8: of 6 x 6 outputs along an axis 18 taps, 16 of them real."""
    words = f"zero_pad p=1 {function} conv2d c=4 k=3 bias=false".split()
    graph = assemble(blocks(words, ["1x6x6"])[0]).graph
    assert macs(graph) == 4 * 18 * 18
    assert total(useful(graph).values()) == (4 * 16 * 16 if lost else 4 * 18 * 18)


def test_a_function_that_is_not_in_the_table_is_refused_with_the_nearest() -> None:
    b = Builder()
    x = b.input((1, 4, 8, 8))
    with pytest.raises(UnsupportedError, match=r"there is no elementwise function 'rleu'; did you mean 'relu'"):
        b.elementwise("rleu", x)


def test_every_row_is_whole() -> None:
    for name, about in FUNCTIONS.items():
        assert about.name == name and about.arity in (1, 2, 3)
        assert not (about.view and about.operations({})), f"{name}: a view costs nothing"
    required = set(Function._fields) - set(Function._field_defaults)
    assert {"keeps_zero", "saves"} <= required  # nobody forgets what two analyses need


def test_every_activation_torch_has_is_read_under_its_name() -> None:
    for about in FUNCTIONS.values():
        if about.torch:
            assert about.torch.rpartition(".")[2] in READERS
            assert all(alias in READERS for alias in about.aliases)


def test_the_work_of_functions() -> None:
    """Softmax 3 an element, an activation 1, a norm 2 with running statistics, 5 with a scale and shift, else 4."""
    x = (1, 4, 2, 2)
    assert other(find("relu")[0].build(x)) == {"relu": 16}
    assert other(find("softmax")[0].build(x)) == {"softmax": 48}
    assert other(find("identity")[0].build(x)) == other(find("dropout")[0].build(x)) == {}
    assert other(find("group_norm")[0].build(x, num_groups=2)) == {"group_norm": 80}
    assert other(find("group_norm")[0].build(x, num_groups=2, affine=False)) == {"group_norm": 64}
    assert other(find("rms_norm")[0].build(x, normalized_shape=2)) == {"rms_norm": 48}  # square, divide, scale
    assert other(find("local_response_norm")[0].build(x, size=3)) == {"local_response_norm": 16 * 8}
    assert {"batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm"} == NORMS


def test_views_take_no_memory() -> None:
    assert memory(find("identity")[0].build((1, 4, 2, 2)), 4).everything == 4 * 16
    assert memory(find("relu")[0].build((1, 4, 2, 2)), 4).everything == 2 * 4 * 16
