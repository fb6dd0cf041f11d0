"""`words_of`: files of other programs as words, and a clear refusal of those that do not say all that is needed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from convcalc.errors import SpecError, nearest
from convcalc.spec.darknet import darknet_words, looks_like_darknet
from convcalc.spec.driver_lines import driver_words, is_batch_line, is_driver_line, is_problem
from convcalc.spec.timm_blocks import looks_like_timm, timm_words

if TYPE_CHECKING:
    from collections.abc import Callable


class Importer(NamedTuple):
    """A format: how a text of it is known, and how it is turned into words."""

    known: Callable[[str], bool]
    words: Callable[[str, str], str]


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip() and not line.strip().startswith("#")]


def _drives(program: str) -> Callable[[str], bool]:
    def known(text: str) -> bool:
        lines = _lines(text)
        return bool(lines) and all(map(is_driver_line, lines)) and is_driver_line(lines[0], program)

    return known


def _is_batch(text: str) -> bool:
    """Whether a text is a batch file of benchdnn."""
    lines = [line.partition("#")[0].strip() for line in _lines(text)]
    return all(map(is_batch_line, lines)) and any(is_problem(word) for line in lines for word in line.split())


IMPORTERS: Final[dict[str, Importer]] = {
    "darknet": Importer(looks_like_darknet, darknet_words),
    "benchdnn": Importer(lambda text: _drives("benchdnn")(text) or _is_batch(text), driver_words),
    "miopen": Importer(_drives("MIOpenDriver"), driver_words),
    "timm": Importer(looks_like_timm, timm_words),
}
_REFUSED: Final = (
    (
        re.compile(r"Layer \(type[^\n]*Output Shape|^=+\nLayer \(type", re.MULTILINE),
        "a table of model.summary() (Keras, torchsummary, torchinfo) shows no kernel sizes or strides: paste"
        " print(model), or list the layers",
    ),
    (
        re.compile(r"^\s*layers?\s*\{", re.MULTILINE),
        "a Caffe prototxt is not read: list its layers, such as Conv2d(3, 64, 7, stride=2, padding=3)",
    ),
    (
        re.compile(r"^\s*(?:ir_version:|graph \{|node \{)", re.MULTILINE),
        "a printed ONNX graph is not read: list its layers",
    ),
    (re.compile(r"^\s*[{\[]\s*\""), "a JSON file is not read as layers: list them in words"),
    (
        re.compile(r"^(?:backbone:|nc:|depth_multiple:)", re.MULTILINE),
        "a YAML of Ultralytics names other people's modules: paste print(model), or list the layers",
    ),
)
"""Formats that do not say all that is needed, or are not read, with what to do instead."""


def importer_of(text: str, name: str = "") -> str:
    """Return the format of a text, by the suffix .cfg of its file's name or by its content; empty for none.

    Raises SpecError, naming the format, for one that cannot be read.
    """
    if name.endswith(".cfg"):
        return "darknet"
    for known, importer in IMPORTERS.items():
        if importer.known(text):
            return known
    for pattern, reason in _REFUSED:
        if pattern.search(text):
            raise SpecError(f"{name + ': ' if name else ''}{reason}")
    return ""


def words_of(text: str, origin: str, form: str) -> str:
    """Return a text of a format as words. Raises SpecError for a format that is none, and as its reader does."""
    if form not in IMPORTERS:
        raise SpecError(f"there is no format {form!r}{nearest(form, IMPORTERS)} (there are {', '.join(IMPORTERS)})")
    return IMPORTERS[form].words(text, origin)
