"""`translated`: a layer of Keras, TensorFlow or Caffe as the line that convcalc reads, with the size it has there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from convcalc.errors import SpecError

if TYPE_CHECKING:
    from convcalc.kinds.keras import Foreign

_PATH: Final = re.compile(r"(?:(?:tf|tensorflow|keras|layers|compat|v1|python|L|slim|contrib|caffe)\.)+(?=\w+$)")
_RANKED: Final = re.compile(r"(.*?)([123])D(Transpose)?")
SAME: Final = ("Flatten", "Dropout", "ReLU")
"""Layers of Keras that torch calls and sets alike."""
TORCHS: Final = {"in_channels", "out_channels", "stride", "dilation"}
"""Arguments of torch's, which others call so as well (Paddle, MXNet)."""
_OLD: Final = re.compile(
    r"(?:tf|tensorflow)\.(?:compat\.v1\.)?layers\.(conv|separable_conv|max_pooling|average_pooling)([123])d(_transpose)?"
)
"""Functions of TensorFlow 1."""
_OLD_NAMES: Final = {
    "conv": "Conv", "separable_conv": "SeparableConv", "max_pooling": "MaxPooling",
    "average_pooling": "AveragePooling",
}  # fmt: skip


def translated(name: str, positional: Sequence[Any], keywords: Mapping[str, Any]) -> str | None:
    """Return what to write instead of a call of another library, or None where it is none.

    `positional` and `keywords` hold numbers, words and tuples. Raises SpecError for a setting without a counterpart.
    """
    entry, rank = _entry(name)
    short = bare(name)
    if entry is None:
        if short != name and short not in SAME:
            raise SpecError(f"{short} is Keras's or TensorFlow's here, with other arguments: write torch's {short}")
        return None
    if entry.library == "Keras" and TORCHS & set(keywords):
        raise SpecError(f"{short} with torch's arguments is {short[:-1]}d: write that name")
    from convcalc.kinds.caffe import CAFFE_WORDS

    names = entry.order
    values = [value for value in positional if type(value).__name__ != "Name"]  # the tensor of a functional call
    if short in ("Convolution", "Deconvolution", "LRN") and not CAFFE_WORDS & set(keywords):
        return None
    settings = {**dict(zip(names, values, strict=False)), **{str(key): value for key, value in keywords.items()}}
    plain = {key: getattr(value, "text", value) for key, value in settings.items()}
    if short.startswith("Convolution") and rank > 1 and [type(value) for value in values[1:]] == [int] * rank:
        plain |= {"kernel_size": tuple(values[1:]), "strides": keywords.get("strides", 1)}  # Keras 1
    return f"{short} is {entry.library}'s name: write {entry.write(plain, rank)}"


def keras_example(word: str) -> str | None:
    """Return what to write instead of the bare name of another library's layer, or None where it is none."""
    entry, rank = _entry(word)
    if entry is None or (entry.library == "Caffe" and bare(word) in ("Convolution", "Deconvolution", "LRN")):
        return None
    return f"{word.rpartition('.')[2]} is {entry.library}'s name: write {entry.write(dict(entry.example), rank)}"


def bare(name: str) -> str:
    """Return a name without the path of another library before it."""
    return _PATH.sub("", name)


def _entry(name: str) -> tuple[Foreign | None, int]:
    """The entry of a name and its rank. The tables are loaded only for what may be in them: our own words are not."""
    short = bare(name)
    if short == name and short.islower() and short != "dense":
        return None, 0
    from convcalc.kinds.caffe import CAFFE
    from convcalc.kinds.keras import KERAS, PLAIN

    if short in CAFFE:
        return CAFFE[short], 2
    match = _RANKED.fullmatch(short)
    if match and not (short.isupper() and "." not in name) and (base := match[1] + (match[3] or "")) in KERAS:
        return KERAS[base], int(match[2])
    if short in PLAIN or short == "dense":
        return PLAIN[short.replace("dense", "Dense")], 2
    if old := _OLD.fullmatch(name):
        return KERAS[_OLD_NAMES[old[1]] + ("Transpose" if old[3] else "")], int(old[2])
    return None, 0
