"""`sweep_blocks`: the stacks of a command line that are swept, by name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING

from convcalc.errors import ConvcalcError, SpecError
from convcalc.spec.model_words import model_words
from convcalc.spec.ranges import Alternatives, has_alternatives
from convcalc.spec.source import blocks, read_text
from convcalc.spec.values import PER_AXIS

if TYPE_CHECKING:
    from convcalc.subject import Block

_MAYBE = re.compile(r"=\S*[,/]|\d:\d|^input .*,", re.MULTILINE)
"""What no spec lacks that has a range."""


class Dtype(StrEnum):
    """Element types of parameters and activations."""

    fp64 = "fp64"
    fp32 = "fp32"
    bf16 = "bf16"
    fp16 = "fp16"
    fp8 = "fp8"
    int8 = "int8"


def sweep_blocks(spec: Sequence[str] | None, inputs: Sequence[str] | None) -> dict[str, Block]:
    """Return the stacks that are swept, by name: one, those of a file, or one for each of several words in quotes.

    Raises SpecError for layers without an input.
    """
    words = list(spec or ())
    if len(words) > 1 and all(" " in word.strip() or word.startswith("@") for word in words):
        named = {}
        for word in words:
            single, *more = blocks([word], inputs or ())
            if more:
                raise SpecError(f"{word} has {len(more) + 1} blocks: beside other specs each is one stack")
            named[word.strip()] = single
    else:
        read = blocks(words, inputs or ())
        texts = [" ".join(layer.text for layer in block.layers) for block in read]
        named = {
            text if texts.count(text) == 1 else f"{place}: {text}": block
            for place, (text, block) in enumerate(zip(texts, read, strict=True))
        }
    for name, block in named.items():
        if not block.inputs:
            raise SpecError(f"{name}: the input's size is missing: give it with -i, such as -i 3x224x224")
    return named


def ranged_blocks(spec: Sequence[str] | None, inputs: Sequence[str] | None) -> dict[str, Block]:
    """Return the stacks where a setting or size has several values; none where none has, or these are no layers."""
    words = list(spec or ())
    if not words or "-" in words or model_words(words) is not None:
        return {}
    with suppress(ConvcalcError):  # which the command itself will say
        texts = [read_text(word)[1] if word.startswith("@") else word for word in words]
        if not any(map(_MAYBE.search, (*texts, *(f"input {text}" for text in inputs or ())))):
            return {}
        if any(map(has_alternatives, blocks(words, inputs or ()))):
            return sweep_blocks(words, inputs)
    return {}


def range_hints(named: dict[str, Block]) -> list[str]:
    """Return what the reader of `k=3,5` may have meant: a list is of configurations, sizes of axes are joined by x."""
    hints = []
    for block in named.values():
        for layer in block.layers:
            for name, value in layer.arguments.items():
                takes = {*layer.kind.arguments[name].takes}
                if isinstance(value, Alternatives) and takes & PER_AXIS and re.fullmatch(r"\d+(,\d+){1,2}", value.text):
                    per_axis = value.text.replace(",", "x")
                    hints.append(f"{name}={value.text} is {len(value.values)} configurations (per axis: {per_axis})")
    return list(dict.fromkeys(hints))
