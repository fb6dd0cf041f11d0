"""Five networks by hand, as their papers and torchvision's layers have them: what other counters were measured on."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def conv_norm(
    channels: int, out: int, kernel: int = 1, stride: int = 1, groups: int = 1, act: nn.Module | None = None
) -> nn.Sequential:
    """A convolution without a bias, its norm, and an activation."""
    conv = nn.Conv2d(channels, out, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out), *([act] if act is not None else []))


class Bottleneck(nn.Module):
    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        out = 4 * width
        self.one, self.two = conv_norm(channels, width), conv_norm(width, width, 3, stride)
        self.three = conv_norm(width, out)
        self.relu = nn.ReLU(inplace=True)
        self.short = conv_norm(channels, out, 1, stride) if stride > 1 or channels != out else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.three(self.relu(self.two(self.relu(self.one(x)))))
        y += x if self.short is None else self.short(x)
        return self.relu(y)


class ResNet50(nn.Module):
    """arXiv:1512.03385, stride in the 3x3."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        )
        blocks: list[nn.Module] = []
        channels = 64
        for stage, count in enumerate((3, 4, 6, 3)):
            for n in range(count):
                blocks.append(Bottleneck(channels, 64 * 2**stage, 2 if stage and not n else 1))
                channels = 256 * 2**stage
        self.blocks = nn.Sequential(*blocks)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(2048, 1000)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(torch.flatten(self.pool(self.blocks(self.stem(x))), 1))


class SqueezeExcite(nn.Module):
    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.down, self.up = nn.Conv2d(channels, squeezed, 1), nn.Conv2d(squeezed, channels, 1)
        self.relu, self.gate = nn.ReLU(), nn.Hardsigmoid()

    def forward(self, x: Tensor) -> Tensor:
        return self.gate(self.up(self.relu(self.down(self.pool(x))))) * x


class Inverted(nn.Module):
    def __init__(self, channels: int, kernel: int, wide: int, out: int, se: bool, hard: bool, stride: int) -> None:
        super().__init__()
        act = nn.Hardswish if hard else nn.ReLU
        layers: list[nn.Module] = [] if wide == channels else [conv_norm(channels, wide, act=act(inplace=True))]
        layers.append(conv_norm(wide, wide, kernel, stride, wide, act(inplace=True)))
        if se:
            layers.append(SqueezeExcite(wide, _eighths(wide // 4)))
        self.block = nn.Sequential(*layers, conv_norm(wide, out))
        self.residual = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        y = self.block(x)
        if self.residual:
            y += x
        return y


def _eighths(channels: float) -> int:
    """The multiple of 8 nearest to a number, not below 90 % of it."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near + 8 if near < 0.9 * channels else near


MOBILENET_V3_LARGE = (
    (3, 16, 16, False, False, 1), (3, 64, 24, False, False, 2), (3, 72, 24, False, False, 1),
    (5, 72, 40, True, False, 2), (5, 120, 40, True, False, 1), (5, 120, 40, True, False, 1),
    (3, 240, 80, False, True, 2),
    (3, 200, 80, False, True, 1), (3, 184, 80, False, True, 1), (3, 184, 80, False, True, 1),
    (3, 480, 112, True, True, 1), (3, 672, 112, True, True, 1), (5, 672, 160, True, True, 2),
    (5, 960, 160, True, True, 1), (5, 960, 160, True, True, 1),
)  # fmt: skip
"""Table 1 of arXiv:1905.02244: kernel, expanded, out, squeeze, hard-swish, stride."""


class MobileNetV3Large(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv_norm(3, 16, 3, 2, act=nn.Hardswish(inplace=True))]
        channels = 16
        for kernel, wide, out, se, hard, stride in MOBILENET_V3_LARGE:
            layers.append(Inverted(channels, kernel, wide, out, se, hard, stride))
            channels = out
        self.features = nn.Sequential(*layers, conv_norm(160, 960, act=nn.Hardswish(inplace=True)))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(960, 1280), nn.Hardswish(inplace=True), nn.Dropout(0.2, inplace=True), nn.Linear(1280, 1000)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.pool(self.features(x)), 1))


class ConvReLU(nn.Module):
    """A convolution and its norm, the ReLU called as a function."""

    def __init__(self, channels: int, out: int, kernel: int = 1, stride: int = 1, padding: int = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, kernel, stride, padding, bias=False)
        self.norm = nn.BatchNorm2d(out, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)), inplace=True)


class InceptionBlock(nn.Module):
    def __init__(self, channels: int, one: int, three: tuple[int, int], five: tuple[int, int], pooled: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            [
                ConvReLU(channels, one),
                nn.Sequential(ConvReLU(channels, three[0]), ConvReLU(three[0], three[1], 3, padding=1)),
                nn.Sequential(ConvReLU(channels, five[0]), ConvReLU(five[0], five[1], 3, padding=1)),
                nn.Sequential(nn.MaxPool2d(3, 1, 1, ceil_mode=True), ConvReLU(channels, pooled)),
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


GOOGLENET = (
    (192, 64, (96, 128), (16, 32), 32), (256, 128, (128, 192), (32, 96), 64), (480, 192, (96, 208), (16, 48), 64),
    (512, 160, (112, 224), (24, 64), 64), (512, 128, (128, 256), (24, 64), 64), (512, 112, (144, 288), (32, 64), 64),
    (528, 256, (160, 320), (32, 128), 128), (832, 256, (160, 320), (32, 128), 128),
    (832, 384, (192, 384), (48, 128), 128),
)  # fmt: skip
"""Table 1 of arXiv:1409.4842; the 5x5 are 3x3, as torchvision has them."""


class GoogLeNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            ConvReLU(3, 64, 7, 2, 3), nn.MaxPool2d(3, 2, ceil_mode=True), ConvReLU(64, 64),
            ConvReLU(64, 192, 3, padding=1), nn.MaxPool2d(3, 2, ceil_mode=True),
        )  # fmt: skip
        blocks = [InceptionBlock(*row) for row in GOOGLENET]
        pools = nn.MaxPool2d(3, 2, ceil_mode=True), nn.MaxPool2d(2, 2, ceil_mode=True)
        self.blocks = nn.Sequential(*blocks[:2], pools[0], *blocks[2:7], pools[1], *blocks[7:])
        self.pool, self.dropout, self.fc = nn.AdaptiveAvgPool2d(1), nn.Dropout(0.2), nn.Linear(1024, 1000)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.dropout(torch.flatten(self.pool(self.blocks(self.stem(x))), 1)))


class DenseLayer(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.relu1 = nn.BatchNorm2d(channels), nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(channels, 128, 1, bias=False)
        self.norm2, self.relu2 = nn.BatchNorm2d(128), nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(128, 32, 3, padding=1, bias=False)

    def forward(self, parts: list[Tensor]) -> Tensor:
        y = self.conv1(self.relu1(self.norm1(torch.cat(parts, 1))))
        return self.conv2(self.relu2(self.norm2(y)))


class DenseBlock(nn.Module):
    def __init__(self, channels: int, count: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DenseLayer(channels + 32 * n) for n in range(count))

    def forward(self, x: Tensor) -> Tensor:
        parts = [x]
        for layer in self.layers:
            parts.append(layer(parts))
        return torch.cat(parts, 1)


class DenseNet121(nn.Module):
    """arXiv:1608.06993."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        ]  # fmt: skip
        channels = 64
        for n, count in enumerate((6, 12, 24, 16)):
            if n:
                conv = nn.Conv2d(channels, channels // 2, 1, bias=False)
                layers += [nn.BatchNorm2d(channels), nn.ReLU(inplace=True), conv, nn.AvgPool2d(2, 2)]
                channels //= 2
            layers.append(DenseBlock(channels, count))
            channels += 32 * count
        self.features = nn.Sequential(*layers, nn.BatchNorm2d(channels))
        self.classifier = nn.Linear(channels, 1000)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.features(x), inplace=True)
        return self.classifier(torch.flatten(F.adaptive_avg_pool2d(y, (1, 1)), 1))


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(768, eps=1e-6), nn.LayerNorm(768, eps=1e-6)
        self.attention = nn.MultiheadAttention(768, 12, batch_first=True)
        self.dropout = nn.Dropout(0.0)
        self.mlp = nn.Sequential(
            nn.Linear(768, 3072), nn.GELU(), nn.Dropout(0.0), nn.Linear(3072, 768), nn.Dropout(0.0)
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        y = self.dropout(self.attention(y, y, y, need_weights=False)[0]) + x
        return y + self.mlp(self.norm2(y))


class ViTB16(nn.Module):
    """arXiv:2010.11929."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 768, 16, 16)
        self.token = nn.Parameter(torch.zeros(1, 1, 768))
        self.places = nn.Parameter(torch.zeros(1, 197, 768))
        self.dropout = nn.Dropout(0.0)
        self.layers = nn.Sequential(*(Encoder() for _ in range(12)))
        self.norm = nn.LayerNorm(768, eps=1e-6)
        self.head = nn.Linear(768, 1000)

    def forward(self, x: Tensor) -> Tensor:
        patches = self.patches(x).reshape(x.shape[0], 768, 196).permute(0, 2, 1)
        tokens = torch.cat([self.token.expand(x.shape[0], -1, -1), patches], dim=1)
        return self.head(self.norm(self.layers(self.dropout(tokens + self.places)))[:, 0])
