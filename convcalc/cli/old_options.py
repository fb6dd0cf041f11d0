"""`renamed`: options that were called otherwise, taken for one release more with a word about it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

RENAMED: Final[dict[str, dict[str, str]]] = {
    "compare": {"--limit": "--time"},
    "alt": {"--limit": "--time"},
    "solve": {"--limit": "--top"},
    "hdc-design": {"--limit": "--top"},
    "lint": {"--explain": "--rule"},
    "matrix": {"--transpose": "--transposed"},
}
"""By command: what an option was called, and what it is called now."""
SWITCHED: Final = ("compare", "alt")
"""Commands whose `--time` was a switch, now `--timed`: seconds stand behind the new one."""


def renamed(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the words with today's options, and a hint for each that was an old one."""
    command = next((word for word in argv if not word.startswith("-")), "")
    names = RENAMED.get(command, {})
    words: list[str] = []
    hints: list[str] = []
    for place, word in enumerate(argv):
        name, sign, value = word.partition("=")
        new = names.get(name, name)
        if command in SWITCHED and name == "--time" and not sign and not _is_time(argv[place + 1 : place + 2]):
            new = "--timed"
        if new != name:
            hints.append(f"{name} of {command} is now {new}: the old word goes with the next release")
        words.append(new + sign + value)
    return words, list(dict.fromkeys(hints))


def _is_time(words: Sequence[str]) -> bool:
    """Whether the word behind is a number of seconds."""
    return bool(words) and re.fullmatch(r"[\d.]+\s*(s|ms|m|min|h)?", words[0]) is not None
