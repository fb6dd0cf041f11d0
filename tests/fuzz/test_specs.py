"""Drawn specs with torch as the judge: where both accept, shape, parameters and multiply-adds are equal."""

from __future__ import annotations

import os
import re
from random import Random

import pytest
import torch

from convcalc.analyses.counts.macs import macs
from convcalc.analyses.counts.params import params
from convcalc.errors import ConvcalcError
from convcalc.spec.assemble import assemble
from convcalc.spec.source import blocks
from tests.fuzz.drawn_specs import Drawn, Verdict, draw, judged

SEED = int(os.environ.get("FUZZ_SEED", "20261126"))
STRICTER = (
    r"has 1 number, but the input has|has \d numbers, but the input has",  # a tuple of another length
    r"num_(features|channels) is ",  # stated channels are compared, whatever is learned
    r"padding has \d+ numbers",
    r"mode is one of|needs \d spatial axes",
    r"takes a (whole number|factor|number)|takes true or false|takes 'none'|, not (True|False|None|2\.5|'x')",
    r"PixelShuffle|ChannelShuffle",
    r"must be at least 1|must be positive|would be 0|(would have|leaves) 0 positions|an input size must be",  # zeros
    r"must not be negative",  # which the meta device takes
    r"circular padding",
    r"past any tensor|must be smaller|must be at most|does not fit",
    r"takes C?x?[A-Z]|takes (CxL|CxHxW|CxDxHxW)|it walks \d",
)
"""What we refuse and torch lets through, by our message: `help spec` lists them, or a size past any tensor."""
META = r"in_channels is "
"""What the meta device lets through that torch refuses with numbers: the channels of a transposed convolution."""
LOOSER = re.compile(
    r"TypeError|ValueError: (batch_norm eps|Expected more than 1 value)|output_padding|storage|invalid|INT|overflow|"
    r"Padding size|negative|integer|RuntimeError: (Invalid|non-positive|max_pool|bad number|Storage|numel|Given)",
    re.IGNORECASE,
)
"""What torch refuses for its types or its memory alone."""


def ours(drawn: Drawn) -> Verdict:
    """What convcalc says of the same words."""
    try:
        (block,) = blocks(list(drawn.calls), [drawn.words[1]])
        graph = assemble(block).graph
    except ConvcalcError as error:
        return Verdict(refusal=str(error))
    return Verdict(tuple(graph.outputs[0].shape), params(graph).total, macs(graph))


def disagreement(drawn: Drawn) -> str:
    """What is wrong with a drawn spec; nothing where both say the same, or differ as `help spec` says."""
    theirs = judged(drawn)
    if theirs is None:
        return ""
    mine = ours(drawn)
    if not theirs.refusal and not mine.refusal:
        counts = ("shape", "params") if drawn.huge else ("shape", "params", "macs")
        wrong = [name for name in counts if getattr(theirs, name) != getattr(mine, name)]
        return f"{wrong}: torch {theirs}, ours {mine}" if wrong else ""
    if drawn.huge and torch.__version__ < "2.12":  # which lets kernels reach past inputs of over 10^7 on meta tensors
        return ""
    known = (*STRICTER, META) if drawn.huge else STRICTER
    if not theirs.refusal and not any(re.search(pattern, mine.refusal) for pattern in known):
        return f"refused here only: {mine.refusal}"
    if not mine.refusal and not LOOSER.search(theirs.refusal):
        return f"refused by torch only: {theirs.refusal}"
    return ""


def check(start: int, count: int) -> None:
    failures = []
    for number in range(start, start + count):
        drawn = draw(Random(SEED + number))
        if wrong := disagreement(drawn):
            failures.append(f"{number} {' '.join(drawn.words)}\n    {wrong[:300]}")
    assert not failures, f"{len(failures)} of {count}:\n" + "\n".join(failures[:40])


@pytest.mark.parametrize("part", range(10))
def test_drawn_specs_are_torchs(part: int) -> None:
    check(part * 500, 500)


@pytest.mark.thorough
@pytest.mark.parametrize("part", range(100))
def test_many_drawn_specs_are_torchs(part: int) -> None:
    check(10_000 + part * 1000, 1000)
