"""`kind_answer` and `kinds_answer`: one kind's arguments, and lists of kinds, as tables."""

from __future__ import annotations

from typing import Any

from convcalc.arguments import Argument, describe
from convcalc.errors import SpecError
from convcalc.kinds import FAMILIES, all_kinds, command_of, find
from convcalc.kinds.names import ALIASES, plain
from convcalc.registry import Kind
from convcalc.render.table import Answer, Column, Table
from convcalc.units import plural


def is_kind(word: str) -> bool:
    """Whether a word names a kind, and not only a network."""
    try:
        find(word)
    except SpecError:
        return False
    return True


def kind_name(word: str) -> str:
    """Return a word of the shell as the name of a kind, where it is one with spaces in it; else as it is."""
    return find(word)[0].name if " " in word.strip() and "=" not in word and is_kind(word) else word


def kinds_answer(shown: tuple[str, ...], of_network: str = "") -> Answer:
    """All kinds, or those a network is made of."""
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
        if name in shown
    ]
    rows.sort(key=lambda row: shown.index(row["name"]))
    columns = (
        Column("name", "kind"),
        Column("torch", "torch.nn"),
        Column("about", "what it does"),
        Column("source", "source"),
    )
    head: list[str] = []
    foot = f"{len(rows)} kinds; names ignore case, - and _; `convcalc kinds NAME` and `convcalc explain NAME` say more"
    if of_network:
        head = [f"{of_network} is made of {plural(len(rows), 'kind')}"]
        command = command_of(of_network)
        foot = "`convcalc explain NAME` says more of each" + (f"; see also `{command}`" if command else "")
    table = Table(columns=columns, rows=rows, head=head, foot=[foot])
    return Answer("kinds", document={"kinds": rows}, tables=[table])


def _torch(kind: Kind) -> str:
    if not kind.ranks:
        return kind.torch
    return kind.torch + "/".join(f"{rank}d" for rank in kind.ranks)


def kind_answer(kind: Kind) -> Answer:
    """One kind with its arguments, call form, source and other names."""
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
