"""DeepLab's atrous spatial pyramid (arXiv:1706.05587) on a small dilated backbone, resized to the input."""

import torch
import torch.nn.functional as F
from torch import nn


class ASPP(nn.Module):
    """1x1, 3x3 at three rates, and the mean of the map, side by side."""

    def __init__(self, channels: int, out: int, rates: tuple[int, ...] = (6, 12, 18)) -> None:
        super().__init__()
        self.near = nn.Conv2d(channels, out, 1)
        self.far = nn.ModuleList(nn.Conv2d(channels, out, 3, padding=rate, dilation=rate) for rate in rates)
        self.whole = nn.Conv2d(channels, out, 1)
        self.project = nn.Conv2d(out * (2 + len(rates)), out, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        whole = self.whole(x.mean((2, 3), keepdim=True)).expand(-1, -1, *x.shape[2:])
        return self.project(torch.cat([self.near(x), *(layer(x) for layer in self.far), whole], dim=1))


class DeepLab(nn.Module):
    """Stride 8, then rates 2 and 4 in place of strides."""

    def __init__(self, classes: int = 21, width: int = 64) -> None:
        super().__init__()
        steps = ((2, 1), (2, 1), (2, 1), (1, 2), (1, 4))
        channels = (3, *(width,) * len(steps))
        self.backbone = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(a, width, 3, stride, rate, rate, bias=False), nn.BatchNorm2d(width), nn.ReLU())
                for a, (stride, rate) in zip(channels, steps, strict=False)
            )
        )
        self.aspp = ASPP(width, width)
        self.classifier = nn.Conv2d(width, classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.classifier(F.relu(self.aspp(self.backbone(x))))
        return F.interpolate(y, size=x.shape[2:], mode="bilinear", align_corners=False)
