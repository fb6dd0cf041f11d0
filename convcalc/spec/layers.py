"""`layers`: from tokens to layers: which kind each is, and what it was told."""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from convcalc.arguments import meant_argument
from convcalc.digits import whole
from convcalc.errors import SpecError, Spot
from convcalc.kinds import find
from convcalc.kinds.foreign import bare, translated
from convcalc.limits import MAX_COPIES
from convcalc.spec.calls import Call, convert, parse_call
from convcalc.spec.examples import examples_folder
from convcalc.spec.learned import first_axis, parameters
from convcalc.spec.model_words import model_hint, model_words
from convcalc.spec.values import checked, from_word
from convcalc.subject import Layer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from convcalc.registry import Kind
    from convcalc.spec.lexer import Token

SHORT = {
    "k": "kernel_size", "s": "stride", "p": "padding", "d": "dilation", "g": "groups", "c": "out_channels",
}  # fmt: skip
RESERVED = ("repeat", "times", "same", "as", "from", "name", "input", "last")
_NAME = re.compile(r"[A-Za-z_]\w*")
_ASSIGNED = re.compile(r"(self\.)?[A-Za-z_][\w.]*")


PLACED = ("device", "dtype")
"""Arguments of every torch module that say where its numbers are, and how precise."""
WRAPPERS = ("spectral_norm", "weight_norm", "orthogonal", "DataParallel", "DistributedDataParallel")
"""What takes a module and returns it, with other weights or on other devices."""


class InputLine(NamedTuple):
    """A line `input SHAPE` of a file."""

    text: str
    spot: Spot


def layers(tokens: Iterable[Token]) -> list[Layer | InputLine]:
    """Return the layers and input lines of a spec, in order. Raises SpecError where a word makes no sense."""
    items: list[Layer | InputLine] = []
    stream = _unassigned(list(tokens))
    place = 0
    sealed = ""
    while place < len(stream):
        token = stream[place]
        place += 1
        if token.text == "input" and place < len(stream) and stream[place].line == token.line:
            items.append(InputLine(stream[place].text, stream[place].spot))
            place += 1
        elif token.is_call:
            call = parse_call(token.text, token.spot)
            items += _from_call(call)
            sealed = call.name if call.name.rpartition(".")[2] in ("Sequential", *WRAPPERS) else ""
        elif "=" in token.text:
            if sealed:
                raise SpecError(f"a {sealed} takes no settings: write them on the layers inside it", token.spot)
            items[-1:] = [_with_setting(items, token)]
        else:
            _check_foreign(token, stream[place:])
            before = items[-1] if items and isinstance(items[-1], Layer) else None
            items.append(_from_word(token, before))
            sealed = ""
    return items


def _unassigned(tokens: list[Token]) -> list[Token]:
    """Drop the `self.conv1 =` of code lines and the commas that end items of a list."""
    out: list[Token] = []
    for token in tokens:
        text = token.text.rstrip(",") if token.text.rstrip(",").endswith(")") else token.text
        if text == "=" and out and _ASSIGNED.fullmatch(out[-1].text):
            out.pop()
            if out and out[-1].text.endswith(":") and _ASSIGNED.fullmatch(out[-1].text[:-1]):  # a type annotation
                out.pop()
            continue
        joined = re.match(r"(self\.[\w.]+)=(?=[\w.]+\()", text)
        if joined:
            text = text[joined.end() :]
        if text:
            out.append(token._replace(text=text))
    return out


def _check_foreign(token: Token, following: list[Token]) -> None:
    """Raise SpecError with the translation of another library's layer and the settings that follow it as words."""
    settings: dict[str, Any] = {}
    for setting in following:
        key, equals, text = setting.text.partition("=")
        if setting.is_call or not equals:
            break
        numbers = [(part, whole(part)) for part in re.split("[x,]", text)]
        parts = [part if number is None else number for part, number in numbers]
        settings[key] = tuple(parts) if len(parts) > 1 else parts[0]
    with _under(token.spot):
        if settings and (line := translated(token.text, (), settings)):
            raise SpecError(line)


@contextmanager
def _under(spot: Spot) -> Iterator[None]:
    """Put what is wrong with a name under it."""
    try:
        yield
    except SpecError as error:
        raise SpecError(str(error), spot) from None


def _needed(layer: Layer) -> list[str]:
    """The settings a layer cannot do without and has not got."""
    return [
        name for name, argument in layer.kind.arguments.items() if argument.required and name not in layer.arguments
    ]


def _from_word(token: Token, before: Layer | None) -> Layer:
    if token.text == "input":
        raise SpecError("an input line gives its sizes, such as input 3x224x224", token.spot)
    if token.text in RESERVED:
        raise SpecError(f"{token.text!r} is a key: write {token.text}=...", token.spot)
    if re.fullmatch(r"[\d.]+", token.text):
        named = "settings have names, conv2d c=64 k=7, or stand in a call, Conv2d(3, 64, 7)"
        if before is not None and len(needed := _needed(before)) == 1:
            named = f"settings have names, {before.text} {needed[0]}={token.text}"
        raise SpecError(f"{token.text!r} is not a layer: {named}", token.spot)
    if re.fullmatch(r"[\dx.,:+-]+", token.text):
        raise SpecError(f"{token.text!r} is not a layer; an input's size is given with -i {token.text}", token.spot)
    if model_words([token.text]) is not None:
        alone = (
            "only the command line may name code" if token.spot.origin else "a model stands alone, before its arguments"
        )
        raise SpecError(f"{token.text} names a model: {alone}", token.spot)
    with _under(token.spot):
        kind, rank = _kind(re.sub(r"^(torch\.)?nn\.", "", token.text), token.spot)
    return Layer(kind, rank, token.text, token.spot)


def _kind(name: str, spot: Spot) -> tuple[Kind, int | None]:
    """The kind of a name. Raises SpecError, with the form that works where a model may be meant on the command line."""
    try:
        return find(bare(name))
    except SpecError as error:
        hint = "" if spot.origin else model_hint(name) or file_hint(name)
        raise SpecError(f"there is no kind {name!r}{hint}" if hint else str(error)) from None


def file_hint(name: str) -> str:
    """Return the form that works where a word is the name of a file here, or of an example."""
    if (examples_folder() / f"{name}.txt").is_file():
        return f"; for the example: @{name}"
    with suppress(OSError, ValueError):
        if Path(name).is_file():
            return f"; for the layers in that file: @{name}"
    return ""


def _from_call(call: Call) -> list[Layer | InputLine]:
    if call.name == "Sequential":
        if call.keywords:
            raise SpecError("Sequential takes layers only", call.spot)
        nested: list[Layer | InputLine] = []
        for part in _unpacked(call):
            if not isinstance(part, Call):
                raise SpecError("Sequential takes layers only", call.spot)
            nested += _from_call(part)
        return nested
    if call.name.rpartition(".")[2] in WRAPPERS:
        return _wrapped(call)
    with _under(call.spot):
        if line := translated(call.name, call.positional, call.keywords):
            raise SpecError(line)
        kind, rank = _kind(call.name, call.spot)
    order = kind.positional
    if kind.name == "identity":  # torch's takes anything and ignores it
        return [Layer(kind, rank, call.text, call.spot)]
    if len(call.positional) > len(order):
        takes = ", ".join(order) or "nothing"
        raise SpecError(
            f"{call.name} takes {len(order)} positional values ({takes}), not {len(call.positional)}",
            call.spot,
        )
    given: dict[str, tuple[Any, Spot]] = {
        name: (value, call.places[n]) for n, (name, value) in enumerate(zip(order, call.positional, strict=False))
    }
    for key, value in call.keywords.items():
        if key in PLACED and key not in kind.arguments:
            continue
        name = _argument_name(kind, key, call.places[key])
        if name in given:
            raise SpecError(f"{call.name} is given {name} twice", call.places[key])
        given[name] = value, call.places[key]
    known = kind.arguments
    arguments = {
        name: checked(known[name], convert(known[name], value, spot), spot) for name, (value, spot) in given.items()
    }
    return [Layer(kind, rank, call.text, call.spot, arguments)]


def _unpacked(call: Call) -> tuple[Any, ...]:
    """What a Sequential holds: its arguments, or those of the OrderedDict of names and layers it is given."""
    parts = call.positional
    inner = parts[0] if len(parts) == 1 else None
    if isinstance(inner, Call) and inner.name.rpartition(".")[2] == "OrderedDict" and len(inner.positional) == 1:
        pairs = inner.positional[0]
        if isinstance(pairs, tuple) and all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs):
            return tuple(layer for _, layer in pairs)
    return parts


def _wrapped(call: Call) -> list[Layer | InputLine]:
    """A layer in spectral_norm(...), weight_norm(...) or the like: weight_norm learns a number per output channel."""
    wrapper = call.name.rpartition(".")[2]
    if not call.positional or not isinstance(call.positional[0], Call):
        raise SpecError(f"{wrapper} takes a layer, such as {wrapper}(Conv2d(3, 8, 3))", call.spot)
    inner = _from_call(call.positional[0])
    if wrapper != "weight_norm":
        return inner
    settings = dict(zip(("name", "dim"), call.positional[1:], strict=False)) | call.keywords
    layer = inner[-1]
    count = first_axis(layer, settings.get("name", "weight")) if isinstance(layer, Layer) and len(inner) == 1 else None
    if settings.get("dim", 0) is None:
        count = 1
    elif settings.get("dim", 0) != 0 or count is None:
        raise SpecError(
            "how many numbers this weight_norm learns does not show: it is read along the first axis", call.spot
        )
    return [*inner, parameters("weight_norm", call.spot, (count,))]


def _argument_name(kind: Kind, key: str, spot: Spot) -> str:
    """Return an argument's full name. Raises SpecError with the nearest one."""
    known = kind.arguments
    if key in known:
        return key
    if key == "in_channels" and kind.channels:
        return kind.channels
    if SHORT.get(key) in known:
        return SHORT[key]
    listed = ", ".join(known)
    raise SpecError(f"{kind.name} has no argument {key!r}{meant_argument(key, known)} (it takes {listed})", spot)


def _with_setting(items: list[Layer | InputLine], token: Token) -> Layer:
    """Return the last layer with one more key=value."""
    key, _, text = token.text.partition("=")
    spot = token.spot
    if key in ("input", "last"):
        raise SpecError(f"{key!r} is a name for from=, not a key", spot)
    if not items or isinstance(items[-1], InputLine):
        raise SpecError(f"{key}= comes before any layer: name one first, such as conv2d {token.text}", spot)
    layer = items[-1]
    if not text:
        raise SpecError(f"{key}= has no value (an unset shell variable?)", spot)
    after = layer._replace(text=f"{layer.text} {token.text}")
    match key:
        case "repeat" | "times":
            count = whole(text, 1, MAX_COPIES)
            if count is None:
                raise SpecError(f"{key} takes a whole number from 1 to {MAX_COPIES:,}, not {text!r}", spot)
            return after._replace(repeat=count) if key == "repeat" else after._replace(times=count)
        case "as" | "name":
            if text in RESERVED:
                raise SpecError(f"{text!r} already means something: choose another name", spot)
            if not _NAME.fullmatch(text):
                raise SpecError(f"a name is letters, digits and _, not {text!r}", spot)
            if layer.called:
                raise SpecError(f"this layer is already called {layer.called!r}", spot)
            return after._replace(called=text, wired=layer.wired or spot)
        case "same":
            if layer.same:
                raise SpecError(f"this layer has the weights of {layer.same!r} already", spot)
            return after._replace(same=text, wired=layer.wired or spot)
        case "from":
            if layer.sources:
                raise SpecError("from is given twice: join the names with a comma, from=a,b", spot)
            return after._replace(sources=tuple(text.split(",")), wired=spot)
    name = _argument_name(layer.kind, key, spot)
    if name in layer.arguments:
        plural = " (for several values write k=3,5)" if key in SHORT else ""
        raise SpecError(f"{name} is given twice to {layer.kind.name}{plural}", spot)
    value = from_word(
        layer.kind.arguments[name], text, Spot(spot.line, spot.start + len(key) + 1, spot.end, spot.origin)
    )
    return after._replace(arguments={**layer.arguments, name: value})
