"""`convcalc examples`: the spec files that come with convcalc."""

from __future__ import annotations

from convcalc.cli.options import AsFormat, Format, Out, emit
from convcalc.render.table import Answer, Column, Table
from convcalc.spec.source import examples_folder


def command(form: AsFormat = Format.table, out: Out = None) -> int:
    """The spec files that come with convcalc; each is read with @NAME. Example: convcalc summary @resnet_stem."""
    rows = []
    for path in sorted((*examples_folder().glob("*.txt"), *examples_folder().glob("*.cfg"))):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        rows.append({"name": f"@{path.name.removesuffix('.txt')}", "about": first.lstrip("# ")})
    table = Table(columns=(Column("name", "name"), Column("about", "about")), rows=rows)
    document = {"examples": rows}
    return emit(Answer("examples", document=document, tables=[table]), form, out)
