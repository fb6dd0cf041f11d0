"""`blocks`: where a spec comes from: words, `@file`, `-` for standard input, or a shipped example; and its blocks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from convcalc.errors import SpecError, UnsupportedError, nearest
from convcalc.kinds import find
from convcalc.limits import MAX_FILE_BYTES, MAX_WORDS
from convcalc.spec.layers import InputLine, layers
from convcalc.spec.lexer import Token, normal, tokens, word_tokens
from convcalc.spec.tensors import tensor
from convcalc.spec.torch_repr import HIDES_WEIGHTS, WRITTEN_AS, Printed, looks_printed, parse_printed
from convcalc.subject import Block, Layer, Tensor

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def blocks(spec: Sequence[str], inputs: Sequence[str] = (), *, printed: bool = False) -> list[Block]:
    """Return the blocks a command was given. `-i` replaces the `input` lines of a file.

    `printed` says that the command can read a model printed in any nesting (params). Raises SpecError for words
    that make no sense, and for files that are missing, empty, binary or huge.
    """
    given = [tensor(text) for text in inputs]
    if not spec:
        raise SpecError("no layers given: name them, such as conv2d out_channels=64 k=3, or @file, or - for stdin")
    items: list[Layer | InputLine] = []
    hidden: list[str] = []
    plain: list[str] = []
    for word in (*spec, None):
        if word is not None and word != "-" and not word.startswith("@"):
            plain.append(word)
            continue
        if plain:
            items += layers(word_tokens(plain))
            plain = []
        if word is None:
            break
        origin, text = ("stdin", _stdin()) if word == "-" else _file(word)
        if not looks_printed(text):
            items += layers(_limited(text, origin))
            continue
        head, model = _printed(text, origin)
        unclear = model.not_sequential()
        leaves = list(_leaves(model, hidden, anything=printed or bool(unclear)))
        if unclear and printed:
            return [Block((), (layer._replace(times=count),), tuple(hidden)) for layer, count in leaves]
        if unclear:
            raise UnsupportedError(
                f"a printed {unclear} shows its modules, not what forward() does with them: only params can read"
                " it; list the layers instead"
            )
        items += [*head, *(layer._replace(repeat=count) for layer, count in leaves)]
    return _split(items, given, tuple(hidden))


def _limited(text: str, origin: str) -> list[Token]:
    limited = []
    for token in tokens(normal(text), origin):
        limited.append(token)
        if len(limited) > MAX_WORDS:
            raise SpecError(f"{origin} has over {MAX_WORDS:,} words: this is no list of layers")
    if not limited:
        raise SpecError(f"{origin} holds no layers")
    return limited


def _split(items: list[Layer | InputLine], given: list[Tensor], hidden: tuple[str, ...]) -> list[Block]:
    parts: list[tuple[list[Tensor], list[Layer]]] = [([], [])]
    for item in items:
        if isinstance(item, InputLine):
            if parts[-1][1]:
                parts.append(([], []))
            parts[-1][0].append(tensor(item.text, item.spot))
        else:
            parts[-1][1].append(item)
    for lines, stack in parts:
        if not stack:
            raise SpecError("no layers follow this input", lines[-1].spot if lines else None)
    if given:
        if len(parts) > 1:
            raise SpecError(f"-i would replace the inputs of {len(parts)} blocks: leave it out, or give one block")
        parts[0] = (given, parts[0][1])
    return [Block(tuple(lines), tuple(stack), hidden) for lines, stack in parts]


def _stdin() -> str:
    if sys.stdin is None or sys.stdin.isatty():
        raise SpecError("- reads layers from standard input, but that is a terminal: pipe them in")
    return _text(sys.stdin.buffer.read(MAX_FILE_BYTES + 1), "stdin")


def examples_folder() -> Path:
    """Return where the shipped examples lie: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "examples"
    return inside if inside.is_dir() else package.parent / "examples"


def _file(word: str) -> tuple[str, str]:
    path = Path(word[1:])
    if not path.name:
        raise SpecError("@ is followed by the name of a file, such as @examples/resnet_stem.txt")
    shipped = examples_folder() / f"{word[1:].removesuffix('.txt')}.txt"
    try:
        if not path.exists() and path.name == word[1:] and shipped.is_file():
            path = shipped
        if path.is_dir():
            raise SpecError(f"{path} is a folder, not a file of layers")
        with path.open("rb") as file:
            return str(path), _text(file.read(MAX_FILE_BYTES + 1), str(path))
    except FileNotFoundError:
        beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        known = [*beside, *(entry.stem for entry in examples_folder().glob("*.txt"))]
        raise SpecError(f"there is no file {str(path)!r}{nearest(path.name, known)}") from None
    except OSError as error:
        raise SpecError(f"{path} cannot be read: {error.strerror or error}") from None


def _text(raw: bytes, origin: str) -> str:
    if len(raw) > MAX_FILE_BYTES:
        raise SpecError(f"{origin} is over 1 MiB: this is no list of layers")
    if b"\0" in raw:
        raise SpecError(f"{origin} is a binary file, not a list of layers")
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        raise SpecError(f"{origin} is not text in UTF-8") from None
    if not text.strip():
        raise SpecError(f"{origin} is empty")
    return text


def _printed(text: str, origin: str) -> tuple[list[Layer | InputLine], Printed]:
    """Return the input lines above a pasted model, and its tree."""
    lines = normal(text).split("\n")
    head = [line if line.strip().startswith(("input ", "#")) else "" for line in lines]
    body = ["" if above else line for above, line in zip(head, lines, strict=True)]
    return layers(tokens("\n".join(head), origin)), parse_printed("\n".join(body), origin)


def _leaves(model: Printed, hidden: list[str], *, anything: bool) -> Iterator[tuple[Layer, int]]:
    """Yield each layer of a printed model and how often it stands there.

    Modules that are no layer here are noted in `hidden`; raises SpecError for one unless `anything` goes (params).
    """
    for name, count, module in model.leaves():
        kind = WRITTEN_AS.get(module.kind, module.kind)
        if _is_layer(kind):
            call = module.text.replace(module.kind, kind, 1)
            call = call if call.endswith(")") else f"{call}()"
            for layer in layers([Token(call, module.spot)]):
                if isinstance(layer, Layer):
                    yield layer._replace(text=f"{name}: {call}" if name else call), count
        elif anything:
            hidden.append(f"{name} ({module.kind})" if name else module.kind)
        else:
            raise SpecError(f"{module.kind} is no layer convcalc knows, so what follows it cannot be told", module.spot)


def _is_layer(kind: str) -> bool:
    if HIDES_WEIGHTS.match(kind):
        return False
    if kind == "Sequential":
        return True
    try:
        find(kind)
    except SpecError:
        return False
    return True
