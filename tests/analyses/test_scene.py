"""What a picture shows: the cells lit for an output are the non-zeros of the matrix's row, for drawn windows."""

from __future__ import annotations

import re
from math import prod
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from convcalc.analyses.wiring.matrix import matrix
from convcalc.analyses.wiring.scene import Scene
from convcalc.analyses.wiring.walk import walk_of
from convcalc.errors import ConvcalcError, LimitError
from convcalc.kinds import all_kinds
from convcalc.spec.drawn import drawn
from convcalc.spec.source import blocks
from convcalc.subject import Block, Subject


def scene_of(name: str, shape: tuple[int, ...], **arguments: Any) -> Scene:
    try:
        graph = all_kinds()[name].build(shape, **arguments)
    except ConvcalcError:
        assume(False)
        raise
    return Scene(Subject(graph, Block((), ()), ""))


@given(
    name=st.sampled_from(["conv", "conv_transpose", "avg_pool"]),
    sizes=st.lists(st.integers(1, 7), min_size=1, max_size=3),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 3),
    padding=st.integers(0, 3),
    groups=st.sampled_from([1, 2]),
    data=st.data(),
)
@settings(max_examples=200)
def test_the_cells_lit_are_the_row_of_the_matrix(
    name: str, sizes: list[int], kernel: int, stride: int, dilation: int, padding: int, groups: int, data: st.DataObject
) -> None:
    more: dict[str, Any] = {"kernel_size": kernel, "stride": stride, "padding": padding}
    if name != "avg_pool":
        more |= {"dilation": dilation, "groups": groups, "out_channels": 4}
    scene = scene_of(name, (1, 2, *sizes), **more)
    value = scene.outputs[0]
    row = data.draw(st.integers(0, prod(scene.shape(value)) - 1))
    (reads,) = scene.reads(0, [row])
    try:
        whole = matrix(scene.subject.graph)
    except LimitError:
        assume(False)
        raise
    want = {entry.column: entry.weight for entry in whole.entries if entry.row == row}
    assert scene.walk is not None and {read.element for read in reads} == set(want)
    if name != "avg_pool":
        assert {read.element: read.weight for read in reads} == want
    for plane, size in zip(scene.walk.planes, value.spatial, strict=True):  # every cell under the kernel is drawn
        cells = [cell for output in range(size) for cell, _ in plane.covers(output)]
        assert min(cells) >= 0 and max(cells) < plane.length


@pytest.mark.parametrize("name", sorted(all_kinds()))
def test_every_kind_has_a_picture_on_a_small_input(name: str) -> None:
    subject, note = drawn(blocks([name])[0])
    scene = Scene(subject, note)
    scene.check()
    assert note.startswith("drawn on ")
    reads = [each for output in range(len(scene.outputs)) for each in scene.reads(output, [0])]
    assert all(reads) or name in ("zero_pad", "constant_pad")  # the first output is padding


def test_a_large_input_is_drawn_smaller() -> None:
    subject, note = drawn(blocks(["conv2d c=64 k=7 s=2 p=3"], ["3x224x224"])[0])
    assert note.startswith("drawn on 3x11x11, smaller than -i") and walk_of(subject.graph) is not None
    assert subject.graph.outputs[0].shape == (1, 64, 6, 6)
    (reads,) = Scene(subject, note).reads(0, [3 * 6 + 3])
    assert len(reads) == 3 * 7 * 7  # a window in the middle reads no padding


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("conv2d k=3 s=0", "stride (0) must be at least 1"),
        ("conv2d k=3 g=3 c=4", "must be divisible by groups (3)"),
        ("conv2d c=4 k=3 from=zz", "no layer before this one is called 'zz'"),
    ],
)
def test_what_fits_no_input_is_refused_for_its_own_reason(words: str, message: str) -> None:
    with pytest.raises(ConvcalcError, match=re.escape(message)):
        drawn(blocks(words.split())[0])
