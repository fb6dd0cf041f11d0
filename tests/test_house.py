"""The house itself: floors and rooms, file length, packages, start-up imports, commands that only ask."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "convcalc"
FLOORS = {
    "errors": 0, "sizes": 0, "units": 0, "limits": 0, "documents": 0, "digits": 0, "printable": 0, "files": 0,
    "collection": 0,
    "window": 1, "functions": 1,
    "equations": 2, "ops": 2, "shapes": 2, "graph": 2,
    "padding": 3, "arguments": 3, "builder": 3, "registry": 3, "patterns": 3, "folding": 3, "subject": 3, "writer": 3,
    "arranger": 3, "literature": 3,
    "kinds": 4, "spec": 5, "analyses": 5, "profiling": 6, "pytorch": 6, "render": 7, "sweeps": 7,
    "cli": 8, "report": 9, "api": 9,
}  # fmt: skip
SAME_FLOOR = {
    ("documents", "sizes"), ("documents", "errors"), ("digits", "limits"), ("digits", "errors"),
    ("printable", "limits"),
    ("sizes", "errors"), ("units", "sizes"),
    ("graph", "ops"), ("shapes", "ops"), ("shapes", "equations"),
    ("builder", "arranger"), ("builder", "padding"), ("arranger", "patterns"), ("arranger", "writer"),
    ("writer", "folding"),
    ("registry", "arguments"), ("registry", "builder"), ("subject", "registry"),
    ("profiling.child", "pytorch"), ("api", "report"),
}  # fmt: skip
"""Rooms of one floor that may import one another, and in which direction."""
ORDER = {
    "analyses": (
        ("boxes", "pass_through", "transposed"),
        ("counts",),
        ("steps",),
        ("field",),
        ("hdc",),
        ("inverse",),
        ("*",),
    ),
    "pytorch": (("readers",), ("*",)),
    "profiling": (("*",), ("child",)),
    "profiling.child": (("*",), ("backends",), ("peaks", "timing"), ("rows",), ("worker",)),
    "cli": (("*",), ("views",), ("commands",), ("app",)),
}
"""Rooms within a room, lowest first; `*` are those that are not named."""
STARTED = {("convcalc.profiling.session", "convcalc.profiling.child.worker")}
"""Which file starts which by name: an arrow that no import shows."""
HEAVY = ("torch", "numpy", "sympy", "fvcore", "pydantic")
FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in FILES}


def imports(source: str) -> set[str]:
    """The modules of convcalc that a text imports, each to the file where one is named."""
    modules = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            modules |= (inner & set(MODULES)) | ({node.module} if inner - set(MODULES) else set())
    return {name for name in modules if name.split(".")[0] == "convcalc"}


def level(room: str, member: str) -> int:
    """How high a member stands within its room; all alike where the room has no order."""
    order = ORDER.get(room, (("*",),))
    levels = {name: number for number, names in enumerate(order) for name in names}
    return levels.get(member, levels["*"])


def refusal(here: str, there: str) -> str:
    """Why one module may not import another; nothing where it may."""
    ours, theirs = here.split(".")[1:], there.split(".")[1:]
    if here in ("convcalc", "convcalc.__main__") or not theirs:
        return ""
    if FLOORS[theirs[0]] > FLOORS[ours[0]]:
        return "a floor above"
    if ours[0] != theirs[0]:
        if {ours[0], theirs[0]} == {"kinds", "analyses"}:
            return "readers do not know recipes"
        rooms = {(".".join(ours[:depth]), theirs[0]) for depth in (1, 2)}
        return "a room beside it" if FLOORS[ours[0]] == FLOORS[theirs[0]] and not rooms & SAME_FLOOR else ""
    depth = next((n for n, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]), 0)
    room = ".".join(ours[:depth])
    return "a room further up" if depth and level(room, theirs[depth]) > level(room, ours[depth]) else ""


@pytest.mark.parametrize("here", MODULES)
def test_imports_only_go_down(here: str) -> None:
    for there in imports(MODULES[here].read_text(encoding="utf-8")):
        assert not refusal(here, there), f"{here} imports {there}: {refusal(here, there)}"


@pytest.mark.parametrize(
    ("here", "source", "why"),
    [
        ("window", "from convcalc.builder import Builder", "a floor above"),
        ("spec.assemble", "import convcalc.cli.options", "a floor above"),
        ("profiling.run", "def f():\n    from convcalc.cli import exits", "a floor above"),
        ("analyses.inverse", "from convcalc.kinds import find", "readers do not know recipes"),
        ("analyses.inverse", "from convcalc.spec import lexer", "a room beside it"),
        ("ops", "from convcalc.graph import Graph", "a room beside it"),
        ("profiling.run", "from convcalc.pytorch.module import to_module", "a room beside it"),
        ("analyses.counts.macs", "from convcalc.analyses.field.reach import reach", "a room further up"),
        ("analyses.field.ways", "from convcalc.analyses import inverse", "a room further up"),
        ("pytorch.readers.layers", "from convcalc.pytorch.trace import trace", "a room further up"),
        ("profiling.session", "from convcalc.profiling.child import worker", "a room further up"),
        ("profiling.child.kernels", "from convcalc.profiling.child.backends import cpu", "a room further up"),
        ("cli.views.hdc", "from convcalc.cli.commands import shape", "a room further up"),
    ],
)
def test_a_forbidden_arrow_of_each_kind_is_refused(here: str, source: str, why: str) -> None:
    (there,) = imports(source)
    assert f"convcalc.{here}" in MODULES and refusal(f"convcalc.{here}", there) == why


def test_the_tables_of_rooms_name_rooms_that_are_there() -> None:
    named = {f"{room}.{name}" for room, order in ORDER.items() for names in order for name in names if name != "*"}
    sides = {side for pair in SAME_FLOOR for side in pair}
    assert {f"convcalc.{name}" for name in named | sides | set(FLOORS) | set(ORDER)} <= set(MODULES)
    used = {(here, there) for here in MODULES for there in imports(MODULES[here].read_text(encoding="utf-8"))}
    for ours, theirs in SAME_FLOOR:
        assert any(
            here.startswith(f"convcalc.{ours}") and there.startswith(f"convcalc.{theirs}") for here, there in used
        ), f"{ours} imports {theirs} no longer"


def module_names(source: str) -> set[str]:
    """The files of convcalc that a text names in a string."""
    constants = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    return {
        text for text in constants if isinstance(text, str) and MODULES.get(text, PACKAGE).name != "__init__.py"
    } & set(MODULES)


def test_files_started_by_name_are_known() -> None:
    started = {
        (here, name) for here, path in MODULES.items() for name in module_names(path.read_text(encoding="utf-8"))
    }
    assert started == STARTED
    assert module_names('CHILD = "convcalc.profiling.child.worker"') == {"convcalc.profiling.child.worker"}


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("*.py")), ids=lambda path: path.stem)
def test_tests_of_lower_floors_come_in_by_the_front_door(path: Path) -> None:
    used = {name for name in imports(path.read_text(encoding="utf-8")) if name.startswith("convcalc.cli")}
    inside = path.relative_to(ROOT / "tests").parts[0]
    assert used <= {"convcalc.cli.app"} or inside in ("cli", "test_docs.py", "conftest.py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_are_small_rooms(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= 300


WITHOUT_A_NAME = ("convcalc.kinds", "convcalc.cli.commands", "convcalc.pytorch.readers", "convcalc.analyses.lint")
"""Rooms whose files hold many things of one sort, which their docstrings describe."""


@pytest.mark.parametrize("here", [name for name in MODULES if not name.startswith(WITHOUT_A_NAME)])
def test_a_files_docstring_names_what_a_reader_imports(here: str) -> None:
    tree = ast.parse(MODULES[here].read_text(encoding="utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    bound = [node for node in tree.body if isinstance(node, (ast.Assign, ast.AnnAssign))]
    values = {name.id for node in bound for name in ast.walk(node) if isinstance(name, ast.Name)}
    if functions and here not in ("convcalc", "convcalc.api"):
        assert (functions | values) & set(re.findall(r"`(\w+)", ast.get_docstring(tree) or ""))


def test_every_folder_is_a_package_that_is_installed() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    folders = {str(path.parent.relative_to(ROOT)).replace("/", ".") for path in PACKAGE.rglob("__init__.py")}
    assert set(told) == folders | {"convcalc.examples"}


def test_the_top_level_is_what_was_agreed() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    top = {name.split("/")[0] for name in tracked}
    assert {name for name in top if not name.startswith(".")} <= {
        "pyproject.toml",
        "README.md",
        "convcalc",
        "tests",
        "examples",
    }


def modules_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    return set(done.stdout.splitlines()[-1].split())


RUN = "from convcalc.cli.app import run\nassert run({argv!r}) == 0"
LIGHT = [
    ["shape", "-i", "3x224x224", "conv2d", "out_channels=64", "k=7"],
    ["params", "Conv3d(3, 10, (6, 5, 4))"],
    ["macs", "-i", "3x8x8", "depthwise_separable", "c=4"],
    ["summary", "@resnet_stem"],
    ["rf", "@unet"],
    ["hdc-check", "1,2,5"],
    ["hdc-check", "@hdc_block"],
    ["kinds"],
    ["--help"],
]


@pytest.mark.parametrize("argv", LIGHT, ids=lambda argv: " ".join(argv)[:30])
def test_commands_that_need_no_torch_import_none(argv: list[str]) -> None:
    loaded = modules_after(RUN.format(argv=argv))
    assert not [name for name in HEAVY if name in loaded]


def test_the_test_above_can_fail() -> None:
    assert "torch" in modules_after("import convcalc.pytorch.module")
    assert "numpy" in modules_after("import numpy")


def test_help_imports_no_command() -> None:
    loaded = modules_after(RUN.format(argv=["--help"]))
    assert "convcalc.cli.commands.shape" not in loaded and "convcalc.kinds" not in loaded and "rich" not in loaded


def test_formulas_are_the_only_use_of_sympy() -> None:
    loaded = modules_after(RUN.format(argv=["summary", "-i", "64x8x8", "involution"]))
    assert not [name for name in HEAVY if name in loaded]
    assert "sympy" in modules_after(RUN.format(argv=["explain", "se"]))


ARITHMETIC = (ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.Sub)


def is_plain(node: ast.expr) -> bool:
    """Whether a term is a number of ours, how many rows there are, or a list: nothing of a layer."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id == "len"
    return isinstance(node, (ast.Constant, ast.List)) or (isinstance(node, ast.Name) and node.id.isupper())


def computations(source: str) -> list[str]:
    """Where a text computes on sizes or walks a graph."""
    places = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, ARITHMETIC):
            terms = [node.left, node.right] if isinstance(node, ast.BinOp) else [node.target, node.value]
            if not any(is_plain(term) for term in terms):
                places.append(ast.unparse(node))
        walk = isinstance(node, ast.Attribute) and node.attr in ("nodes", "op", "scopes")
        if walk or (
            isinstance(node, ast.Call) and ast.unparse(node.func) in ("prod", "math.prod", "total", "ceil_div")
        ):
            places.append(ast.unparse(node))
    return places


@pytest.mark.parametrize("path", sorted((PACKAGE / "cli" / "commands").glob("*.py")), ids=lambda path: path.stem)
def test_commands_ask_and_do_not_compute(path: Path) -> None:
    assert computations(path.read_text(encoding="utf-8")) == []


def test_a_command_that_computes_is_seen() -> None:
    assert computations("x = height * width") and computations("n -= row.macs") and computations("total(sizes)")
    assert computations("for node in subject.graph.nodes: pass") and not computations("cut = MAX // 3 + len(rows)")


def test_the_command_line_is_the_smaller_part() -> None:
    def lines(folder: Path) -> int:
        return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in folder.rglob("*.py"))

    assert lines(PACKAGE / "cli") < lines(PACKAGE) / 6


def test_no_answer_is_remembered_for_the_next_question() -> None:
    """An answer is computed once where it is asked; caches hold what no question changes (a kind, a version)."""
    caches = {
        here
        for here in MODULES
        if here.startswith(("convcalc.analyses", "convcalc.cli"))
        and "lru_cache" in MODULES[here].read_text(encoding="utf-8")
    }
    assert caches == {"convcalc.analyses.symbolic.tidy"}  # inside one derivation
