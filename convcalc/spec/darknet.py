"""`darknet_words`: a darknet .cfg as words.

Source: github.com/pjreddie/darknet, src/parser.c (defaults) and src/maxpool_layer.c (its padding is a sum over both
sides, the smaller half before).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from convcalc.errors import SpecError, Spot, UnsupportedError
from convcalc.units import axes_text

if TYPE_CHECKING:
    from collections.abc import Iterator

Settings: TypeAlias = dict[str, str]
ACTIVATIONS: Final = {
    "linear": "", "leaky": "leaky_relu negative_slope=0.1", "logistic": "sigmoid", "relu": "relu", "relu6": "relu6",
    "mish": "mish", "swish": "silu", "elu": "elu", "selu": "selu", "gelu": "gelu", "tanh": "tanh",
    "hardtan": "hardtanh",
}  # fmt: skip
PASSES_ON: Final = ("yolo", "region", "detection", "cost", "gaussian_yolo")
"""Sections that read a map and say what it means."""


class _Section(NamedTuple):
    name: str
    settings: Settings
    spot: Spot

    def number(self, key: str, default: int) -> int:
        """A whole number of a section. Raises SpecError for anything else."""
        text = self.settings.get(key, str(default))
        if not re.fullmatch(r"-?\d{1,9}", text):
            raise SpecError(f"{key}={text} is not a whole number", self.spot)
        return int(text)

    def numbers(self, key: str) -> list[int]:
        """Whole numbers joined by commas."""
        parts = [part.strip() for part in self.settings.get(key, "").split(",") if part.strip()]
        if not parts or not all(re.fullmatch(r"-?\d{1,9}", part) for part in parts):
            raise SpecError(f"[{self.name}] needs {key}=, whole numbers joined by commas", self.spot)
        return [int(part) for part in parts]


def looks_like_darknet(text: str) -> bool:
    """Whether a text is a darknet .cfg: sections in brackets, the first of them [net]."""
    first = re.search(r"^\s*\[(\w+)\]", text, re.MULTILINE)
    return first is not None and first[1] in ("net", "network")


def darknet_words(text: str, origin: str) -> str:
    """Return a darknet .cfg as words, one line per section. Raises SpecError and UnsupportedError by section."""
    sections = list(_sections(text, origin))
    if not sections or sections[0].name not in ("net", "network"):
        raise SpecError(f"{origin} is not a darknet .cfg: it begins with [net]")
    net, *rest = sections
    sizes = [net.number(key, 0) for key in ("channels", "height", "width")]
    if min(sizes) < 1:
        raise SpecError("[net] says channels, height and width", net.spot)
    wanted: set[int] = set()
    for number, section in enumerate(rest):
        for place in _reads(section, number):
            if not 0 <= place < number:
                raise SpecError(f"[{section.name}] reads section {place}, which is not before it", section.spot)
            wanted.add(place)
    lines = [f"input {'x'.join(map(str, sizes))}"]
    channels: list[int] = []
    for number, section in enumerate(rest):
        words = _words(section, number, channels)
        channels.append(_channels(section, number, channels, sizes[0]))
        lines.append(f"{words} as=l{number}" if number in wanted else words)
    return "\n".join(lines)


def _sections(text: str, origin: str) -> Iterator[_Section]:
    section: _Section | None = None
    for number, line in enumerate(text.split("\n"), 1):
        words = line.partition("#")[0].partition(";")[0].strip()
        if not words:
            continue
        spot = Spot.of_line(line, number, origin)
        head = re.fullmatch(r"\[(\w+)\]", words)
        if head:
            if section:
                yield section
            section = _Section(head[1], {}, spot)
        elif "=" in words and section:
            key, _, value = words.partition("=")
            section.settings[key.strip()] = value.strip()
        else:
            raise SpecError("a darknet .cfg has [section] and key=value lines", spot)
    if section:
        yield section


def _reads(section: _Section, number: int) -> list[int]:
    """The sections that this one reads besides the one before: counted from the first, or back from here."""
    key = {"route": "layers", "shortcut": "from", "scale_channels": "from", "sam": "from"}.get(section.name)
    return [place if place >= 0 else number + place for place in section.numbers(key)] if key else []


def _channels(section: _Section, number: int, before: list[int], first: int) -> int:
    """How many channels a section gives, from those of the sections before it."""
    last = before[-1] if before else first
    match section.name:
        case "convolutional" | "conv" | "deconvolutional" | "deconv":
            return section.number("filters", 1)
        case "connected" | "conn":
            return section.number("output", 1)
        case "reorg" | "reorg3d":
            return last * section.number("stride", 1) ** 2
        case "route":
            return sum(before[place] for place in _reads(section, number)) // max(section.number("groups", 1), 1)
        case _:
            return last


def _words(section: _Section, number: int, channels: list[int]) -> str:
    match section.name:
        case "convolutional" | "conv":
            return _convolution(section)
        case "deconvolutional" | "deconv":
            size = section.number("size", 1)
            pad = size // 2 if section.number("pad", 0) else section.number("padding", 0)
            core = f"conv_transpose c={section.number('filters', 1)} k={size} s={section.number('stride', 1)} p={pad}"
            return _normed(section, core)
        case "maxpool" | "max":
            size = section.number("size", section.number("stride", 1))
            total, stride = section.number("padding", size - 1), section.number("stride", 1)
            if (size, stride, total) == (2, 2, 1):
                return "max_pool k=2 s=2 ceil_mode=true"  # the same, as torch has it
            sides = f"{total // 2}+{total - total // 2}" if total % 2 else str(total // 2)
            return f"max_pool k={size} s={stride} p={sides}"
        case "avgpool" | "avg":
            return "global_avg_pool"
        case "upsample":
            return f"upsample scale_factor={section.number('stride', 2)}"
        case "reorg" | "reorg3d":
            return f"pixel_unshuffle downscale_factor={section.number('stride', 1)}"
        case "connected" | "conn":
            return _normed(section, f"flatten linear out_features={section.number('output', 1)}")
        case "dropout":
            return f"dropout p={section.settings.get('probability', '0.5')}"
        case "softmax" | "soft":
            return "softmax dim=1"
        case "batchnorm":
            return "batch_norm"
        case "activation":
            return _activation(section) or "identity"
        case "shortcut":
            return f"add from=last,{_names(section, number)} {_activation(section)}".strip()
        case "scale_channels" | "sam":
            return f"multiply from=last,{_names(section, number)} {_activation(section)}".strip()
        case "route":
            return _route(section, number, channels)
        case name if name in PASSES_ON:
            return "identity"
        case name:
            raise UnsupportedError(f"{section.spot.origin}: darknet's [{name}] has no layer here")


def _names(section: _Section, number: int) -> str:
    return ",".join(f"l{place}" for place in _reads(section, number))


def _route(section: _Section, number: int, channels: list[int]) -> str:
    groups, names = section.number("groups", 1), _names(section, number)
    if groups > 1:
        if "," in names:
            raise UnsupportedError(f"{section.spot.origin}: a [route] of several layers with groups is not read")
        each = channels[_reads(section, number)[0]] // groups
        start = section.number("group_id", 0) * each
        return f"slice from={names} start={start} stop={start + each}"
    return f"concat from={names}" if "," in names else f"identity from={names}"


def _convolution(section: _Section) -> str:
    if section.number("dilation", 1) != 1 or section.number("antialiasing", 0):
        raise UnsupportedError(f"{section.spot.origin}: dilation and antialiasing differ between darknet's forks")
    size, groups = section.number("size", 1), section.number("groups", 1)
    strides = [section.number(key, section.number("stride", 1)) for key in ("stride_y", "stride_x")]
    pad = size // 2 if section.number("pad", 0) else section.number("padding", 0)
    words = f"conv2d c={section.number('filters', 1)} k={size}"
    words += f" s={axes_text(strides)} p={pad}" + (f" g={groups}" if groups > 1 else "")
    return _normed(section, words)


def _normed(section: _Section, words: str) -> str:
    """The layer with its batch norm, which takes the bias's place, and its activation."""
    if section.number("batch_normalize", 0):
        words += " bias=false batch_norm"
    return f"{words} {_activation(section)}".strip()


def _activation(section: _Section) -> str:
    name = section.settings.get(
        "activation", "linear" if section.name in ("shortcut", "scale_channels", "sam") else "logistic"
    )
    if name not in ACTIVATIONS:
        raise UnsupportedError(f"{section.spot.origin}: darknet's activation {name} has no layer here")
    return ACTIVATIONS[name]
