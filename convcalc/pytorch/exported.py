"""`read_exported`: a torch.export archive's graph as steps, by the readers of a traced model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from convcalc import ops
from convcalc.builder import Builder
from convcalc.errors import SpecError, UnsupportedError
from convcalc.pytorch.aten import as_function, multiplies
from convcalc.pytorch.calls import reader_of
from convcalc.pytorch.graph_files import GraphFile, listed, parameter_of
from convcalc.pytorch.readers.registry import values_of

if TYPE_CHECKING:
    from pathlib import Path

    from convcalc.graph import Graph, Value
    from convcalc.sizes import Shape


def read_exported(path: Path, document: dict[str, Any]) -> GraphFile:
    """Return the graph of an archive's JSON. Raises SpecError where it is of another form or has open sizes."""
    try:
        reading = _Exported(document["graph_module"])
        graph = reading.read()
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise SpecError(f"{path} is of a form that is not known here: {type(error).__name__} {error}") from None
    shapes = [value.shape for value in graph.inputs]
    return GraphFile(graph, f"{path}, input {listed(shapes)} (its own)")


class _Exported:
    """Writes the nodes of an exported graph one by one."""

    def __init__(self, module: dict[str, Any]) -> None:
        self.graph, self.signature = module["graph"], module["signature"]
        self.b = Builder()
        self.values: dict[str, Value] = {}
        self.stored: dict[str, dict[str, Any]] = {}

    def read(self) -> Graph:
        """Write inputs, parameters and every node, and return the graph."""
        for spec in self.signature["input_specs"]:
            self._input(spec)
        for node in self.graph["nodes"]:
            self._node(node)
        for name in list(self.stored):
            self._value(name)
        outputs = [self._value(part["as_tensor"]["name"]) for part in self._results() if "as_tensor" in part]
        return self.b.graph(*outputs)

    def _results(self) -> list[dict[str, Any]]:
        """The user's outputs: not what the forward writes back into buffers."""
        specs = self.signature.get("output_specs", [])
        chosen = [spec["user_output"]["arg"] for spec in specs if "user_output" in spec]
        return chosen or list(self.graph["outputs"])

    def _shape(self, name: str) -> Shape:
        sizes = self.graph["tensor_values"][name]["sizes"]
        if any("as_int" not in size for size in sizes):
            raise SpecError(f"the exported graph leaves sizes open ({name}): export it for fixed ones")
        return tuple(int(size["as_int"]) for size in sizes)

    def _input(self, spec: dict[str, Any]) -> None:
        ((kind, about),) = spec.items()
        if kind == "user_input":
            name = about["arg"]["as_tensor"]["name"]
            self.values[name] = self.b.input(self._shape(name), "input" if not self.values else name)
            return
        self.stored[about["arg"]["name"]] = {**about, "kind": kind}

    def _value(self, name: str) -> Value:
        """The value of a name; a parameter or buffer is written down when first read."""
        about = self.stored.pop(name, None)
        if about is None:
            return self.values[name]
        keys = ("parameter_name", "buffer_name", "tensor_constant_name")
        *path, last = next((about[key] for key in keys if key in about), name).split(".")
        shape = self._shape(name)
        op: ops.Op = ops.Constant(shape=shape, name=last, value=1.0 if last == "running_var" else 0.0)
        if about["kind"] == "parameter":
            op = parameter_of(last, shape, path)
        with self.b.inside(tuple(path)):
            self.values[name] = self.b.write(op)
        return self.values[name]

    def _node(self, node: dict[str, Any]) -> None:
        stack = node.get("metadata", {}).get("nn_module_stack", "")
        frames = [frame.split(",") for frame in stack.split(";") if frame.count(",") >= 2]
        self.b.path = ()
        for frame in frames:
            if frame[1]:
                self.b.enter(tuple(frame[1].split(".")), kind=frame[2].rpartition(".")[2])
        namespace, name = node["target"].removeprefix("torch.ops.").split(".")[:2]
        names = [part for output in node["outputs"] for part in _tensor_names(output)]
        results = self._read(name, node["inputs"])
        shapes = [self._shape(part) for part in names]
        if [value.shape for value in results[: len(shapes)]] != shapes:
            inputs = [value for part in node["inputs"] for value in values_of(self._argument(part["arg"]))]
            results = self._unread(namespace, name, shapes, inputs)
        for part, value in zip(names, results, strict=False):
            self.values[part] = value

    def _read(self, name: str, inputs: list[dict[str, Any]]) -> list[Value]:
        args = [self._argument(part["arg"]) for part in inputs if part.get("kind", 1) == 1]
        named = {part["name"]: self._argument(part["arg"]) for part in inputs if part.get("kind", 1) != 1}
        plain = name.rstrip("_") if not name.startswith("__") else name
        function, values, settings = as_function(plain, args, named)
        reader = reader_of(function)
        steps = len(self.b.nodes)
        if reader is None:
            return []
        try:
            return values_of(reader(self.b, *values, **settings))
        except (UnsupportedError, TypeError, ValueError, IndexError, AttributeError):
            del self.b.nodes[steps:]
            return []

    def _unread(self, namespace: str, name: str, shapes: list[Shape], inputs: list[Value]) -> list[Value]:
        packet = getattr(getattr(torch.ops, namespace, None), name, None)
        overloads = packet.overloads() if packet is not None else []
        tags = getattr(packet, overloads[0]).tags if overloads else ()
        if torch.Tag.pointwise in tags and len(shapes) == 1 and inputs:
            return [self.b.elementwise("pointwise", *inputs)]
        hidden = multiplies(namespace, name)
        return [self.b.write(ops.Opaque(name.strip("_"), shape, "", hidden), *inputs) for shape in shapes]

    def _argument(self, arg: dict[str, Any]) -> Any:
        ((kind, value),) = arg.items()
        match kind:
            case "as_tensor":
                return self._value(value["name"])
            case "as_tensors":
                return [self._value(part["name"]) for part in value]
            case "as_optional_tensors":
                return [self._argument(part) for part in value]
            case "as_none":
                return None
            case "as_scalar_type" | "as_memory_format" | "as_layout" | "as_device":
                return None
            case "as_sym_int":
                return int(value["as_int"])
            case "as_sym_ints":
                return [int(part["as_int"]) for part in value]
            case _:
                return value


def _tensor_names(output: dict[str, Any]) -> list[str]:
    if "as_tensor" in output:
        return [output["as_tensor"]["name"]]
    return [part["name"] for part in output.get("as_tensors", ())]
