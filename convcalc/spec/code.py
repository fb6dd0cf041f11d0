"""`code_layers`: the layers that a pasted class body or notebook cell builds. Parsed, never run.

What a line does not say (an argument's value, another class, a function's result, how often a loop runs) makes the
weights "at least"; where they could be fewer than the lines say, the text is refused.
"""

from __future__ import annotations

import ast
import re
import textwrap
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from convcalc.errors import ConvcalcError, SpecError, Spot, UnsupportedError
from convcalc.spec.calls import HANDS_ON
from convcalc.spec.layers import WRAPPERS, layers
from convcalc.spec.lexer import Token
from convcalc.spec.printed import is_learner, stands_alone, torch_kind
from convcalc.spec.weightless import WEIGHTLESS
from convcalc.subject import Layer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Runs: TypeAlias = Literal["once", "perhaps", "often"]
_CODE = re.compile(
    r"^\s*(?:import \w|from [\w.]+ import |class \w+.*:|def \w+\s*\(|return\b|@\w+|print\(|super\(|\w[\w.]* = \w+$)",
    re.MULTILINE,
)
_PROMPT = re.compile(r"^(?:>>> ?|\.\.\. ?|In ?\[\d*\]: ?| +\.\.\.+: ?|```\w*)", re.MULTILINE)
_MAGIC = re.compile(r"^\s*[%!?].*$", re.MULTILINE)
HOLDERS: Final = {"Sequential", "ModuleList", "ModuleDict", "OrderedDict", *WRAPPERS}
"""What is built around layers and has no weights itself (weight_norm has: it is read as a layer)."""
ADDS: Final = {"append", "extend", "insert", "add_module", "register_module", "setattr", "update"}
"""Methods and functions that put a module somewhere."""
HARMLESS: Final = {
    "print", "len", "range", "int", "float", "str", "bool", "list", "tuple", "dict", "set", "zip", "enumerate", "max",
    "min", "sum", "abs", "sorted", "reversed", "super", "isinstance", "hasattr", "type", "round", "reduce", "deque",
    "modules", "named_modules", "children", "named_children", "parameters", "named_parameters", "state_dict", "items",
    "keys", "values", "size", "format", "join", "split",
}  # fmt: skip
ROOTS: Final = {"torch", "F", "np", "numpy", "math", "os", "sys", "time", "random", "optim", "transforms", "datasets"}
"""Modules whose functions build no layers (but for those below)."""
BUILDING: Final = ("torch.hub", "torch.load", "torch.jit", "torch.compile", "torch.export")
NO_MODULES: Final = re.compile(
    r".*(Error|Exception|Warning|Loss|LR|Optimizer|Dataset|Loader|DataLoader|Writer|Path|Tensor|Size|Generator)$"
    r"|SGD|Adam\w*|RMSprop|Compose|ToTensor|Normalize|Resize|FloatTensor|LongTensor"
)


class Built(NamedTuple):
    """The layers that lines build, the names of what may have more weights, and what its reader is told."""

    layers: list[Layer]
    hidden: tuple[str, ...]
    notes: tuple[str, ...] = ()


def looks_like_code(text: str) -> bool:
    """Whether a text holds lines of Python beside layers."""
    return bool(_CODE.search(text) if not _PROMPT.search(text) else True)


def code_layers(text: str, origin: str, *, weights_only: bool) -> Built:
    """Return the layers that code builds; without `weights_only` those of one Sequential, or of one layer.

    Raises SpecError for text that is no Python and for lines whose weights may be fewer than they say, and
    UnsupportedError where the order of the layers does not show.
    """
    plain = textwrap.dedent(_MAGIC.sub("", _PROMPT.sub("", text)))
    try:
        tree = ast.parse(plain)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        spot = _spot(plain, getattr(error, "lineno", None) or 1, origin)
        message = "this looks like Python, but cannot be read: paste the lines that build the layers"
        raise SpecError(message, spot) from None
    reader = _Reader(plain, origin, tree)
    if not weights_only:
        return Built(_single(tree, reader), ())
    built = list(reader.statements(tree.body, "once"))
    if not built and not reader.hidden:
        raise SpecError(f"{origin} builds no layers")
    classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    notes = (f"the layers of {len(classes)} classes together: {', '.join(classes)}",) if len(classes) > 1 else ()
    return Built(built, tuple(dict.fromkeys(reader.hidden)), notes)


def _single(tree: ast.Module, reader: _Reader) -> list[Layer]:
    """The layers of the one statement that builds them, where nothing else does anything to them."""
    values: list[ast.Call | None] = []
    built: set[str] = set()
    for statement in tree.body:
        match statement:
            case ast.Assign(value=ast.Call() as value) | ast.AnnAssign(value=ast.Call() as value):
                parts = list(ast.walk(statement))
                if reader.is_harmless(value):
                    used = built & {ast.unparse(part) for part in parts if isinstance(part, (ast.Name, ast.Attribute))}
                    values += [None] if used else []
                else:
                    values.append(value)
                    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                    built |= {ast.unparse(target) for target in targets}
            case ast.Expr(value=ast.Call() as value) if _last(value.func) in ("print", "summary", "display"):
                pass
            case ast.Import() | ast.ImportFrom() | ast.Assign(value=ast.Constant()):
                pass
            case ast.Expr(value=ast.Name() | ast.Constant()):
                pass
            case _:
                values.append(None)
    if len(values) != 1 or values[0] is None:
        raise UnsupportedError(
            "the lines of a class or a cell are not in the order of forward(): only params can read them; list the"
            " layers as they run, or name it: file.py:Net"
        )
    spot = _spot(reader.text, values[0].lineno, reader.origin)
    items = layers([Token(ast.get_source_segment(reader.text, values[0]) or "", spot)])
    return [layer for layer in items if isinstance(layer, Layer)]


def _spot(text: str, line: int, origin: str) -> Spot:
    lines = text.split("\n")
    return Spot.of_line(lines[min(line, len(lines)) - 1], line, origin)


class _Reader:
    """Walks statements; `hidden` are what may have more weights than its lines say."""

    def __init__(self, text: str, origin: str, tree: ast.Module) -> None:
        self.text = text
        self.origin = origin
        self.classes = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
        targets = (node for node in ast.walk(tree) if isinstance(node, (ast.Name, ast.arg)))
        self.names = {getattr(node, "id", getattr(node, "arg", "")) for node in targets if _is_target(node)}
        self.instances: dict[str, int] = {}
        self.assigned: dict[tuple[int, str], int] = {}
        self.hidden: list[str] = []

    def statements(self, body: Iterable[ast.AST], runs: Runs, scope: int = 0) -> Iterator[Layer]:
        """Yield the layers of statements; `runs` says how often they run, `scope` is the block they stand in."""
        for node in body:
            match node:
                case ast.ClassDef(body=inner, bases=bases):
                    for base in bases:
                        if _last(base) not in {"Module", "object", "ABC", "Sequential", *self.classes}:
                            self._hide(_last(base) or "a base class", node)
                    yield from self.statements(inner, runs, node.lineno)
                case ast.FunctionDef(name=name, body=inner) | ast.AsyncFunctionDef(name=name, body=inner):
                    for default in (*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)):
                        yield from self.expression(default, "perhaps", used=True)
                    if name != "forward":
                        within = runs if name == "__init__" else "perhaps"
                        yield from self.statements(inner, within, node.lineno)
                case ast.For() | ast.While() | ast.AsyncFor():
                    yield from self.expression(
                        node.iter if not isinstance(node, ast.While) else node.test, runs, used=True
                    )
                    yield from self.statements((*node.body, *node.orelse), "often", node.lineno)
                case ast.With(body=inner):
                    yield from self.statements(inner, runs, node.lineno)
                case ast.If() | ast.Try() | ast.Match() | ast.ExceptHandler() | ast.match_case():
                    below: Runs = "perhaps" if runs == "once" else runs
                    for child in ast.iter_child_nodes(node):
                        if isinstance(child, (ast.stmt, ast.ExceptHandler, ast.match_case)):
                            yield from self.statements([child], below, scope)
                        elif isinstance(child, ast.expr):
                            yield from self.expression(child, runs, used=True)
                case ast.Import() | ast.ImportFrom():
                    pass
                case ast.Assign() as assignment:
                    self._check_assignment(assignment, runs, scope)
                    yield from self.expression(assignment.value, runs, used=True)
                case ast.AnnAssign(value=value) if value is not None:
                    yield from self.expression(value, runs, used=True)
                case ast.Expr(value=value):
                    yield from self.expression(value, runs, used=False)
                case _:
                    for child in ast.iter_child_nodes(node):
                        yield from self.expression(child, runs, used=True)

    def _check_assignment(self, assignment: ast.Assign, runs: Runs, scope: int) -> None:
        """Raise SpecError where a layer is replaced, or shares its weights with another."""
        line, value = assignment.lineno, assignment.value
        spot = _spot(self.text, line, self.origin)
        for target in assignment.targets:
            if isinstance(target, ast.Attribute) and target.attr in ("weight", "bias") and _last(value) == target.attr:
                raise SpecError("this line lets two layers share weights: list the layers, the second with same=", spot)
            name = ast.unparse(target)
            builds = any(isinstance(part, ast.Call) and is_learner(_last(part.func)) for part in ast.walk(value))
            used_before = name in {
                ast.unparse(part) for part in ast.walk(value) if isinstance(part, (ast.Name, ast.Attribute))
            }
            if builds and not used_before and runs == "once":
                if (scope, name) in self.assigned:
                    first = self.assigned[scope, name]
                    raise SpecError(
                        f"{name} is built here and on line {first}: leave out the one that is replaced", spot
                    )
                self.assigned[scope, name] = line

    def expression(self, node: ast.AST, runs: Runs, *, used: bool) -> Iterator[Layer]:
        """Yield the layers that an expression builds; `used` says that its value is kept somewhere."""
        if isinstance(node, (ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp)):
            runs = "often"
        elif isinstance(node, (ast.IfExp, ast.Lambda, ast.BoolOp)):
            runs = "perhaps" if runs == "once" else runs
        if isinstance(node, (ast.Name, ast.Attribute)):
            if isinstance(node.ctx, ast.Load) and is_learner(_last(node)):  # handed on, to be built elsewhere
                self._hide(_last(node), node)
            return
        if not isinstance(node, ast.Call):
            for child in ast.iter_child_nodes(node):
                yield from self.expression(child, runs, used=used)
            return
        name = _last(node.func)
        if name == "isinstance":
            return
        if name == "weight_norm" or is_learner(name) or (torch_kind(name) is not None and runs == "once"):
            yield from self._layer(node, name, runs)
            return
        inner = node.func.value if isinstance(node.func, ast.Attribute) else None
        if name in HANDS_ON and isinstance(inner, ast.Call):
            yield from self.expression(inner, runs, used=used)
            return
        keeps = name in HOLDERS | ADDS or (used and not self.is_harmless(node))
        self._unknown(node, name, runs, used=used)
        for child in (*([inner] if isinstance(inner, ast.Call) else []), *node.args, *(k.value for k in node.keywords)):
            yield from self.expression(child, runs, used=keeps)

    def is_harmless(self, node: ast.Call) -> bool:
        """Whether a call builds nothing that has weights."""
        dotted, name = _dotted(node.func), _last(node.func)
        root = dotted.partition(".")[0]
        if dotted.startswith(BUILDING) or name == "from_pretrained":
            return False
        if NO_MODULES.fullmatch(name) or name in HARMLESS or root in ROOTS or ".init." in dotted:
            return not (root == "torch" and name[:1].isupper() and not NO_MODULES.fullmatch(name))
        return root in self.names and root not in ("self", "cls")

    def _unknown(self, node: ast.Call, name: str, runs: Runs, *, used: bool) -> None:
        """Note a call that may build something with weights."""
        if name in self.classes:
            self.instances[name] = self.instances.get(name, 0) + 1
            if runs == "often" or self.instances[name] > 1:
                self._hide(name, node)
        elif name[:1].isupper():
            if name in ("ParameterList", "ParameterDict") or (
                name not in HOLDERS | WEIGHTLESS and torch_kind(name) is None and not NO_MODULES.fullmatch(name)
            ):
                self._hide(name, node)
        elif used and name not in HOLDERS | ADDS and not self.is_harmless(node):
            self._hide(_dotted(node.func) or "a call", node)

    def _layer(self, node: ast.Call, name: str, runs: Runs) -> Iterator[Layer]:
        """A layer of torch's own, where the line says all of it and runs once."""
        spot = _spot(self.text, node.lineno, self.origin)
        try:
            if runs != "once":
                raise SpecError("it may run any number of times")
            built = layers([Token(ast.get_source_segment(self.text, node) or "", spot)])
        except ConvcalcError:
            built = []
        good = [layer for layer in built if isinstance(layer, Layer) and stands_alone(layer)]
        if (not good or len(good) < len(built)) and (torch_kind(name) is None or is_learner(name)):
            self._hide(name, node)
            return
        yield from good

    def _hide(self, name: str, node: ast.stmt | ast.expr) -> None:
        self.hidden.append(f"{name} (line {node.lineno})")


def _is_target(node: ast.AST) -> bool:
    return isinstance(node, ast.arg) or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))


def _last(node: ast.expr) -> str:
    """The last part of a dotted name; nothing for anything else."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _dotted(node: ast.expr) -> str:
    """A dotted name, as far as it is one."""
    if isinstance(node, ast.Attribute):
        head = _dotted(node.value)
        return f"{head}.{node.attr}" if head else node.attr
    return node.id if isinstance(node, ast.Name) else ""
