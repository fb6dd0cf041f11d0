"""`convcalc help`: what the program can do, a command's help, and pages about what several commands share."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer

from convcalc.cli.completions import complete_documents
from convcalc.cli.options import AsFormat, Format, Out, emit, write_text
from convcalc.cli.schemas import keys, schema, schema_names
from convcalc.cli.views.pages import page_lines, page_text
from convcalc.documents import json_text
from convcalc.errors import SpecError, nearest
from convcalc.limits import LIMITS
from convcalc.render.table import Answer, Column, Table
from convcalc.spec.unlike_torch import LOOSER, STRICTER

if TYPE_CHECKING:
    from typer.core import TyperGroup

    from convcalc.cli.typer_private import Command

GRAMMAR = (
    'A layer is a call as in PyTorch, "Conv2d(3, 64, 7, stride=2)", or words: conv2d out_channels=64 k=7 s=2.',
    "Short keys: k kernel_size, s stride, p padding, d dilation, g groups, c out_channels.",
    "Values: 3 for all axes, 3x5 per axis, 0+1 before and after, 1+2x0+1 both; same, valid, tf_same for padding.",
    "Keys of any layer: as=NAME and from=NAME,NAME for branches, same=NAME for shared weights, repeat=N for copies in"
    " a row, times=N for copies counted.",
    "Layers follow one another; @FILE reads them from a file, - from standard input; # starts a comment.",
    "Inputs: -i 3x224x224 is one sample, -i 8x3x224x224 a batch of 8; `input SIZES` lines begin blocks in a file.",
)


def command(
    ctx: typer.Context,
    topic: Annotated[
        str | None, typer.Argument(help="A command, or a page; nothing lists the commands and the pages.")
    ] = None,
    schema_of: Annotated[
        str | None,
        typer.Option(
            "--schema",
            metavar="COMMAND",
            help="With json: print the JSON Schema of a command's document.",
            autocompletion=complete_documents,
        ),
    ] = None,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """What the program can do; a command's help; or a page, such as counting, formats, json, profiling."""
    if schema_of is not None:
        if topic not in (None, "json"):
            raise SpecError(f"--schema goes with json: convcalc help json --schema {schema_of}")
        return write_text(json_text(schema(schema_of), indent=2) + "\n", out)
    program = ctx.find_root()
    group = cast("TyperGroup", program.command)
    if topic is None:
        text = f"{program.get_help()}\n\nPages: convcalc help {', '.join(PAGES)}"
        return _help_text("help", text, form, out)
    if topic in PAGES:
        return emit(PAGES[topic](), form, out)
    known = group.list_commands(program)
    if topic not in known:
        raise SpecError(f"there is no help on {topic!r}{nearest(topic, (*known, *PAGES))} (pages: {', '.join(PAGES)})")
    single = cast("Command", group.get_command(program, topic))
    return _help_text(topic, single.get_help(type(ctx)(single, info_name=topic, parent=program)), form, out)


def _help_text(topic: str, text: str, form: Format, out: str | None) -> int:
    """Write a help as it is laid out, or as a document."""
    if form is Format.table and (out is None or not out.endswith((".json", ".md", ".html"))):
        return write_text(f"{text}\n", out)
    table = Table(columns=(), rows=(), head=text.splitlines())
    return emit(Answer("help", {"topic": topic, "text": text}, [table]), form, out)


def _spec() -> Answer:
    """How layers are written, and where they are read otherwise than by torch."""
    columns = (Column("about", "what"), Column("example", "such as"), Column("input", "on"))
    rows = {
        name: [{"about": item.about, "example": item.words or item.call, "input": item.input} for item in items]
        for name, items in (("looser", LOOSER), ("stricter", STRICTER))
    }
    document: dict[str, Any] = {"topic": "spec", "grammar": list(GRAMMAR), **rows}
    tables = [
        Table(columns=(), rows=(), head=[*page_lines(page_text("spec")), ""]),
        Table(columns=columns, rows=rows["looser"], head=["taken here, refused by torch:"]),
        Table(columns=columns, rows=rows["stricter"], head=["taken by torch, refused here:"]),
    ]
    return Answer("help", document, tables)


def _json() -> Answer:
    """What the keys of every document hold, as the schemas say it."""
    text = page_text("json")
    described = {name: keys(name) for name in schema_names()}
    columns = (Column("command", "command"), Column("keys", "keys"))
    rows = [
        {"command": name, "keys": ", ".join(key for key in about if not {".", "["} & set(key))}
        for name, about in described.items()
    ]
    foot = ["convcalc help json -f json has a sentence on every key"]
    document = {"topic": "json", "text": text, "keys": described}
    return Answer("help", document, [Table((), (), head=[*page_lines(text), ""]), Table(columns, rows, foot=foot)])


def _limits() -> Answer:
    """What is past each limit is refused, with exit code 2, before the work is done."""
    columns = (Column("about", "what"), Column("limit", "limit", lambda number: f"{number:,}", right=True))
    tables = [
        Table(columns=columns, rows=[{"about": what, "limit": number} for what, number in limits.items()], head=[about])
        for about, limits in LIMITS.items()
    ]
    return Answer("help", {"topic": "limits", "limits": LIMITS}, tables)


def _page(name: str) -> Answer:
    """A page of text."""
    text = page_text(name)
    return Answer("help", {"topic": name, "text": text}, [Table(columns=(), rows=(), head=page_lines(text))])


PAGES: Final[dict[str, Callable[[], Answer]]] = {
    "tour": partial(_page, "tour"), "spec": _spec, "models": partial(_page, "models"),
    "counting": partial(_page, "counting"), "profiling": partial(_page, "profiling"),
    "sweeps": partial(_page, "sweeps"),
    "formats": partial(_page, "formats"), "json": _json, "exit-codes": partial(_page, "exit-codes"),
    "from-python": partial(_page, "from-python"), "limits": _limits,
}  # fmt: skip
