"""`convcalc convert`: files of other programs as words."""

from __future__ import annotations

from typing import Annotated

import typer

from convcalc.cli.options import AsFormat, Format, Out, emit
from convcalc.errors import SpecError
from convcalc.render.table import Answer, Table
from convcalc.spec.importers import IMPORTERS, importer_of, words_of
from convcalc.spec.source import read_text


def command(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The file, or - for standard input.")],
    source: Annotated[
        str | None, typer.Option("--from", metavar="FORMAT", help=f"{', '.join(IMPORTERS)} (else its content decides).")
    ] = None,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """A network of darknet, benchdnn or MIOpenDriver lines, or timm's block strings, in convcalc's words.

    What is printed is a spec file.
    """
    origin, text = read_text(file)
    known = source or importer_of(text, origin)
    if not known:
        raise SpecError(f"{origin} is of no format that is known here: name it with --from ({', '.join(IMPORTERS)})")
    words = words_of(text, origin, known)
    lines = words.split("\n")
    return emit(Answer("convert", {"from": known, "lines": lines}, [Table((), [], head=lines)]), form, out)
