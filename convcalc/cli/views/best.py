"""`best_table`: the table of `profile --best`: each layer's fastest setup, and the code that gets it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from convcalc.cli.views.comparison import gain_text
from convcalc.cli.views.profile import time_unit
from convcalc.render.table import Column, Table

if TYPE_CHECKING:
    from convcalc.profiling.best import BestRow


def best_table(layers: Sequence[BestRow], head: Sequence[str], foot: Sequence[str]) -> Table:
    """Return a row for each layer: the default, the fastest that is faster beyond doubt, and by how much."""
    unit = time_unit([row for layer in layers for row in layer.rows])
    columns = (
        Column("name", "#"),
        Column("spec", "layer"),
        Column("default_s", f"default {unit.suffix}", unit.text, right=True),
        Column("best", "fastest"),
        Column("median_s", f"its time {unit.suffix}", unit.text, right=True),
        Column("speedup", "speed-up"),
        Column("implementation", "kernel", lambda text: text or "-"),
    )
    rows = []
    for layer in layers:
        winner = layer.gain or layer.default
        gain = layer.gain.comparison if layer.gain is not None else None
        rows.append(
            {
                "name": _name(layer),
                "spec": layer.default.identity.spec,
                "default_s": layer.default.timing.median_s,
                "best": layer.best,
                "median_s": winner.timing.median_s,
                "speedup": "-" if layer.gain is None else gain_text(gain.interval if gain else None),
                "implementation": winner.implementation,
            }
        )
    return Table(columns, rows, head=head, foot=foot)


def code_lines(layers: Sequence[BestRow]) -> list[str]:
    """Return the code of each setup once, below the rows that it is for."""
    names: dict[tuple[str, ...], list[str]] = {}
    for layer in layers:
        if layer.code:
            names.setdefault(tuple(layer.code), []).append(_name(layer))
    return [
        line
        for code, layer_names in names.items()
        for line in (f"{', '.join(layer_names)}:", *(f"    {text}" for text in code))
    ]


def _name(layer: BestRow) -> str:
    return "" if layer.default.whole else layer.default.identity.name
