"""`timm_words`: timm's block strings (`ir_r2_k3_s2_e6_c24_se0.25`) as words.

Source: github.com/huggingface/pytorch-image-models, timm/models/_efficientnet_builder.py (`_decode_block_str`).
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from convcalc.errors import SpecError, Spot, UnsupportedError

TYPES: Final = ("ds", "ir", "er", "cn")
"""depthwise separable, inverted residual, edge residual (fused), convolution + norm + activation."""
ACTIVATIONS: Final = {"re": "relu", "r6": "relu6", "hs": "hardswish", "sw": "silu", "mi": "mish"}
_STRING = re.compile(r"[a-z]{2,3}(?:_[a-z]+[\d.]*)+")
_OPTION = re.compile(r"([a-z]+)([\d.]*)")


def looks_like_timm(text: str) -> bool:
    """Whether a text is block strings, with the brackets, quotes and commas of their lists."""
    words = _words_of(text)
    return bool(words) and all(_STRING.fullmatch(word) and re.search(r"_[rksec]\d", word) for word in words)


def _words_of(text: str) -> list[str]:
    lines = (line.partition("#")[0] for line in text.split("\n"))
    return [word for line in lines for word in re.split(r"[\s,\[\]'\"]+", line) if word]


def timm_words(text: str, origin: str) -> str:
    """Return block strings as words, a line for each block. Raises SpecError and UnsupportedError by string."""
    lines: list[str] = []
    channels = ""
    for word in _words_of(text):
        spot = Spot(word, 0, len(word), origin)
        kind, *options = word.split("_")
        if kind not in TYPES:
            raise UnsupportedError(f"timm's block {kind!r} has no words here (those of {', '.join(TYPES)} have)")
        values = _options(options, spot)
        repeats = int(values.pop("r", "1"))
        for turn in range(repeats):
            lines.append(_block(kind, {**values, **({"s": "1"} if turn else {})}, channels, spot))
            channels = values["c"]
    return "\n".join(lines)


def _options(options: list[str], spot: Spot) -> dict[str, str]:
    values: dict[str, str] = {}
    for option in options:
        match = _OPTION.fullmatch(option)
        if option in ACTIVATIONS or (option[:1] == "n" and option[1:] in ACTIVATIONS):
            values["activation"] = ACTIVATIONS[option.removeprefix("n") if option not in ACTIVATIONS else option]
        elif option in ("noskip", "skip"):
            values[option] = ""
        elif match and match[1] in ("r", "k", "s", "e", "c", "se") and re.fullmatch(r"\d{1,6}(\.\d{1,6})?", match[2]):
            values[match[1]] = match[2]
        else:
            raise SpecError(f"{option!r} is not an option of a block that can be read", spot)
    if "c" not in values:
        raise SpecError("this block lacks its c (channels)", spot)
    for key in ("r", "k", "s", "c"):
        if "." in values.get(key, ""):
            raise SpecError(f"{key} is a whole number, not {values[key]}", spot)
    return values


def _block(kind: str, values: dict[str, str], channels: str, spot: Spot) -> str:
    """One block; `channels` are those of the block before, empty where there is none.

    The middle of an `ir` or `er` block has channels times expansion, rounded to a multiple of 8 (`make_divisible`).
    """
    kernel, stride, expansion = values.get("k", "3"), values.get("s", "1"), Fraction(values.get("e", "1"))
    activation, pad = values.get("activation", "relu"), (int(kernel) - 1) // 2
    settings = f"c={values['c']} k={kernel} s={stride}"
    gate = ""
    if Fraction(values.get("se", "0")):
        ratio = 1 / Fraction(values["se"])
        if ratio.denominator != 1:
            raise UnsupportedError(f"{spot.line}: a gate of {values['se']} times the channels is not a whole reduction")
        gate = f" reduction={ratio.numerator}"
    if "noskip" in values:
        raise UnsupportedError(f"{spot.line}: a block without its sum has no words here")
    if kind == "cn":
        if gate:
            raise UnsupportedError(f"{spot.line}: a cn block has no gate")
        return f"conv2d {settings} p={pad} bias=false batch_norm {activation}"
    if kind == "ds":
        return f"inverted_residual {settings} expansion=1{gate} activation={activation}"
    if not channels and (expansion == 1 or expansion.denominator != 1):
        raise UnsupportedError(
            f"{spot.line}: a first block of expansion {values.get('e', '1')} needs channels no text says"
        )
    middle = _divisible(int(channels) * expansion) if channels else 0
    if kind == "er" and (expansion == 1 or (channels and middle != int(channels) * expansion)):
        if gate:
            raise UnsupportedError(f"{spot.line}: an er block of expansion 1 with a gate has no words here")
        wide = f"conv2d c={middle} k={kernel} s={stride} p={pad} bias=false batch_norm {activation}"
        return f"{wide} conv2d c={values['c']} k=1 bias=false batch_norm"
    if kind == "ir" and middle and middle == int(channels):
        if gate:
            raise UnsupportedError(f"{spot.line}: an ir block of expansion 1 with a gate has no words here")
        narrow = f"conv2d c={middle} k=1 bias=false batch_norm {activation}"
        deep = f"depthwise k={kernel} s={stride} p={pad} bias=false batch_norm {activation}"
        return f"{narrow} {deep} conv2d c={values['c']} k=1 bias=false batch_norm"
    name = "fused_mbconv" if kind == "er" else "inverted_residual"
    width = f"mid_channels={middle}" if middle and kind == "ir" else f"expansion={int(expansion)}"
    return f"{name} {settings} {width}{gate} activation={activation}"


def _divisible(width: Fraction) -> int:
    """The nearest multiple of 8, at least 8, and not below nine tenths of the width."""
    near = max(8, int(width + 4) // 8 * 8)
    return near + 8 if near < Fraction(9, 10) * width else near
