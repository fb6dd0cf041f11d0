"""`parse_printed`: a pasted `print(model)` as a tree of modules, with the lines around and in it that are none."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from convcalc.digits import whole
from convcalc.errors import SpecError, Spot
from convcalc.limits import MAX_COPIES

_ENTRY = re.compile(r"\(([^()]*)\): (?:(\d+) x )?(\S.*)$")
_CLASS = re.compile(r"([A-Za-z_][\w.]*) ?\(")
_QUOTED = re.compile(r"\s*(#+|//|>+|\||\+) ?")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_COMMENT = re.compile(r"\s+#\s.*$")
_LOGGED = re.compile(r"^.*[\s:\]](?=[A-Za-z_][\w.]* ?\($)")
"""What a logger writes before the first line of a model."""
_PROMPT = re.compile(r"(>>>|\.\.\.|In ?\[\d*\]:|Out ?\[\d*\]:|\$)\s*")
_ASSIGNED = re.compile(r"[A-Za-z_][\w.\[\]]*\s*=\s*(?=[A-Za-z_][\w.]* ?\($)")
_AFTERTHOUGHT = re.compile(r"init_cfg=")
"""What a repr appends behind its module: no argument of the module it stands in."""


@dataclass(slots=True)
class Printed:
    """One module of the tree: its name, class, the arguments it prints, how often it stands there, its parts."""

    name: str
    kind: str
    arguments: str
    spot: Spot
    times: int = 1
    parts: list[Printed] = field(default_factory=list)
    called: bool = True

    @property
    def text(self) -> str:
        """The module as it prints, without its parts."""
        return f"{self.kind}({self.arguments})" if self.called else f"{self.kind} {self.arguments}".strip()


class PrintedText(NamedTuple):
    """The tree, the lines in it that are no module, and those around it."""

    root: Printed
    inside: tuple[Spot, ...]
    around: tuple[Spot, ...]


def unquoted(text: str) -> str:
    """Return a text without the mark (`# `, `> `) that stands before every line of it."""
    lines = text.split("\n")
    marks = {match[1] if (match := _QUOTED.match(line)) else "" for line in lines if line.strip()}
    return "\n".join(_QUOTED.sub("", line, count=1) for line in lines) if marks and "" not in marks else text


def looks_printed(text: str) -> bool:
    """Whether a text holds lines such as `  (conv1): Conv2d(...)`."""
    return any(_ENTRY.match(line.strip()) for line in unquoted(text).split("\n"))


def parse_printed(text: str, origin: str) -> PrintedText:
    """Return the tree of a pasted print(model) of any version of torch.

    Raises SpecError for brackets that do not match. Prompts, an assignment before it, comments, and lines before and
    after it are no part of it.
    """
    reader = _Reader(origin)
    for number, line in enumerate(unquoted(text).split("\n"), 1):
        words = _COMMENT.sub("", _COLOUR.sub("", line)).strip()
        if words and not words.startswith("#"):
            reader.read(words, Spot.of_line(line, number, origin))
    return reader.result()


class _Reader:
    """Reads one line after another; `stack` are the modules that are open."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.roots: list[Printed] = []
        self.stack: list[Printed] = []
        self.inside: list[Spot] = []
        self.around: list[Spot] = []

    def read(self, words: str, spot: Spot) -> None:
        entry = _ENTRY.match(words)
        if set(words) == {")"} and not self._arguments_open():
            for _ in words:
                self._close(spot)
        elif entry:
            name, times, rest = entry.groups()
            self._open(name, rest if _depth(rest) > 0 else rest.rstrip(","), spot, _copies(times, spot))
        elif not self.stack:
            self._outside(words, spot)
        elif self.stack[-1].parts or _AFTERTHOUGHT.match(words):
            self.inside.append(spot)
        else:
            module = self.stack[-1]
            module.arguments = f"{module.arguments} {words}".strip()
            if _depth(module.arguments) < 0:  # a call that a narrow terminal has wrapped
                module.arguments = module.arguments.removesuffix(")").strip()
                self.stack.pop()

    def _arguments_open(self) -> bool:
        return bool(self.stack) and not self.stack[-1].parts and _depth(self.stack[-1].arguments) > 0

    def _close(self, spot: Spot) -> None:
        if not self.stack:
            raise SpecError("this ) closes nothing", spot)
        self.stack.pop()

    def _outside(self, words: str, spot: Spot) -> None:
        """A line outside of any module: the model's first, or none of it (a prompt is nobody's news)."""
        bare = _LOGGED.sub("", _ASSIGNED.sub("", _PROMPT.sub("", words, count=1), count=1))
        if _CLASS.match(bare) and _depth(bare) > 0:
            self._open("", bare, spot, 1)
        elif not _PROMPT.match(words):
            self.around.append(spot)

    def _open(self, name: str, words: str, spot: Spot, times: int) -> None:
        """A module, which stays open where its line does not close it."""
        head = _CLASS.match(words)
        is_open = head is not None and _depth(words) > 0
        kind, after = (head[1].split(".")[-1], words[head.end() :].strip()) if head else _bare(words)
        arguments = after.removesuffix(")").strip() if head and not is_open else after
        module = Printed(name, kind, arguments, spot, times, called=head is not None)
        if self.stack:
            self.stack[-1].parts.append(module)
        elif self.roots and not (name and self.roots[-1].name):
            raise SpecError("a second model begins here: paste one at a time", spot)
        else:
            self.roots.append(module)
        if is_open:
            self.stack.append(module)

    def result(self) -> PrintedText:
        if not self.roots:
            raise SpecError(f"there is no model in {self.origin}")
        if self.stack:
            raise SpecError(f"{self.stack[-1].kind}( is never closed", self.stack[-1].spot)
        root = self.roots[0] if len(self.roots) == 1 else Printed("", "", "", self.roots[0].spot, parts=self.roots)
        return PrintedText(root, tuple(self.inside), tuple(self.around))


def _bare(words: str) -> tuple[str, str]:
    """The class and the rest of a line that is no call: `None`, `Parameter containing: [...]`."""
    kind, _, rest = words.partition(" ")
    return kind, rest


def _copies(digits: str | None, spot: Spot) -> int:
    """How often a line stands there, `(0-2): 3 x Block(`."""
    if digits is None:
        return 1
    count = whole(digits, 1, MAX_COPIES)
    if count is None:
        raise SpecError(f"a module stands there 1 to {MAX_COPIES:,} times, not {digits[:20]}", spot)
    return count


def _depth(text: str) -> int:
    """How many brackets of a text are open at its end."""
    return sum(text.count(mark) for mark in "([{") - sum(text.count(mark) for mark in ")]}")
