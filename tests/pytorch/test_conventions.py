"""Other counters' numbers, measured with their own code on one machine (PEERS 2026-10: fvcore 0.1.5.post20221221,
torchinfo 1.8.0, ptflops 0.7.5, thop 0.1.1, calflops 0.3.2, torchscan 0.2.0, torch 2.14.1), each to the digit."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from convcalc.analyses.conventions.ladder import CONVENTIONS, ladder
from convcalc.pytorch.peers import run_peer
from convcalc.pytorch.recording import record
from convcalc.pytorch.trace import ModelInput
from tests.pytorch import networks

MEASURED: dict[str, dict[str, int]] = {
    "ResNet50": {
        "fvcore": 4_111_512_576, "torchinfo": 4_089_238_376, "ptflops-aten": 4_089_185_256, "ptflops": 4_132_436_968,
        "thop": 4_133_742_592, "calflops": 4_089_184_256, "calflops-flops": 8_211_108_352, "torchscan": 4_111_916_032,
        "torchscan-flops": 8_221_876_096, "torch": 8_178_368_512, "torch-meta": 8_178_368_512,
    },
    "MobileNetV3Large": {
        "fvcore": 226_033_824, "torchinfo": 216_621_520, "ptflops-aten": 216_597_120, "ptflops": 231_316_416,
        "thop": 234_838_456, "calflops": 216_589_760, "calflops-flops": 444_944_056, "torchscan": 226_038_840,
        "torchscan-flops": 449_369_480, "torch": 433_179_520, "torch-no-grad": 433_179_520,
    },
    "GoogLeNet": {
        "fvcore": 1_504_878_688, "torchinfo": 1_498_391_752, "ptflops-aten": 1_498_377_192, "ptflops": 1_513_907_448,
        "thop": 1_511_332_032, "calflops": 1_498_376_192, "calflops-flops": 3_009_356_752, "torchscan": 1_507_673_888,
        "torchscan-flops": 3_009_291_824, "torch": 2_996_752_384,
    },
    "DenseNet121": {
        "fvcore": 2_865_546_752, "torchinfo": 2_834_246_312, "ptflops-aten": 2_834_162_664, "ptflops": 2_899_843_048,
        "thop": 2_897_007_104, "calflops": 2_834_161_664, "calflops-flops": 5_716_881_152, "torchscan": 2_866_424_832,
        "torchscan-flops": 5_740_723_136, "torch": 5_668_323_328,
    },
    "ViTB16": {
        "fvcore": 16_867_412_736, "torchinfo": 173_232_616, "ptflops-aten": 16_864_992_232, "ptflops": 17_606_030_584,
        "thop": 11_286_254_592, "calflops": 16_848_500_736, "calflops-flops": 33_723_326_208,
        "torchscan": 11_271_124_992, "torchscan-flops": 35_169_074_134, "torch-meta": 35_127_656_448,
        "torch": 33_697_001_472, "torch-no-grad": 22_542_249_984,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", MEASURED)
def test_every_measured_figure_is_reached_by_its_ladder(name: str) -> None:
    with torch.device("meta"):
        model = getattr(networks, name)().eval()
    calls = record(model, (1, 3, 224, 224))
    for counter, figure in MEASURED[name].items():
        steps = ladder(calls, CONVENTIONS[counter])
        assert steps.number == figure, (counter, steps.terms)
        assert steps.macs + sum(amount for _, amount in steps.terms) == figure


class Fn(nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function
        self.w = nn.Parameter(torch.ones(16, 8, 3, 3))

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(self, x)


F = nn.functional
SMALL: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "conv with a bias": (nn.Conv2d(8, 16, 3, padding=1), (1, 8, 14, 14)),
    "same, even kernel": (nn.Conv2d(8, 16, 4, padding="same"), (1, 8, 14, 14)),
    "transposed": (nn.ConvTranspose2d(8, 16, 3, 2, 1, 1), (1, 8, 14, 14)),
    "transposed, groups": (nn.ConvTranspose2d(8, 16, 4, 2, 1, groups=4), (1, 8, 14, 14)),
    "linear on tokens": (nn.Linear(32, 64), (2, 10, 32)),
    "functional": (Fn(lambda s, x: F.conv2d(x, s.w)), (1, 8, 14, 14)),
    "einsum": (Fn(lambda s, x: torch.einsum("bhid,bhjd->bhij", x, x)), (2, 4, 16, 32)),
    "three factors": (Fn(lambda s, x: torch.einsum("ab,bc,cd->ad", x, x.t(), x)), (7, 9)),
    "an operator": (Fn(lambda s, x: x @ x.transpose(-1, -2)), (2, 4, 16, 32)),
    "baddbmm": (Fn(lambda s, x: torch.baddbmm(torch.zeros(8, 16, 16), x, x.mT)), (8, 16, 32)),
    "attention": (Fn(lambda s, x: F.scaled_dot_product_attention(x, x, x)), (2, 4, 16, 32)),
    "norms": (nn.Sequential(nn.GroupNorm(2, 8), nn.InstanceNorm2d(8, affine=True), nn.BatchNorm2d(8)), (2, 8, 6, 6)),
    "layer norm": (nn.LayerNorm(8, elementwise_affine=False), (2, 5, 8)),
    "resizing": (nn.Sequential(nn.Upsample(scale_factor=2), nn.Upsample((9, 9), mode="bilinear")), (1, 8, 4, 4)),
    "pools": (nn.Sequential(nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(3), nn.MaxPool2d(2)), (1, 8, 12, 12)),
    "a step no result needs": (Fn(lambda s, x: (F.conv2d(x, s.w), x + 1)[1]), (1, 8, 14, 14)),
}  # fmt: skip


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("counter", ["fvcore", "torch", "torch-no-grad", "torch-meta"])
def test_the_counters_that_are_installed_say_what_their_ladders_say(counter: str, name: str) -> None:
    module, shape = SMALL[name]
    ran = run_peer(counter, module.eval(), [ModelInput(shape)])
    assert ladder(record(module.eval(), shape), CONVENTIONS[counter]).number == ran


def test_attention_modules_are_counted_in_three_ways_by_torch() -> None:
    class Attend(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.MultiheadAttention(32, 4, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = self.a(x, x, x)[0]
            return result

    model = Attend().eval()
    calls = record(model, (2, 16, 32))
    for counter in ("torch", "torch-no-grad", "torch-meta", "fvcore"):
        assert ladder(calls, CONVENTIONS[counter]).number == run_peer(counter, model, [ModelInput((2, 16, 32))])
