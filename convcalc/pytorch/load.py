"""`load`: a model of the command line as a subject: its code imported, built without weights, its forward traced."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from convcalc.builder import Builder
from convcalc.errors import ShapeError, SpecError, UnavailableError, UnsupportedError, nearest
from convcalc.ops import STORED
from convcalc.pytorch.building import build
from convcalc.pytorch.forward_errors import first_line, in_words, place
from convcalc.pytorch.graph_files import read_graph, read_safetensors
from convcalc.pytorch.tensor_values import TensorValues
from convcalc.pytorch.trace import ModelInput, trace
from convcalc.pytorch.zoos import entry
from convcalc.shapes import show
from convcalc.spec.model_words import ZOOS
from convcalc.subject import Block, Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

    from torch import nn

    from convcalc.graph import Graph
    from convcalc.spec.model_words import ModelWords
    from convcalc.subject import Tensor


def load(words: ModelWords, inputs: Sequence[Tensor], *, trains: bool = False, weights_only: bool = False) -> Subject:
    """Return a model as a graph.

    `weights_only` asks for no forward where no input is given. Raises SpecError for names and arguments that are not
    there, UnavailableError for packages that are missing, UnsupportedError where its code fails.
    """
    if not words.name:
        return _file_of_graph(words, inputs, weights_only=weights_only)
    factory, defaults = _factory(words)
    name = _title(words)
    built = build(factory, words.arguments, name)
    built.model.train(trains)
    given = tuple(inputs) or defaults(built.model)
    notes = [f"{', '.join(built.unloaded)}: no weights are loaded"] if built.unloaded else []
    if not given and weights_only:
        return Subject(parameters(built.model), Block((), ()), f"{name}, its parameters", "; ".join(notes))
    if not given:
        raise SpecError(f"the input's size is missing: give it with -i, such as -i 3x224x224 for {name}", words.spot)

    def again() -> nn.Module:
        return build(factory, words.arguments, name, on_cpu=True).model

    rebuild = again if built.on_meta else None
    subject = traced(built.model, given, name, rebuild=rebuild, default=not inputs, trains=trains)
    return subject._replace(hint="; ".join(filter(None, (subject.hint, *notes))))


def _file_of_graph(words: ModelWords, inputs: Sequence[Tensor], *, weights_only: bool) -> Subject:
    weights = words.where.lower().endswith(".safetensors") and weights_only
    read = read_safetensors(words.where) if weights else read_graph(words.where, inputs)
    return Subject(read.graph, Block(tuple(inputs), ()), read.reading, "; ".join(read.notes))


def traced(
    model: nn.Module,
    inputs: tuple[Tensor, ...],
    name: str,
    *,
    rebuild: Callable[[], nn.Module] | None = None,
    default: bool = False,
    trains: bool = False,
) -> Subject:
    """Return a model on inputs as a subject; what needs values while it is on the meta device is built again."""
    shapes = [model_input(tensor) for tensor in inputs]
    with redirect_stdout(sys.stderr):
        try:
            graph = trace(model, *shapes)
        except UnsupportedError:
            if rebuild is None:
                raise
            model = rebuild().train(trains)
            graph = trace(model, *shapes)
        except ShapeError as error:
            bare = [
                tensor for tensor, given in zip(inputs, shapes, strict=True) if len(given.shape) > len(tensor.sizes)
            ]
            hint = f"; {bare[0].text} was read as CxHxW, a shape of its own is {bare[0].text}:float32" if bare else ""
            raise ShapeError(f"{error}{hint}", inputs[0].spot) from None
    reading = f"{name}, input {' and '.join(map(_read, inputs, shapes))}{' (its own default)' if default else ''}"
    subject = Subject(graph, Block(inputs, ()), reading)

    def on(sizes: tuple[tuple[int, ...], ...]) -> Subject:
        other = tuple(tensor._replace(sizes=size) for tensor, size in zip(inputs, sizes, strict=True))
        return traced(model, other, name)

    return subject._replace(on=on, model=model)


def model_input(tensor: Tensor) -> ModelInput:
    """Return a tensor as a forward takes it: three bare sizes are one sample, CxHxW; all else is its own shape."""
    bare = len(tensor.sizes) == 3 and not tensor.name and not tensor.dtype
    sizes = (1, *tensor.sizes) if bare else tensor.sizes
    return ModelInput(sizes, getattr(torch, tensor.dtype or "float32"), tensor.name)


def _read(tensor: Tensor, given: ModelInput) -> str:
    called = f"{tensor.name}=" if tensor.name else ""
    dtype = f":{tensor.dtype}" if tensor.dtype else ""
    batch = "" if tuple(given.shape) == tuple(tensor.sizes) else " (batch 1 added)"
    return f"{called}{show(given.shape)}{dtype}{batch}"


def parameters(model: nn.Module) -> Graph:
    """Return the parameters of a model as a graph without a forward."""
    tensors = TensorValues(model)
    tensors.write_unused()
    if not tensors.b.nodes:
        return Builder().graph()
    return tensors.b.graph(tensors.b.nodes[-1].output)


def _title(words: ModelWords) -> str:
    return f"{words.where}:{words.name}"


def _factory(words: ModelWords) -> tuple[Any, Callable[[Any], tuple[Tensor, ...]]]:
    if words.where in ZOOS:
        network = entry(words.where, words.name)
        return network.factory, network.default_inputs
    with redirect_stdout(sys.stderr):
        module = _file(words) if words.is_code_file else _package(words)
    target: Any = module
    for part in words.name.split("."):
        if not hasattr(target, part):
            known = [key for key, value in vars(target).items() if callable(value) and not key.startswith("_")]
            raise SpecError(f"{words.where} has no {part!r}{nearest(part, known, several=True)}", words.spot)
        target = getattr(target, part)
    return target, lambda _: ()


def _file(words: ModelWords) -> ModuleType:
    path = Path(words.where)
    if not path.is_file():
        beside = [str(other) for other in path.parent.glob("*.py")] if path.parent.is_dir() else []
        raise SpecError(f"there is no file {words.where!r}{nearest(words.where, beside)}", words.spot)
    sys.path.insert(0, str(path.parent.absolute()))
    name = path.stem if path.stem not in {*sys.modules, *sys.stdlib_module_names} else f"model_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SpecError(f"{words.where} is not a Python file", words.spot)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader = spec.loader

    def run() -> ModuleType:
        try:
            loader.exec_module(module)
        except BaseException:
            del sys.modules[name]  # half of a module is none
            raise
        return module

    return _imported(run, words)


def _package(words: ModelWords) -> ModuleType:
    sys.path.insert(0, str(Path.cwd()))
    return _imported(lambda: importlib.import_module(words.where), words)


def _imported(run: Callable[[], ModuleType], words: ModelWords) -> ModuleType:
    """Run an import; whatever it raises is said in one line with its place."""
    try:
        with in_words(f"importing {words.where}"):
            return run()
    except UnsupportedError as error:
        cause = error.__cause__
        if isinstance(cause, ModuleNotFoundError) and cause.name in (words.where, words.where.partition(".")[0]):
            raise SpecError(
                f"there is no package or module {words.where!r} here (a file is written file.py:{words.name})",
                words.spot,
            ) from None
        if isinstance(cause, ImportError):
            where = place(cause.__traceback__)
            raise UnavailableError(f"{where or words.where}: {first_line(cause)}: install it first") from None
        if isinstance(cause, SyntaxError):
            raise SpecError(f"{cause.filename}:{cause.lineno}: {cause.msg}", words.spot) from None
        raise


def layer_text(subject: Subject, name: str | None) -> tuple[str, str]:
    """Return one layer of a model as torch prints it, and the sizes of what it reads.

    Raises SpecError for a name that is none of a layer without parts.
    """
    leaves = {path: module for path, module in subject.model.named_modules() if path and not list(module.children())}
    if not name:
        raise SpecError(f"explain takes one layer of a model: --layer NAME ({', '.join(list(leaves)[:4])})")
    if name not in leaves:
        near = nearest(name, leaves, several=True)
        inside = [path for path in leaves if path.startswith(f"{name}.")]
        if inside:
            near += f" (it is made of {', '.join(inside[:4])})"
        elif not near:
            near = f" ({', '.join(list(leaves)[:4])})"
        raise SpecError(f"there is no layer {name!r} without parts{near}")
    path = tuple(name.split("."))
    steps = [node for node in subject.graph.nodes if node.scope[: len(path)] == path]
    own = {node.output.index for node in steps}
    own |= {node.output.index for node in subject.graph.nodes if isinstance(node.op, STORED)}
    reads = [value for node in steps for value in node.inputs if value.index not in own]
    if not reads:
        raise SpecError(f"{name} is not called in this forward")
    return repr(leaves[name]), show(reads[0].shape)
