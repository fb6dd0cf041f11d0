"""A sweep answers as its rows do one by one, for every kind; what is dropped is what is refused, and adds up."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from convcalc.analyses.counts.macs import macs, other
from convcalc.analyses.counts.params import params
from convcalc.errors import ConvcalcError, ShapeError, SpecError, Spot, UnsupportedError
from convcalc.graph import Graph
from convcalc.kinds import all_kinds
from convcalc.sizes import total
from convcalc.spec.assemble import assemble
from convcalc.spec.ranges import Alternatives
from convcalc.subject import Block, Layer, Tensor
from convcalc.sweeps.evaluate import Sweep, field_of
from convcalc.sweeps.grid import grid_of
from tests.strategies import cases

NOWHERE = Spot("", 0, 0)
COLUMNS = ("params", "macs", "other", "rf", "jump")
KINDS = sorted(all_kinds())


def block_of(name: str, shapes: list[tuple[Any, ...]], arguments: dict[str, Any]) -> Block:
    kind = all_kinds()[name]
    rank = len(shapes[0]) - 2 if kind.ranks and kind.spatial is None and len(shapes[0]) - 2 in kind.ranks else None
    tensors = tuple(Tensor(tuple(shape), "the input", NOWHERE) for shape in shapes)
    return Block(tensors, (Layer(kind, rank, name, NOWHERE, arguments),))


def chosen(block: Block) -> Iterator[Block]:
    """The blocks of every combination, each with plain numbers."""
    grid = grid_of(block)
    for values in product(*(axis.values for axis in grid.axes)):
        layer, first = block.layers[0], block.inputs[0]
        arguments, sizes = dict(layer.arguments), list(first.sizes)
        for axis, value in zip(grid.axes, values, strict=True):
            if axis.layer is not None:
                arguments[axis.argument] = value
            elif axis.size is not None:
                sizes[axis.size] = value
        inputs = (first._replace(sizes=tuple(sizes)), *block.inputs[1:])
        yield block._replace(layers=(layer._replace(arguments=arguments),), inputs=inputs)


def _sees(graph: Graph) -> bool:
    """Whether fields can be given."""
    try:
        field_of(graph)
    except UnsupportedError:
        return False
    return True


def _field(graph: Graph) -> tuple[Any, Any]:
    """The field and the jump as a row has them: whole numbers, None where they have no end."""
    return tuple(
        None if value == float("inf") else int(value) if value == int(value) else value for value in field_of(graph)
    )


@pytest.mark.parametrize("name", KINDS)
@given(data=st.data())
def test_a_sweep_answers_as_its_rows_do(name: str, data: st.DataObject) -> None:
    shapes, arguments = data.draw(cases(name))
    numbers = [key for key, value in arguments.items() if type(value) is int and key != "dim"]
    swept = data.draw(st.lists(st.sampled_from(numbers), unique=True, max_size=2)) if numbers else []
    settings = {
        key: Alternatives([value, value + 1, 2 * value], "") if key in swept else value
        for key, value in arguments.items()
    }
    first = list(shapes[0])
    for axis in range(2, len(first)):
        first[axis] = Alternatives([first[axis], first[axis] + 1], "")
    block = block_of(name, [tuple(first), *shapes[1:]], settings)
    expected, refused = [], 0
    for single in chosen(block):
        try:
            subject = assemble(single)
            graph = subject.graph
            assert not subject.hidden
            expected.append((
                list(graph.outputs[0].shape), params(graph).total, macs(graph), total(other(graph).values()),
                *(_field(graph) if _sees(graph) else ()),
            ))  # fmt: skip
        except ShapeError:
            refused += 1
        except (SpecError, UnsupportedError):
            assume(False)
    sees = expected and _sees(graph)
    sweep = Sweep(grid_of(block), COLUMNS if sees else COLUMNS[:3])
    try:
        rows = [record for batch in sweep.rows() for record in batch.records(text=False)]
    except ConvcalcError:
        assume(False)
    assert sum(sweep.dropped.values()) == refused
    several = len(graph.outputs) > 1 if expected else False
    found = [
        (
            row["output"][0] if several else row["output"],
            row["params"],
            row["macs"],
            row["other"] or 0,
            *((row["rf"], row["jump"]) if sees else ()),
        )
        for row in rows
    ]
    if "adaptive" in name:  # whose work, of windows of unlike sizes, depends on each size
        found, expected = [row[:3] for row in found], [row[:3] for row in expected]  # type: ignore[misc]
    assert sorted(map(str, found)) == sorted(map(str, expected))
