"""`printable` and `message_line`: text on its way out of the program, without what could steer a terminal."""

from __future__ import annotations

import re
from typing import Final

from convcalc.limits import MAX_MESSAGE_CHARACTERS, MAX_MESSAGE_WORD

_BREAKS = re.compile(r"\s*[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]\s*")
_CUT: Final = "..."


def printable(text: str) -> str:
    r"""Return text with control, format and bidirectional characters as Python escapes them; others as they are.

    >>> printable("a\x1b[31mb\u202ec")
    'a\\x1b[31mb\\u202ec'
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def message_line(text: str) -> str:
    r"""Return a message as one line: line breaks are blanks, long words are cut in their middle.

    >>> message_line("one\n  two")
    'one two'
    """
    line = printable(_BREAKS.sub(" ", text.strip()))
    words = re.sub(rf"\S{{{MAX_MESSAGE_WORD + 1},}}", lambda match: _shortened(match[0], MAX_MESSAGE_WORD), line)
    return _shortened(words, MAX_MESSAGE_CHARACTERS)


def _shortened(text: str, most: int) -> str:
    """A text of at most so many characters: its beginning, and a fifth of them from its end."""
    if len(text) <= most:
        return text
    end = most // 5
    return text[: most - end - len(_CUT)] + _CUT + text[-end:]
