"""`path_panels`: residual layers unravelled: every set of blocks that a path may pass, 2^n for n layers."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Final

from convcalc.analyses.field.routes import routes
from convcalc.render.show.cells import Cell, Mark, Panel

if TYPE_CHECKING:
    from convcalc.analyses.wiring.scene import Scene

MAX_BLOCKS: Final = 5
"""Blocks whose paths are drawn one by one."""


def path_panels(scene: Scene) -> list[Panel]:
    """Return a panel with a line for each path and a cell for each block, lit where the path goes through it.

    Nothing but for 2 to MAX_BLOCKS layers each of which has a way around. Source: arXiv:1605.06431.
    """
    count = sum(layer.repeat for layer in scene.subject.block.layers)
    if not 1 < count <= MAX_BLOCKS or routes(scene.subject.graph).total != 2**count:
        return []
    paths = sorted(product((False, True), repeat=count), key=lambda path: (sum(path), path[::-1]))
    rows = tuple(tuple(Cell(Mark.read if passed else Mark.idle) for passed in path) for path in paths)
    return [Panel(f"{2**count} paths, a lit block is passed", rows)]
