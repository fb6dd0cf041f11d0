"""`page`: layers as one file to play with in a browser: no server, no network, nothing to build."""

from __future__ import annotations

import json
from html import escape
from importlib.resources import files
from math import prod
from string import Template
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from convcalc.analyses.counts.macs import macs
from convcalc.analyses.counts.params import params
from convcalc.analyses.steps import steps
from convcalc.analyses.wiring.scene import Scene
from convcalc.errors import ConvcalcError
from convcalc.literature import literature
from convcalc.render.maths import equation_html
from convcalc.render.show.blocks import block_svg, boxes
from convcalc.render.show.shapes import TAPS
from convcalc.shapes import show
from convcalc.spec.assemble import assemble

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convcalc.analyses.wiring.walk import Walk
    from convcalc.subject import Subject

SHEETS: Final = 4
"""Channels that are drawn of each map."""
MAX_UNITS: Final = 400
"""Outputs whose reads are written into a page of a block."""
MAX_MAPS: Final = 100_000
"""Characters of maps after which a page takes no more of them."""
MAX_RUNS: Final = 3
"""Runs of channels that a title names."""
MAX_CHOICES: Final = 5
"""Values of each argument of a block that a page offers."""


def page(scene: Scene) -> str:
    """Return the page of a scene: of a single window with sliders, of all else from a table made here."""
    title = " | ".join(scene.subject.layer_texts) or "layers"
    layers = scene.subject.block.layers
    about = layers[0].kind.help if len(layers) == 1 else ""
    equations = literature(layers[0].kind.name).equations if len(layers) == 1 else ()
    data = {"colours": TAPS, "sheets": SHEETS, "graphs": []}
    data |= _window(scene, scene.walk) if scene.walk is not None else _table(scene)
    room = files("convcalc.render.show")
    template = Template((room / "page.html").read_text(encoding="utf-8"))
    text = json.dumps(data, separators=(",", ":")).replace("</", "<\\/")
    return template.substitute(
        title=escape(title),
        about=escape(f"{about} This is {scene.note}." if scene.note else about),
        style=(room / "page.css").read_text(encoding="utf-8"),
        script=(room / "page.js").read_text(encoding="utf-8"),
        data=text,
        equations="".join(f"<p>{equation_html(line)}</p>" for line in equations),
    )


def _window(scene: Scene, walk: Walk) -> dict[str, Any]:
    op, x = walk.node.op, walk.node.inputs[0]
    windows = op.windows  # type: ignore[union-attr]  # a walk is a convolution or a pool
    weighted = walk.weighted
    bias = weighted and params(scene.subject.graph).biases > 0
    settings = {
        "sizes": list(x.spatial),
        "channels": x.channels,
        "out": walk.node.output.channels,
        "groups": walk.groups if weighted else 1,
        "kernel": [window.kernel for window in windows],
        "stride": [window.stride for window in windows],
        "dilation": [window.dilation for window in windows],
        "before": [window.before for window in windows],
        "after": [window.after for window in windows],
        "output_padding": list(getattr(op, "output_padding", ()) or [0] * len(windows)),
        "transposed": walk.transposed,
        "function": "" if weighted else getattr(op, "function", ""),
        "ceil": bool(getattr(op, "ceil_mode", False)),
        "bias": bias,
    }
    return {"mode": "window", "settings": settings}


class _Drawings(NamedTuple):
    """Graphs and maps that the variants of a block share: each is written into a page once."""

    graphs: list[str]
    maps: list[dict[str, Any]]


def _table(scene: Scene) -> dict[str, Any]:
    drawings = _Drawings([], [])
    return {
        "mode": "table",
        "base": _variant(scene.subject, drawings),
        "arguments": _arguments(scene.subject, drawings),
        "graphs": drawings.graphs,
        "maps": drawings.maps,
    }


def _maps(scene: Scene) -> dict[str, Any]:
    """The inputs and outputs of a scene, and what each output that is drawn reads, as runs of elements."""
    reads: dict[str, list[list[list[int]]]] = {}
    outputs = []
    words = " by ".join(scene.words[-2:])
    for number, value in enumerate(scene.outputs):
        shape = scene.shape(value)
        groups = scene.alike(number)[:SHEETS]
        outputs.append(
            {
                "name": scene.subject.names.get(value.index, "output"),
                "channels": shape[0],
                "sizes": list(shape[1:]),
                "channels_shown": [[each[0], words or _title(each)] for each in groups],
            }
        )
        positions = prod(shape[1:])
        elements = [channels[0] * positions + at for channels in groups for at in range(positions)][:MAX_UNITS]
        for element, found in zip(elements, scene.reads(number, elements), strict=True):
            reads[f"{number}:{element}"] = [
                list(_runs(sorted(read.element for read in found if read.source == source)))
                for source in range(len(scene.inputs))
            ]
    inputs = [
        {"name": name, "channels": scene.shape(value)[0], "sizes": list(scene.shape(value)[1:]), "title": words}
        for name, value in zip(scene.subject.input_names, scene.inputs, strict=True)
    ]
    return {"inputs": inputs, "outputs": outputs, "reads": reads}


def _title(channels: Sequence[int]) -> str:
    """Channels that read alike, as runs."""
    texts = [f"{first}..{first + count - 1}" if count > 1 else str(first) for first, count in _runs(channels)]
    if len(texts) > MAX_RUNS:
        return f"channel {channels[0]} and {len(channels) - 1} like it"
    return f"channel {texts[0]}" if len(channels) == 1 else f"channels {' and '.join(texts)}, alike"


def _runs(elements: Sequence[int]) -> Iterator[list[int]]:
    """Runs of consecutive elements: the first, and how many."""
    start = 0
    for end in range(1, len(elements) + 1):
        if end == len(elements) or elements[end] != elements[end - 1] + 1:
            yield [elements[start], end - start]
            start = end


def _variant(subject: Subject, drawings: _Drawings) -> dict[str, Any]:
    """The numbers of a stack, and where its graph and its maps lie among those that are written down once.

    Maps are left out (0) once a page holds as much of them as it should.
    """
    graph = subject.graph
    sums = params(graph)
    numbers = {
        "input": " and ".join(show(value.shape[1:]) for value in graph.inputs),
        "output": " and ".join(show(value.shape[1:]) for value in graph.outputs),
        "params": f"{sums.total:,} = {sums.weights:,} weights + {sums.biases:,} biases + {sums.norm:,} of norms",
        "MACs": f"{macs(graph):,}",
    }
    drawing = block_svg(boxes(graph, steps(graph)), "what each step reads", styled=False)
    if drawing not in drawings.graphs:
        drawings.graphs.append(drawing)
    maps = 0
    if not drawings.maps or len(json.dumps(drawings.maps)) < MAX_MAPS:
        made = _maps(Scene(subject))
        if made not in drawings.maps:
            drawings.maps.append(made)
        maps = drawings.maps.index(made) + 1
    return {"numbers": numbers, "graph": drawings.graphs.index(drawing) + 1, "maps": maps}


def _arguments(subject: Subject, drawings: _Drawings) -> dict[str, Any]:
    """Whole-number arguments of a single layer with some values, and what the layer is with each."""
    layers = subject.block.layers
    if len(layers) != 1 or subject.on is not None:
        return {}
    (layer,) = layers
    found: dict[str, Any] = {}
    for name, argument in layer.kind.arguments.items():
        value = layer.arguments.get(name, argument.default)
        if name == (layer.kind.channels or "in_channels"):
            continue
        options: dict[str, Any] = {}
        for choice in argument.choices or _choices(value):
            changed = subject.block._replace(layers=(layer._replace(arguments={**layer.arguments, name: choice}),))
            try:
                options[str(choice)] = _variant(assemble(changed), drawings)
            except ConvcalcError as error:
                options[str(choice)] = {"error": str(error)}
        if sum("error" not in option for option in options.values()) > 1:
            found[name] = {"value": str(value), "options": options}
    return found


def _choices(value: Any) -> list[Any]:
    """Values about one: half, the neighbours, double; of a switch both; of anything else none."""
    if isinstance(value, bool):
        return [False, True]
    if not isinstance(value, int):
        return []
    return sorted({each for each in (value // 2, value - 1, value, value + 1, 2 * value) if each > 0} | {value})[
        :MAX_CHOICES
    ]
