"""From features to outputs: one per point, one per sample, or every point from the last one."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from itnas.export.plain.points import Points


class EachPoint(nn.Module):
    """A linear map of each point's features, [B, N, outputs]."""

    def __init__(self, *, width: int, outputs: int) -> None:
        super().__init__()
        self.map = nn.Linear(width, outputs)

    def forward(self, u: Tensor, _points: Points) -> Tensor:
        outputs: Tensor = self.map(u)
        return outputs


class Pooled(nn.Module):
    """A linear map of the mean over a sample's points, padding left out: [B, outputs]."""

    def __init__(self, *, width: int, outputs: int) -> None:
        super().__init__()
        self.map = nn.Linear(width, outputs)

    def forward(self, u: Tensor, points: Points) -> Tensor:
        mean = u.mean(1)
        if points.valid is not None:
            kept = points.valid.unsqueeze(-1).to(u.dtype)
            mean = (u * kept).sum(1) / kept.sum(1).clamp_min(1)
        outputs: Tensor = self.map(mean)
        return outputs


class Decoded(nn.Module):
    """Every point from the last one's features and the point's place, by one hidden layer: [B, N, outputs]."""

    def __init__(self, *, width: int, outputs: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, 2 * width)
        self.map = nn.Linear(2 * width, outputs)

    def forward(self, u: Tensor, _points: Points) -> Tensor:
        outputs: Tensor = self.map(F.gelu(self.hidden(u[:, -1:] + waves(u))))
        return outputs


def waves(u: Tensor) -> Tensor:
    """Sine and cosine of every place at wavelengths from 2 pi to 20,000 pi (arXiv 1706.03762), [N, C]."""
    width = u.shape[2]
    rates = torch.exp(-math.log(10_000) * torch.arange(0, width, 2, device=u.device) / width)
    angles = torch.arange(u.shape[1], device=u.device).unsqueeze(1) * rates
    return torch.cat([angles.sin(), angles.cos()], -1)[:, :width].to(u.dtype)
