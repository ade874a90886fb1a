"""Classical layers that stand in for a trained one: what they have in common, and the two simplest."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from itnas.export.plain.points import Points, without_padding


class StandIn(nn.Module):
    """norm(mixed u) + W u: subclasses say how points mix, and the rest is as in the layer that they stand for."""

    def __init__(self, *, width: int, rms_norm: bool = False, pointwise: bool = False) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(width) if rms_norm else None
        self.pointwise = nn.Linear(width, width, bias=False) if pointwise else None

    def forward(self, u: Tensor, points: Points) -> Tensor:
        u = without_padding(u, points.valid)
        y = self.mixed(u, points)
        if self.norm is not None:
            y = self.norm(y)
        return y if self.pointwise is None else y + self.pointwise(u)

    def mixed(self, u: Tensor, points: Points) -> Tensor:
        """[B, N, C] -> [B, N, C]."""
        raise NotImplementedError


class Silent(StandIn):
    """Points say nothing to each other: a bias is left."""

    def __init__(self, *, width: int, rms_norm: bool = False, pointwise: bool = False) -> None:
        super().__init__(width=width, rms_norm=rms_norm, pointwise=pointwise)
        self.bias = nn.Parameter(torch.zeros(width))

    def mixed(self, u: Tensor, points: Points) -> Tensor:
        return self.bias.expand_as(u)


class Pointwise(StandIn):
    """Every point by itself: a linear map."""

    def __init__(self, *, width: int, rms_norm: bool = False, pointwise: bool = False) -> None:
        super().__init__(width=width, rms_norm=rms_norm, pointwise=pointwise)
        self.map = nn.Linear(width, width)

    def mixed(self, u: Tensor, points: Points) -> Tensor:
        mapped: Tensor = self.map(u)
        return mapped


def shifted(part: Tensor, offset: int) -> Tensor:
    """part_(i - offset) for every point i, zero outside: [B, N, ...] along the second axis."""
    ahead = max(-offset, 0)
    padded = F.pad(part, (*(0, 0) * (part.dim() - 2), max(offset, 0), ahead))
    return padded[:, ahead : ahead + part.shape[1]]
