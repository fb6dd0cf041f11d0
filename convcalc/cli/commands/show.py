"""`convcalc show`: how layers work, drawn from their own numbers."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from convcalc.cli.messages import say
from convcalc.cli.options import Format as AnyFormat
from convcalc.cli.options import InputLayout, Inputs, Layout, Spec, check_output, emit
from convcalc.cli.subjects import drawn_subject, read_subject
from convcalc.cli.values import position
from convcalc.errors import SpecError
from convcalc.render.table import Answer, Table
from convcalc.subject import Subject

if TYPE_CHECKING:
    from convcalc.analyses.wiring.scene import Scene
    from convcalc.render.show.cells import Frame


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
    channels: Annotated[
        bool, typer.Option("--channels", help="Draw which channels join which, as a matrix for each step.")
    ] = False,
    numbers: Annotated[
        bool, typer.Option("--numbers", help="Put small whole numbers in and write the sum out, term by term.")
    ] = False,
    image: Annotated[
        str | None,
        typer.Option("--image", metavar="FILE", help="Draw what an output sees of this picture, layer by layer (-o)."),
    ] = None,
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
    place = None if unit is None else position(unit, "--unit")
    if image is not None:
        return _fields(spec, inputs, layout, image, place, out)
    from convcalc.analyses.wiring.scene import Scene  # loads numpy
    from convcalc.render.show.frames import MAX_FRAMES, chosen_spots, frame
    from convcalc.render.show.wirings import channel_frame

    subject, note = drawn_subject(spec, inputs, layout)
    if subject.on is not None:
        if numbers or channels or place is not None or form is Form.json:
            raise SpecError("a model is drawn as the graph of its modules: of the options here it takes --image and -o")
        return _model(subject, " ".join(spec or ()), out)
    scene = Scene(subject, note)
    scene.check()
    chosen = chosen_spots(scene, place)
    if form is Form.json:
        if out is not None and not out.lower().endswith(".json"):
            raise SpecError(f"{out}: -f json writes a document, not a picture: leave out -f, or name a .json file")
        from convcalc.render.show.document import scene_json

        return emit(Answer("show", lambda: scene_json(scene, chosen), []), AnyFormat.json, out)
    if numbers and scene.walk is None:
        raise SpecError(
            "--numbers writes out the sum of one convolution or pool by windows: these layers are something else"
        )
    if channels:
        if numbers or place is not None:
            raise SpecError("--channels draws all channels: --unit and --numbers go with one output")
        return _drawn(scene, [channel_frame(scene)], out, graphed=False)
    if out is None and place is None:
        from convcalc.render.show.terminal import can_step, step_through

        if can_step():
            chosen = [step_through(scene, chosen[0], typer.getchar, numbers=numbers)]
    if len(chosen) == MAX_FRAMES:
        say(f"the first {MAX_FRAMES} outputs are drawn: --unit draws any")
    return _drawn(scene, (frame(scene, spot, numbers=numbers) for spot in chosen), out)


def _drawn(scene: Scene, frames: Iterable[Frame], out: str | None, *, graphed: bool = True) -> int:
    """Frames in the terminal or in a file, and what the layers are made of."""
    if out is None:
        from convcalc.render.show.terminal import print_frames, print_graph

        print_frames(frames)
        if graphed and scene.walk is None:
            print_graph(scene.subject.graph)
        return 0
    from convcalc.render.show.files import save

    save(scene, frames, out, graphed=graphed)
    say(f"{out} is written: open it in a browser" if out.endswith((".html", ".svg")) else f"{out} is written")
    return 0


def _model(subject: Subject, title: str, out: str | None) -> int:
    """A model as the graph of its modules: in words here, as a page or a picture with -o."""
    from convcalc.render.show.files import check_suffix, write_picture
    from convcalc.render.show.model import model_lines, model_page, model_svg

    if out is None:
        return emit(Answer("show", {}, [Table((), [], head=model_lines(subject, title))]), AnyFormat.table, None)
    suffix = check_suffix(out)
    if suffix not in (".html", ".svg"):
        raise SpecError(f"{out}: the graph of a model is a page (.html) or a drawing (.svg); --image draws its field")
    write_picture((model_page if suffix == ".html" else model_svg)(subject, title), out)
    say(f"{out} is written: open it in a browser")
    return 0


def _fields(
    spec: list[str] | None, inputs: list[str] | None, layout: InputLayout, image: str, place: tuple[int, ...] | None,
    out: str | None,
) -> int:  # fmt: skip
    """What one output sees of an image, layer by layer."""
    if out is None or not out.lower().endswith((".png", ".gif")):
        raise SpecError("--image draws into a picture: name it with -o, such as -o field.png")
    from convcalc.render.show.files import replaced
    from convcalc.render.show.photo import image_size, save_fields

    high, wide = image_size(image)
    refusal = "show draws one stack, not several blocks"
    subject = read_subject(spec, inputs or [f"3x{high}x{wide}"], layout, refusal, any_channels=True)
    with replaced(out) as path:
        save_fields(subject, image, path, place)
    say(f"{out} is written")
    return 0
