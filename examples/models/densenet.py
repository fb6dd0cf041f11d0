"""A DenseNet (arXiv:1608.06993): each layer reads all that came before it."""

import torch
from torch import nn


class Layer(nn.Module):
    """Norm, ReLU, 1x1, norm, ReLU, 3x3; what it makes is joined to what it read."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.squeeze = nn.Sequential(
            nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, 4 * growth, 1, bias=False)
        )
        self.grow = nn.Sequential(
            nn.BatchNorm2d(4 * growth), nn.ReLU(), nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, self.grow(self.squeeze(x))], dim=1)


class DenseNet(nn.Module):
    """Three blocks with halving transitions between them."""

    def __init__(self, growth: int = 12, layers: int = 6, classes: int = 10) -> None:
        super().__init__()
        channels = 2 * growth
        parts: list[nn.Module] = [nn.Conv2d(3, channels, 3, padding=1, bias=False)]
        for block in range(3):
            if block:
                parts += [nn.BatchNorm2d(channels), nn.Conv2d(channels, channels // 2, 1, bias=False), nn.AvgPool2d(2)]
                channels //= 2
            for _ in range(layers):
                parts.append(Layer(channels, growth))
                channels += growth
        self.features = nn.Sequential(*parts, nn.BatchNorm2d(channels), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x).flatten(1))
