"""The inverse questions against brute force and torch: complete, exact, and ranked as people expect."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from convcalc.analyses.inverse import Bounds, losses, sames, solutions, transposed_solutions
from convcalc.analyses.sweep import runs
from convcalc.cli.app import run
from convcalc.errors import ConvcalcError, ShapeError
from convcalc.spec.assemble import assemble
from convcalc.spec.source import blocks
from convcalc.window import Window


def asked(capsys: pytest.CaptureFixture[str], *argv: str) -> Any:
    assert run(["solve", *argv, "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def bounds(kernels: int, strides: int, dilations: int) -> Bounds:
    return Bounds.up_to(kernels, strides, dilations, exact=(None, None, None))


SMALL = bounds(4, 4, 2)
Sides = tuple[int, int, int]


def key(one: Any) -> tuple[Any, ...]:
    """Kernel, stride, dilation (alike on all axes), and each axis's padding before and after and output padding."""
    extras = one.output_padding or (0,) * len(one.windows)
    sides = tuple((w.before, w.after, extra) for w, extra in zip(one.windows, extras, strict=True))
    (walk,) = {(w.kernel, w.stride, w.dilation) for w in one.windows}
    return (*walk, *sides)


def combined(by_axis: list[set[Sides]]) -> set[tuple[Sides, ...]]:
    """What does it on all axes alike; where nothing does, every choice of one for each."""
    alike = set.intersection(*by_axis)
    return {(sides,) * len(by_axis) for sides in alike} if alike else set(itertools.product(*by_axis))


@given(sizes=st.lists(st.integers(1, 20), min_size=1, max_size=2), data=st.data())
@settings(max_examples=150)
def test_every_convolution_within_the_bounds_is_found(sizes: list[int], data: st.DataObject) -> None:
    outputs = [data.draw(st.integers(1, 20)) for _ in sizes]
    want = set()
    for kernel, stride, dilation in itertools.product(range(1, 5), range(1, 5), range(1, 3)):
        span = dilation * (kernel - 1) + 1
        if kernel == 1 and dilation > 1:  # the same layer
            continue
        pads = [(b, a) for b, a in itertools.product(range(span), repeat=2) if a - b in (0, 1)]
        by_axis = [
            {(b, a, 0) for b, a in pads if size + b + a >= span and (size + b + a - span) // stride + 1 == out}
            for size, out in zip(sizes, outputs, strict=True)
        ]
        want |= {(kernel, stride, dilation, *sides) for sides in combined(by_axis)}
    assert {key(one) for one in solutions(sizes, outputs, SMALL)} == want


@given(sizes=st.lists(st.integers(1, 12), min_size=1, max_size=2), data=st.data())
@settings(max_examples=150)
def test_every_transposed_convolution_within_the_bounds_is_found(sizes: list[int], data: st.DataObject) -> None:
    outputs = [data.draw(st.integers(1, 40)) for _ in sizes]
    want = set()
    for kernel, stride, dilation in itertools.product(range(1, 5), range(1, 5), range(1, 3)):
        span = dilation * (kernel - 1) + 1
        if kernel == 1 and dilation > 1:
            continue
        # an odd sum of paddings is the even one with another output padding, where there is one
        odd = (0,) if max(stride, dilation) > 1 else (0, 1)
        every = itertools.product(range(span), range(span), range(max(stride, dilation)))
        choices = [(b, a, extra) for b, a, extra in every if a - b in odd]
        by_axis = [
            {(b, a, extra) for b, a, extra in choices if (size - 1) * stride - b - a + span + extra == out}
            for size, out in zip(sizes, outputs, strict=True)
        ]
        want |= {(kernel, stride, dilation, *sides) for sides in combined(by_axis)}
    found = transposed_solutions(sizes, outputs, SMALL)
    assert {key(one) for one in found} == want


@pytest.mark.parametrize(
    ("argv", "layer"),
    [
        (["--in", "20x30", "--out", "18x30", "-k", "3", "-s", "1"], "conv k=3 p=0x1"),
        (["--in", "15x13", "--out", "240x200", "--transposed", "-k", "16", "-s", "16"],
         "conv_transpose k=16 s=16 p=0x4"),
        (["--in", "161x201", "--out", "61x96", "--kernel-size", "41x11", "-s", "2"], "conv k=41x11 s=2"),
        (["--in", "8x8x9", "--out", "4x8x9", "-k", "3", "-s", "2x1x1"], "conv k=3 s=2x1x1 p=1"),
        (["--in", "8x8", "--out", "8x6", "-k", "3x3", "-s", "1", "-p", "1x0"], "conv k=3 p=1x0"),
        (["--in", "5x5", "--out", "10x11", "--transposed", "-k", "3", "-s", "2"],
         "conv_transpose k=3 s=2 p=1x0 output_padding=1x0"),
        (["--in", "7x9", "--out", "7x9", "-k", "2x3", "-s", "1"], "conv k=2x3 p=0+1x1+1"),
    ],
)  # fmt: skip
def test_each_axis_has_its_own_padding(argv: list[str], layer: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The first answer has the smallest padding, then the smallest output padding; torch agrees on its sizes."""
    first = asked(capsys, *argv)["solutions"][0]
    assert first["layer"] == layer
    sizes = argv[argv.index("--in") + 1]
    rank = len(sizes.split("x"))
    name, *settings_ = layer.split(" ", 1)
    spec = f"{name}{rank}d c=1 {' '.join(settings_)}".split()
    graph = assemble(blocks(spec, [f"1x{sizes}"])[0]).graph
    assert "x".join(map(str, graph.outputs[0].spatial)) == argv[argv.index("--out") + 1]


def test_none_is_complete_only_where_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["solve", "--in", "20x30", "--out", "10x30"]) == 0
    assert "--stride 2x1 gives them per axis" in " ".join(capsys.readouterr().out.split())
    assert run(["solve", "--in", "20x20", "--out", "10x10", "-k", "3x3x3"]) == 2
    assert "3x3x3 names 3 axes, but the sizes have 2" in capsys.readouterr().err
    assert run(["solve", "--in", "20", "--out", "10", "--stride", "two"]) == 2
    assert "--stride is a whole number from 1, or one per axis such as 41x11, not 'two'" in capsys.readouterr().err


@pytest.mark.parametrize(("size", "output"), [(56, 112), (5, 12), (7, 7), (3, 10)])
def test_torch_agrees_on_sizes_and_on_even_overlap(size: int, output: int) -> None:
    found = [one for one in transposed_solutions([size], [output], SMALL) if one.symmetric]
    assert found
    for one in found:
        (w,) = one.windows
        ones = torch.ones(1, 1, size, dtype=torch.float64)
        weight = torch.ones(1, 1, w.kernel, dtype=torch.float64)
        made = torch.nn.functional.conv_transpose1d(
            ones, weight, stride=w.stride, padding=w.before, output_padding=one.output_padding[0], dilation=w.dilation
        )
        assert made.shape[-1] == output
        inside = made[0, 0, 2 * w.span : output - 2 * w.span - one.output_padding[0]]
        if len(inside) > 2 * w.stride:
            assert (len(set(inside.tolist())) == 1) == one.even
    for one in solutions([size], [output], SMALL) if size >= output else []:
        (w,) = one.windows
        padded = torch.nn.functional.pad(torch.ones(1, 1, size), (w.before, w.after))
        weight = torch.ones(1, 1, w.kernel)
        assert torch.nn.functional.conv1d(padded, weight, stride=w.stride, dilation=w.dilation).shape[-1] == output


def test_the_usual_answers_come_first() -> None:
    wide = bounds(7, 8, 1)
    up = transposed_solutions([56], [112], wide)
    assert [key(one)[:2] for one in up[:2]] == [(4, 2), (2, 2)] and up[0].windows[0].before == 1 and up[0].even
    assert up[0].direct[0].relationship == 13 and up[1].direct[0].relationship == 12
    down = solutions([224], [112], wide)
    assert [key(one) for one in down[:3]] == [(3, 2, 1, (1, 1, 0)), (5, 2, 1, (2, 2, 0)), (7, 2, 1, (3, 3, 0))]
    assert key(solutions([32], [32], wide)[0]) == (3, 1, 1, (1, 1, 0))
    narrow = wide._replace(padding=(0,), kernels=[(5,)])
    assert [key(one) for one in solutions([32], [28], narrow)] == [(5, 1, 1, (0, 0, 0))]


def test_bad_sizes_are_refused() -> None:
    with pytest.raises(ShapeError, match="a size must be at least 1, not 0"):
        solutions([0], [1], SMALL)
    with pytest.raises(ShapeError, match="2 sizes go in and 1 come out"):
        transposed_solutions([4, 4], [8], SMALL)


@given(size=st.integers(1, 30), kernel=st.integers(1, 5), stride=st.integers(1, 5), dilation=st.integers(1, 3))
@settings(max_examples=200)
def test_same_in_torch_and_in_tensorflow(size: int, kernel: int, stride: int, dilation: int) -> None:
    window = Window(kernel, stride, dilation)
    found = {one.name: one for one in sames([size], [window])}
    assert ("torch same" in found) == (stride == 1)
    assert found["TensorFlow SAME"].outputs == (-(-size // stride),)  # TensorFlow's definition: ceil(n / s)
    if stride == 1:
        made = torch.nn.functional.conv1d(
            torch.ones(1, 1, size), torch.ones(1, 1, kernel), padding="same", dilation=dilation
        )
        assert found["torch same"].outputs == (made.shape[-1],) == (size,)
        assert found["torch same"].before == found["TensorFlow SAME"].before


def test_zeros_that_were_padded_before_are_no_loss(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "zero_pad", "p=3", "relu", "conv2d", "c=8", "k=7", "s=2", "-i", "3x224x224")
    assert found["lost"] == []  # as with padding=3 in the layer itself


def test_what_floor_drops_is_never_read() -> None:
    for size, kernel, stride, padding in itertools.product(range(4, 14), (1, 2, 3), (1, 2, 3), (0, 1)):
        spec = f"conv1d c=1 k={kernel} s={stride} p={padding} bias=false"
        try:
            graph = assemble(blocks(spec.split(), (f"1x{size}",))[0]).graph
        except ConvcalcError:
            continue
        (loss,) = losses(graph)
        x = torch.zeros(1, 1, size, requires_grad=True)
        torch.nn.functional.conv1d(x, torch.ones(1, 1, kernel), stride=stride, padding=padding).sum().backward()
        assert x.grad is not None
        read = [n for n in range(size) if x.grad[0, 0, n]]
        trailing = size - 1 - max(read)
        # a stride above the kernel also skips positions in between: those are holes, not dropped ones
        assert loss.positions == (max(trailing, 0),) or stride > kernel


STACK = ["conv2d", "c=8", "k=3", "MaxPool2d(2)", "conv2d", "c=8", "k=3", "MaxPool2d(2)", "conv2d", "c=8", "k=3"]


def works(size: int) -> bool:
    module = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3), torch.nn.MaxPool2d(2), torch.nn.Conv2d(8, 8, 3), torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(8, 8, 3),
    )  # fmt: skip
    try:
        module(torch.zeros(1, 3, size, size))
    except RuntimeError:
        return False
    return True


def test_the_smallest_input_and_the_layer_that_collapses(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, *STACK, "--out", "5x7", "--max-size", "100")
    assert found["minimum_input"] == [18, 18] and works(18) and not works(17)
    assert found["collapses"].startswith("layer 4 (conv2d c=8 k=3) on 8x2x2")
    assert found["valid"] == [[[18, 100, 1]]] * 2 and found["inputs"] == [[34, 35, 36, 37], [42, 43, 44, 45]]
    unet = asked(capsys, "@unet", "--max-size", "64")
    assert unet["minimum_input"] == [4, 4] and unet["valid"] == [[[4, 64, 4]]] * 2
    assert run(["solve", "@unet", "--out", "30", "--max-size", "64"]) == 0
    assert "no input up to 64 gives 30 (nearest: 28, 32)" in capsys.readouterr().out


def test_each_axis_is_swept_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "Conv3d(3,8,(3,5,7))", "--out", "4x5x6", "--max-size", "64")
    assert found["minimum_input"] == [3, 5, 7] and found["inputs"] == [[6], [9], [12]]
    assert torch.nn.Conv3d(3, 8, (3, 5, 7))(torch.zeros(1, 3, 6, 9, 12)).shape[2:] == (4, 5, 6)
    strided = asked(capsys, "Conv2d(3,8,3,stride=(1,2))", "--out", "10", "--max-size", "64")
    assert strided["inputs"] == [[12], [21, 22]]
    flat = asked(
        capsys, "conv2d", "c=4", "k=3", "flatten", "linear", "out_features=5", "-i", "3x8x8", "--max-size", "12"
    )
    assert flat["minimum_input"] == [3, 3]
    assert asked(capsys, "adaptive_avg_pool", "output_size=4", "-i", "3x8x8", "--max-size", "12")["valid"][0][0] == [
        1,
        12,
        1,
    ]


def test_the_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    found = asked(capsys, "--in", "56x28", "--out", "112x56", "--transposed")
    assert (
        found["solutions"][0]["layer"] == "conv_transpose k=4 s=2 p=1" and found["solutions"][0]["relationship"] == 13
    )
    assert run(["solve", "--in", "7", "--out", "56", "--max-kernel", "3"]) == 0
    text = capsys.readouterr().out
    assert "0 convolutions turn 7 into 56" in text and "none within these bounds" in text
    assert run(["solve", "--in", "224", "--out", "112", "--top", "2"]) == 0
    text = capsys.readouterr().out
    assert "conv k=3 s=2 p=1" in text and "11 more: --top 13" in text and "complete for kernel 1 to 7" in text
    found = asked(capsys, "conv2d", "c=8", "k=3", "s=4", "-i", "3x13x13", "--max-size", "64")
    layer = {"index": 0, "name": "0", "kind": "conv", "text": "conv2d c=8 k=3 s=4"}
    assert found["lost"] == [{**layer, "input": [1, 3, 13, 13], "output": [1, 8, 3, 3], "lost": [2, 2]}]
    assert found["lossless_near"] == [[11, 11], [15, 15]] and found["same"][0]["name"] == "as written"
    assert run(["solve", "conv2d", "c=8", "k=3", "s=4", "-i", "3x13x13"]) == 0
    text = capsys.readouterr().out
    assert "dropped by floor at 13x13" in text and "11x11 and 15x15" in text and "TensorFlow SAME" in text


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "give --in and --out"),
        (["--in", "5"], "give --in and --out"),
        (["--in", "a", "--out", "5"], "--in is a whole number from 1, or one per axis"),
        (["--in", "5x5", "--out", "5"], "2 sizes go in and 1 come out"),
        (["conv2d", "c=4", "--in", "5"], "the other options search for a layer"),
        (["@unet", "-k", "3"], "the other options search for a layer"),
        (["--in", "5", "--out", "5", "-i", "3x5x5"], "-i and --max-size go with layers"),
        (["@unet", "--out", "0"], "--out is a whole number from 1"),
        (["conv2d", "c=4", "k=3", "-i", "64x64"], "64x64 has 2 sizes: give channels and 2 spatial sizes"),
        (["conv2d", "c=4", "k=3", "flatten", "-i", "3x9x9", "--out", "4"], "--out has nothing to compare with"),
        (["--in", "224", "--out", "112", "--max-kernel", "99", "--max-stride", "99", "--max-dilation", "99"], "narrow"),
        (["@mobilenet_layers"], "solve takes one stack, not several blocks"),
        (["linear", "out_features=3", "-i", "4"], "solve needs an input with spatial axes"),
        (["conv2d", "c=4", "k=3", "-i", "3x9x9", "--out", "3x3x3"], "--out names 3 axes, but the layers have 2"),
    ],
)
def test_what_cannot_be_solved(argv: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["solve", *argv]) == 2
    assert message in capsys.readouterr().err


def test_runs() -> None:
    assert runs([1, 2, 3, 8, 12, 16, 40]) == [[1, 3, 1], [8, 16, 4], [40, 40, 1]]
    assert runs([]) == []
