"""A keyword spotter: separable convolutions over a spectrogram, a GRU over its frames, attention over their states."""

import torch
from torch import nn


class Spotter(nn.Module):
    """(N, 1, mels, frames) to the scores of some words."""

    def __init__(self, words: int = 12, mels: int = 40, width: int = 64) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, width, 3, stride=(2, 1), padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, (5, 3), stride=(2, 1), padding=(2, 1), groups=width),
            nn.Conv2d(width, width, 1),
            nn.ReLU(),
        )
        self.gru = nn.GRU(width * (mels // 4), width, batch_first=True, bidirectional=True)
        self.attention = nn.MultiheadAttention(2 * width, 4, batch_first=True)
        self.head = nn.Linear(2 * width, words)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        frames = self.conv(x).flatten(1, 2).transpose(1, 2)
        states, _ = self.gru(frames)
        mixed, _ = self.attention(states, states, states, need_weights=False)
        return self.head(mixed.mean(1))
