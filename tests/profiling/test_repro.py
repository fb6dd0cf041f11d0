"""Repro lines, written by hand from the tools' own help."""

from __future__ import annotations

import pytest

from convcalc.graph import Graph
from convcalc.profiling.plan import Setup
from convcalc.profiling.repro import commands
from convcalc.spec.assemble import assemble
from convcalc.spec.source import blocks


def graph(spec: str, size: str) -> Graph:
    return assemble(blocks([spec], [size])[0]).graph


def test_a_plain_convolution_in_all_three() -> None:
    found = commands(graph("Conv2d(3, 64, 7, stride=2, padding=3, bias=False)", "8x3x224x224"), Setup())
    assert found["benchdnn"] == (
        "benchdnn --conv --mode=P --dir=FWD_D --dt=f32:f32:f32 --stag=abx --dtag=abx"
        " g1mb8ic3ih224iw224oc64oh112ow112kh7kw7sh2sw2ph3pw3dh0dw0"
    )
    assert found["miopen"] == (
        "MIOpenDriver conv -n 8 -c 3 -H 224 -W 224 -k 64 -y 7 -x 7 -p 3 -q 3 -u 2 -v 2 -l 1 -j 1 -g 1 -m conv -F 1 -t 1"
    )
    assert found["cutlass"] == (
        "cutlass_profiler --operation=Conv2d --conv_kind=fprop --Activation=f32:nhwc --Filter=f32:nhwc --n=8 --h=224"
        " --w=224 --c=3 --k=64 --r=7 --s=7 --pad_h=3 --pad_w=3 --stride_h=2 --stride_w=2 --dilation_h=1 --dilation_w=1"
    )


def test_dilation_groups_bias_and_numbers() -> None:
    setup = Setup(dtype="bf16", layout="channels_last")
    found = commands(graph("Conv2d(32, 64, 3, padding=2, dilation=2, groups=4)", "32x28x28"), setup)
    assert "--dir=FWD_B" in found["benchdnn"] and "g4mb1" in found["benchdnn"] and "dh1dw1" in found["benchdnn"]
    assert "--dt=bf16:bf16:bf16 --stag=axb --dtag=axb" in found["benchdnn"]
    assert found["miopen"].startswith("MIOpenDriver convbfp16") and "-l 2 -j 2 -g 4" in found["miopen"]
    assert "--in_layout NHWC" in found["miopen"]
    assert "--Activation=bf16:nhwc" in found["cutlass"] and "--dilation_h=2" in found["cutlass"]
    assert found["cutlass"].endswith("--g=4")


def test_three_axes_and_one() -> None:
    deep = commands(graph("Conv3d(8, 16, 3, padding=1)", "8x6x10x12"), Setup())
    assert "id6ih10iw12" in deep["benchdnn"] and "kd3kh3kw3" in deep["benchdnn"]
    assert "--spatial_dim 3 --in_d 6 --fil_d 3 --pad_d 1 --conv_stride_d 1 --dilation_d 1" in deep["miopen"]
    assert "--operation=Conv3d" in deep["cutlass"] and "--t=3 --r=3 --s=3" in deep["cutlass"]
    assert set(commands(graph("Conv1d(8, 16, 3)", "8x100"), Setup())) == {"benchdnn"}


def test_transposed_and_backward() -> None:
    found = commands(graph("ConvTranspose2d(8, 16, 4, stride=2, padding=1)", "8x14x14"), Setup())
    assert found["benchdnn"].startswith("benchdnn --deconv") and "ih14iw14oc16oh28ow28" in found["benchdnn"]
    assert "-m trans" in found["miopen"] and "cutlass" not in found
    back = commands(graph("Conv2d(8, 16, 3)", "8x14x14"), Setup(direction="backward"))
    assert "--dir=BWD_D,BWD_WB" in back["benchdnn"] and "-F 6" in back["miopen"] and "cutlass" not in back


@pytest.mark.parametrize(
    ("spec", "size"),
    [
        ("conv2d c=8 k=2 padding=same", "8x9x9"),
        ("ConvTranspose2d(8, 8, 3, stride=2, output_padding=1)", "8x9x9"),
        ("relu", "8x9x9"),
        ("conv2d c=8 k=3 conv2d c=8 k=3", "8x9x9"),
    ],
)
def test_what_has_no_line(spec: str, size: str) -> None:
    found = assemble(blocks(spec.split() if spec.islower() else [spec], [size])[0]).graph
    assert commands(found, Setup()) == {}
