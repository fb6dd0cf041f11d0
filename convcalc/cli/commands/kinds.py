"""`convcalc kinds`: what can be written."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from convcalc.arguments import Argument, describe
from convcalc.cli.options import AsFormat, Format, Out, emit
from convcalc.kinds import ALIASES, FAMILIES, all_kinds, find, plain
from convcalc.registry import Kind
from convcalc.render.table import Answer, Column, Table


def command(
    kind: Annotated[str | None, typer.Argument(help="One kind, to see its arguments.")] = None,
    form: AsFormat = Format.table,
    out: Out = None,
) -> int:
    """Every kind of layer, or one kind's arguments, defaults, call form and source.

    Example: convcalc kinds depthwise_separable
    """
    return emit(_all() if kind is None else _one(find(kind)[0]), form, out)


def _all() -> Answer:
    known = all_kinds()
    rows = [
        {
            "name": name,
            "family": family,
            "torch": _torch(known[name]),
            "about": known[name].help,
            "source": known[name].source,
        }
        for family, names in FAMILIES.items()
        for name in names
    ]
    columns = (
        Column("name", "kind"),
        Column("torch", "torch.nn"),
        Column("about", "what it does"),
        Column("source", "source"),
    )
    table = Table(
        columns=columns,
        rows=rows,
        foot=[
            f"{len(rows)} kinds; names ignore case, - and _; `convcalc kinds NAME` and `convcalc explain NAME` say more"
        ],
    )
    return Answer("kinds", document={"kinds": rows}, tables=[table])


def _torch(kind: Kind) -> str:
    if not kind.ranks:
        return kind.torch
    return kind.torch + "/".join(f"{rank}d" for rank in kind.ranks)


def _one(kind: Kind) -> Answer:
    rows = [_argument(argument) for argument in kind.arguments.values()]
    called = plain(kind.name)
    aliases = [alias for alias, target in ALIASES.items() if plain(target) == called]
    usual = ", ".join(kind.positional)
    name = kind.torch_class(2) or kind.torch or kind.name
    required = " ".join(f"{row['name']}=..." for row in rows if row["default"] == "required")
    head = [
        f"{kind.name}: {kind.help}",
        f"source: {kind.source}",
        f"as words: {kind.name} {required}".rstrip(),
        f"as a call: {name}({usual})",
    ]
    head += _tensors(kind)
    if aliases:
        head.append("also called: " + ", ".join(aliases))
    columns = (Column("name", "argument"), Column("takes", "takes"), Column("default", "default"))
    document: dict[str, Any] = {
        "name": kind.name,
        "about": kind.help,
        "source": kind.source,
        "torch": _torch(kind),
        "inputs": list(kind.inputs),
        "outputs": list(kind.outputs),
        "aliases": aliases,
        "positional": list(kind.positional),
        "arguments": rows,
    }
    return Answer("kinds", document=document, tables=[Table(columns=columns, rows=rows, head=head)])


def _tensors(kind: Kind) -> list[str]:
    """What goes in and comes out, where that is more than one map."""
    lines = []
    if kind.rows:
        lines.append(f"input: {kind.rows} x features, such as -i 2708x1433")
    if len(kind.inputs) > 1 and not kind.variadic:
        must = len(kind.inputs) - kind.optional
        named = [f"-i {name}=..." + ("" if n < must else " (may be left out)") for n, name in enumerate(kind.inputs)]
        lines.append(f"inputs: {', '.join(named)}")
    if kind.outputs:
        lines.append("outputs, of as=NAME: " + ", ".join(f"NAME.{name}" for name in kind.outputs))
    return lines


def _typed(value: object) -> str:
    """A default as it is typed on the command line."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _argument(argument: Argument) -> dict[str, str]:
    default = "required" if argument.required else _typed(argument.default)
    return {"name": argument.name, "takes": describe(argument), "default": default}
