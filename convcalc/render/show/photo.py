"""`save_fields`: what one output sees of an image, layer by layer, holes and all."""

from __future__ import annotations

from math import ceil
from textwrap import shorten
from typing import TYPE_CHECKING, Any, Final

import numpy
from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

from convcalc.analyses.field.seen import boxes_seen
from convcalc.errors import ConvcalcError, ShapeError, SpecError

if TYPE_CHECKING:
    from pathlib import Path

    from convcalc.graph import Graph, Value
    from convcalc.subject import Subject

MOST_SIDE: Final = 256
"""Pixels along the longer side of an image that is given to layers without -i."""
PANEL: Final = 256
MOST_PANELS: Final = 12
ROW: Final = 4
CAPTION: Final = 24
"""Letters of a layer's name below its panel."""
DIM: Final = 0.22
"""How bright what is not read stays."""


def image_size(path: str) -> tuple[int, int]:
    """Return the height and width that an image is given to layers at. Raises SpecError for a file that is none."""
    wide, high = _opened(path).size
    shrink = max(1.0, max(wide, high) / MOST_SIDE)
    return max(1, round(high / shrink)), max(1, round(wide / shrink))


def _opened(path: str) -> Any:
    try:
        return Image.open(path).convert("RGB")
    except (OSError, UnidentifiedImageError) as error:
        reason = getattr(error, "strerror", None) or "it is not a picture that can be read"
        raise SpecError(f"--image {path} cannot be read: {reason}") from None


def save_fields(subject: Subject, image: str, path: Path, position: tuple[int, ...] | None) -> None:
    """Draw the image once for each layer, bright where its middle output (the last layer's `position`) reads.

    Raises ShapeError for layers without an image as input, ConvcalcError for a format that cannot be written.
    """
    graph = subject.graph
    source = graph.inputs[0]
    if len(source.spatial) != 2:
        raise ShapeError("--image goes with layers that read a map of two spatial axes")
    high, wide = source.spatial
    picture = numpy.asarray(_opened(image).resize((wide, high)), dtype=float)
    panels = [_panel(picture, *_field(graph, value, at), name) for name, value, at in _stages(subject, position)]
    columns = min(ROW, len(panels))
    sheet = Image.new("RGB", (columns * (PANEL + 12) + 12, ceil(len(panels) / columns) * (PANEL + 40) + 12), "white")
    for place, panel in enumerate(panels):
        sheet.paste(panel, (12 + place % columns * (PANEL + 12), 12 + place // columns * (PANEL + 40)))
    try:
        sheet.save(path, format={".gif": "GIF"}.get(path.suffix, "PNG"))
    except ValueError as error:
        raise ConvcalcError(f"{path} cannot be written: {error}") from None


def _stages(subject: Subject, position: tuple[int, ...] | None) -> list[tuple[str, Value, tuple[int, ...]]]:
    """The outputs of layers, or of a model's outer modules, that are maps: the last ones, each with an output."""
    graph, depends = subject.graph, subject.graph.dependent()
    texts = {scope.path: scope.text or scope.kind for scope in graph.scopes}
    lasts: dict[tuple[str, ...], Value] = {}
    for node in graph.nodes:
        if (
            node.scope
            and node.output.index in depends
            and len(node.output.shape) == 4
            and node.output.spatial != (1, 1)
        ):
            lasts[node.scope[:1]] = node.output
    stages = [
        (f"{path[0]} {texts.get(path, '')}".strip(), value, tuple(size // 2 for size in value.spatial))
        for path, value in lasts.items()
    ]
    if position is not None and stages:
        name, value, middle = stages[-1]
        if len(position) != len(middle) or any(at >= size for at, size in zip(position, value.spatial, strict=True)):
            sizes = " x ".join(map(str, value.spatial))
            raise ShapeError(f"--unit is a position of the last map, {sizes}, such as {middle[0]},{middle[1]}")
        stages[-1] = (name, value, position)
    return stages[-MOST_PANELS:]


def _field(graph: Graph, value: Value, at: tuple[int, ...]) -> tuple[Any, str]:
    """Which positions of the input an output reads, and how large their box is."""
    source = graph.inputs[0]
    mask = numpy.zeros(source.spatial, bool)
    for box in boxes_seen(graph, value, at).get(source.index, []):
        rows, columns = (numpy.concatenate([numpy.arange(first, last + 1) for first, last in runs]) for runs in box)
        mask[numpy.ix_(rows, columns)] = True
    rows, columns = numpy.flatnonzero(mask.any(1)), numpy.flatnonzero(mask.any(0))
    if not len(rows):
        return mask, "reads nothing"
    field = f"{rows[-1] - rows[0] + 1}x{columns[-1] - columns[0] + 1}"
    return mask, f"{field}, {int(mask.sum()):,} read"


def _panel(picture: Any, mask: Any, size: str, name: str) -> Any:
    bright = numpy.where(mask[..., None], picture, picture * DIM + 20)
    drawn = Image.fromarray(bright.clip(0, 255).astype("uint8")).resize((PANEL, PANEL), Image.Resampling.NEAREST)
    panel = Image.new("RGB", (PANEL, PANEL + 28), "white")
    panel.paste(drawn, (0, 0))
    pen = ImageDraw.Draw(panel)
    pen.text(
        (0, PANEL + 4),
        f"{shorten(name, CAPTION, placeholder='...')}: {size}",
        fill="#222222",
        font=ImageFont.load_default(12),
    )
    return panel
