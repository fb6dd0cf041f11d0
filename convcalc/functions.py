"""`FUNCTIONS`: the elementwise functions, one row each, with all that any analysis needs to know of them.

No other file lists function names: a new activation is one row here and one recipe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias

Scalar: TypeAlias = int | float | bool | str | None
Settings: TypeAlias = Mapping[str, Any]
Saves: TypeAlias = Literal["nothing", "inputs", "output", "factors", "statistics", "mask", "buffer"]
"""What backward needs (torch's derivatives.yaml): the inputs, the output, the other factor of each, a norm's input and
statistics, a byte per element, or the inputs and a tensor of its own."""


class Function(NamedTuple):
    """An elementwise function of `arity` tensors.

    `keeps_zero` is whether f(0) = 0, so that padding stays padding behind it (a function of the settings where they
    decide); `work` is elementary operations per output element, told under `work_name`; a `view` is the tensor it was
    given, and a `partial_write` one into part of which something was written. `torch` is torch's own name for it and
    `aliases` more under which it is called; `settings` are its numbers in torch's order. `neighbours` gives, of a
    function that looks along its first axis at some positions only, those that a position reads, of so many. `terms`
    are the factors of its tensors where it is their sum.
    """

    name: str
    arity: int
    keeps_zero: bool | Callable[[Settings], bool]
    saves: Saves
    work: int | Callable[[Settings], int] = 1
    work_name: str = ""
    torch: str = ""
    aliases: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    view: bool = False
    norm: bool = False
    shape_of_first: bool = False
    partial_write: bool = False
    scales: bool = False
    neighbours: Callable[[Settings], Callable[[int, int], range]] | None = None
    terms: tuple[int, ...] = ()

    def zero_stays(self, settings: Settings) -> bool:
        """Whether a zero of the first input is a zero of the output under these settings."""
        return self.keeps_zero if isinstance(self.keeps_zero, bool) else self.keeps_zero(settings)

    def operations(self, settings: Settings) -> int:
        """Return the elementary operations per output element under these settings."""
        return self.work if isinstance(self.work, int) else self.work(settings)


def _norm_work(settings: Settings) -> int:
    """Running statistics leave a scale and a shift; else mean, deviation, difference and quotient, and the two."""
    return 2 if settings.get("running") else 5 if settings.get("affine") else 4


def _clamp_keeps_zero(settings: Settings) -> bool:
    least, most = settings.get("min"), settings.get("max")
    return (least is None or least <= 0) and (most is None or most >= 0)


def _comparison(name: str) -> Function:
    return Function(name, 2, False, "nothing", torch=name, aliases=(f"__{name}__",))


def _activation(
    name: str, keeps_zero: bool | Callable[[Settings], bool], saves: Saves, *settings: str, **more: Any
) -> Function:
    return Function(name, 1, keeps_zero, saves, settings=settings, **{"torch": f"nn.functional.{name}", **more})


def _norm(name: str, work: Callable[[Settings], int] = _norm_work, **more: Any) -> Function:
    return Function(name, 1, False, "statistics", work=work, norm=True, shape_of_first=True, **more)


def _nearby(settings: Settings) -> Callable[[int, int], range]:
    """The `size` channels about each: torch pads by half before, and by the rest after."""
    size = settings["size"]
    return lambda place, count: range(max(place - size // 2, 0), min(place + (size - 1) // 2 + 1, count))


def _of_group(settings: Settings) -> Callable[[int, int], range]:
    """All channels of the same group."""
    groups = settings["num_groups"]
    return lambda place, count: range(place // (count // groups) * (count // groups), count)[: count // groups]


def _before(_: Settings) -> Callable[[int, int], range]:
    """All positions up to its own."""
    return lambda place, _: range(place + 1)


FUNCTIONS: Final[dict[str, Function]] = {
    function.name: function
    for function in (
        _activation("relu", True, "output"),
        _activation("relu6", True, "inputs"),
        _activation("leaky_relu", True, "inputs", "negative_slope"),
        _activation("elu", True, "inputs", "alpha"),
        _activation("selu", True, "inputs"),
        _activation("celu", True, "inputs", "alpha"),
        _activation("gelu", True, "inputs", "approximate"),
        _activation("silu", True, "inputs"),
        _activation("mish", True, "inputs"),
        _activation("sigmoid", False, "output", torch="sigmoid"),
        _activation("tanh", True, "output", torch="tanh"),
        _activation("hardswish", True, "inputs"),
        _activation("hardsigmoid", False, "inputs"),
        _activation(
            "hardtanh", lambda s: s.get("min_val", -1) <= 0 <= s.get("max_val", 1), "inputs", "min_val", "max_val"
        ),
        _activation("softplus", False, "inputs", "beta", "threshold"),
        _activation("rrelu", True, "inputs", "lower", "upper"),
        _activation("hardshrink", True, "inputs", "lambd"),
        _activation("softshrink", True, "inputs", "lambd"),
        _activation("tanhshrink", True, "inputs"),
        _activation(
            "threshold", lambda s: s.get("threshold", 0) < 0 or not s.get("value"), "inputs", "threshold", "value"
        ),
        Function(
            "local_response_norm",
            1,
            True,
            "inputs",
            work=lambda s: s.get("size", 1) + 5,
            torch="nn.functional.local_response_norm",
            settings=("size", "alpha", "beta", "k"),
            neighbours=_nearby,
        ),
        Function("power", 1, lambda s: s.get("exponent", 1) > 0, "inputs", torch="pow", settings=("exponent",)),
        _activation("softsign", True, "buffer"),
        _activation("logsigmoid", False, "buffer", aliases=("log_sigmoid",)),
        _activation("exp", False, "output", torch="exp"),
        _activation("sqrt", True, "output", torch="sqrt"),
        _activation("rsqrt", False, "output", torch="rsqrt"),
        _activation("reciprocal", False, "output", torch="reciprocal"),
        _activation("log", False, "inputs", torch="log"),
        _activation("log1p", True, "inputs", torch="log1p"),
        _activation("absolute", True, "inputs", torch="abs", aliases=("absolute", "__abs__")),
        _activation("sine", True, "inputs", torch="sin"),
        _activation("cosine", False, "inputs", torch="cos"),
        _activation("erf", True, "inputs", torch="erf"),
        _activation("sign", True, "nothing", torch="sign"),
        _activation("floor", True, "nothing", torch="floor"),
        _activation("ceil", True, "nothing", torch="ceil"),
        _activation("round", True, "nothing", torch="round"),
        _activation("logical_not", False, "nothing", torch="logical_not", aliases=("__invert__",)),
        _activation("clamp", _clamp_keeps_zero, "inputs", "min", "max", torch="clamp", aliases=("clip",)),
        _activation("negative", True, "nothing", torch="neg", aliases=("__neg__", "negative"), terms=(-1,)),
        Function("softmax", 1, False, "output", work=3, torch="softmax", settings=("dim",)),
        Function("log_softmax", 1, False, "output", work=3, torch="log_softmax", settings=("dim",)),
        Function("prelu", 2, True, "inputs", torch="nn.functional.prelu", shape_of_first=True),
        Function("add", 2, False, "nothing", torch="add", terms=(1, 1)),
        Function("add_bias", 2, False, "nothing", work_name="bias", torch="add", terms=(1, 1)),
        Function("subtract", 2, False, "nothing", torch="sub", terms=(1, -1)),
        Function("multiply", 2, True, "factors", torch="mul", scales=True),
        Function("divide", 2, lambda s: "first" not in s, "factors", torch="div"),
        Function("floor_divide", 2, lambda s: "first" not in s, "nothing", torch="floor_divide"),
        Function("remainder", 2, lambda s: "first" not in s, "nothing", torch="remainder"),
        Function("maximum", 2, False, "inputs", torch="maximum"),
        Function("minimum", 2, False, "inputs", torch="minimum"),
        *(_comparison(name) for name in ("eq", "ne", "lt", "le", "gt", "ge")),
        Function("logical_and", 2, True, "nothing", torch="logical_and", aliases=("__and__", "__rand__")),
        Function("logical_or", 2, False, "nothing", torch="logical_or", aliases=("__or__", "__ror__")),
        Function("where", 3, False, "mask", torch="where"),
        Function("normalize", 1, True, "inputs", work=4, torch="nn.functional.normalize", settings=("p", "dim", "eps")),
        Function("cumsum", 1, True, "nothing", torch="cumsum", settings=("dim",), neighbours=_before),
        Function("pointwise", 1, False, "inputs"),
        Function("weight_norm", 2, True, "inputs"),
        _norm("batch_norm"),
        _norm("layer_norm"),
        _norm("group_norm", neighbours=_of_group),
        _norm("instance_norm"),
        _norm("rms_norm", lambda settings: 3 if settings.get("affine") else 2),
        Function("dropout", 1, True, "mask", work=0, settings=("p",), terms=(1,)),
        Function("identity", 1, True, "nothing", work=0, view=True, terms=(1,)),
        Function("expand", 2, True, "nothing", work=0, view=True, terms=(1,)),
        Function("put", 2, False, "nothing", work=0, shape_of_first=True, partial_write=True),
    )
}
NORMS: Final = frozenset(name for name, function in FUNCTIONS.items() if function.norm)
"""Functions that normalise their first input by statistics and per-channel parameters."""
