"""`short_name`, `arithmetic`, `is_layout_change`: what the names of GPU kernels say, in words that fit a table."""

from __future__ import annotations

import re
from typing import Final

LONGEST: Final = 44
"""Characters of a name that no rule reads."""
XMMA: Final = re.compile(
    r"sm\d+_xmma_(?P<work>[a-z]\w*?)_(?P<types>(?:[a-z]{1,2}\d+)+(?:_(?:[a-z]{1,2}\d+)+)+)_(?P<rest>\w*?)"
    r"tilesize(?P<tile>\d+x\d+x\d+)\w*_(?P<library>cudnn|cublas)"
)
CUTLASS: Final = re.compile(r"cutlass(?:_\d+)?_(?P<words>(?:wmma_)?(?:tensorop|simt)_\w+)")
NVJET: Final = re.compile(r"nvjet_(?:\w+?_)?(?P<tile>\d+x\d+)")
LAYOUT: Final = re.compile(r"nhwc|nchw|ndhwc|ncdhw")
TILE: Final = re.compile(r"(?<![\dx])\d+x\d+(?:x\d+)?")
CHANGE: Final = re.compile(r"n(?:c|d)?[dhwc]*To(?:N|n)[A-Za-z]*?(?=Kernel)", re.IGNORECASE)
NATIVE: Final = re.compile(r"at::native::(?:\(anonymous namespace\)::)?(\w+)")
GENERIC: Final = re.compile(r"(?:un)?(?:rolled|vectorized|index|legacy)?_?elementwise_kernel|reduce_kernel|gpu_kernel")
FUNCTOR: Final = re.compile(r"CUDAFunctor(?:On\w+?)?_(\w+)|(\w+?)(?:Nan)?Functor|(\w+?)Ops\b")
ENDINGS: Final = re.compile(r"(_transform_input|_forward|_kernel|_generic|_impl|_cuda|_out)+(?=_|$)")


def short_name(name: str) -> str:
    """Return what a kernel is called in a table: its library, what it computes in which numbers, and its tile.

    >>> short_name("nvjet_hsh_448x64_64x4_2x1_v_bz_coopA_NNT")
    'cublas nvjet 448x64'
    """
    if read := XMMA.search(name):
        work = read["work"].removeprefix("fprop_").replace("_indexed", "").replace("grad_", "grad ")
        layout = LAYOUT.search(read["rest"])
        return _words(read["library"], work, arithmetic(name), layout and layout[0], read["tile"])
    if read := CUTLASS.search(name):
        layout, tile = LAYOUT.search(read["words"]), TILE.search(read["words"])
        way = next((way for way in ("dgrad", "wgrad", "gemm") if way in read["words"]), "")
        return _words("cutlass", way, arithmetic(name), layout and layout[0], tile and tile[0])
    if read := NVJET.search(name):
        return _words("cublas nvjet", read["tile"])
    if (read := CHANGE.search(name)) and "cudnn" in name:
        return _words("cudnn", read[0])
    if name.startswith("Mem"):
        return name.partition(" (")[0].replace("Mem", "mem", 1)
    if "at::native::" in name:
        return _words("at::native", _native(name))
    plain = re.sub(r"^void ", "", name).partition("<")[0].partition("(")[0]
    return "::".join(plain.split("::")[-2:])[:LONGEST]


def arithmetic(name: str) -> str:
    """Return in which numbers a kernel multiplies, as its name says: tf32, bf16, fp16 or fp32; empty where it does not.

    What multiplies single precision on tensor units of 16x8x8 rounds it to TF32.
    """
    lower = name.lower()
    if "tf32" in lower or re.search(r"s1688(?:fprop|gemm|dgrad|wgrad)", lower):
        return "tf32"
    if "bf16" in lower or "bfloat16" in lower:
        return "bf16"
    if re.search(r"(?<![a-z])f16|fp16|half|h(?:884|1688|16816)", lower):
        return "fp16"
    return "fp32" if re.search(r"s(?:gemm|cudnn)|simt|ffma|(?<![a-z])f32", lower) else ""


def is_layout_change(name: str) -> bool:
    """Whether a kernel only lays a tensor out anew, by cuDNN's names for that."""
    return bool(CHANGE.search(name))


def _native(name: str) -> str:
    """What a kernel of torch's own computes: of one that takes a function, that function."""
    names = NATIVE.findall(name)
    functor = FUNCTOR.search(name)
    if GENERIC.fullmatch(names[0]):
        if functor:
            return str(functor[functor.lastindex or 0]).lower()
        names = [other for other in names if not GENERIC.match(other) and other != "memory"] or names
    return ENDINGS.sub("", names[0].removeprefix("launch_"))


def _words(*parts: str | None) -> str:
    return " ".join(part for part in parts if part)
