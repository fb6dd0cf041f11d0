"""`ConvcalcError`: what convcalc can say in one line: the error family, and the nearest word to a typo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class ConvcalcError(Exception):
    """Something the caller can be told in one clear line."""


class SpecError(ConvcalcError):
    """The words cannot be understood; `spot` says which piece of them."""

    def __init__(self, message: str, spot: Spot | None = None) -> None:
        super().__init__(message)
        self.spot = spot


class ShapeError(ConvcalcError):
    """The sizes do not fit together; `spot` is filled in where the layer's words are known.

    `rule` is what is broken without its numbers, where that is known.
    """

    def __init__(self, message: str, spot: Spot | None = None, rule: str = "") -> None:
        super().__init__(message)
        self.spot = spot
        self.rule = rule


class UnknownSizeError(ShapeError):
    """What follows depends on a size that was not given."""


class UnsupportedError(ConvcalcError):
    """This step cannot be read, run, or seen through."""


class MixedRowsError(UnsupportedError):
    """A recipe branches otherwise for some rows of a sweep than for others; `rows` says for which it holds."""

    def __init__(self, message: str, rows: Any) -> None:
        super().__init__(message)
        self.rows = rows


class LimitError(ConvcalcError):
    """The answer would take more work or memory than is spent here; the message says the limit."""


class UnavailableError(ConvcalcError):
    """A device or an optional package is missing here."""


class Spot(NamedTuple):
    """A piece of the user's text: `line[start:end]`, and where that line came from."""

    line: str
    start: int
    end: int
    origin: str = ""

    @classmethod
    def of_line(cls, line: str, number: int, origin: str) -> Spot:
        """Return the spot of a whole line of a text, without the blanks before it; lines count from 1."""
        return cls(line, len(line) - len(line.lstrip()), max(len(line), 1), f"{origin}, line {number}")


def nearest(word: str, known: Iterable[str], *, several: bool = False) -> str:
    """Return `; did you mean 'x'?` for the known word nearest to a typo (`several`: up to three), or nothing.

    >>> nearest("dilaton", ["stride", "dilation"])
    "; did you mean 'dilation'?"
    """
    from difflib import get_close_matches

    matches = [
        repr(match) for match in get_close_matches(word, list(dict.fromkeys(known)), n=3 if several else 1, cutoff=0.6)
    ]
    if not matches:
        return ""
    listed = matches[0] if len(matches) == 1 else f"{', '.join(matches[:-1])} or {matches[-1]}"
    return f"; did you mean {listed}?"
