"""`with_ranges`, `budget`: settings that may vary, and what they may cost at most."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from convcalc.errors import SpecError, Spot, nearest
from convcalc.spec.conditions import condition
from convcalc.spec.layers import SHORT
from convcalc.spec.ranges import Alternatives, alternatives
from convcalc.spec.ranks import spatial_rank
from convcalc.spec.values import from_word
from convcalc.sweeps.expressions import Expression, expression
from convcalc.sweeps.grid import grid_of

if TYPE_CHECKING:
    from convcalc.subject import Block

BATCH = "batch"
INPUT = -1
"""The number of the first input, where layers have theirs."""


def with_ranges(block: Block, texts: list[str], layout: str = "chw") -> tuple[Block, list[str]]:
    """Return a block whose settings have the values of `NAME=VALUES`, and their columns; `batch` is the input's.

    `3.out_channels` is of layer 3; without a number the one layer that has the setting is meant. Raises SpecError.
    """
    places: list[tuple[int, str]] = []
    for text in texts:
        name, equals, values = text.partition("=")
        spot = Spot(f"--vary {text}", 7, 7 + len(text))
        if not equals or not values:
            raise SpecError("--vary takes a setting and its values, such as out_channels=8:2048:8", spot)
        if name == BATCH:
            block = _of_batches(block, values, spot)
            places.append((INPUT, BATCH))
            continue
        number, dot, key = name.rpartition(".")
        setting = SHORT.get(key, key)
        having = [place for place, layer in enumerate(block.layers) if setting in layer.kind.arguments]
        stated = [place for place in having if setting in block.layers[place].arguments]
        if dot:
            having = [int(number)] if number.isdecimal() and int(number) in having else []
        elif len(stated) == 1:
            having = stated
        if len(having) != 1:
            every = sorted({argument for layer in block.layers for argument in layer.kind.arguments})
            several = f"{len(having)} layers have {setting}: name one, such as {having[0]}.{setting}" if having else ""
            raise SpecError(several or f"no layer here has {name!r}{nearest(setting, every)}", spot)
        layer = block.layers[having[0]]
        value = from_word(layer.kind.arguments[setting], values, spot)
        several_values = value if isinstance(value, Alternatives) else Alternatives([value], values)
        layers = list(block.layers)
        layers[having[0]] = layer._replace(arguments={**layer.arguments, setting: several_values})
        block = block._replace(layers=tuple(layers))
        places.append((having[0], setting))
    names = {
        (axis.layer if axis.layer is not None else INPUT, axis.argument or BATCH): axis.column
        for axis in grid_of(block, layout).axes
        if axis.layer is not None or axis.size == 0
    }
    return block, [names[place] for place in places]


def _of_batches(block: Block, values: str, spot: Spot) -> Block:
    """A block whose first input has several batches."""
    if not block.inputs or block.inputs[0].shapes:
        raise SpecError("--vary batch needs one input's size: give it with -i, such as -i 3x224x224", spot)
    first, *rest = block.inputs
    rank, _ = spatial_rank(block.layers, block.inputs)
    full = (rank if rank is not None else min(len(first.sizes) - 1, 2)) + 2
    sizes = first.sizes if len(first.sizes) == full else (1, *first.sizes)
    batches = alternatives(values, lambda part: _whole(part, spot), spot)
    return block._replace(inputs=(first._replace(sizes=(cast("int", batches), *sizes[1:])), *rest))


def _whole(text: str, spot: Spot) -> int:
    if not text.isdecimal() or not int(text):
        raise SpecError(f"a batch is a whole number from 1, not {text!r}", spot)
    return int(text)


def budget(most: list[str], least: list[str], columns: list[str]) -> Expression:
    """Return the condition that columns are at most and at least so much, each `macs=300M`. Raises SpecError."""
    parts = []
    for texts, sign, option in ((most, "<=", "--max"), (least, ">=", "--min")):
        for text in texts:
            name, equals, bound = text.partition("=")
            if not equals:
                raise SpecError(f"{option} takes a column and a number, such as macs=300M, not {text!r}")
            asked = condition(f"{name}{sign}{bound}", columns, option)
            parts.append(f"{asked.name} {sign} {float(asked.bound)!r}")
    return expression(" and ".join(parts), columns, "--max")
