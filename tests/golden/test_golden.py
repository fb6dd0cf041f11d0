"""One line per case, each naming its oracle; the number never comes from our own output."""

from __future__ import annotations

from pathlib import Path

import pytest

from convcalc.analyses.counts.macs import macs
from convcalc.analyses.counts.params import params
from convcalc.kinds import all_kinds
from convcalc.shapes import show
from convcalc.spec.assemble import assemble
from convcalc.spec.source import blocks

LINES = [
    [part.strip() for part in line.split("|")]
    for line in (Path(__file__).parent / "kinds.txt").read_text(encoding="utf-8").splitlines()
    if line.strip() and not line.startswith("#")
]


@pytest.mark.parametrize(
    ("layer", "given", "output", "held", "work", "oracle"), LINES, ids=[f"{x[0][:40]}-{i}" for i, x in enumerate(LINES)]
)
def test_shape_params_and_macs_are_the_oracles(
    layer: str, given: str, output: str, held: str, work: str, oracle: str
) -> None:
    graph = assemble(blocks([layer], given.split(" + "))[0]).graph
    assert " + ".join(show(value.shape) for value in graph.outputs) == output, oracle
    assert params(graph).total == int(held), oracle
    assert macs(graph) == int(work), oracle


def test_every_kind_has_a_line_and_every_line_an_oracle() -> None:
    named = {layer.kind.name for line in LINES for block in blocks([line[0]]) for layer in block.layers}
    assert named == set(all_kinds())
    assert all(line[5] for line in LINES)
