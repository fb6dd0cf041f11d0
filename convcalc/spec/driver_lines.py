"""`driver_words`: command lines of benchdnn and MIOpenDriver, and benchdnn's batch files, as words, one block each.

Sources: oneDNN's benchdnn (driver_conv.md, knobs_desc.md: a minibatch that is not said is 2), MIOpen's driver
(conv_driver.hpp: the flags and their defaults).
"""

from __future__ import annotations

import re
import shlex
from typing import Final, TypeAlias

from convcalc.errors import SpecError, Spot
from convcalc.units import axes_text

Numbers: TypeAlias = dict[str, int]
AXES: Final = ("d", "h", "w")
MIOPEN: Final = {
    "-n": "n", "--batchsize": "n", "-c": "c", "--in_channels": "c", "-H": "H", "--in_h": "H", "-W": "W", "--in_w": "W",
    "-k": "k", "--out_channels": "k", "-y": "y", "--fil_h": "y", "-x": "x", "--fil_w": "x", "-p": "p", "--pad_h": "p",
    "-q": "q", "--pad_w": "q", "-u": "u", "--conv_stride_h": "u", "-v": "v", "--conv_stride_w": "v", "-l": "l",
    "--dilation_h": "l", "-j": "j", "--dilation_w": "j", "-g": "g", "--group_count": "g", "-b": "b", "--bias": "b",
    "--spatial_dim": "rank", "-_": "rank", "--in_d": "D", "-!": "D", "--fil_d": "z", "-@": "z", "--pad_d": "o",
    "-$": "o", "--conv_stride_d": "t", "-#": "t", "--dilation_d": "i", "-^": "i", "--trans_output_pad_h": "Y",
    "-Y": "Y", "--trans_output_pad_w": "X", "-X": "X", "--trans_output_pad_d": "Z", "-%": "Z",
}  # fmt: skip
"""MIOpenDriver's flags and the number each says."""
MIOPEN_DEFAULTS: Final = {"n": 100, "c": 3, "D": 32, "H": 32, "W": 32, "k": 32, "z": 3, "y": 3, "x": 3}
"""What MIOpenDriver takes for a flag that is not given, where that is not 0 or 1."""
BATCH: Final = 2
"""The minibatch of a problem of benchdnn that says none."""
_DRIVER = re.compile(r"(?:.*Command \[\w+\] )?(?:\S*/)?(benchdnn|MIOpenDriver)\b")
_PAIRS = re.compile(r"(mb|g|[io]c|[iokspd][dhw])(\d{1,9})")
_PROBLEM = re.compile(rf'(?:_*{_PAIRS.pattern}){{3,}}_*(?:n"[^"]*"|n[^\d_"]\S*)?')
_OPTION = re.compile(r"--?[a-z][a-z-]*(?:=\S*)?")


def is_driver_line(line: str, program: str = "") -> bool:
    """Whether a line runs benchdnn or MIOpenDriver, or the one of them that is asked for."""
    match = _DRIVER.match(line.strip())
    return match is not None and program in ("", match[1])


def is_problem(word: str) -> bool:
    """Whether a word is a problem descriptor of benchdnn, such as mb1ic3ih224oc64oh112kh7sh2ph3."""
    return _PROBLEM.fullmatch(word) is not None


def is_batch_line(line: str) -> bool:
    """Whether a line is of a batch file of benchdnn: options and problems, no program before them."""
    words = line.split()
    return bool(words) and all(_OPTION.fullmatch(word) or is_problem(word) for word in words)


def driver_words(text: str, origin: str) -> str:
    """Return every driver line of a text as an input line and a layer. Raises SpecError for what a line lacks."""
    blocks = []
    settings = {"driver": "conv"}
    for number, line in enumerate(text.split("\n"), 1):
        words = line.partition("#")[0].strip() if not is_driver_line(line) else line.strip()
        if not words:
            continue
        spot = Spot.of_line(line, number, origin)
        program = _DRIVER.match(words)
        if program is None and not is_batch_line(words):
            raise SpecError("this is not a line of benchdnn or MIOpenDriver", spot)
        if program is None:
            blocks += _benchdnn(words.split(), settings, spot)
        elif program[1] == "benchdnn":
            blocks += _benchdnn(words[program.end(1) :].split(), {}, spot)
        else:
            blocks.append(_miopen(words[program.start(1) :], spot))
    if not blocks:
        raise SpecError(f"{origin} names no problem such as mb1ic3ih224oc64oh112kh7sh2ph3")
    return "\n".join(blocks)


def _benchdnn(words: list[str], settings: dict[str, str], spot: Spot) -> list[str]:
    """One block for each problem among the words; `settings` are what the options so far say, and go on."""
    blocks = []
    for word in words:
        if word in ("--conv", "--deconv"):
            settings["driver"] = word[2:]
        elif word == "--reset":
            settings |= {"dir": "FWD_B", "mb": "0"}
        elif word.startswith("--batch"):
            raise SpecError(
                "give the problems themselves, such as mb1ic3ih224oc64oh112kh7sh2ph3, for a batch file", spot
            )
        elif word.startswith("-"):
            key, _, value = word.lstrip("-").partition("=")
            settings[key] = value
        elif "driver" not in settings:
            raise SpecError("only --conv and --deconv of benchdnn are layers here", spot)
        else:
            blocks.append(_problem(word, settings, spot))
    return blocks


def _problem(problem: str, settings: dict[str, str], spot: Spot) -> str:
    """A descriptor such as mb1ic3ih224oc64oh112kh7sh2ph3dh0; what is not said of the width is the height's.

    A padding that is not said is what the output's size asks for, on both sides alike as far as that goes.
    """
    transposed = settings["driver"] == "deconv"
    bias = any(part.endswith("_B") or part == "BWD_WB" for part in settings.get("dir", "FWD_B").split(","))
    batch = int(settings["mb"]) if re.fullmatch(r"[0-9]{1,9}", settings.get("mb", "")) else 0
    descriptor = re.sub(r'_?n"[^"]*"$|_?n[^\d_"]\S*$', "", problem)
    pairs = _PAIRS.findall(descriptor)
    if not pairs or "".join(key + value for key, value in pairs) != descriptor.replace("_", ""):
        raise SpecError(f"{problem} is not a problem descriptor such as mb1ic3ih224oc64oh112kh7sh2ph3", spot)
    numbers: Numbers = {key: int(value) for key, value in pairs}
    numbers["mb"] = batch or numbers.get("mb", BATCH)
    axes = [axis for axis in AXES if f"i{axis}" in numbers or f"k{axis}" in numbers or f"o{axis}" in numbers]
    if "ih" in numbers and "iw" not in numbers and "kw" not in numbers:
        axes = [*(["d"] if "id" in numbers else []), "h", "w"]
    if not axes or not {"ic", "oc"} <= set(numbers):
        raise SpecError("this problem lacks ic, oc or its sizes", spot)

    def per_axis(letter: str, default: int | None) -> list[int]:
        """One number per axis: the width's where it is said, else the height's."""
        values = []
        for axis in axes:
            keys = (f"{letter}{axis}", f"{letter}h", f"{letter}w")
            value = next((numbers[key] for key in keys if key in numbers), default)
            if value is None:
                raise SpecError(f"this problem lacks {letter}{axis}", spot)
            values.append(value)
        return values

    size, kernel, stride = per_axis("i", None), per_axis("k", None), per_axis("s", 1)
    dilation = [between + 1 for between in per_axis("d", 0)]
    before = per_axis("p", 0)
    after, extra = list(before), [0] * len(axes)
    if any(f"o{axis}" in numbers for axis in AXES):
        outputs = per_axis("o", None)
        walks = zip(size, outputs, kernel, stride, dilation, before, strict=True)
        spans = [((i, o) if not transposed else (o, i), d * (k - 1) + 1, s, p) for i, o, k, s, d, p in walks]
        if not any(f"p{axis}" in numbers for axis in AXES):
            before = [max((few - 1) * s + span - many, 0) // 2 for (many, few), span, s, _ in spans]
            spans = [(sizes, span, s, p) for (sizes, span, s, _), p in zip(spans, before, strict=True)]
        rests = [(few - 1) * s + span - many - p for (many, few), span, s, p in spans]
        after = [max(rest, p if transposed else 0) for rest, p in zip(rests, before, strict=True)]
        extra = [p - rest if transposed and rest < p else 0 for rest, p in zip(rests, before, strict=True)]
    name = f"{'conv_transpose' if transposed else 'conv'}{len(axes)}d"
    sides = [str(b) if b == a or (not transposed and a < b) else f"{b}+{a}" for b, a in zip(before, after, strict=True)]
    return _block(
        numbers["mb"], numbers["ic"], size, name, numbers["oc"], kernel, stride, sides, dilation,
        numbers.get("g", 1), bias, extra,
    )  # fmt: skip


def _miopen(line: str, spot: Spot) -> str:
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise SpecError(f"this line cannot be read: {error}", spot) from None
    words = [part for word in words for part in (word.split("=", 1) if word.startswith("--") else [word])]
    if len(words) < 2 or not words[1].startswith("conv"):
        raise SpecError("only MIOpenDriver conv, convfp16 and convbfp16 are layers here", spot)
    numbers: Numbers = {}
    mode, pad_mode = "conv", "default"
    for flag, value in zip(words[2::2], words[3::2], strict=False):
        if flag in ("-m", "--mode"):
            mode = value
        elif flag in ("-z", "--pad_mode"):
            pad_mode = value
        elif flag in MIOPEN:
            if not re.fullmatch(r"\d{1,9}", value):
                raise SpecError(f"{flag} takes a whole number, not {value!r}", spot)
            numbers[MIOPEN[flag]] = int(value)
    numbers = MIOPEN_DEFAULTS | numbers
    deep = numbers.get("rank", 2) == 3
    size, kernel, pads, strides, dilations = (
        [numbers.get(key, default) for key in (keys if deep else keys[1:])]
        for keys, default in (("DHW", 1), ("zyx", 1), ("opq", 0), ("tuv", 1), ("ilj", 1))
    )
    sides = ["tf_same"] if pad_mode == "same" else ["0"] if pad_mode == "valid" else list(map(str, pads))
    name = f"{'conv_transpose' if mode.startswith('trans') else 'conv'}{len(size)}d"
    extra = [numbers.get(key, 0) for key in ("ZYX" if deep else "YX")]
    return _block(
        numbers["n"], numbers["c"], size, name, numbers["k"], kernel, strides, sides, dilations,
        numbers.get("g", 1), bool(numbers.get("b", 0)), extra,
    )  # fmt: skip


def _block(
    batch: int, channels: int, size: list[int], name: str, out: int, kernel: list[int], stride: list[int],
    sides: list[str], dilation: list[int], groups: int, bias: bool, output_padding: list[int],
) -> str:  # fmt: skip
    """The line of the input and that of the layer."""
    settings = [f"c={out}", f"k={axes_text(kernel)}"]
    for key, values, usual in (("s", stride, "1"), ("p", sides, "0"), ("d", dilation, "1")):
        text = axes_text(values)
        settings += [f"{key}={text}"] if text != usual else []
    settings += [f"g={groups}"] if groups > 1 else []
    settings += [] if bias else ["bias=false"]
    settings += [f"output_padding={axes_text(output_padding)}"] if any(output_padding) else []
    return f"input {'x'.join(map(str, (batch, channels, *size)))}\n{name} {' '.join(settings)}"
