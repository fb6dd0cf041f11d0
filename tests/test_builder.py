"""`Builder`: scopes, rules with three meanings, decisions."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
import sympy

from convcalc import ops
from convcalc.builder import Builder
from convcalc.errors import ShapeError, UnsupportedError
from convcalc.graph import Graph
from convcalc.kinds import all_kinds
from convcalc.registry import kind
from convcalc.sizes import UNKNOWN, PerAxis
from convcalc.window import Window


def test_require_is_one_rule_with_three_meanings() -> None:
    b = Builder()
    with pytest.raises(ShapeError, match="3 is too small"):
        b.require(len("abc") > 4, "{n} is too small", n=3)
    rows: Any = numpy.array([1, 5, 9])
    b.require(rows > 2, "too small")
    b.require(rows < 8, "too small")
    n: Any = sympy.Symbol("n", positive=True, integer=True)
    b.require(n >= 3, "n too small")
    b.require(n >= 1, "true of every positive number")
    b.require(UNKNOWN >= 3, "nothing is known")
    masks = b.graph().constraints
    assert [one.message for one in masks] == ["too small", "n too small"]
    assert list(masks[0].holds) == [False, True, False]
    assert masks[1].holds == (n >= 3)
    assert list(Graph((), (), (), masks[:1]).valid) == [False, True, False]


def test_decide_is_the_only_way_to_branch_on_a_size() -> None:
    b = Builder()
    same: Any = numpy.array([3, 3])
    mixed: Any = numpy.array([1, 3])
    n: Any = sympy.Symbol("n", positive=True, integer=True)
    assert b.decide(same == 3) is True and b.decide(same == 1) is False and b.decide(True)
    assert b.decide(n >= 1) is True
    with pytest.raises(UnsupportedError, match="sweep each side"):
        b.decide(mixed == 3)
    with pytest.raises(UnsupportedError, match="n >= 3 decides the structure"):
        b.decide(n >= 3)


def test_scopes_are_numbered_and_steps_know_theirs() -> None:
    b = Builder()
    x = b.input((1, 4, 8, 8))
    with b.scope("0", kind="block"):
        y = b.conv(b.conv(x, 4, 3), 4, 3)
    graph = b.graph(y)
    assert [scope.path for scope in graph.scopes] == [("0",), ("0", "conv"), ("0", "conv_1")]
    assert graph.nodes[y.index].scope == ("0", "conv_1")
    with b.inside(("a", "b", "c")):
        b.relu(y)
    assert ("a", "b") in [scope.path for scope in b.graph(y).scopes]


def test_a_shared_weight_is_one_step_read_twice() -> None:
    from convcalc.analyses.counts.macs import macs
    from convcalc.analyses.counts.params import params, unused
    from convcalc.padding import windows

    b = Builder()
    x = b.input((1, 4, 8, 8))
    weight = b.parameter("weight", (4, 4, 3, 3))
    walks = windows((8, 8), 3, 1, 1, 1)
    y = b.convolve(b.convolve(x, weight, walks=walks), weight, walks=walks)
    idle = b.parameter("idle", (5,), "other")
    graph = b.graph(y)
    assert params(graph).total == 144 + 5 and params(graph).other == 5
    assert macs(graph) == 2 * 64 * 144
    assert [node.output for node in unused(graph)] == [idle]


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda b, x: b.conv(x, 8, 9), "the kernel reaches over 9 positions, but the input has 8"),
        (
            lambda b, x: b.conv(x, 8, 13, padding=2),
            r"reaches over 13 positions, but the input has 8 \(12 with padding\)",
        ),
        (lambda b, x: b.conv(x, 8, 3, groups=3), r"in_channels \(4\) must be divisible by groups \(3\)"),
        (lambda b, x: b.conv(x, 6, 3, groups=4), r"out_channels \(6\) must be divisible by groups \(4\)"),
        (lambda b, x: b.conv(x, 8, 0), r"kernel_size \(0\) must be at least 1"),
        (lambda b, x: b.conv(x, 8, 3, stride=0), r"stride \(0\) must be at least 1"),
        (lambda b, x: b.conv(x, 8, 3, dilation=0), r"dilation \(0\) must be at least 1"),
        (lambda b, x: b.conv(x, 8, 3, padding=-1), r"padding \(-1\) must not be negative"),
        (lambda b, x: b.conv(x, 0, 3), r"out_channels \(0\) must be at least 1"),
        (lambda b, x: b.conv(x, 8, 3, groups=0), r"groups \(0\) must be at least 1"),
        (lambda b, x: b.conv(x, 8, 3, stride=2, padding="same"), "padding='same' needs stride 1, not 2"),
        (lambda b, x: b.conv(x, 8, 3, padding="full"), "padding is a number, same, valid, tf_same, not 'full'"),
        (lambda b, x: b.conv(x, 8, PerAxis((3, 3, 3))), "has 3 numbers, but the input has 2 spatial axes"),
        (lambda b, x: b.conv_transpose(x, 8, 3, output_padding=1), r"output_padding \(1\) must be smaller than"),
        (lambda b, x: b.conv_transpose(x, 8, 3, padding="same"), "takes no padding='same'"),
        (lambda b, x: b.conv_transpose(x, 8, 1, padding=4), "padding removes them all"),
        (lambda b, x: b.pool("max", x, 2, padding=2), r"padding \(2\) must be at most half of the kernel \(2\)"),
        (lambda b, x: b.pool("max", x, 9), "the pool reaches over 9 positions, but the input has 8"),
        (lambda b, x: b.adaptive_pool("avg", x, 0), r"output_size \(0\) must be at least 1"),
        (lambda b, x: b.add(x, b.conv(x, 4, 3)), "1x4x8x8 and 1x4x6x6 differ on axis 2"),
        (lambda b, x: b.concat(x, b.conv(x, 4, 3)), "cannot join 1x4x8x8 and 1x4x6x6: they differ on axis 2"),
        (lambda b, x: b.concat(x, b.flatten(x)), "different numbers of axes"),
        (lambda b, x: b.slice(x, 1, 2, 9), "a slice ends at 9, but axis 1 has 4"),
        (lambda b, x: b.slice(x, 1, 2, 2), "a slice from 2 to 2 is empty"),
        (lambda b, x: b.pixel_shuffle(x, 3), r"channels \(4\) must be divisible by upscale_factor squared \(9\)"),
        (lambda b, x: b.pad(x, [(8, 0), (0, 0)], mode="reflect"), "reflect padding of 8 needs a larger input than"),
        (lambda b, x: b.pad(x, [(-8, 0), (0, 0)]), "padding leaves 0 positions of 8"),
        (lambda b, x: b.conv(b.flatten(x), 4, 3), "needs spatial axes, but its input is 256"),
        (lambda b, x: b.input((1, 0, 3)), "an input size must be at least 1, not 0"),
        (lambda b, x: b.linear(x, 0), r"out_features \(0\) must be at least 1"),
        (
            lambda b, x: b.write(ops.Einsum("abc,cd->abd"), b.flatten(x, 2), b.parameter("w", (5, 3))),
            "multiplies 64 features by a weight made for 5",
        ),
    ],
)
def test_what_does_not_fit_is_said_with_its_numbers(write: Any, message: str) -> None:
    b = Builder()
    with pytest.raises(ShapeError, match=message):
        write(b, b.input((1, 4, 8, 8)))


@pytest.mark.parametrize(
    ("name", "shape", "arguments", "message"),
    [
        ("layer_norm", (1, 4), {"normalized_shape": (1, 1, 4)}, "has more axes than the input 1x4"),
        ("batch_norm", (4,), {}, "needs a batch and channels, but its input is 4"),
        ("avg_pool", (1, 2, 8), {"kernel_size": 2, "divisor_override": 3}, "divisor_override is for 2 or 3"),
        ("upsample", (1, 2, 8), {"size": 4, "recompute_scale_factor": True}, "goes with scale_factor, not with size"),
        ("upsample", (1, 2, 8), {}, "takes either size or scale_factor"),
        (
            "upsample",
            (1, 2, 8),
            {"size": 4, "mode": "bilinear"},
            "bilinear needs 2 spatial axes, not 1; here use linear",
        ),
        ("upsample", (1, 2, 8), {"size": 4, "align_corners": True}, "align_corners goes with linear"),
        ("pixel_shuffle", (1, 4, 8), {"upscale_factor": 2}, "pixel_shuffle needs 2 spatial axes, but its input has 1"),
        ("unfold", (1, 4, 8), {"kernel_size": 2}, "unfold needs 2 spatial axes, but its input has 1"),
        ("zero_pad", (1, 4, 8, 8), {"padding": (1, 2)}, "padding has 2 numbers, but 2 spatial axes need 4"),
        ("max_pool", (1, 4), {"kernel_size": 2}, "needs spatial axes, but its input has none"),
        ("adaptive_avg_pool", (1, 4), {"output_size": 2}, "needs spatial axes"),
        ("global_avg_pool", (1, 4), {}, "needs spatial axes"),
    ],
)
def test_kinds_refuse_with_their_numbers(name: str, shape: tuple[int, ...], arguments: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        all_kinds()[name].build(shape, **arguments)


def test_too_many_inputs_and_two_recipes_of_one_name() -> None:
    with pytest.raises(ShapeError, match="conv takes 1 input, not 2"):
        all_kinds()["conv"].build((1, 2, 3, 3), (1, 2, 3, 3), out_channels=1, kernel_size=1)
    with pytest.raises(ValueError, match="two recipes are called conv"):
        kind(source="nowhere", name="conv")(lambda b, x: x)


def test_windows_of_another_rank_and_sizes_of_another_rank() -> None:
    b = Builder()
    x = b.input((1, 2, 8, 8))
    with pytest.raises(ShapeError, match="walks 1 spatial axes, but its input 2x8x8 has 2"):
        b.unfold(x, (Window(kernel=2),))
    with pytest.raises(ShapeError, match="output_size names 1 axes, but the input has 2"):
        b.write(ops.Pool(function="avg", output_size=(2,)), x)


def test_a_str_argument_takes_words() -> None:
    from convcalc.arguments import Argument, check_value
    from convcalc.errors import SpecError

    wordy = Argument(name="form", takes=("str",))
    check_value(wordy, "train")
    with pytest.raises(SpecError, match="form takes a word, not 3"):
        check_value(wordy, 3)
