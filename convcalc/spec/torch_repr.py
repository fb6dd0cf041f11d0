"""`parse_printed`: a pasted `print(model)`: a tree of modules, one per line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from convcalc.errors import SpecError, Spot

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINE = re.compile(r"^\s*\(([\w.-]+)\): (?:(\d+) x )?(.*)$")
_HEAD = re.compile(r"^\s*(?:(\d+) x )?([\w.]+)\($")
HIDES_WEIGHTS = re.compile(r"^(MultiheadAttention|Parametrized\w*|Lazy\w*)$")
WRITTEN_AS = {"NonDynamicallyQuantizableLinear": "Linear"}
"""Classes that print as another and are one."""


@dataclass(slots=True)
class Printed:
    """One module of the tree: its name, class, text on the line, how often it stands there, its parts."""

    name: str
    kind: str
    text: str
    spot: Spot
    times: int = 1
    parts: list[Printed] = field(default_factory=list)

    def leaves(self, path: str = "", times: int = 1) -> Iterator[tuple[str, int, Printed]]:
        """Yield (qualified name, how often, module) for every module without parts, and for those that hide weights."""
        here = ".".join(part for part in (path, self.name) if part)
        count = times * self.times
        if not self.parts or HIDES_WEIGHTS.match(self.kind):
            yield here, count, self
        for part in self.parts:
            yield from part.leaves(here, count)

    def not_sequential(self) -> str | None:
        """Return the class of the first container that is no Sequential, or None."""
        if self.parts and self.kind != "Sequential":
            return self.kind
        return next((name for part in self.parts if (name := part.not_sequential())), None)


def looks_printed(text: str) -> bool:
    """Whether a text holds lines such as `  (conv1): Conv2d(...)`."""
    return any(_LINE.match(line) for line in text.split("\n"))


def parse_printed(text: str, origin: str) -> Printed:
    """Return the tree of a pasted print(model). Raises SpecError where the brackets do not match."""
    root: Printed | None = None
    stack: list[Printed] = []
    for number, line in enumerate(text.split("\n")):
        if not line.strip():
            continue
        spot = Spot(line, len(line) - len(line.lstrip()), len(line), f"{origin}, line {number + 1}")
        if line.strip() == ")":
            if not stack:
                raise SpecError("this ) closes nothing", spot)
            stack.pop()
            continue
        entry = _LINE.match(line)
        name, times, rest = (entry[1], entry[2], entry[3]) if entry else ("", None, line.strip())
        head = _HEAD.match(rest)
        if not entry and not head:
            if stack and not stack[-1].parts:
                stack[-1].text += " " + rest
                continue
            raise SpecError("this line is no part of a printed model", spot)
        text_of = rest.strip()
        module = Printed(name, re.split(r"[(\s]", text_of)[0].split(".")[-1], text_of, spot, int(times or 1))
        if stack:
            stack[-1].parts.append(module)
        elif root is None:
            root = module
        else:
            raise SpecError("a second model begins here: paste one at a time", spot)
        if head:
            stack.append(module)
    if root is None:
        raise SpecError("there is no model in this text")
    if stack:
        raise SpecError(f"{stack[-1].kind}( is never closed", stack[-1].spot)
    return root
