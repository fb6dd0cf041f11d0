"""`convcalc show`: how layers work, drawn from their own numbers."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from convcalc.cli.messages import say
from convcalc.cli.options import Format as AnyFormat
from convcalc.cli.options import InputLayout, Inputs, Layout, Spec, check_output, emit
from convcalc.cli.subjects import drawn_subject
from convcalc.cli.values import position
from convcalc.errors import SpecError
from convcalc.render.table import Answer


class Form(StrEnum):
    """How a picture is written without -o."""

    picture = "picture"
    json = "json"


def command(
    spec: Spec = None,
    inputs: Inputs = None,
    layout: Layout = InputLayout.chw,
    unit: Annotated[
        str | None, typer.Option("--unit", metavar="I,J", help="Draw this output alone (C,I,J: of channel C).")
    ] = None,
    numbers: Annotated[
        bool, typer.Option("--numbers", help="Put small whole numbers in and write the sum out, term by term.")
    ] = False,
    form: Annotated[
        Form, typer.Option("--format", "-f", help="A picture here, or what it is drawn from.")
    ] = Form.picture,
    out: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="A page to play with (.html), or a picture (.svg, .gif, .png)."
        ),
    ] = None,
) -> int:
    """How layers work: what each output reads, drawn from the same arithmetic as every number.

    In a terminal the arrow keys step from output to output; piped, each output is drawn in turn. Without -i a small
    input is chosen; a large one is drawn smaller.
    """
    check_output(out)
    from convcalc.analyses.wiring.scene import Scene  # loads numpy
    from convcalc.render.show.frames import chosen_spots

    subject, note = drawn_subject(spec, inputs, layout)
    scene = Scene(subject, note)
    scene.check()
    place = None if unit is None else position(unit, "--unit")
    chosen = chosen_spots(scene, place)
    if form is Form.json:
        from convcalc.render.show.document import scene_json

        return emit(Answer("show", lambda: scene_json(scene, chosen), []), AnyFormat.json, out)
    if numbers and scene.walk is None:
        raise SpecError("--numbers writes out the sum of one convolution or pool: these layers are more than one")
    if out is not None:
        from convcalc.render.show.files import save

        save(scene, chosen, out, numbers=numbers)
        say(f"{out} is written: open it in a browser" if out.endswith((".html", ".svg")) else f"{out} is written")
        return 0
    from convcalc.render.show.terminal import print_frames, step_through

    if place is None and sys.stdin.isatty() and sys.stdout.isatty():
        chosen = [step_through(scene, chosen[0], typer.getchar, numbers=numbers)]
    print_frames(scene, chosen, numbers=numbers)
    return 0
