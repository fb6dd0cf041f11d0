"""`canvas_panels`, `kernel_panels`: a single window over its input: padding, zeros between, and its taps."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from convcalc.analyses.wiring.links import place
from convcalc.render.show.cells import MAX_SHEETS, Cell, Mark, Panel, channels_text
from convcalc.render.show.sums import weight_number
from convcalc.units import plural

if TYPE_CHECKING:
    from convcalc.analyses.wiring.walk import Walk
    from convcalc.render.show.cells import Spot


def canvas_panels(walk: Walk, spot: Spot, values: list[list[int]] | None) -> list[Panel]:
    """Return the input under the kernel: a panel for each channel that differs; in 3-D those slices it covers."""
    x = walk.node.inputs[0]
    covers = [dict(each.covers(at)) for each, at in zip(walk.planes, spot.position, strict=True)]
    channels = walk.channels_of(spot.channel)
    shown = list(channels)[: MAX_SHEETS if values is not None else 1]
    title = channels_text("input", channels if values is None else range(shown[0], shown[-1] + 1))
    others = "" if len(channels) == x.channels else " (other channels are not read)"
    panels = []
    flat = [walk.planes[-2], walk.planes[-1]] if len(walk.planes) > 1 else [None, walk.planes[-1]]
    slices = sorted(covers[0]) if len(walk.planes) > 2 else [None]
    for channel in shown:
        for depth in slices:
            rows = []
            for y in range(flat[0].length if flat[0] is not None else 1):
                cells = []
                for z in range(walk.planes[-1].length):
                    at = tuple(each for each in (depth, y if flat[0] is not None else None, z) if each is not None)
                    cells.append(_cell(walk, covers, at, channel, None if values is None else values[0]))
                rows.append(tuple(cells))
            name = title if values is None else f"input channel {channel}"
            where = "" if depth is None else f", slice {_place(walk, depth)}"
            panels.append(Panel(f"{name}{where}{others}", tuple(rows)))
    return [*panels, *_left_out(channels, values)]


def _left_out(channels: range, values: list[list[int]] | None) -> list[Panel]:
    left = len(channels) - MAX_SHEETS if values is not None else 0
    return [Panel(f"{plural(left, 'more channel')} in the sum", ())] if left > 0 else []


def _place(walk: Walk, depth: int) -> str:
    position = walk.planes[0].position(depth)
    return "of padding or zeros" if position is None else str(position)


def _cell(
    walk: Walk, covers: list[dict[int, int]], at: tuple[int, ...], channel: int, values: list[int] | None
) -> Cell:
    under = all(cell in cover for cell, cover in zip(at, covers, strict=True))
    position = [each.position(cell) for each, cell in zip(walk.planes, at, strict=True)]
    tap = place([cover[cell] for cell, cover in zip(at, covers, strict=True)], walk.kernel) if under else None
    if None in position:
        padding = any(each.is_padding(cell) for each, cell in zip(walk.planes, at, strict=True))
        if walk.passes_padding or not under:
            return Cell(Mark.zero if padding else Mark.gap)
        return Cell(Mark.read_zero, tap, None if values is None else 0)
    shape = walk.node.inputs[0].shape[1:]
    number = None if values is None else values[place((channel, *(p for p in position if p is not None)), shape)]
    return Cell(Mark.read if under else Mark.idle, tap, number)


def kernel_panels(walk: Walk, spot: Spot, *, numbers: bool) -> list[Panel]:
    """Return the taps, turned as a transposed layer's over its stretched input are; with numbers one a channel."""
    channels = list(walk.channels_of(spot.channel))
    shown = channels[: MAX_SHEETS if numbers else 1]
    turned = ", turned" if walk.transposed and prod(walk.kernel) > 1 else ""
    panels = []
    orders = [range(n - 1, -1, -1) if walk.transposed else range(n) for n in walk.kernel]
    rows_axis = orders[-2] if len(orders) > 1 else [None]
    for channel in shown:
        for depth in orders[0] if len(orders) > 2 else [None]:
            rows = []
            for y in rows_axis:
                taps = [tuple(t for t in (depth, y, z) if t is not None) for z in orders[-1]]
                numbered = numbers and walk.weighted
                rows.append(
                    tuple(
                        Cell(
                            Mark.tap,
                            place(tap, walk.kernel),
                            weight_number(walk.weight(spot.channel, channel, tap)) if numbered else None,
                        )
                        for tap in taps
                    )
                )
            of = f" {spot.channel},{channel}" if numbers and walk.weighted else ""
            where = "" if depth is None else f", slice {depth}"
            panels.append(Panel(f"{'kernel' if walk.weighted else 'window'}{of}{turned}{where}", tuple(rows)))
    return panels
