"""How each torch function is written down: one reader per function, over the same pen as the recipes.

A reader gets the builder, the arguments with every tensor replaced by its Value, and returns what the function
makes. Shapes come from the pen's own rules, never from running the function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from convcalc import ops
from convcalc.errors import UnsupportedError
from convcalc.graph import Value
from convcalc.kinds.shaping import upsample
from convcalc.padding import windows
from convcalc.shapes import linear_equation
from convcalc.sizes import PerAxis, product
from convcalc.window import Window

if TYPE_CHECKING:
    from convcalc.builder import Builder

Reader: TypeAlias = Callable[..., Any]
R = TypeVar("R", bound=Reader)
READERS: dict[str, Reader] = {}


def reads(*names: str) -> Callable[[R], R]:
    """Register a reader under the names torch's functions, methods and operators carry."""

    def register(reader: R) -> R:
        for name in names:
            READERS[name] = reader
        return reader

    return register


def axes_of(value: Any, rank: int) -> Any:
    """Return torch's int, list or tuple as one value per axis."""
    if isinstance(value, (list, tuple)):
        return PerAxis(value if len(value) > 1 else tuple(value) * rank)
    return value


def _walks(x: Value, weight: Value, stride: Any, padding: Any, dilation: Any) -> tuple[Window, ...]:
    rank = len(weight.shape) - 2
    return windows(
        x.spatial,
        PerAxis(weight.shape[2:]),  # type: ignore[arg-type]
        axes_of(stride, rank),
        axes_of(padding, rank),
        axes_of(dilation, rank),
    )


def _batched(b: Builder, x: Value, rank: int, read: Callable[[Value], Value]) -> Value:
    """Read a layer that also takes one sample without its batch axis."""
    if len(x.shape) == rank + 2:
        return read(x)
    y = read(reshape(b, x, (1, *x.shape)))
    return reshape(b, y, y.shape[1:])


@reads("conv1d", "conv2d", "conv3d")
def conv(
    b: Builder,
    input: Value,
    weight: Value,
    bias: Value | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Value:
    def read(x: Value) -> Value:
        learned = (weight,) if bias is None else (weight, bias)
        return b.convolve(x, *learned, walks=_walks(x, weight, stride, padding, dilation), groups=groups)

    return _batched(b, input, len(weight.shape) - 2, read)


@reads("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def conv_transpose(
    b: Builder,
    input: Value,
    weight: Value,
    bias: Value | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Value:
    rank = len(weight.shape) - 2

    def read(x: Value) -> Value:
        learned = (weight,) if bias is None else (weight, bias)
        extra = axes_of(output_padding, rank)
        sizes = tuple(extra) if isinstance(extra, PerAxis) else (extra,) * rank
        walks = _walks(x, weight, stride, padding, dilation)
        return b.write(ops.ConvTranspose(walks, groups, sizes), x, *learned)

    return _batched(b, input, rank, read)


def _pool_reader(function: str, rank: int) -> Reader:
    def read_max(
        b: Builder,
        input: Value,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Value:
        return _batched(b, input, rank, lambda x: pool(b, x, kernel_size, stride, padding, dilation, ceil_mode, True))

    def read_avg(
        b: Builder,
        input: Value,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Value:
        return _batched(
            b,
            input,
            rank,
            lambda x: pool(b, x, kernel_size, stride, padding, 1, ceil_mode, count_include_pad),
        )

    def pool(
        b: Builder, x: Value, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool, count: bool
    ) -> Value:
        step = None if stride is None or stride == [] else axes_of(stride, rank)
        return b.pool(
            function,
            x,
            axes_of(kernel, rank),
            stride=step,
            padding=axes_of(padding, rank),
            dilation=axes_of(dilation, rank),
            ceil_mode=ceil,
            count_padding=count,
        )

    return read_max if function == "max" else read_avg


def _adaptive_reader(function: str, rank: int) -> Reader:
    def read(b: Builder, input: Value, output_size: Any, return_indices: bool = False) -> Value:
        return _batched(b, input, rank, lambda x: b.adaptive_pool(function, x, axes_of(output_size, rank)))

    return read


for _rank in (1, 2, 3):
    reads(f"max_pool{_rank}d")(_pool_reader("max", _rank))
    reads(f"avg_pool{_rank}d")(_pool_reader("avg", _rank))
    reads(f"adaptive_max_pool{_rank}d")(_adaptive_reader("max", _rank))
    reads(f"adaptive_avg_pool{_rank}d")(_adaptive_reader("avg", _rank))


@reads("linear")
def linear(b: Builder, input: Value, weight: Value, bias: Value | None = None) -> Value:
    y = b.write(ops.Einsum(linear_equation(len(input.shape))), input, weight)
    return y if bias is None else b.elementwise("add_bias", y, bias)


@reads("batch_norm")
def batch_norm(
    b: Builder,
    input: Value,
    running_mean: Value | None,
    running_var: Value | None,
    weight: Value | None = None,
    bias: Value | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Value:
    axes = () if running_mean is not None and not training else (0, *range(2, len(input.shape)))
    return _norm(b, "batch_norm", input, (running_mean, running_var), (weight, bias), axes, eps=eps)


@reads("instance_norm")
def instance_norm(
    b: Builder,
    input: Value,
    running_mean: Value | None = None,
    running_var: Value | None = None,
    weight: Value | None = None,
    bias: Value | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Value:
    axes = tuple(range(2, len(input.shape))) if use_input_stats else ()
    return _norm(b, "instance_norm", input, (running_mean, running_var), (weight, bias), axes, eps=eps)


@reads("group_norm")
def group_norm(
    b: Builder,
    input: Value,
    num_groups: int,
    weight: Value | None = None,
    bias: Value | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Value:
    axes = tuple(range(1, len(input.shape)))
    return _norm(b, "group_norm", input, (None, None), (weight, bias), axes, eps=eps, num_groups=num_groups)


@reads("layer_norm")
def layer_norm(
    b: Builder,
    input: Value,
    normalized_shape: Sequence[int],
    weight: Value | None = None,
    bias: Value | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Value:
    axes = tuple(range(len(input.shape) - len(normalized_shape), len(input.shape)))
    return _norm(b, "layer_norm", input, (None, None), (weight, bias), axes, eps=eps)


def _norm(
    b: Builder,
    function: str,
    x: Value,
    statistics: tuple[Value | None, Value | None],
    learned: tuple[Value | None, Value | None],
    axes: tuple[int, ...],
    **settings: Any,
) -> Value:
    running = statistics[0] is not None and not axes
    kept = [value for value in ((*statistics, *learned) if running else learned) if value is not None]
    settings.update(running=running, affine=learned[0] is not None)
    return b.elementwise(function, x, *kept, axes=axes, **settings)


def _one_input(name: str, *settings: str) -> Reader:
    """An activation whose settings are these arguments, in torch's order, after `inplace` where it has one."""

    def read(b: Builder, input: Value, *more: Any, inplace: bool = False, **named: Any) -> Value:
        given = dict(zip(settings, more, strict=False))
        given.update({key: value for key, value in named.items() if key in settings})
        return b.elementwise(name, input, **given)

    return read


for _name, _settings in {
    "relu": (), "relu6": (), "selu": (), "silu": (), "mish": (), "sigmoid": (), "tanh": (), "hardswish": (),
    "hardsigmoid": (), "softsign": (), "logsigmoid": (), "exp": (), "sqrt": (), "leaky_relu": ("negative_slope",),
    "elu": ("alpha",), "celu": ("alpha",), "gelu": ("approximate",), "hardtanh": ("min_val", "max_val"),
    "softplus": ("beta", "threshold"),
}.items():  # fmt: skip
    reads(_name)(_one_input(_name, *_settings))
reads("log_sigmoid")(_one_input("logsigmoid"))
reads("neg", "__neg__", "negative")(_one_input("negative"))
reads("contiguous", "clone", "detach", "to", "float", "requires_grad_")(_one_input("identity"))


@reads("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")
def dropout(b: Builder, input: Value, p: float = 0.5, training: bool = True, inplace: bool = False) -> Value:
    return b.elementwise("dropout", input, p=p)


@reads("prelu")
def prelu(b: Builder, input: Value, weight: Value) -> Value:
    return b.elementwise("prelu", input, weight)


@reads("softmax")
def softmax(b: Builder, input: Value, dim: int | None = None, *_: Any, **__: Any) -> Value:
    return _softmax(b, "softmax", input, dim)


@reads("log_softmax")
def log_softmax(b: Builder, input: Value, dim: int | None = None, *_: Any, **__: Any) -> Value:
    return _softmax(b, "log_softmax", input, dim)


def _softmax(b: Builder, function: str, x: Value, dim: int | None) -> Value:
    axis = (0 if len(x.shape) in (0, 1, 3) else 1) if dim is None else dim
    return b.elementwise(function, x, axes=(axis % len(x.shape),), dim=axis)


def _two_inputs(name: str, *, swapped: bool = False) -> Reader:
    def read(b: Builder, input: Any, other: Any, *, alpha: float = 1, **_: Any) -> Value:
        pair = [value for value in ((other, input) if swapped else (input, other)) if isinstance(value, Value)]
        return b.elementwise(name, *pair) if len(pair) > 1 else b.elementwise("identity", *pair)

    return read


for _name, _names in {
    "add": ("add", "__add__", "__radd__", "__iadd__"),
    "subtract": ("sub", "subtract", "__sub__", "__isub__"),
    "multiply": ("mul", "multiply", "__mul__", "__rmul__", "__imul__"),
    "divide": ("div", "divide", "true_divide", "__truediv__", "__itruediv__"),
}.items():
    reads(*_names)(_two_inputs(_name))
reads("__rsub__", "rsub")(_two_inputs("subtract", swapped=True))
reads("__rtruediv__", "__rdiv__")(_two_inputs("divide", swapped=True))


@reads("cat", "concat", "concatenate")
def cat(b: Builder, tensors: Sequence[Value], dim: int = 0) -> Value:
    return b.concat(*tensors, axis=dim % len(tensors[0].shape))


@reads("stack")
def stack(b: Builder, tensors: Sequence[Value], dim: int = 0) -> Value:
    axis = dim % (len(tensors[0].shape) + 1)
    lifted = [reshape(b, x, (*x.shape[:axis], 1, *x.shape[axis:])) for x in tensors]
    return b.concat(*lifted, axis=axis)


@reads("chunk")
def chunk(b: Builder, input: Value, chunks: int, dim: int = 0) -> tuple[Value, ...]:
    size = input.shape[dim % len(input.shape)]
    return split(b, input, -(-size // chunks), dim)


@reads("split", "split_with_sizes")
def split(b: Builder, tensor: Value, split_size_or_sections: Any, dim: int = 0) -> tuple[Value, ...]:
    axis = dim % len(tensor.shape)
    size = tensor.shape[axis]
    step = split_size_or_sections
    sizes = step if isinstance(step, (list, tuple)) else [min(step, size - at) for at in range(0, size, step)]
    parts, start = [], 0
    for width in sizes:
        parts.append(b.slice(tensor, axis, start, start + width))
        start += width
    return tuple(parts)


@reads("narrow")
def narrow(b: Builder, input: Value, dim: int, start: int, length: int) -> Value:
    return b.slice(input, dim % len(input.shape), start, start + length)


@reads("__getitem__")
def getitem(b: Builder, input: Value, key: Any) -> Value:
    """Slices, ints, None and `...`; anything else (masks, index tensors) is not a rule of sizes."""
    keys = list(key) if isinstance(key, tuple) else [key]
    if not all(part is None or part is Ellipsis or isinstance(part, (int, slice)) for part in keys):
        raise UnsupportedError("indexing with tensors depends on values")
    real = [part for part in keys if part is not None and part is not Ellipsis]
    fill = [slice(None)] * (len(input.shape) - len(real))
    if Ellipsis in keys:
        at = keys.index(Ellipsis)
        keys[at : at + 1] = fill
    else:
        keys += fill
    x, axis, shape = input, 0, []
    for part in keys:
        if part is None:
            shape.append(1)
            continue
        size = x.shape[axis]
        if isinstance(part, int):
            place = part % size
            x = b.slice(x, axis, place, place + 1)
        else:
            start, stop, step = part.indices(size)
            if (start, stop, step) != (0, size, 1):
                x = b.slice(x, axis, start, stop, step)
            shape.append(x.shape[axis])
        axis += 1
    return reshape(b, x, tuple(shape))


@reads("pad")
def pad(b: Builder, input: Value, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Value:
    sides = [(pad[place], pad[place + 1]) for place in reversed(range(0, len(pad), 2))]
    return b.pad(input, sides, mode=mode, value=value or 0.0)


@reads("interpolate")
def interpolate(
    b: Builder,
    input: Value,
    size: Any = None,
    scale_factor: Any = None,
    mode: Any = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Value:
    rank = len(input.spatial)
    return upsample(
        b,
        input,
        size=axes_of(size, rank),
        scale_factor=axes_of(scale_factor, rank),
        mode=mode,
        align_corners=align_corners,
        recompute_scale_factor=recompute_scale_factor,
    )


@reads("pixel_shuffle")
def pixel_shuffle(b: Builder, input: Value, upscale_factor: int) -> Value:
    return b.pixel_shuffle(input, upscale_factor)


@reads("channel_shuffle", "native_channel_shuffle")
def channel_shuffle(b: Builder, input: Value, groups: int) -> Value:
    return b.channel_shuffle(input, groups)


@reads("unfold")
def unfold(b: Builder, input: Value, *more: Any, **named: Any) -> Value:
    """F.unfold lays windows out as columns; Tensor.unfold(dimension, size, step) is a view of one axis."""
    names = ("kernel_size", "dilation", "padding", "stride")
    if len(more) == 3 or "dimension" in named:
        given = {**dict(zip(("dimension", "size", "step"), more, strict=False)), **named}
        return _unfolded(b, input, given["dimension"] % len(input.shape), given["size"], given["step"])
    given = {"dilation": 1, "padding": 0, "stride": 1, **dict(zip(names, more, strict=False)), **named}
    walks = windows(
        input.spatial,
        axes_of(given["kernel_size"], 2),
        axes_of(given["stride"], 2),
        axes_of(given["padding"], 2),
        axes_of(given["dilation"], 2),
    )
    laid = b.unfold(input, walks)
    return b.rearrange(laid, tuple((size,) for size in laid.shape), tuple(range(6)), (1, 3, 2))


def _unfolded(b: Builder, x: Value, axis: int, size: int, step: int) -> Value:
    """(..., n, ...) -> (..., windows, ..., size): windows of 1 along every other spatial axis."""
    if axis < 2:
        raise UnsupportedError("unfold along the batch or the channels")
    rank = len(x.shape) - 2
    walks = [Window(kernel=1)] * rank
    walks[axis - 2] = Window(kernel=size, stride=step)
    laid = b.unfold(x, tuple(walks))
    moved = permute(b, laid, [0, 1, *range(2 + rank, 2 + 2 * rank), *range(2, 2 + rank)])
    return reshape(b, moved, (*moved.shape[: 2 + rank], size))


@reads("flatten")
def flatten(b: Builder, input: Value, start_dim: int = 0, end_dim: int = -1) -> Value:
    return b.flatten(input, start_dim % len(input.shape), end_dim)


@reads("view", "reshape", "_unsafe_view")
def view(b: Builder, input: Value, *shape: Any) -> Value:
    sizes = list(shape[0]) if len(shape) == 1 and isinstance(shape[0], (list, tuple)) else list(shape)
    if -1 in sizes:
        rest = product(size for size in sizes if size != -1)
        sizes[sizes.index(-1)] = product(input.shape) // rest
    return reshape(b, input, tuple(sizes))


@reads("unflatten")
def unflatten(b: Builder, input: Value, dim: int, sizes: Sequence[int]) -> Value:
    axis = dim % len(input.shape)
    known = product(size for size in sizes if size != -1)
    filled = [input.shape[axis] // known if size == -1 else size for size in sizes]
    return reshape(b, input, (*input.shape[:axis], *filled, *input.shape[axis + 1 :]))


@reads("squeeze")
def squeeze(b: Builder, input: Value, dim: Any = None) -> Value:
    rank = len(input.shape)
    chosen = range(rank) if dim is None else [d % rank for d in (dim if isinstance(dim, (list, tuple)) else [dim])]
    return reshape(b, input, tuple(s for axis, s in enumerate(input.shape) if not (axis in chosen and s == 1)))


@reads("unsqueeze")
def unsqueeze(b: Builder, input: Value, dim: int) -> Value:
    axis = dim % (len(input.shape) + 1)
    return reshape(b, input, (*input.shape[:axis], 1, *input.shape[axis:]))


def reshape(b: Builder, x: Value, shape: tuple[int, ...]) -> Value:
    """Write a reshape as a merge of neighbouring axes and a split of the result, group by group."""
    if shape == x.shape:
        return x
    groups = _groups(x.shape, shape)
    merged = x
    if any(len(old) > 1 for old, _ in groups):
        merge = tuple(len(old) for old, _ in groups)
        merged = b.rearrange(x, tuple((size,) for size in x.shape), tuple(range(len(x.shape))), merge)
    if all(len(new) == 1 for _, new in groups):
        return merged
    split = tuple(new for _, new in groups)
    return b.rearrange(merged, split, tuple(range(len(shape))), tuple(1 for _ in shape))


def _groups(old: tuple[int, ...], new: tuple[int, ...]) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Pair the shortest runs of axes with the same product; sizes of 1 join a neighbour."""
    groups: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
    i = j = 0
    while i < len(old) or j < len(new):
        a, c = i, j
        left, right = (old[i] if i < len(old) else 1), (new[j] if j < len(new) else 1)
        i, j = min(i + 1, len(old)), min(j + 1, len(new))
        while left != right or (i == a and i < len(old)) or (j == c and j < len(new)):
            if left < right or i == a:
                left, i = left * old[i], i + 1
            else:
                right, j = right * new[j], j + 1
        groups.append((old[a:i], new[c:j]))
    while len(groups) > 1 and not (groups[-1][0] and groups[-1][1]):
        last = groups.pop()
        groups[-1] = (groups[-1][0] + last[0], groups[-1][1] + last[1])
    return groups


@reads("permute")
def permute(b: Builder, input: Value, *dims: Any) -> Value:
    order = list(dims[0]) if len(dims) == 1 and isinstance(dims[0], (list, tuple)) else list(dims)
    places = tuple(axis % len(input.shape) for axis in order)
    if places == tuple(range(len(places))):
        return input
    return b.rearrange(input, tuple((size,) for size in input.shape), places, tuple(1 for _ in places))


@reads("transpose", "swapaxes", "swapdims")
def transpose(b: Builder, input: Value, dim0: int, dim1: int) -> Value:
    order = list(range(len(input.shape)))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return permute(b, input, order)


@reads("t")
def t(b: Builder, input: Value) -> Value:
    return permute(b, input, list(reversed(range(len(input.shape)))))


@reads("expand", "expand_as")
def expand(b: Builder, input: Value, *sizes: Any) -> Value:
    like = sizes[0].shape if isinstance(sizes[0], Value) else sizes[0] if isinstance(sizes[0], (list, tuple)) else sizes
    lead = len(like) - len(input.shape)
    shape = tuple(input.shape[axis - lead] if size == -1 else size for axis, size in enumerate(like))
    return input if shape == input.shape else b.elementwise("expand", input, b.constant("like", shape))


def _reducer(function: str) -> Reader:
    def read(b: Builder, input: Value, dim: Any = None, keepdim: bool = False, **_: Any) -> Value:
        rank = len(input.shape)
        chosen = range(rank) if dim in (None, [], ()) else dim if isinstance(dim, (list, tuple)) else [dim]
        return b.reduce(function, input, tuple(sorted(axis % rank for axis in chosen)), keep=keepdim)

    return read


for _name, _names in {"mean": ("mean",), "sum": ("sum",), "max": ("amax",), "min": ("amin",)}.items():
    reads(*_names)(_reducer(_name))


@reads("matmul", "__matmul__", "mm", "bmm", "mv")
def matmul(b: Builder, input: Value, other: Value) -> Value:
    """(..., m, k) @ (..., k, n); batch axes must be equal, or missing on one side."""
    one, two = len(input.shape), len(other.shape)
    batch = "abcdefgh"[: max(one, two) - 2] if max(one, two) > 2 else ""
    left = (batch if one > 2 else "") + ("mk" if one > 1 else "k")
    right = (batch if two > 2 else "") + ("kn" if two > 1 else "k")
    if (
        len(left) != one
        or len(right) != two
        or (batch and one > 2 and two > 2 and input.shape[:-2] != other.shape[:-2])
    ):
        raise UnsupportedError("matmul with stretched batch axes")
    out = batch + ("m" if one > 1 else "") + ("n" if two > 1 else "")
    return b.write(ops.Einsum(f"{left},{right}->{out}"), input, other)


@reads("addmm", "baddbmm")
def addmm(b: Builder, input: Value, mat1: Value, mat2: Value, **_: Any) -> Value:
    return b.elementwise("add_bias", matmul(b, mat1, mat2), input)


@reads("einsum")
def einsum(b: Builder, equation: str, *operands: Any) -> Value:
    values = operands[0] if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else operands
    equation = equation.replace(" ", "")
    if "." in equation or len(values) != 2:
        raise UnsupportedError("einsum with `...` or more than two tensors")
    if "->" not in equation:
        letters = equation.replace(",", "")
        equation += "->" + "".join(sorted(letter for letter in set(letters) if letters.count(letter) == 1))
    if any(len(set(part)) != len(part) for part in equation.split("->")[0].split(",")):
        raise UnsupportedError("einsum with a letter twice in one tensor")
    return b.write(ops.Einsum(equation), *values)


@reads("scaled_dot_product_attention")
def attention(b: Builder, query: Value, key: Value, value: Value, *_: Any, **__: Any) -> Value:
    """Two contractions and a softmax: q k^T over the features, then the weights times v."""
    if query.shape[:-2] != key.shape[:-2]:
        raise UnsupportedError("attention with stretched heads")
    batch = "ABCDEFGH"[: len(query.shape) - 2]
    scores = b.write(ops.Einsum(f"{batch}ld,{batch}sd->{batch}ls"), query, key)
    weights = b.elementwise("softmax", scores, axes=(len(scores.shape) - 1,), dim=-1)
    return b.write(ops.Einsum(f"{batch}ls,{batch}sv->{batch}lv"), weights, value)


@reads("_weight_norm")
def weight_norm(b: Builder, v: Value, g: Value, dim: int = 0) -> Value:
    return b.elementwise("weight_norm", v, g)
