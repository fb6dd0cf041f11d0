"""`literature`, `topic`: what papers and texts say: equations of a kind, what is often said wrongly, whole topics."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple


class Trap(NamedTuple):
    """What people say of a kind, and what it is."""

    people_say: str
    it_is: str


class Literature(NamedTuple):
    """The defining equations of a kind, words after `, where`, and what is often said wrongly of it."""

    equations: tuple[str, ...] = ()
    traps: tuple[Trap, ...] = ()


def literature(name: str) -> Literature:
    """Return the equations and traps of a kind; nothing of one that has none (a kind registered elsewhere)."""
    return Literature(
        tuple(_table("equations.toml").get(name, ())),
        tuple(Trap(*pair) for pair in _table("traps.toml").get(name, ())),
    )


@cache
def _table(file: str) -> dict[str, Any]:
    import tomllib
    from importlib.resources import files

    return tomllib.loads((files("convcalc") / "pages" / file).read_text(encoding="utf-8"))


class Topic(NamedTuple):
    """A page of ten lines on an idea that is no kind: its file's name, its title, other names, and the text."""

    name: str
    title: str
    also: tuple[str, ...]
    text: str


def topics() -> list[Topic]:
    """Return every topic, in the order of their names."""
    from importlib.resources import files

    room = files("convcalc") / "pages" / "topics"
    pages = sorted((page.name.removesuffix(".md"), page) for page in room.iterdir() if page.name.endswith(".md"))
    return [_topic(name, page.read_text(encoding="utf-8")) for name, page in pages]


def _topic(name: str, text: str) -> Topic:
    title, _, rest = text.partition("\n")
    also, _, body = rest.strip().partition("\n")
    return Topic(name, title.lstrip("# "), tuple(also.removeprefix("also: ").split(", ")), body.strip() + "\n")


def topic(word: str) -> Topic | None:
    """Return the topic that a word names; capitals, spaces, hyphens and underscores do not count, nor does a plural."""
    wanted = _plain(word)
    for page in topics():
        if wanted in {_plain(name) for name in (page.name, page.title, *page.also)}:
            return page
    return None


def _plain(name: str) -> str:
    return name.lower().translate(str.maketrans("", "", " -_")).removesuffix("s")
