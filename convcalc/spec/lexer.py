"""`tokens`: cut text into words and calls. Each token remembers the line it came from, for the caret of an error.

Nothing is evaluated, and what could hurt a parser (endless words, deep brackets, runs of signs) is refused here.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

from convcalc.errors import SpecError, Spot
from convcalc.limits import MAX_BRACKET_DEPTH, MAX_WORD_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OPENING, CLOSING = "([{", ")]}"
_SIGNS = re.compile(r"[-+~]\s*[-+~]\s*[-+~]")
_UNUSUAL = str.maketrans({"×": "x", "−": "-", "–": "-", "“": '"', "”": '"', "‘": "'", "’": "'"})


class Token(NamedTuple):
    """A word or a call, as typed, with its place: `line` is the number of the line it starts on."""

    text: str
    spot: Spot
    line: int = 0

    @property
    def is_call(self) -> bool:
        """Whether it is a name followed by something in parentheses."""
        return self.text.endswith(")") and bool(re.match(r"[\w.]+\(", self.text))


def normal(text: str) -> str:
    """Return text with full-width letters, × and − in the plain forms."""
    return unicodedata.normalize("NFKC", text).translate(_UNUSUAL)


def word_tokens(argv: Sequence[str]) -> list[Token]:
    """Return the tokens of the command line's words, read as one line. Raises SpecError."""
    for word in argv:
        if not word.strip():
            spot = Spot(" ".join(word or "''" for word in argv), *_place(argv, word))
            raise SpecError("this word is empty (an unset shell variable?)", spot)
        if len(word) > MAX_WORD_CHARACTERS:
            raise SpecError(f"a word of {len(word):,} characters is not a layer (the limit is 64 KiB)")
    return list(tokens(normal(" ".join(argv))))


def _place(argv: Sequence[str], word: str) -> tuple[int, int]:
    start = sum(len(before or "''") + 1 for before in argv[: list(argv).index(word)])
    return start, start + len(word or "''")


def tokens(text: str, origin: str = "") -> Iterator[Token]:
    """Yield the tokens of a text; `#` starts a comment that runs to the end of its line. Raises SpecError."""
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    number, place = 0, 0
    while place < len(text):
        while place >= starts[number + 1]:
            number += 1
        if text[place].isspace():
            place += 1
            continue
        if text[place] == "#":
            place = starts[number + 1] - 1
            continue
        end = _end(text, place, lambda at, n=number: _spot(lines, starts, at, at + 1, origin, n))
        word = text[place:end]
        spot = _spot(lines, starts, place, end, origin, number)
        if len(word) > MAX_WORD_CHARACTERS:
            raise SpecError(f"a word of {len(word):,} characters is not a layer (the limit is 64 KiB)")
        if _SIGNS.search(word):
            raise SpecError("a run of signs is not a number", spot)
        yield Token(word, spot, number)
        place = end


def _spot(lines: list[str], starts: list[int], start: int, end: int, origin: str, number: int) -> Spot:
    while start >= starts[number + 1]:
        number += 1
    line, first = lines[number], start - starts[number]
    where = f"{origin}, line {number + 1}" if origin else ""
    return Spot(line, first, min(end - starts[number], len(line)), where)


def _end(text: str, start: int, spot: object) -> int:
    """Return where the token that starts here ends: at white space outside brackets and quotes."""
    depth: list[int] = []
    quote = ""
    place = start
    while place < len(text):
        letter = text[place]
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"" and depth:
            quote = letter
        elif letter in OPENING:
            depth.append(place)
            if len(depth) > MAX_BRACKET_DEPTH:
                raise SpecError(f"brackets are over {MAX_BRACKET_DEPTH} deep", spot(place))  # type: ignore[operator]
        elif letter in CLOSING:
            if not depth:
                raise SpecError(f"this {letter!r} closes nothing", spot(place))  # type: ignore[operator]
            opened = text[depth.pop()]
            if OPENING.index(opened) != CLOSING.index(letter):
                raise SpecError(f"this {letter!r} closes a {opened!r}", spot(place))  # type: ignore[operator]
        elif letter == "#" and depth:
            while place < len(text) and text[place] != "\n":
                place += 1
        elif letter.isspace() and not depth:
            break
        place += 1
    if depth:
        raise SpecError(f"this {text[depth[0]]!r} is never closed", spot(depth[0]))  # type: ignore[operator]
    return place
