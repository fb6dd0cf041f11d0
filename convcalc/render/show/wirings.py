"""`channel_frame`: which channels join which, as a block matrix for each step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcalc.analyses.wiring.channels import channel_stages
from convcalc.analyses.wiring.wires import channel_wires
from convcalc.render.show.frames import Frame, Panel, row_of

if TYPE_CHECKING:
    from convcalc.analyses.wiring.scene import Scene


def channel_frame(scene: Scene) -> Frame:
    """Return which channels join which: a matrix for each step that mixes or moves them, and one for all together.

    Raises LimitError where there are too many channels to follow one by one.
    """
    source = scene.inputs[0].index
    whole = channel_wires(scene.subject.graph)[source]
    stages = channel_stages(scene.subject.graph)
    panels = [Panel(f"{n}: {stage.name}", tuple(map(row_of, stage.table))) for n, stage in enumerate(stages, 1)]
    title = "all together" if len(stages) > 1 else "channels out by channels in"
    parts = [panels[0]] if len(panels) == 1 else [*panels, Panel(title, tuple(map(row_of, whole)))]
    joined, all_pairs = int(whole.sum()), whole.size
    texts = " | ".join(layer.text for layer in scene.subject.block.layers)
    head = (
        f"{texts}; rows are channels out, columns channels in",
        f"{joined} of {all_pairs} pairs of channels are joined",
    )
    return Frame(head, tuple((panel,) for panel in parts), ())
