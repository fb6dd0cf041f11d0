"""`read_graph`: files of a graph, .pt2 and .onnx, and of weights, .safetensors, read without running code from them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from convcalc import ops
from convcalc.builder import Builder
from convcalc.errors import SpecError, UnsupportedError
from convcalc.limits import MAX_HEADER_BYTES
from convcalc.shapes import show
from convcalc.sizes import product

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.graph import Graph
    from convcalc.subject import Tensor

GRAPHS: Final = ("models/model.json", "serialized_exported_program.json")
"""How the files of an archive end that hold its graph; the latter in those of torch before 2.8."""
BUFFERS: Final = ("running_mean", "running_var", "num_batches_tracked")
"""How torch's norms call what they keep."""
NORMS: Final = ("norm", "bn", "ln")
"""How the names of norms' parameters usually go; a file says no more of them."""


class GraphFile(NamedTuple):
    """A graph read from a file, how its inputs were read, and what its reader should know."""

    graph: Graph
    reading: str
    notes: tuple[str, ...] = ()


def read_graph(file: str, inputs: Sequence[Tensor]) -> GraphFile:
    """Return the graph of a file by its suffix.

    Raises SpecError for one that is missing or is something else, UnsupportedError for what would run code.
    """
    path = Path(file)
    if not path.is_file():
        raise SpecError(f"there is no file {file!r}")
    match path.suffix.lower():
        case ".pt2":
            from convcalc.pytorch.exported import read_exported

            if inputs:
                raise SpecError(f"{file} was exported for its own input sizes: leave out -i")
            return read_exported(path, _exported_json(path))
        case ".onnx":
            from convcalc.pytorch.onnx_graph import read_onnx

            return read_onnx(path, inputs)
        case _:
            raise SpecError(f"{file} holds weights, not a network: convcalc params {file} reads them")


def _exported_json(path: Path) -> dict[str, Any]:
    """The graph of a torch.export archive; nothing else in it is opened: weights, samples and pickles stay closed."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [info for info in archive.infolist() if info.filename.endswith(GRAPHS)]
            if not names:
                raise UnsupportedError(f"{path} holds no graph in JSON: it was not written by torch.export.save")
            if names[0].file_size > MAX_HEADER_BYTES:
                raise SpecError(f"the graph in {path} is over {MAX_HEADER_BYTES // 2**20} MiB")
            document = json.loads(archive.read(names[0]))
    except (zipfile.BadZipFile, ValueError, OSError, RecursionError) as error:
        raise SpecError(f"{path} is not an archive of torch.export: {error}") from None
    if not isinstance(document, dict) or "graph_module" not in document:
        raise SpecError(f"{path} is not an archive of torch.export: its JSON holds no graph")
    return document


def read_safetensors(file: str) -> GraphFile:
    """Return the tensors of a file as parameters: its header alone is read.

    Source: the format's own description, huggingface.co/docs/safetensors. Raises SpecError for another file.
    """
    path = Path(file)
    if not path.is_file():
        raise SpecError(f"there is no file {file!r}")
    try:
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if not 2 <= length <= MAX_HEADER_BYTES:
                raise SpecError(f"{file} is not a safetensors file: its header would be {length:,} bytes long")
            header = json.loads(stream.read(length))
    except (ValueError, OSError, RecursionError) as error:
        raise SpecError(f"{file} is not a safetensors file: {error}") from None
    b = Builder()
    try:
        tensors = {name: tuple(map(int, about["shape"])) for name, about in header.items() if name != "__metadata__"}
    except (TypeError, KeyError, ValueError, AttributeError):
        raise SpecError(f"{file} is not a safetensors file: its header names no shapes") from None
    for name, shape in tensors.items():
        *path_of, last = name.split(".")
        with b.inside(tuple(path_of) or ("tensors",)):
            b.write(ops.Constant(shape, last) if last in BUFFERS else parameter_of(last, shape, path_of))
    outputs = [b.nodes[-1].output] if b.nodes else []
    total = sum(int(product(shape)) for shape in tensors.values())
    note = "a file of weights does not say which of them are learned: running statistics are left out by their names"
    return GraphFile(b.graph(*outputs), f"{file}, its {len(tensors):,} tensors ({total:,} numbers)", (note,))


def parameter_of(name: str, shape: tuple[int, ...], path: Sequence[str]) -> ops.Parameter:
    """Return a learned tensor with the role its name tells."""
    norm = any(part in place.lower() for place in path[-1:] for part in NORMS)
    role: ops.Role = "norm" if norm and len(shape) == 1 else "bias" if "bias" in name else "weight"
    return ops.Parameter(shape=shape, name=name, role=role)


def listed(shapes: Sequence[tuple[int, ...]]) -> str:
    """Return input shapes as the first line says them."""
    return " and ".join(map(show, shapes))
