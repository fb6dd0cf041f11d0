"""`commands`: commands that run the same convolution in other people's kernel profilers.

Sources: oneDNN's benchdnn (driver_conv.md, knobs_desc), MIOpen's driver (conv_driver.hpp's flags), CUTLASS's profiler
(`cutlass_profiler --operation=Conv2d --help`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from convcalc import ops

if TYPE_CHECKING:
    from convcalc.graph import Graph, Node
    from convcalc.profiling.plan import Setup

MIOPEN = {"fp32": "conv", "fp16": "convfp16", "bf16": "convbfp16"}
BENCHDNN = {"fp32": "f32", "fp16": "f16", "bf16": "bf16"}
CUTLASS = {"fp32": "f32", "fp16": "f16", "bf16": "bf16"}
BENCHDNN_PASSES = {
    "forward": ("FWD_D", "FWD_B"),
    "backward": ("BWD_D,BWD_W", "BWD_D,BWD_WB"),
    "both": ("FWD_D,BWD_D,BWD_W", "FWD_B,BWD_D,BWD_WB"),
}
"""Without a bias and with one; a list runs one after another."""
MIOPEN_PASSES = {"forward": 1, "backward": 6, "both": 0}
AXES = ("d", "h", "w")


class _Problem(NamedTuple):
    """A convolution in the terms all three share; tuples per axis, the last is the width."""

    batch: int
    cin: int
    cout: int
    size: tuple[int, ...]
    out: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int
    bias: bool
    transposed: bool


def commands(graph: Graph, setup: Setup) -> dict[str, str]:
    """Return the commands by tool (benchdnn, miopen, cutlass) for a graph that is one convolution; else nothing.

    A tool is left out where it has no word for the layer: uneven padding, output_padding, a pass or a rank.
    """
    convolutions = graph.convolutions
    others = [node for node in graph.nodes if isinstance(node.op, ops.Einsum)]
    problem = _problem(convolutions[0]) if len(convolutions) == 1 and not others else None
    if problem is None:
        return {}
    lines = {
        "benchdnn": _benchdnn(problem, setup),
        "miopen": _miopen(problem, setup),
        "cutlass": _cutlass(problem, setup),
    }
    return {tool: line for tool, line in lines.items() if line}


def _problem(node: Node) -> _Problem | None:
    op = node.op
    assert isinstance(op, (ops.Conv, ops.ConvTranspose))
    transposed = isinstance(op, ops.ConvTranspose)
    if not all(window.symmetric for window in op.windows):
        return None
    if isinstance(op, ops.ConvTranspose) and op.output_padding and any(op.output_padding):
        return None
    x = node.inputs[0]
    return _Problem(
        batch=x.batch,
        cin=x.channels,
        cout=node.output.channels,
        size=x.spatial,
        out=node.output.spatial,
        kernel=tuple(window.kernel for window in op.windows),
        stride=tuple(window.stride for window in op.windows),
        padding=tuple(window.before for window in op.windows),
        dilation=tuple(window.dilation for window in op.windows),
        groups=op.groups,
        bias=len(node.inputs) > 2,
        transposed=transposed,
    )


def _benchdnn(p: _Problem, setup: Setup) -> str:
    """benchdnn's dilation is the number of positions between taps, ours their distance."""
    names = AXES[-len(p.size) :]
    driver = "deconv" if p.transposed else "conv"
    dtype = BENCHDNN[setup.dtype]
    tag = "abx" if setup.layout == "nchw" else "axb"
    parts = [f"g{p.groups}mb{p.batch}", f"ic{p.cin}", *(f"i{n}{v}" for n, v in zip(names, p.size, strict=True))]
    parts += [f"oc{p.cout}", *(f"o{n}{v}" for n, v in zip(names, p.out, strict=True))]
    for letter, values in (("k", p.kernel), ("s", p.stride), ("p", p.padding)):
        parts += [f"{letter}{n}{v}" for n, v in zip(names, values, strict=True)]
    parts += [f"d{n}{v - 1}" for n, v in zip(names, p.dilation, strict=True)]
    direction = BENCHDNN_PASSES[setup.direction][p.bias]
    return (
        f"benchdnn --{driver} --mode=P --dir={direction} --dt={dtype}:{dtype}:{dtype} --stag={tag} --dtag={tag}"
        f" {''.join(parts)}"
    )


def _miopen(p: _Problem, setup: Setup) -> str:
    if len(p.size) == 1:
        return ""
    pairs: list[tuple[str, int | str]] = [("-n", p.batch), ("-c", p.cin)]
    (height, width), (ky, kx), (py, px) = p.size[-2:], p.kernel[-2:], p.padding[-2:]
    (sy, sx), (dy, dx) = p.stride[-2:], p.dilation[-2:]
    pairs += [("-H", height), ("-W", width), ("-k", p.cout), ("-y", ky), ("-x", kx), ("-p", py), ("-q", px)]
    pairs += [("-u", sy), ("-v", sx), ("-l", dy), ("-j", dx), ("-g", p.groups)]
    if len(p.size) == 3:
        pairs += [("--spatial_dim", 3), ("--in_d", p.size[0]), ("--fil_d", p.kernel[0]), ("--pad_d", p.padding[0])]
        pairs += [("--conv_stride_d", p.stride[0]), ("--dilation_d", p.dilation[0])]
    if setup.layout != "nchw":
        layout = "NHWC" if len(p.size) == 2 else "NDHWC"
        pairs += [("--in_layout", layout), ("--out_layout", layout), ("--fil_layout", layout)]
    pairs += [("-m", "trans" if p.transposed else "conv"), ("-F", MIOPEN_PASSES[setup.direction]), ("-t", 1)]
    return f"MIOpenDriver {MIOPEN[setup.dtype]} " + " ".join(f"{flag} {value}" for flag, value in pairs)


def _cutlass(p: _Problem, setup: Setup) -> str:
    """The forward of plain 2-D and 3-D convolutions, always channels last."""
    if len(p.size) == 1 or p.transposed or setup.direction != "forward":
        return ""
    deep = len(p.size) == 3
    dtype, layout = CUTLASS[setup.dtype], "ndhwc" if deep else "nhwc"
    names = AXES[-len(p.size) :]
    pairs = [("operation", "Conv3d" if deep else "Conv2d"), ("conv_kind", "fprop")]
    pairs += [("Activation", f"{dtype}:{layout}"), ("Filter", f"{dtype}:{layout}"), ("n", str(p.batch))]
    pairs += [(name, str(value)) for name, value in zip(names, p.size, strict=True)]
    pairs += [("c", str(p.cin)), ("k", str(p.cout))]
    pairs += [(name, str(value)) for name, value in zip(("t", "r", "s")[-len(p.size) :], p.kernel, strict=True)]
    for word, values in (("pad", p.padding), ("stride", p.stride), ("dilation", p.dilation)):
        pairs += [(f"{word}_{name}", str(value)) for name, value in zip(names, values, strict=True)]
    if p.groups > 1:
        pairs.append(("g", str(p.groups)))
    return "cutlass_profiler " + " ".join(f"--{key}={value}" for key, value in pairs)
