"""`save`: a picture of layers in a file, as the end of its name says."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from convcalc.analyses.steps import steps
from convcalc.errors import ConvcalcError, SpecError
from convcalc.files import replacing
from convcalc.render.show.blocks import boxes
from convcalc.render.show.deployed import folded_boxes
from convcalc.render.show.shapes import drawing, with_graph

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from convcalc.analyses.wiring.scene import Scene
    from convcalc.render.show.cells import Frame

SUFFIXES = (".html", ".svg", ".gif", ".png")


def check_suffix(out: str) -> str:
    """Return the end of a file's name that says what is drawn. Raises SpecError for any other."""
    suffix = Path(out).suffix.lower()
    if suffix not in SUFFIXES:
        raise SpecError(f"{out}: a picture is a file whose name ends in {', '.join(SUFFIXES)}")
    return suffix


def save(scene: Scene, frames: Iterable[Frame], out: str, *, graphed: bool = True) -> None:
    """Draw frames of a scene into a file, `graphed` with what it is made of. Raises ConvcalcError as writing does."""
    suffix = check_suffix(out)
    if suffix == ".html":
        from convcalc.render.show.page import page

        write_picture(page(scene), out)
        return
    pictures = list(frames)
    drawings = [drawing(each) for each in pictures]
    if graphed and scene.walk is None and len(sequence := steps(scene.subject.graph)) > 1:
        top = max(each.height for each in drawings)
        found = [*boxes(scene.subject.graph, sequence), *folded_boxes(scene.subject)]
        drawings = [with_graph(each, found, top) for each in drawings]
    title = pictures[0].head[0]
    if suffix == ".svg":
        from convcalc.render.show.svg import animated_svg

        write_picture(animated_svg(drawings, title), out)
        return
    from convcalc.render.show.raster import save_gif, save_png

    with replaced(out) as path:
        (save_gif if suffix == ".gif" else save_png)(drawings, path)


def write_picture(text: str, out: str) -> None:
    """Write a picture that is text. Raises ConvcalcError where it cannot be written."""
    with replaced(out) as path:
        path.write_text(text, encoding="utf-8")


@contextmanager
def replaced(out: str) -> Iterator[Path]:
    """Give the path to write a picture to. Raises ConvcalcError where it cannot be written."""
    try:
        with replacing(Path(out)) as path:
            yield path
    except OSError as error:
        raise ConvcalcError(f"{out} cannot be written: {error.strerror or error}") from None
