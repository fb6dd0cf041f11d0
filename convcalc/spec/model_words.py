"""`model_words`: a model on the command line: `package.module:name`, `file.py:Net width=8`, `timm:resnet18`, a file.

Only the command line may name code: files and standard input come from strangers. Nothing is imported here.
"""

from __future__ import annotations

import ast
import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from convcalc.errors import SpecError, Spot, UnsupportedError
from convcalc.limits import MAX_FILE_BYTES, MAX_WORD_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec

ZOOS: Final = ("torchvision", "timm", "transformers", "pytorchcv")
"""Packages whose networks have names of their own."""
GRAPHS: Final = (".onnx", ".pt2", ".safetensors")
"""Files that are read without running code from them."""
PICKLES: Final = (".pt", ".pth", ".ckpt", ".bin", ".pkl", ".pickle")
_MODEL = re.compile(r"(?P<where>[^=@()\s:]+):(?P<name>[A-Za-z_][\w.\-/]*)")
_TORCHVISION = re.compile(
    r"alexnet|googlenet|inception_v3|(wide_)?resnet\d+(_2)?|resnext\d+_\w+|vgg\d+(_bn)?|densenet\d+|squeezenet1_\d"
    r"|mobilenet_v[23]\w*|shufflenet_v2_\w+|efficientnet_(b\d|v2_\w)|mnasnet\d_\d+|regnet_\w+|convnext_\w+|swin_\w+"
    r"|vit_[bhl]_\d+|maxvit_t"
)
"""Networks that are known by these names, where the package that has them is not installed."""
_KEY = re.compile(r"[A-Za-z_]\w*")
_WORDS = {"true": True, "false": False, "none": None}


class ModelWords(NamedTuple):
    """A model as written: where its code lies, or which file it is (`name` is then empty), and its arguments."""

    where: str
    name: str
    arguments: dict[str, Any]
    text: str
    spot: Spot

    @property
    def is_code_file(self) -> bool:
        """Whether its code is a file, not a package."""
        return self.where.endswith(".py")


def model_words(words: Sequence[str]) -> ModelWords | None:
    """Read the words of a model; None where they name layers.

    Raises SpecError for arguments that are no `key=value`, UnsupportedError for files whose reading would run code.
    """
    line = " ".join(words)
    inner = line.split() if len(words) == 1 else list(words)
    if not inner:
        return None
    first, *rest = inner
    spot = Spot(line, 0, len(first))
    suffix = Path(first).suffix.lower()
    if suffix in PICKLES and "=" not in first:
        raise UnsupportedError(
            f"{first} is a pickle, and reading one runs the code in it: name the model itself, such as file.py:Net, or"
            " export it (torch.export.save to .pt2, or .onnx)"
        )
    match = _MODEL.fullmatch(first)
    if match is None and not (suffix in GRAPHS and "=" not in first and not first.startswith("@")):
        return None
    where, name = (match["where"], match["name"]) if match else (first, "")
    if not name and rest:
        raise SpecError(f"{first} is a file: it takes no arguments", Spot(line, len(first) + 1, len(line)))
    arguments: dict[str, Any] = {}
    at = len(first) + 1
    for word in rest:
        arguments.update([_argument(word, first, Spot(line, at, at + len(word)))])
        at += len(word) + 1
    return ModelWords(where, name, arguments, line, spot)


def _argument(word: str, model: str, spot: Spot) -> tuple[str, Any]:
    key, equals, text = word.partition("=")
    if not equals or not _KEY.fullmatch(key):
        raise SpecError(f"after {model} come its arguments, such as num_classes=10, not {word!r}", spot)
    if len(text) > MAX_WORD_CHARACTERS:
        raise SpecError(f"{key}= has {len(text):,} characters", spot)
    if text.lower() in _WORDS:
        return key, _WORDS[text.lower()]
    try:
        return key, ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return key, text


def model_hint(word: str) -> str:
    """Return `; ...` with the form of a model that a word may have meant, or nothing."""
    name = word.removesuffix("()").strip()
    if name.endswith(".py"):
        return _of_file(Path(name))
    if name.startswith("torchvision.models."):
        name = name.rpartition(".")[2]
    if re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", name):
        package, _, last = name.rpartition(".")
        if _installed(package.partition(".")[0]):
            return f"; a model is a word with a colon: {package}:{last}"
        return ""
    zoos = [zoo for zoo in ("torchvision", "timm") if _defines(zoo, name)] if re.fullmatch(r"\w{3,}", name) else []
    if not zoos and _TORCHVISION.fullmatch(name):
        return f"; the network is torchvision:{name} (pip install torchvision)"
    return f"; the network is {' or '.join(f'{zoo}:{name}' for zoo in zoos)}" if zoos else ""


def _of_file(path: Path) -> str:
    """Name what a file of code defines."""
    try:
        tree = ast.parse(path.read_bytes()[:MAX_FILE_BYTES])
    except (OSError, SyntaxError, ValueError, MemoryError, RecursionError):
        return f"; a model is a word with a colon, {path}:Net" if path.exists() else f"; there is no file {str(path)!r}"
    classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef) and node.bases]
    others = [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]
    known = (classes[::-1] + others)[:4]
    if not known:
        return f"; {path} defines no model"
    return f"; name what is in it: {', '.join(f'{path}:{name}' for name in known)}"


def _installed(package: str) -> ModuleSpec | None:
    """Where a package lies, without importing it; None where it is not there."""
    try:
        return find_spec(package)
    except (ImportError, ValueError):
        return None


def _defines(zoo: str, name: str) -> bool:
    """Whether an installed package defines a network of this name; its text is searched, nothing is imported."""
    spec = _installed(zoo)
    if spec is None or spec.origin is None:
        return False
    definition = f"\ndef {name}(".encode()
    folder = Path(spec.origin).parent / "models"
    return any(definition in file.read_bytes() for file in folder.rglob("*.py"))
