"""`channel_frame`: which channels join which, as a block matrix for each step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcalc.analyses.wiring.channels import channel_stages
from convcalc.analyses.wiring.wires import channel_wires
from convcalc.errors import UnsupportedError
from convcalc.render.show.cells import Frame, Panel
from convcalc.render.show.frames import MAX_CELLS, rows_of

if TYPE_CHECKING:
    from convcalc.analyses.wiring.scene import Scene


def channel_frame(scene: Scene) -> Frame:
    """Return which channels join which: a matrix for each step that mixes or moves them, and one for all together.

    Of several inputs or outputs there is one for each pair. Raises UnsupportedError for what has no channels,
    LimitError where there are too many to follow one by one.
    """
    if scene.words:
        raise UnsupportedError("--channels is for maps: what these layers read has no channels")
    graph, panels, sentences = scene.subject.graph, [], []
    stages = channel_stages(graph) if len(scene.inputs) == len(scene.outputs) == 1 else []
    for output, value in enumerate(scene.outputs):
        found = channel_wires(graph, value)
        for source, each in enumerate(scene.inputs):
            table = found.get(each.index)
            if table is None:
                continue
            name = scene.subject.names.get(value.index, "output" if len(scene.outputs) == 1 else f"output {output}")
            of = scene.subject.input_names[source] if len(scene.inputs) > 1 else "input"
            title = "all together" if len(stages) > 1 else f"{name} by {of}"
            cut = " (cut)" if max(table.shape) > MAX_CELLS else ""
            panels.append((Panel(f"{title}{cut}", rows_of(table)),))
            sentences.append(f"{int(table.sum())} of {table.size} pairs of channels are joined ({name} by {of})")
    if len(stages) > 1:
        steps = [(Panel(f"{n}: {stage.name}", rows_of(stage.table)),) for n, stage in enumerate(stages, 1)]
        panels = [*steps, *panels]
    texts = " | ".join(layer.text for layer in scene.subject.block.layers)
    head = f"{texts}; {scene.note or scene.subject.reading}; rows are channels out, columns channels in"
    return Frame((head, *sentences), tuple(panels), ())
