"""`convcalc kinds`: what can be written."""

from __future__ import annotations

from typing import Annotated

import typer

from convcalc.cli.completions import complete_kinds
from convcalc.cli.options import AsFormat, Format, Out, emit
from convcalc.cli.views.kinds import is_kind, kind_answer, kinds_answer, kinds_with, network_answer
from convcalc.kinds import FAMILIES, find, network
from convcalc.render.table import Answer


def command(
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="KIND|WORD",
            help="One kind, to see its arguments; or a word to search for.",
            autocompletion=complete_kinds,
        ),
    ] = None,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Every kind of layer, or one kind's arguments, defaults, call form and source.

    A word that is not a kind's name is searched in names, other names (any language), families and sentences.
    """
    return emit(_answer(kind), form, out)


def _answer(word: str | None) -> Answer:
    if word is None:
        return kinds_answer([name for names in FAMILIES.values() for name in names])
    if is_kind(word):
        return kind_answer(find(word)[0], word)
    if parts := network(word):
        return network_answer(word, parts)
    if hits := kinds_with(word):
        return kinds_answer(hits, f"with {word!r} in a name or a sentence:")
    return kind_answer(find(word)[0])  # which says what is near
