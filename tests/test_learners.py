"""What readers of tutorials typed and did not get, once: each command answers with what its text needs.

Source: five widely read texts on kinds of convolution, gone through line by line (rows G1 to G26 of that record).
"""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from convcalc.cli.app import run

NAMES = """
回旋|2D卷积|1D卷积|微步卷积|阿特鲁卷积|1×1卷积|点态卷积|点卷积|投影层|全连接层|通道混淆|可分卷积|空间分离卷积
深度可分卷积|深度方向可分卷积|深度分离卷积|深度方向卷积|宽度卷积|逐深度卷积|可变性卷积|变形卷积核
逐深度过参数化卷积|通道加权计算|残差网络|跳跃连接|瓶颈|最近邻插值|双线性插值|池化|网中网|空间可分卷积
Vanilla Convolution|3D Convolution|1D Convolution|Transposed Convolution|Atrous convolution
Dilated Convolution|Flattened convolutions|1x1 Convolution|Pointwise Convolutions|Group convolution
Grouped Convolution|Shuffled Grouped Convolution|channel shuffle|Pointwise grouped convolution
Spatial and Cross-Channel Convolutions|Separable Convolutions|Spatially Separable Convolutions
Depthwise Separable Convolutions|Deformable Convolution|Deformable ConvNets v2|Graph Convolution
Inception Block|Inception module|Inception v1|Inception v2|Inception v3|Inception v4|Asymmetric Convolution
Diverse Branch Block|Octave|Octave Convolution|Heterogeneous|Conditionally Parameterized|Dynamic|Ghost
Self-Calibrated|Depthwise Over-parameterized Convolution|Ghost module|ResNeSt|ResNeSt Block|ResNet|ResNeXt
skip connection|DenseNet|ShuffleNet|MobileNet|Xception|VGG|AlexNet|Network In Network|HDC
Hybrid Dilated Convolution|ASPP|global average pooling|GConv|PGC|DWC|DWConv|PWC|GC
"""
ANSWERS = [
    ("G3", 'hdc-check "[1, 2, 5]"', 0, "no holes, all 17 positions are read"),
    ("G4", "hdc-check 1,2,5", 0, "M_i = max(M_(i+1) - 2 r_i, 2 r_i - M_(i+1), r_i), and M_n = r_n"),
    ("G4", "lint --rule CC101", 0, "M_i = max(M_(i+1) - 2 r_i, 2 r_i - M_(i+1), r_i)"),
    ("G4", "explain hdc", 0, "there is no k in the recurrence"),
    ("G5", "explain gridding", 0, "convcalc hdc-check 2,2,2"),
    ("G5", 'explain "receptive field"', 0, "j_l = s_l j_(l-1)"),
    ("G5", 'explain "skip connection"', 0, "2^n paths"),
    ("G5", "explain checkerboard", 0, "4 = 2 x 2"),
    ("G6", "explain dilated", 0, "(F *_l k)(p) = sum_(s + l t = p) F(s) k(t)"),
    ("G6", "explain deformable", 0, "y(p_0) = b + sum_(p_n) w(p_n) x(p_0 + p_n + Delta p_n)"),
    ("G6", "explain gcn", 0, "D~^(-1/2)"),
    ("G6", "explain se", 0, "z_c = 1/(H W)"),
    ("G6", "explain involution", 0, "equation: "),
    ("G7", "explain inception_v1", 0, "branch_1.conv x conv 1 x 1"),
    ("G7", "explain splat", 0, "keep, keep_1"),
    ("G8", "explain hetconv", 0, "where P != 1, P divides C_out"),
    ("G8", "explain do_conv", 0, "where k^2 != 1"),
    ("G8", "explain flattened", 0, "where num_layers = 1"),
    ("G9", "explain conv k=5x4", 0, "weights C_in C_out k_h k_w/g"),
    ("G9", "explain conv -i 3x16x32x32 c=10 k=6x5x4", 0, "3 * 10 * 6 * 5 * 4/1 3,600"),
    ("G11", "shape -i 12x12x3 conv2d c=256 k=5", 2, "--input-layout hwc reads it so"),
    ("G12", "explain depthwise_separable", 0, "the paper found the opposite"),
    ("G12", "explain linear", 0, "on a k x k map, flattened, it is a k x k convolution"),
    ("G12", "summary -i 512x7x7 conv c=4096 k=7", 0, "102,764,544"),
    ("G12", "explain conv_transpose", 0, "at most floor(d(k-1)/s) + 1"),
    ("G12", "rf conv_transpose1d c=1 k=2 -i 1x6 --unit 1", 0, "0..1"),
    ("G13", "explain dynamic", 0, "falls from 30 to 1"),
    ("G14", "rf --paths dense_block num_layers=5 growth_rate=4 -i 64x56x56", 0, "15 direct connections"),
    ("G15", "explain transposed-arithmetic", 0, "o' = s (i' - 1) + a + k - 2p"),
    ("G15", "solve --in 5 --out 2 -k 3", 0, "relationship"),
    ("G15", "solve --in 2 --out 5 --transposed -k 3", 0, "relationship 12"),
    ("G16", "checkerboard conv_transpose c=1 k=3 s=2 -i 1x6x6", 1, "(2 x 2, axis by axis)"),
    ("G17", "explain conv3d", 0, "still spans all channels of its group"),
    ("G18", "matrix channel_shuffle groups=3 -i 6x1x1", 0, "1 is one"),
    ("G18", "matrix shuffled_grouped c=6 k=1 g=3 -i 6x1x1", 0, "24 non-zeros"),
    ("G18", "matrix linear out_features=4 -i 16", 0, "64 distinct weights"),
    ("G19", 'shape "nn.LocalResponseNorm(5)" -i 96x55x55', 0, "96x55x55"),
    ("G19", 'shape "nn.MaxUnpool2d(2)" -i 8x4x4', 0, "8x8x8"),
    ("G20", "separable sobel --image 32", 0, "1 1 2 1 -1 0 1"),
    ("G20", "separable sobel --image 32", 0, "2/m + (m - 1)/(m (N - m + 1))"),
    (
        "G21",
        'compare "conv c=64 k=3 p=1 bias=false -i 64x56x56"'
        ' "octave c=64 alpha_out=0.25 -i high=48x56x56 -i low=16x28x28"',
        0,
        "1.5 times fewer",
    ),
    (
        "G21",
        'compare "conv c=64 k=3 p=1 bias=false" "octave c=64 alpha_out=0.25" -i high=48x56x56 -i low=16x28x28',
        2,
        "give each spec its own -i",
    ),
    ("G22", "shape -i 3x32x32 depthwise k=3 c=12", 2, "did you mean 'multiplier'?"),
    (
        "G22",
        "explain spatial_cross_channel c=96 k=3 cardinality=3 -i 64x28x28",
        2,
        "give a multiple of 3 as mid_channels",
    ),
    ("G22", "explain", 2, "or a topic: "),
    ("G22", "kinds 1×1卷积", 0, "pointwise"),
    ("G23", "explain equivariance", 0, "by multiples of the jump"),
    ("G25", "show conv2d k=3 s=2 p=1 --unit 1,1", 0, "a b c"),
    ("G26", "explain add", 0, "of one shape, or of 1 along an axis"),
    ("G26", "explain shufflenet_unit_b", 0, "ResNeXt h w (2 c m + 9 m^2/g)"),
]


@pytest.mark.parametrize(("gap", "line", "code", "words"), ANSWERS, ids=lambda value: str(value)[:40])
def test_the_reader_is_answered(gap: str, line: str, code: int, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(shlex.split(line)) == code, gap
    printed = capsys.readouterr()
    assert words in " ".join((printed.out + printed.err).split())


@pytest.mark.parametrize("name", [name for line in NAMES.split("\n") for name in line.split("|") if name])
def test_the_names_of_the_texts_are_understood(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["kinds", name]) == 0
    assert run(["explain", name]) == 0
    assert capsys.readouterr().out


def test_a_texts_own_program_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """G10: a class with a single Conv3d(3, 10, (6, 5, 4)): 10 * 3 * 6 * 5 * 4 weights and no bias."""
    path = tmp_path / "testnet.py"
    path.write_text(
        "from torch import nn\n\nclass TestNet(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.conv1 = nn.Conv3d(3, 10, kernel_size=(6, 5, 4), bias=False)\n\n"
        "    def forward(self, x):\n        return self.conv1(x)\n"
    )
    assert run(["params", f"@{path}"]) == 0
    assert "3,600" in capsys.readouterr().out


def test_counters_that_differ_do_so_for_a_stated_reason(capsys: pytest.CaptureFixture[str]) -> None:
    """G2: fvcore's einsum of four digits, and the sparse product that torch does not see."""
    for line in ("verify -i 64x28x28 involution k=7", "verify -i 100x16 cheb c=16 edges=300 num_terms=3"):
        assert run(shlex.split(line)) == 0
        text = capsys.readouterr().out
        assert "without a known reason" not in text
