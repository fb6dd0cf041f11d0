"""`scene_json`: what a picture is drawn from, as a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convcalc.analyses.counts.stack_layers import shapes_json
from convcalc.analyses.steps import steps
from convcalc.analyses.wiring.links import place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.analyses.wiring.scene import Scene
    from convcalc.render.show.cells import Spot


def scene_json(scene: Scene, chosen: Sequence[Spot]) -> dict[str, Any]:
    """Return the document of some outputs: the elements of the inputs that each reads, and the weights between."""
    units = []
    for spot in chosen:
        element = place((spot.channel, *spot.position), scene.shape(scene.outputs[spot.output]))
        (reads,) = scene.reads(spot.output, [element])
        units.append(
            {
                "output": spot.output,
                "channel": spot.channel,
                "position": list(spot.position),
                "reads": [list(read) for read in reads],
            }
        )
    return {
        "input": shapes_json(scene.inputs),
        "output": shapes_json(scene.outputs),
        "layers": list(scene.subject.layer_texts),
        "note": scene.note,
        "units": units,
        "steps": [
            {"part": step.name, "reads": list(step.reads), "does": step.does, "gives": list(step.output.shape)}
            for step in steps(scene.subject.graph)
        ],
    }
