"""DCGAN (arXiv:1511.06434): a generator of transposed convolutions, 100 numbers to a 64x64 image."""

import itertools

import torch
from torch import nn


class Generator(nn.Module):
    """4x4 transposed convolutions of stride 2, from 1x1 to 64x64."""

    def __init__(self, noise: int = 100, width: int = 64) -> None:
        super().__init__()
        widths = [width * 8, width * 4, width * 2, width]
        layers: list[nn.Module] = [nn.ConvTranspose2d(noise, widths[0], 4, bias=False)]
        for channels, out in zip(widths, (*widths[1:], 3), strict=True):
            layers += [nn.BatchNorm2d(channels), nn.ReLU(), nn.ConvTranspose2d(channels, out, 4, 2, 1, bias=False)]
        self.main = nn.Sequential(*layers, nn.Tanh())

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.main(z)


class Discriminator(nn.Module):
    """4x4 convolutions of stride 2, from 64x64 to one number."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        widths = [3, width, width * 2, width * 4, width * 8]
        layers: list[nn.Module] = []
        for channels, out in itertools.pairwise(widths):
            layers += [nn.Conv2d(channels, out, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
        self.main = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, bias=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.main(x)).flatten()
