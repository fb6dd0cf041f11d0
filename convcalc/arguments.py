"""`Argument`: the arguments of a recipe: what each takes, read off its annotation, and whether a value is that."""

from __future__ import annotations

import inspect
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Union, get_args, get_origin

from convcalc.errors import SpecError, nearest
from convcalc.sizes import UNKNOWN, PerAxis, is_array, is_symbol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

REQUIRED: Any = inspect.Parameter.empty
LARGEST = 2**63
"""Numbers from here on are past any tensor."""
MEANT: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(
        (
            "out",
            "channels",
            "filters",
            "n_filters",
            "num_filters",
            "oc",
            "cout",
            "out_ch",
            "输出",
            "输出通道",
            "输出通道数",
        ),
        ("out_channels", "out_features", "num_features"),
    ),
    **dict.fromkeys(("c", "out_channels"), ("multiplier", "num_features", "growth_rate")),
    **dict.fromkeys(("in", "in_ch", "ic", "cin", "输入", "输入通道", "输入通道数"), ("in_channels", "in_features")),
    **dict.fromkeys(("kernel", "ks", "filter", "filter_size", "size", "核", "卷积核", "核大小"), ("kernel_size",)),
    **dict.fromkeys(("strides", "步长", "步幅"), ("stride",)),
    **dict.fromkeys(("pad", "pads", "填充"), ("padding",)),
    **dict.fromkeys(("rate", "atrous", "dilation_rate", "膨胀率", "空洞率", "扩张率"), ("dilation",)),
    **dict.fromkeys(("group", "g", "组数", "分组"), ("groups", "num_groups")),
    **dict.fromkeys(("r", "ratio", "squeeze"), ("reduction",)),
    **dict.fromkeys(("t", "expand", "expand_ratio"), ("expansion",)),
}
"""What other libraries and languages call a setting, and what it may be here."""


class Argument(NamedTuple):
    """One keyword of a recipe: what it may be (`size`, `sizes`, `padding`, `bool`, ...) and its default."""

    name: str
    takes: tuple[str, ...]
    default: Any = REQUIRED
    choices: tuple[str, ...] = ()

    @property
    def required(self) -> bool:
        """Whether the recipe has no default for it."""
        return self.default is REQUIRED


def read_argument(parameter: inspect.Parameter) -> Argument:
    """Return what a parameter of a recipe takes, with its default."""
    takes, choices = _sorts(parameter.annotation)
    return Argument(name=parameter.name, takes=takes, default=parameter.default, choices=choices)


def meant_argument(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean ...?` with the setting that a name means, or is near to; nothing where none is."""
    there = list(known)
    word = next((argument for argument in MEANT.get(name.lower(), ()) if argument in there), "")
    return f"; did you mean {word!r}?" if word else nearest(name, there)


def _sorts(annotation: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    metadata = getattr(annotation, "__metadata__", None)
    if metadata:
        return (metadata[0],), ()
    origin = get_origin(annotation)
    if origin is Literal:
        return ("word",), get_args(annotation)
    if origin is tuple:
        return ("tuple",), ()
    arguments = get_args(annotation)
    if arguments and (origin is Union or type(annotation).__name__ == "UnionType"):
        parts = [_sorts(part) for part in arguments]
        return tuple(s for sorts, _ in parts for s in sorts), tuple(c for _, words in parts for c in words)
    return ("none" if annotation is type(None) else annotation.__name__,), ()


def check_value(argument: Argument, value: Any) -> None:
    """Raise SpecError when a value is not of a sort its argument takes."""
    if any(_fits(sort, argument, value) for sort in argument.takes):
        return
    if argument.choices and isinstance(value, str):
        raise SpecError(
            f"{argument.name} is one of {', '.join(argument.choices)}, not {value!r}{nearest(value, argument.choices)}"
        )
    raise SpecError(f"{argument.name} takes {describe(argument)}, not {value!r}")


SORTS = {
    "size": "a whole number",
    "int": "a whole number",
    "sizes": "a whole number or one per axis",
    "output sizes": "a whole number or one per axis",
    "pairs": "a number, one per axis, or a before+after pair",
    "padding": "a number, one per axis, a before+after pair, or same, valid, tf_same",
    "factors": "a factor or one per axis",
    "sides": "a number, one per axis, or a before+after pair",
    "bool": "true or false",
    "float": "a number",
    "tuple": "a list of whole numbers",
    "str": "a word",
    "word": "a word",
    "none": "none",
}


def describe(argument: Argument) -> str:
    """Return in words what an argument takes."""
    if argument.choices:
        return ("one of " if len(argument.choices) > 1 else "only ") + ", ".join(argument.choices)
    return " or ".join(dict.fromkeys(SORTS[sort] for sort in argument.takes if sort != "none"))


def is_size(value: object) -> bool:
    """Whether a value may stand for a number of things: an int, an array, a symbol; never a bool."""
    if isinstance(value, int):
        return not isinstance(value, bool) and abs(value) < LARGEST
    return is_array(value) or is_symbol(value)


def _is_pair(side: object) -> bool:
    return isinstance(side, tuple) and len(side) == 2 and all(map(is_size, side))


def _parts(value: Any) -> tuple[Any, ...]:
    """A value per axis, or the one value for all axes."""
    return tuple(value) if isinstance(value, PerAxis) else (value,)


def _are_sides(parts: Iterable[Any]) -> bool:
    return all(is_size(part) or _is_pair(part) for part in parts)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)


CHECKS: dict[str, Callable[[Any], bool]] = {
    "size": lambda value: value is UNKNOWN or is_size(value),
    "int": is_size,
    "sizes": lambda value: all(map(is_size, _parts(value))),
    "output sizes": lambda value: value is not None and all(part is None or is_size(part) for part in _parts(value)),
    "pairs": lambda value: _are_sides(_parts(value)),
    "padding": lambda value: isinstance(value, str) or _are_sides(_parts(value)),
    "factors": lambda value: all(map(_is_number, _parts(value))),
    "sides": lambda value: _is_pair(value) or _are_sides(value if isinstance(value, tuple) else _parts(value)),
    "bool": lambda value: isinstance(value, bool),
    "float": _is_number,
    "tuple": lambda value: isinstance(value, (tuple, PerAxis)) and all(map(is_size, value)),
    "str": lambda value: isinstance(value, str),
    "none": lambda value: value is None,
}
"""Whether a value is of each sort of `SORTS`; a word is one of the argument's choices."""


def _fits(sort: str, argument: Argument, value: Any) -> bool:
    return value in argument.choices if sort == "word" else CHECKS[sort](value)
