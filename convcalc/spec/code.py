"""`code_layers`: the layers that a pasted class body or notebook cell builds. Parsed, never run.

What a line does not say (an argument's value, another class, how often a loop runs) makes the weights "at least".
"""

from __future__ import annotations

import ast
import re
import textwrap
from typing import TYPE_CHECKING, Final, NamedTuple

from convcalc.errors import ConvcalcError, SpecError, Spot, UnsupportedError
from convcalc.spec.layers import WRAPPERS, layers
from convcalc.spec.lexer import Token
from convcalc.spec.printed import CONTAINERS, LEARNERS, WEIGHTLESS, torch_kind
from convcalc.subject import Layer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CODE = re.compile(
    r"^\s*(?:import \w|from [\w.]+ import |class \w+.*:|def \w+\s*\(|return\b|@\w+|print\()", re.MULTILINE
)
_PROMPT = re.compile(r"^(?:>>> ?|\.\.\. ?|In ?\[\d*\]: ?)", re.MULTILINE)
_MAGIC = re.compile(r"^\s*[%!?].*$", re.MULTILINE)
HOLDERS: Final = {*CONTAINERS, "OrderedDict", *WRAPPERS} - {""}
"""What is built around layers and has no weights itself (weight_norm has: it is read as a layer)."""
NO_MODULES: Final = {
    "Exception",
    "ValueError",
    "TypeError",
    "RuntimeError",
    "NotImplementedError",
    "AssertionError",
    "Path",
}


class Built(NamedTuple):
    """The layers that lines build, and the names of what may have more weights."""

    layers: list[Layer]
    hidden: tuple[str, ...]


def looks_like_code(text: str) -> bool:
    """Whether a text holds lines of Python beside layers."""
    return bool(_CODE.search(_PROMPT.sub("", text)))


def code_layers(text: str, origin: str, *, weights_only: bool) -> Built:
    """Return the layers that code builds. Without `weights_only` a class or function is refused.

    Raises SpecError for text that is no Python, UnsupportedError where the order of the layers does not show.
    """
    plain = textwrap.dedent(_MAGIC.sub("", _PROMPT.sub("", text)))
    try:
        tree = ast.parse(plain)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        line = getattr(error, "lineno", None) or 1
        spot = _spot(plain, line, origin)
        raise SpecError(
            "this looks like Python, but cannot be read: paste the lines that build the layers", spot
        ) from None
    reader = _Reader(plain, origin, tree)
    if not weights_only and (reader.classes or reader.functions):
        raise UnsupportedError(
            "the lines of a class or function are not in the order of forward(): only params can read them; list the"
            " layers as they run, or name it: file.py:Net"
        )
    built = list(reader.statements(tree.body))
    if not weights_only and reader.hidden:
        raise UnsupportedError(f"{', '.join(reader.hidden)}: what it does to a shape does not show")
    if not built and not reader.hidden:
        raise SpecError(f"{origin} builds no layers")
    return Built(built, tuple(reader.hidden))


def _spot(text: str, line: int, origin: str) -> Spot:
    lines = text.split("\n")
    words = lines[min(line, len(lines)) - 1]
    return Spot(words, len(words) - len(words.lstrip()), max(len(words), 1), f"{origin}, line {line}")


class _Reader:
    """Walks statements; `hidden` are the classes whose weights do not show."""

    def __init__(self, text: str, origin: str, tree: ast.Module) -> None:
        self.text = text
        self.origin = origin
        self.classes = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
        self.functions = any(isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) for node in ast.walk(tree))
        self.made: dict[str, int] = {}
        self.hidden: list[str] = []

    def statements(self, body: Iterable[ast.stmt], *, once: bool = True) -> Iterator[Layer]:
        """Yield the layers of statements; `once` says that they run exactly once."""
        for statement in body:
            match statement:
                case ast.ClassDef(body=inner):
                    yield from self.statements(inner, once=once)
                case ast.FunctionDef(name=name, body=inner):
                    yield from self.statements(inner, once=once and name == "__init__")
                case ast.For() | ast.While() | ast.If() | ast.With() | ast.Try() | ast.AsyncFunctionDef():
                    always = isinstance(statement, ast.With)
                    inner = [node for node in ast.iter_child_nodes(statement) if isinstance(node, ast.stmt)]
                    yield from self.statements(inner, once=once and always)
                case ast.Import() | ast.ImportFrom():
                    pass
                case _:
                    for node in ast.iter_child_nodes(statement):
                        yield from self.expression(node, once=once)

    def expression(self, node: ast.AST, *, once: bool) -> Iterator[Layer]:
        """Yield the layers that an expression builds."""
        if isinstance(node, (ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp, ast.IfExp, ast.Lambda)):
            once = False
        if not isinstance(node, ast.Call):
            for child in ast.iter_child_nodes(node):
                yield from self.expression(child, once=once)
            return
        name = _last(node.func)
        known = torch_kind(name)
        if name == "weight_norm" or (known is not None and known[0].name in LEARNERS):
            yield from self._layer(node, name, once=once)
            return
        if known is None and name[:1].isupper() and name not in HOLDERS | WEIGHTLESS | NO_MODULES:
            self._class(name, node, once=once)
        if known is not None and once:
            yield from self._layer(node, name, once=once)
            return
        for child in (node.func, *node.args, *(keyword.value for keyword in node.keywords)):
            yield from self.expression(child, once=once)

    def _layer(self, node: ast.Call, name: str, *, once: bool) -> Iterator[Layer]:
        """A layer of torch's own, where the line says all of it and runs once."""
        spot = _spot(self.text, node.lineno, self.origin)
        known = torch_kind(name)
        try:
            if not once:
                raise SpecError("it may run any number of times")
            built = layers([Token(ast.get_source_segment(self.text, node) or "", spot)])
        except ConvcalcError:
            if known is None or known[0].name in LEARNERS:
                self._hide(name, node)
            return
        yield from (layer for layer in built if isinstance(layer, Layer))

    def _class(self, name: str, node: ast.Call, *, once: bool) -> None:
        """Another class: nothing more to say of one of this text that is built once."""
        self.made[name] = self.made.get(name, 0) + 1
        if name not in self.classes or not once or self.made[name] > 1:
            self._hide(name, node)

    def _hide(self, name: str, node: ast.Call) -> None:
        self.hidden.append(f"{name} (line {node.lineno})")


def _last(node: ast.expr) -> str:
    """The last part of a dotted name; nothing for anything else."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
