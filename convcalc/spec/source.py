"""`blocks`: where a spec comes from: words, `@file`, `-` for standard input, or a shipped example; and its blocks."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from convcalc.errors import SpecError, nearest
from convcalc.limits import MAX_FILE_BYTES, MAX_WORDS
from convcalc.spec.examples import examples_folder
from convcalc.spec.layers import InputLine, layers
from convcalc.spec.lexer import Token, normal, tokens, word_tokens
from convcalc.spec.tensors import tensor
from convcalc.subject import Block, Layer, Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcalc.spec.code import Built


def blocks(spec: Sequence[str], inputs: Sequence[str] = (), *, printed: bool = False) -> list[Block]:
    """Return the blocks a command was given. `-i` replaces the `input` lines of a file.

    `printed` says that the command can read a model printed in any nesting (params). Raises SpecError for words
    that make no sense, and for files that are missing, empty, binary or huge.
    """
    given = [tensor(text) for text in inputs]
    if not spec:
        piped = sys.stdin is not None and not sys.stdin.closed and not sys.stdin.isatty()
        stdin = "- for what is piped in" if piped else "- for stdin"
        raise SpecError(f"no layers given: name them, such as conv2d out_channels=64 k=3, or @file, or {stdin}")
    items: list[Layer | InputLine] = []
    notes: tuple[str, ...] = ()
    hint = ""
    plain: list[str] = []
    for word in (*spec, None):
        if word is not None and word != "-" and not word.startswith("@"):
            plain.append(word)
            continue
        if plain and DRIVERS.match(plain[0]):
            items += layers(tokens(_words("\n".join(plain), "the command line"), "the command line"))
        elif plain:
            items += layers(word_tokens(plain))
        plain = []
        if word is None:
            break
        from convcalc.spec.printed import by_themselves, printed_model  # what no word on the command line needs
        from convcalc.spec.torch_repr import looks_printed

        origin, text = read_text(word)
        if looks_printed(text):
            model = printed_model(text, origin, weights_only=printed)
            if not model.sequential:
                return by_themselves(model.layers, model.hidden, model.notes, model.hint)
            items += model.in_order()
            notes, hint = (*notes, *model.notes), model.hint
            continue
        built = _code(text, origin, weights_only=printed)
        if built is not None and printed:
            return by_themselves(built.layers, built.hidden, built.notes)
        items += layers(_limited(_words(text, origin), origin)) if built is None else built.layers
    return [block._replace(notes=notes, hint=hint) for block in _split(items, given)]


DRIVERS = re.compile(r"(?:\S*/)?(?:benchdnn|MIOpenDriver) |(?:g\d+)?_?(?:mb\d+)?_?ic\d+[a-z_]")
"""How a word begins that other programs' lines are: their names, and benchdnn's problem descriptors."""


def _words(text: str, origin: str) -> str:
    """A text in convcalc's words: as it is, or turned into them where it is of another program."""
    from convcalc.spec.importers import importer_of, words_of

    form = importer_of(text, origin)
    return words_of(text, origin, form) if form else text


def _code(text: str, origin: str, *, weights_only: bool) -> Built | None:
    """What lines of Python build; None for a text that is none."""
    from convcalc.spec.code import code_layers, looks_like_code

    plain = normal(text)
    return code_layers(plain, origin, weights_only=weights_only) if looks_like_code(plain) else None


def _limited(text: str, origin: str) -> list[Token]:
    limited = []
    for token in tokens(normal(text), origin):
        limited.append(token)
        if len(limited) > MAX_WORDS:
            raise SpecError(f"{origin} has over {MAX_WORDS:,} words: this is not a list of layers")
    if not limited:
        raise SpecError(f"{origin} holds no layers")
    return limited


def _split(items: list[Layer | InputLine], given: list[Tensor]) -> list[Block]:
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
    return [Block(tuple(lines), tuple(stack)) for lines, stack in parts]


def _stdin() -> str:
    if sys.stdin is None or sys.stdin.isatty():
        raise SpecError("- reads layers from standard input, but that is a terminal: pipe them in")
    return _text(sys.stdin.buffer.read(MAX_FILE_BYTES + 1), "stdin")


def read_text(file: str) -> tuple[str, str]:
    """Return the name and text of a file (with or without @), or of standard input for `-`.

    Raises SpecError for one that is missing, empty, binary or huge.
    """
    return ("stdin", _stdin()) if file == "-" else _file(f"@{file.removeprefix('@')}")


def _file(word: str) -> tuple[str, str]:
    path = Path(word[1:])
    if not path.name:
        raise SpecError("@ is followed by the name of a file, such as @examples/resnet_stem.txt")
    shipped = examples_folder() / (word[1:] if word.endswith((".txt", ".cfg")) else f"{word[1:]}.txt")
    try:
        if not path.exists() and path.name == word[1:] and shipped.is_file():
            path = shipped
        if path.is_dir():
            raise SpecError(f"{path} is a folder, not a file of layers")
        with path.open("rb") as file:
            return str(path), _text(file.read(MAX_FILE_BYTES + 1), str(path))
    except FileNotFoundError:
        beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        known = [*beside, *(entry.name.removesuffix(".txt") for entry in examples_folder().glob("*.*"))]
        raise SpecError(f"there is no file {str(path)!r}{nearest(path.name, known)}") from None
    except OSError as error:
        raise SpecError(f"{path} cannot be read: {error.strerror or error}") from None


def _text(raw: bytes, origin: str) -> str:
    if len(raw) > MAX_FILE_BYTES:
        raise SpecError(f"{origin} is over 1 MiB: this is not a list of layers")
    if b"\0" in raw:
        raise SpecError(f"{origin} is a binary file, not a list of layers")
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        raise SpecError(f"{origin} is not text in UTF-8") from None
    if not text.strip():
        raise SpecError(f"{origin} is empty")
    return text
