"""`convcalc examples`: the spec files that come with convcalc."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from convcalc.cli.completions import complete_examples
from convcalc.cli.options import AsFormat, Format, Out, emit
from convcalc.errors import SpecError, nearest
from convcalc.render.table import Answer, Column, Table
from convcalc.spec.examples import example_files


def command(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="One file, to see how it is written.", autocompletion=complete_examples),
    ] = None,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """The spec files that come with convcalc, each read with @NAME; or what one holds."""
    files = example_files()
    if name is not None:
        return emit(_file(name.removeprefix("@"), {**files, **{path.name: path for path in files.values()}}), form, out)
    rows = [
        {"name": f"@{called}", "about": path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")}
        for called, path in files.items()
    ]
    foot = "convcalc examples NAME prints one; convcalc summary @NAME reads it"
    table = Table(columns=(Column("name", "name"), Column("about", "about")), rows=rows, foot=[foot])
    return emit(Answer("examples", document={"examples": rows}, tables=[table]), form, out)


def _file(name: str, files: dict[str, Path]) -> Answer:
    """What one file holds, as it is written."""
    if name not in files:
        raise SpecError(f"there is no example {name!r}{nearest(name, files)} (convcalc examples lists them)")
    text = files[name].read_text(encoding="utf-8")
    return Answer("examples", {"name": name, "text": text}, [Table(columns=(), rows=(), head=text.splitlines())])
