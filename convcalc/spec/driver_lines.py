"""`driver_words`: command lines of benchdnn and MIOpenDriver as words, one block each.

Sources: oneDNN's benchdnn (knobs_conv.md, problem descriptors), MIOpen's driver (conv_driver.hpp, the flags).
"""

from __future__ import annotations

import re
import shlex
from typing import Final, TypeAlias

from convcalc.errors import SpecError, Spot

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
_DRIVER = re.compile(r"(?:.*Command \[\w+\] )?(?:\S*/)?(benchdnn|MIOpenDriver)\b")
_PAIRS = re.compile(r"(mb|g|[io]c|[iokspd][dhw])(\d{1,9})")


def is_driver_line(line: str, program: str = "") -> bool:
    """Whether a line runs benchdnn or MIOpenDriver, or the one of them that is asked for."""
    match = _DRIVER.match(line.strip())
    return match is not None and program in ("", match[1])


def driver_words(text: str, origin: str) -> str:
    """Return every driver line of a text as an input line and a layer. Raises SpecError for what a line lacks."""
    blocks = []
    for number, line in enumerate(text.split("\n"), 1):
        words = line.partition("#")[0].strip() if not is_driver_line(line) else line.strip()
        if not words:
            continue
        spot = Spot(line, 0, max(len(line), 1), f"{origin}, line {number}")
        if not is_driver_line(words):
            raise SpecError("this is no line of benchdnn or MIOpenDriver", spot)
        program = _DRIVER.match(words)
        assert program is not None
        command = words[program.start(1) :]
        blocks += _benchdnn(command, spot) if program[1] == "benchdnn" else [_miopen(command, spot)]
    return "\n".join(blocks)


def _benchdnn(line: str, spot: Spot) -> list[str]:
    """One block for each problem on the line."""
    words = line.split()[1:]
    driver = next((word[2:] for word in words if word in ("--conv", "--deconv")), None)
    if driver is None:
        raise SpecError("only --conv and --deconv of benchdnn are layers here", spot)
    settings = dict(word[2:].partition("=")[::2] for word in words if word.startswith("--"))
    problems = [word for word in words if not word.startswith("--")]
    if not problems or "batch" in settings:
        raise SpecError("this line names no problem such as mb1ic3ih224oc64oh112kh7sh2ph3 itself", spot)
    bias = any(part.endswith("_B") or part == "BWD_WB" for part in settings.get("dir", "FWD_B").split(","))
    batch = int(settings["mb"]) if settings.get("mb", "").isdecimal() and len(settings["mb"]) < 10 else 0
    return [_problem(problem, driver == "deconv", bias, batch, spot) for problem in problems]


def _problem(problem: str, transposed: bool, bias: bool, batch: int, spot: Spot) -> str:
    """A descriptor such as mb1ic3ih224oc64oh112kh7sh2ph3dh0; what is not said of the width is the height's.

    A padding that is not said is what the output's size asks for, on both sides alike as far as that goes.
    """
    descriptor = re.sub(r'_?n"[^"]*"$|_?n[^\d_"]\S*$', "", problem)
    pairs = _PAIRS.findall(descriptor)
    if not pairs or "".join(key + value for key, value in pairs) != descriptor.replace("_", ""):
        raise SpecError(f"{problem} is no problem descriptor such as mb1ic3ih224oc64oh112kh7sh2ph3", spot)
    said: Numbers = {key: int(value) for key, value in pairs}
    said["mb"] = batch or said.get("mb", 1)
    axes = [axis for axis in AXES if f"i{axis}" in said or f"k{axis}" in said or f"o{axis}" in said]
    if "ih" in said and "iw" not in said and "kw" not in said:
        axes = [*(["d"] if "id" in said else []), "h", "w"]
    if not axes or not {"ic", "oc"} <= set(said):
        raise SpecError("this problem lacks ic, oc or its sizes", spot)

    def per_axis(letter: str, default: int | None) -> list[int]:
        """One number per axis: the width's where it is said, else the height's."""
        values = []
        for axis in axes:
            value = next((said[key] for key in (f"{letter}{axis}", f"{letter}h", f"{letter}w") if key in said), default)
            if value is None:
                raise SpecError(f"this problem lacks {letter}{axis}", spot)
            values.append(value)
        return values

    size, kernel, stride = per_axis("i", None), per_axis("k", None), per_axis("s", 1)
    dilation = [between + 1 for between in per_axis("d", 0)] if _has_dilation(said) else [1] * len(axes)
    before = per_axis("p", 0)
    after, extra = list(before), [0] * len(axes)
    if any(f"o{axis}" in said for axis in AXES):
        outputs = per_axis("o", None)
        walks = zip(size, outputs, kernel, stride, dilation, before, strict=True)
        spans = [((i, o) if not transposed else (o, i), d * (k - 1) + 1, s, p) for i, o, k, s, d, p in walks]
        if not any(f"p{axis}" in said for axis in AXES):
            before = [max((few - 1) * s + span - many, 0) // 2 for (many, few), span, s, _ in spans]
            spans = [(sizes, span, s, p) for (sizes, span, s, _), p in zip(spans, before, strict=True)]
        rests = [(few - 1) * s + span - many - p for (many, few), span, s, p in spans]
        after = [max(rest, p if transposed else 0) for rest, p in zip(rests, before, strict=True)]
        extra = [p - rest if transposed and rest < p else 0 for rest, p in zip(rests, before, strict=True)]
    name = f"{'conv_transpose' if transposed else 'conv'}{len(axes)}d"
    sides = [str(b) if b == a or (not transposed and a < b) else f"{b}+{a}" for b, a in zip(before, after, strict=True)]
    block = _block(
        said.get("mb", 1), said["ic"], size, name, said["oc"], kernel, stride, sides, dilation, said.get("g", 1), bias
    )
    return block + (f" output_padding={_axes(list(map(str, extra)))}" if any(extra) else "")


def _has_dilation(said: Numbers) -> bool:
    return any(f"d{axis}" in said for axis in AXES)


def _miopen(line: str, spot: Spot) -> str:
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise SpecError(f"this line cannot be read: {error}", spot) from None
    words = [part for word in words for part in (word.split("=", 1) if word.startswith("--") else [word])]
    if len(words) < 2 or not words[1].startswith("conv"):
        raise SpecError("only MIOpenDriver conv, convfp16 and convbfp16 are layers here", spot)
    said: Numbers = {}
    mode, pad_mode = "conv", "default"
    for flag, value in zip(words[2::2], words[3::2], strict=False):
        if flag in ("-m", "--mode"):
            mode = value
        elif flag in ("-z", "--pad_mode"):
            pad_mode = value
        elif flag in MIOPEN:
            if not re.fullmatch(r"\d{1,9}", value):
                raise SpecError(f"{flag} takes a whole number, not {value!r}", spot)
            said[MIOPEN[flag]] = int(value)
    missing = [flag for flag in "cHWkyx" if flag not in said]
    if missing:
        raise SpecError(f"this line lacks {', '.join('-' + flag for flag in missing)}", spot)
    deep = said.get("rank", 2) == 3
    size, kernel, pads, strides, dilations = (
        [said.get(key, default) for key in (keys if deep else keys[1:])]
        for keys, default in (("DHW", 1), ("zyx", 1), ("opq", 0), ("tuv", 1), ("ilj", 1))
    )
    sides = ["tf_same"] if pad_mode == "same" else ["0"] if pad_mode == "valid" else list(map(str, pads))
    name = f"{'conv_transpose' if mode.startswith('trans') else 'conv'}{len(size)}d"
    extra = [said.get(key, 0) for key in ("ZYX" if deep else "YX")]
    block = _block(
        said.get("n", 1), said["c"], size, name, said["k"], kernel, strides, sides, dilations,
        said.get("g", 1), bool(said.get("b", 0)),
    )  # fmt: skip
    return block + (f" output_padding={_axes(list(map(str, extra)))}" if any(extra) else "")


def _block(
    batch: int, channels: int, size: list[int], name: str, out: int, kernel: list[int], stride: list[int],
    sides: list[str], dilation: list[int], groups: int, bias: bool,
) -> str:  # fmt: skip
    settings = [f"c={out}", f"k={_axes(list(map(str, kernel)))}"]
    for key, values, usual in (("s", stride, "1"), ("p", sides, "0"), ("d", dilation, "1")):
        text = _axes(list(map(str, values)))
        settings += [f"{key}={text}"] if text != usual else []
    settings += [f"g={groups}"] if groups > 1 else []
    settings += [] if bias else ["bias=false"]
    return f"input {'x'.join(map(str, (batch, channels, *size)))}\n{name} {' '.join(settings)}"


def _axes(values: list[str]) -> str:
    return values[0] if len(set(values)) == 1 else "x".join(values)
