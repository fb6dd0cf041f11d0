"""`folded_boxes`: the graph of a layer as it is deployed, to stand beside the one that is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from convcalc.analyses.steps import steps
from convcalc.render.show.blocks import LETTER, MARGIN, Box, boxes
from convcalc.spec.assemble import assemble

if TYPE_CHECKING:
    from convcalc.subject import Subject

FOLDED: Final = "deployed: "


def folded_boxes(subject: Subject) -> list[Box]:
    """Return the boxes of the folded form, to the right of the others; none for a layer that is deployed as it is."""
    layers = subject.block.layers
    if len(layers) != 1 or "form" not in layers[0].kind.arguments or layers[0].arguments.get("form") == "folded":
        return []
    folded = layers[0]._replace(arguments={**layers[0].arguments, "form": "folded"})
    deployed = assemble(subject.block._replace(layers=(folded,))).graph
    if [step.does for step in steps(deployed)] == [step.does for step in steps(subject.graph)]:
        return []  # nothing to fold
    trained = boxes(subject.graph, steps(subject.graph))
    aside = max(box.x + box.wide for box in trained) + 4 * MARGIN
    return [_renamed(box, aside) for box in boxes(deployed, steps(deployed))]


def _renamed(box: Box, aside: float) -> Box:
    """A box of the deployed form, moved aside; that of an input says so, and has room for it."""
    renamed = box._replace(name=FOLDED + box.name, reads=tuple(FOLDED + name for name in box.reads), x=box.x + aside)
    if not box.lines or box.reads:
        return renamed
    lines = (f"{FOLDED}{box.lines[0]}", *box.lines[1:])
    more = max(LETTER * len(lines[0]) + 16 - box.wide, 0)
    return renamed._replace(lines=lines, wide=box.wide + more, x=renamed.x - more / 2)
