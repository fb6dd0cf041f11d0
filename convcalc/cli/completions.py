"""`complete_layers` and others: what a shell offers for a word that was begun: layers, settings, examples, networks.

Nothing here imports torch or a file of the user's: networks are read off the text of the packages that have them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from convcalc.registry import Kind

ZOOS: Final = {
    "torchvision": ("models/**/*.py", r"@register_model\(.*\)\n(?:@.*\n)*def (\w+)\("),
    "timm": ("models/*.py", r"@register_model\ndef (\w+)\("),
}
"""Where each zoo's networks are in its package, and how their names stand there."""


def complete_layers(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return words that begin as this one does: a kind, a setting of the kind before, an example, a network."""
    return layer_words(
        [word for value in ctx.params.values() if isinstance(value, (list, tuple)) for word in value], incomplete
    )


def layer_words(args: list[str], incomplete: str) -> list[str]:
    """Return the same after these words of the command line."""
    from convcalc.kinds import all_kinds
    from convcalc.spec.examples import example_files

    if incomplete.startswith("@"):
        return _beginning(incomplete, (f"@{name}" for name in example_files()))
    zoo, colon, _ = incomplete.partition(":")
    if colon and zoo in ZOOS:
        return _beginning(incomplete, (f"{zoo}:{name}" for name in zoo_names(zoo)))
    kind = _last_kind(args)
    key, sign, _ = incomplete.partition("=")
    if sign:
        return _beginning(incomplete, (f"{key}={value}" for value in _values(kind, key)))
    keys = [f"{name}=" for name in kind.arguments] if kind is not None else []
    zoos = [f"{name}:" for name in ZOOS if _folder(name) is not None]
    return _beginning(incomplete, (*keys, *all_kinds(), *zoos))


def complete_kinds(incomplete: str) -> list[str]:
    """Return the kinds whose names begin so."""
    from convcalc.kinds import all_kinds

    return _beginning(incomplete, all_kinds())


def complete_documents(incomplete: str) -> list[str]:
    """Return the commands with a document whose names begin so."""
    from convcalc.cli.schemas import schema_names

    return _beginning(incomplete, schema_names())


def complete_examples(incomplete: str) -> list[str]:
    """Return the examples whose names begin so."""
    from convcalc.spec.examples import example_files

    return _beginning(incomplete, example_files())


def complete_rules(incomplete: str) -> list[str]:
    """Return the codes of lint that begin so, the last of a comma list."""
    from convcalc.analyses.lint.rules import RULES

    return _last_of_list(incomplete, RULES)


def complete_values(name: str) -> Callable[[str], list[str]]:
    """Return what completes the last word of a comma list, of the words that a plan knows by this name."""

    def complete(incomplete: str) -> list[str]:
        from convcalc.profiling import plan

        return _last_of_list(incomplete, getattr(plan, name))

    return complete


complete_devices = complete_values("DEVICES")
complete_dtypes = complete_values("TIMED_DTYPES")
complete_layouts = complete_values("LAYOUTS")
complete_modes = complete_values("MODES")
complete_passes = complete_values("PASSES")


def zoo_names(zoo: str) -> list[str]:
    """Return the networks of a package by the text of its files; nothing where it is not installed."""
    folder, (pattern, definition) = _folder(zoo), ZOOS[zoo]
    if folder is None:
        return []
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in sorted(folder.glob(pattern)))
    return sorted({name for text in texts for name in re.findall(definition, text)})


def _folder(package: str) -> Path | None:
    from importlib.util import find_spec

    spec = find_spec(package)
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def _last_kind(args: list[str]) -> Kind | None:
    """The kind whose settings the next word may be."""
    from convcalc.errors import SpecError
    from convcalc.kinds import find

    for word in reversed(args):
        if "=" in word or word.startswith("-"):
            continue
        try:
            return find(word)[0]
        except SpecError:
            return None
    return None


def _values(kind: Kind | None, key: str) -> Iterator[str]:
    from convcalc.spec.layers import SHORT

    argument = kind.arguments.get(SHORT.get(key, key)) if kind is not None else None
    if argument is None:
        return
    yield from argument.choices
    if "bool" in argument.takes:
        yield from ("true", "false")


def _last_of_list(incomplete: str, known: Iterable[str]) -> list[str]:
    before, comma, last = incomplete.rpartition(",")
    given = set(before.split(","))
    return [f"{before}{comma}{value}" for value in known if value.startswith(last) and value not in given]


def _beginning(incomplete: str, words: Iterable[str]) -> list[str]:
    return [word for word in dict.fromkeys(words) if word.startswith(incomplete)]
