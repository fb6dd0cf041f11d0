"""`convcalc kinds`: what can be written."""

from __future__ import annotations

from typing import Annotated

import typer

from convcalc.cli.options import AsFormat, Format, Out, emit
from convcalc.cli.views.kinds import is_kind, kind_answer, kinds_answer
from convcalc.kinds import FAMILIES, find, network


def command(
    kind: Annotated[str | None, typer.Argument(help="One kind, to see its arguments.")] = None,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Every kind of layer, or one kind's arguments, defaults, call form and source.

    Example: convcalc kinds depthwise_separable
    """
    if kind is None:
        return emit(kinds_answer(tuple(name for names in FAMILIES.values() for name in names)), form, out)
    parts = network(kind)
    return emit(kinds_answer(parts, kind) if parts and not is_kind(kind) else kind_answer(find(kind)[0]), form, out)
