"""`read_onnx`: an ONNX file's graph as steps; weights are known by their sizes alone, and none are loaded.

Source: github.com/onnx/onnx, docs/Operators.md. Needs the package onnx (the extra `onnx`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from convcalc import ops
from convcalc.builder import Builder
from convcalc.errors import ConvcalcError, SpecError, UnavailableError
from convcalc.functions import FUNCTIONS
from convcalc.pytorch.aten import multiplies
from convcalc.pytorch.graph_files import GraphFile, listed, parameter_of
from convcalc.pytorch.readers.contractions import matmul
from convcalc.pytorch.readers.moving import permute, reshape
from convcalc.pytorch.readers.picking import split
from convcalc.units import plural
from convcalc.window import Window

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from convcalc.graph import Graph, Value
    from convcalc.sizes import Shape
    from convcalc.subject import Tensor

OTHERWISE: Final[dict[str, str]] = {
    "Dropout": "identity", "Identity": "identity", "Cast": "identity", "Max": "maximum", "Min": "minimum",
    "Not": "logical_not", "And": "logical_and", "Or": "logical_or", "Equal": "eq", "Less": "lt", "Greater": "gt",
}  # fmt: skip
"""ONNX's operators that look at one position and are called otherwise by torch; the rest go by torch's name."""
POINTWISE: Final[dict[str, str]] = {
    about.torch.rpartition(".")[2].replace("_", ""): name
    for name, about in FUNCTIONS.items()
    if about.torch and "dim" not in about.settings and name not in ("power", "add_bias", "prelu")
}
SILENT: Final = ("Constant", "ConstantOfShape", "Shape", "Range", "NonZero")
"""What makes numbers of no input's values."""


def read_onnx(path: Path, inputs: Sequence[Tensor]) -> GraphFile:
    """Return the graph of an ONNX file, on the sizes given or on its own.

    Raises UnavailableError without the package, SpecError for another file and for sizes that are open.
    """
    try:
        import onnx
    except ImportError:
        raise UnavailableError("reading .onnx needs the package onnx: pip install 'convcalc[onnx]'") from None
    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # protobuf's own classes
        raise SpecError(f"{path} is not an ONNX file: {type(error).__name__}") from None
    if not model.graph.output:
        raise SpecError(f"{path} is not an ONNX file: it holds no graph")
    stored = {tensor.name for tensor in model.graph.initializer}
    free = [value for value in model.graph.input if value.name not in stored]
    if inputs and len(inputs) != len(free):
        raise SpecError(
            f"{path} takes {plural(len(free), 'input')} ({', '.join(value.name for value in free)}), not {len(inputs)}"
        )
    for value, given in zip(free, inputs, strict=False):
        dims = value.type.tensor_type.shape.dim
        sizes = (1, *given.sizes) if len(given.sizes) == len(dims) - 1 else given.sizes
        if len(sizes) != len(dims):
            raise SpecError(
                f"{value.name} has {plural(len(dims), 'size')}, but -i {given.text} has {len(given.sizes)}", given.spot
            )
        for dim, size in zip(dims, sizes, strict=True):
            dim.Clear()
            dim.dim_value = size
    del model.graph.value_info[:]
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    try:
        model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except Exception as error:
        raise SpecError(f"{path}: the sizes do not fit together: {str(error).strip().splitlines()[0]}") from None
    graph = _Onnx(model.graph, onnx).read()
    own = " (its own)" if not inputs else ""
    return GraphFile(graph, f"{path}, input {listed([value.shape for value in graph.inputs])}{own}")


class _Onnx:
    """Writes the nodes of an ONNX graph one by one."""

    def __init__(self, graph: Any, onnx: Any) -> None:
        self.graph, self.onnx = graph, onnx
        self.b = Builder()
        self.stored = {tensor.name: tensor for tensor in graph.initializer}
        self.shapes: dict[str, Shape] = {}
        for value in (*graph.input, *graph.value_info, *graph.output):
            dims = value.type.tensor_type.shape.dim
            if value.type.tensor_type.HasField("shape") and all(dim.HasField("dim_value") for dim in dims):
                self.shapes[value.name] = tuple(dim.dim_value for dim in dims)
        self.values: dict[str, Value] = {}
        constants = [node for node in graph.node if node.op_type == "Constant" and node.attribute[0].name == "value"]
        tensors = {**self.stored, **{node.output[0]: node.attribute[0].t for node in constants}}
        self.numbers = {
            name: float(onnx.numpy_helper.to_array(tensor))
            for name, tensor in tensors.items()
            if not tensor.dims and not tensor.external_data and tensor.data_type != onnx.TensorProto.STRING
        }

    def read(self) -> Graph:
        """Write every node that holds sizes above zero, and return the graph."""
        for value in self.graph.input:
            if value.name not in self.stored:
                if value.name not in self.shapes or 0 in self.shapes[value.name]:
                    raise SpecError(f"the size of input {value.name} is open: give it with -i")
                self.values[value.name] = self.b.input(self.shapes[value.name], value.name)
        for number, node in enumerate(self.graph.node):
            if node.op_type == "Identity" and node.input[0] in self.stored:  # a weight under a second name
                self.values[node.output[0]] = self._value(node.input[0])
                continue
            self.b.enter(_scope(node, number), kind=node.op_type)
            self._node(node)
        self.b.path = ()
        return self.b.graph(*(self._value(value.name) for value in self.graph.output))

    def _value(self, name: str) -> Value:
        if name in self.values:
            return self.values[name]
        if name not in self.stored:
            raise SpecError(f"the size of {name} is not known: give the inputs' sizes with -i")
        tensor = self.stored[name]
        shape = tuple(tensor.dims)
        *path, last = name.split(".")
        real = tensor.data_type in (1, 10, 11, 16)
        buffer = not real or any(word in last for word in ("running_", "mean", "var")) or not shape
        op = ops.Constant(shape, last) if buffer else parameter_of(last, shape, path)
        self.values[name] = self.b.write(op)
        return self.values[name]

    def _node(self, node: Any) -> None:
        names = [name for name in node.output if name]
        shapes = [self.shapes.get(name) for name in names]
        if node.op_type in SILENT or any(shape is not None and 0 in shape for shape in shapes):
            for name, shape in zip(names, shapes, strict=True):
                if shape is not None and 0 not in shape:
                    self.values[name] = self.b.constant("constant", shape)
            return
        settings = {attribute.name: self.onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
        steps = len(self.b.nodes)
        try:
            results = self._read(node, settings, shapes[0])
        except (ConvcalcError, TypeError, ValueError, IndexError, KeyError):
            results = []
        if shapes[0] is None and not results:
            raise SpecError(
                f"the file does not say which size {node.op_type} {node.name} makes: export it for fixed sizes, with"
                " constants folded"
            )
        if not results or (shapes[0] is not None and results[0].shape != shapes[0]):
            del self.b.nodes[steps:]
            self.values = {name: value for name, value in self.values.items() if value.index < steps}
            reads = [self._value(name) for name in node.input if name and self._there(name)]
            hidden = multiplies("aten", node.op_type.lower()) or node.op_type in ("Attention", "MatMulInteger")
            results = [self.b.write(ops.Opaque(node.op_type, shape, "", hidden), *reads) for shape in shapes if shape]
        self.values.update(zip(names, results, strict=False))

    def _there(self, name: str) -> bool:
        return name in self.values or name in self.stored

    def _read(self, node: Any, settings: dict[str, Any], known: Shape | None) -> list[Value]:
        """One node as steps, by the readers of torch where they do the same. Nothing where it is not known."""
        b, kind, shape = self.b, node.op_type, known or ()
        function = OTHERWISE.get(kind) or POINTWISE.get(kind.lower())
        if function is not None:
            arity = FUNCTIONS[function].arity
            return [b.elementwise(function, *(self._value(name) for name in node.input[:arity]))]
        x = self._value(node.input[0])
        more = [self._value(name) for name in node.input[1:] if name and self._there(name)]
        match kind:
            case "Conv":
                return [
                    b.convolve(
                        x, *more, walks=self._walks(x, more[0].shape[2:], settings), groups=settings.get("group", 1)
                    )
                ]
            case "ConvTranspose":
                walks = self._walks(x, more[0].shape[2:], settings)
                extra = tuple(settings.get("output_padding", (0,) * len(walks)))
                return [b.write(ops.ConvTranspose(walks, settings.get("group", 1), extra), x, *more)]
            case "Gemm":
                left, right = (
                    permute(b, part, 1, 0) if settings.get(key) else part
                    for part, key in ((x, "transA"), (more[0], "transB"))
                )
                y = matmul(b, left, right)
                return [b.elementwise("add_bias", y, more[1]) if len(more) > 1 else y]
            case "MatMul":
                return [matmul(b, x, more[0])]
            case "BatchNormalization":
                scale, shift, mean, variance = more
                tensors = (mean, variance, scale, shift)
                return [
                    b.elementwise(
                        "batch_norm", x, *tensors, running=True, affine=True, eps=settings.get("epsilon", 1e-5)
                    )
                ]
            case "LayerNormalization":
                axis = settings.get("axis", -1) % len(x.shape)
                axes = tuple(range(axis, len(x.shape)))
                return [self._norm("layer_norm", x, more, axes, settings)]
            case "InstanceNormalization":
                axes = tuple(range(2, len(x.shape)))
                return [self._norm("instance_norm", x, more, axes, settings)]
            case "MaxPool" | "AveragePool":
                walks = self._walks(x, tuple(settings["kernel_shape"]), settings)
                ceil, count = bool(settings.get("ceil_mode")), bool(settings.get("count_include_pad"))
                pooling: Any = "max" if kind == "MaxPool" else "avg"
                return [b.write(ops.Pool(function=pooling, windows=walks, ceil_mode=ceil, count_padding=count), x)]
            case "GlobalAveragePool" | "GlobalMaxPool":
                return [b.adaptive_pool("avg" if "Average" in kind else "max", x, 1)]
            case "ReduceMean" | "ReduceSum" | "ReduceMax" | "ReduceMin" if known is not None:
                kept = [axis for axis, size in enumerate(x.shape) if len(shape) == len(x.shape) and shape[axis] != size]
                axes = tuple(settings.get("axes", kept) or range(len(x.shape)))
                return [b.reduce(kind.removeprefix("Reduce").lower(), x, axes, keep=bool(settings.get("keepdims", 1)))]
            case "Softmax" | "LogSoftmax":
                axis = settings.get("axis", -1) % len(x.shape)
                return [b.elementwise("softmax" if kind == "Softmax" else "log_softmax", x, axes=(axis,), dim=axis)]
            case "Clip":
                least, most = (
                    self._number(node, place, settings.get(name)) for place, name in ((1, "min"), (2, "max"))
                )
                return [b.elementwise("clamp", x, min=least, max=most)]
            case "Pow":
                return [b.elementwise("power", x, exponent=self._number(node, 1))]
            case _:
                return self._laid_out(node, settings, x, more, known)

    def _norm(self, function: str, x: Value, learned: list[Value], axes: tuple[int, ...], settings: Any) -> Value:
        eps = settings.get("epsilon", 1e-5)
        return self.b.elementwise(function, x, *learned, axes=axes, running=False, affine=True, eps=eps)

    def _number(self, node: Any, place: int, default: float | None = None) -> float | None:
        """A number among a node's inputs, where the file holds it. Raises KeyError where it is computed."""
        name = node.input[place] if len(node.input) > place else ""
        return self.numbers[name] if name else default

    def _laid_out(
        self, node: Any, settings: dict[str, Any], x: Value, more: list[Value], known: Shape | None
    ) -> list[Value]:
        """One node that joins, cuts or moves. Nothing where it is not known."""
        b, kind, shape = self.b, node.op_type, known or ()
        match kind:
            case "Concat":
                return [b.concat(x, *more, axis=settings["axis"])]
            case "Split" if all(name in self.shapes for name in node.output):
                axis = settings.get("axis", 0)
                return list(split(b, x, [self.shapes[name][axis] for name in node.output], axis))
            case "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" if known is not None:
                return [reshape(b, x, shape)]
            case "Transpose":
                return [permute(b, x, *settings.get("perm", reversed(range(len(x.shape)))))]
            case "Resize" | "Upsample" if known is not None:
                mode = settings.get("mode", b"nearest").decode()
                named = {"linear": {1: "linear", 2: "bilinear", 3: "trilinear"}.get(len(x.spatial), "nearest")}
                return [b.resize(x, shape[2:], named.get(mode, "nearest"))] if shape[:2] == x.shape[:2] else []
            case "DepthToSpace":
                return [b.pixel_shuffle(x, settings["blocksize"])]
            case _:
                return []

    def _walks(self, x: Value, kernel: Sequence[int], settings: dict[str, Any]) -> tuple[Window, ...]:
        rank = len(kernel)
        strides, dilations = (settings.get(key, [1] * rank) for key in ("strides", "dilations"))
        pads = list(settings.get("pads", [0] * 2 * rank))
        walks = [
            Window(kernel=k, stride=s, dilation=d, before=pads[axis], after=pads[axis + rank])
            for axis, (k, s, d) in enumerate(zip(kernel, strides, dilations, strict=True))
        ]
        same = settings.get("auto_pad", b"NOTSET")
        if same in (b"SAME_UPPER", b"SAME_LOWER"):
            for axis, walk in enumerate(walks):
                total = max((-(-x.spatial[axis] // walk.stride) - 1) * walk.stride + walk.span - x.spatial[axis], 0)
                before = total // 2 if same == b"SAME_UPPER" else total - total // 2
                walks[axis] = walk._replace(before=before, after=total - before)
        return tuple(walks)


def _scope(node: Any, number: int) -> tuple[str, ...]:
    """Names as exporters write them, /layer1/conv1/Conv; a node without one is numbered."""
    parts = tuple(part for part in node.name.replace("::", "/").split("/") if part)
    return parts[:-1] or parts or (f"{node.op_type}_{number}",)
