"""A 3-D ResNet for video (arXiv:1711.11248): 3x3x3 convolutions, halved in time and space."""

import torch
from torch import nn


class Block(nn.Module):
    """Two 3x3x3 convolutions around a shortcut."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv3d(channels, out, 3, stride, 1, bias=False)
        self.second = nn.Conv3d(out, out, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm3d(out) for _ in range(2))
        self.short = nn.Conv3d(channels, out, 1, stride, bias=False) if stride > 1 else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.norms[0](self.first(x)))
        return torch.relu(self.norms[1](self.second(y)) + self.short(x))


class R3D(nn.Module):
    """A stem of 3x7x7, four stages of two blocks, and a classifier."""

    def __init__(self, classes: int = 400, width: int = 64) -> None:
        super().__init__()
        self.stem = nn.Conv3d(3, width, (3, 7, 7), (1, 2, 2), (1, 3, 3), bias=False)
        widths = [width * 2**stage for stage in range(4)]
        pairs = zip((width, *widths), widths, (1, 2, 2, 2), strict=False)
        self.stages = nn.Sequential(*(nn.Sequential(Block(a, b, s), Block(b, b, 1)) for a, b, s in pairs))
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.stages(torch.relu(self.stem(x))).mean((2, 3, 4)))
