"""`kind_answer` and `kinds_answer`: one kind's arguments, and lists of kinds, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from convcalc.arguments import Argument, describe
from convcalc.errors import SpecError
from convcalc.kinds import FAMILIES, all_kinds, command_of, find
from convcalc.kinds.names import ALIASES, plain
from convcalc.registry import Kind
from convcalc.render.table import Answer, Column, Table
from convcalc.units import plural

COLUMNS = (Column("name", "kind"), Column("about", "what it does"))
USUAL_FOOT = (
    "names ignore case, - and _; `convcalc kinds NAME` and `convcalc explain NAME` say more, show NAME draws it"
)
MAX_OTHERS = 12
"""So many other kinds with a word are named below one that is called by it."""


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


def kinds_answer(shown: Sequence[str], head: str = "", foot: str = USUAL_FOOT) -> Answer:
    """Kinds by family: each with its sentence."""
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
    tables = [
        Table(columns=COLUMNS, rows=list(members), head=[title.capitalize()], name=title)
        for title, members in groupby(rows, key=itemgetter("family"))
    ]
    last = tables[-1]
    tables[-1] = last._replace(foot=["", f"{plural(len(rows), 'kind')}; {foot}"])
    tables[0] = tables[0]._replace(head=[*([head, ""] if head else []), *tables[0].head])
    return Answer("kinds", document={"kinds": rows}, tables=tables)


def network_answer(network_name: str, parts: tuple[str, ...]) -> Answer:
    """The kinds a network is made of."""
    command = command_of(network_name)
    foot = "`convcalc explain NAME` says more of each" + (f"; see also `{command}`" if command else "")
    return kinds_answer(parts, f"{network_name} is made of {plural(len(parts), 'kind')}", foot)


def kinds_with(word: str) -> list[str]:
    """Return the kinds whose name, other names in any language, family or sentence holds a word."""
    wanted = word.lower()
    aliases: dict[str, list[str]] = {}
    for alias, target in ALIASES.items():
        aliases.setdefault(plain(target), []).append(alias.lower())
    hits = []
    for family, names in FAMILIES.items():
        for name in names:
            kind = all_kinds()[name]
            texts = (name, name.replace("_", " "), family, kind.help.lower(), *aliases.get(plain(name), ()))
            if any(wanted in text for text in texts):
                hits.append(name)
    return hits


def _torch(kind: Kind) -> str:
    if not kind.ranks:
        return kind.torch
    return kind.torch + "/".join(f"{rank}d" for rank in kind.ranks)


def kind_answer(kind: Kind, word: str = "") -> Answer:
    """One kind with its arguments, call form, source and other names; below, others with the word it was asked by."""
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
    others = [name for name in kinds_with(word) if name != kind.name] if word else []
    foot = [f"also with {word!r}: {', '.join(others[:MAX_OTHERS])}"] if others else []
    return Answer("kinds", document=document, tables=[Table(columns=columns, rows=rows, head=head, foot=foot)])


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
