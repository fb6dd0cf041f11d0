"""WaveNet (arXiv:1609.03499): causal convolutions whose rates double, gated, with skips to the end."""

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    """A dilated causal convolution of kernel 2, a gate, and two 1x1 convolutions."""

    def __init__(self, channels: int, skips: int, rate: int) -> None:
        super().__init__()
        self.rate = rate
        self.dilated = nn.Conv1d(channels, 2 * channels, 2, dilation=rate)
        self.residual = nn.Conv1d(channels, channels, 1)
        self.skip = nn.Conv1d(channels, skips, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        signal, gate = self.dilated(F.pad(x, (self.rate, 0))).chunk(2, dim=1)
        y = torch.tanh(signal) * torch.sigmoid(gate)
        return x + self.residual(y), self.skip(y)


class WaveNet(nn.Module):
    """Stacks of rates 1 to 512; the field is 1,024 samples for each."""

    def __init__(self, levels: int = 256, channels: int = 32, skips: int = 128, stacks: int = 1) -> None:
        super().__init__()
        self.start = nn.Conv1d(levels, channels, 1)
        self.blocks = nn.ModuleList(Block(channels, skips, 2**n) for _ in range(stacks) for n in range(10))
        self.end = nn.Sequential(nn.ReLU(), nn.Conv1d(skips, skips, 1), nn.ReLU(), nn.Conv1d(skips, levels, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x, total = self.start(x), 0
        for block in self.blocks:
            x, skip = block(x)
            total = total + skip
        return self.end(total)
