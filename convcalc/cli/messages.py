"""`say`, `columns_of`, `width_of`: what is told on stderr: one line in a pipe, in a terminal folded between words."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from convcalc.digits import whole
from convcalc.printable import message_line

if TYPE_CHECKING:
    from typing import TextIO

WIDEST: Final = 100_000
INDENT: Final = "  "


def say(text: str) -> None:
    """Print a message under the program's name."""
    print("\n".join(folded(f"convcalc: {message_line(text)}", width_of(sys.stderr))), file=sys.stderr)


def folded(text: str, width: int | None) -> list[str]:
    """Return a line as lines of at most so many columns, all but the first indented; a longer word is left whole.

    >>> folded("convcalc: one two", 13), folded("convcalc: one two", None)
    (['convcalc: one', '  two'], ['convcalc: one two'])
    """
    if width is None:
        return [text]
    lines = [""]
    for word in text.split(" "):
        line = f"{lines[-1]} {word}" if lines[-1].strip() else f"{lines[-1]}{word}"
        if columns_of(line) <= width or not lines[-1].strip():
            lines[-1] = line
        else:
            lines.append(f"{INDENT}{word}")
    return lines


def width_of(stream: TextIO) -> int | None:
    """Return how many columns a terminal has, or COLUMNS says it has; None in a pipe."""
    if not stream.isatty():
        return None
    asked = whole(os.environ.get("COLUMNS", ""), least=1, most=WIDEST)
    try:
        return asked or os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None


def columns_of(text: str) -> int:
    """Return how many columns of a terminal a text takes: two for each wide letter."""
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(letter) else 2 if east_asian_width(letter) in "WF" else 1 for letter in text)
