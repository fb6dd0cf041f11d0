"""GoogLeNet's inception blocks (arXiv:1409.4842): four branches, joined along the channels."""

import torch
import torch.nn.functional as F
from torch import nn


class Inception(nn.Module):
    """1x1, 1x1 then 3x3, 1x1 then 5x5, and a pool then 1x1."""

    def __init__(self, channels: int, one: int, three: tuple[int, int], five: tuple[int, int], pooled: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(channels, one, 1)
        self.three = nn.Sequential(
            nn.Conv2d(channels, three[0], 1), nn.ReLU(), nn.Conv2d(three[0], three[1], 3, padding=1)
        )
        self.five = nn.Sequential(nn.Conv2d(channels, five[0], 1), nn.ReLU(), nn.Conv2d(five[0], five[1], 5, padding=2))
        self.pooled = nn.Conv2d(channels, pooled, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pooled = self.pooled(F.max_pool2d(x, 3, stride=1, padding=1))
        return F.relu(torch.cat([self.one(x), self.three(x), self.five(x), pooled], dim=1))


class Net(nn.Module):
    """A stem, the blocks 3a and 3b of GoogLeNet's table, and a classifier."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 192, 7, stride=4, padding=3), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        self.a = Inception(192, 64, (96, 128), (16, 32), 32)
        self.b = Inception(256, 128, (128, 192), (32, 96), 64)
        self.head = nn.Linear(480, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.b(self.a(self.stem(x)))
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))
