"""From features to a task's outputs: one per point, one per sample, or every point from the last one."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from itnas.models.interface import Interface
from itnas.operator.domain import Domain, geometry_of
from itnas.operator.steady import linear


class Points(nn.Module):
    """A linear map of each point's features."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.map = nn.Linear(width, outputs)

    def forward(self, features: Float[Tensor, "batch points width"], domain: Domain | None) -> Tensor:
        return linear(features, self.map.weight, self.map.bias)


class Pooled(nn.Module):
    """A linear map of the mean over a sample's points, padding left out."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.map = nn.Linear(width, outputs)

    def forward(self, features: Float[Tensor, "batch points width"], domain: Domain | None) -> Tensor:
        mean = mean_of_valid(features, geometry_of(features, domain).valid)
        return linear(mean, self.map.weight, self.map.bias)


class PooledParts(nn.Module):
    """A linear map of the means over each part of a union, one behind the other.

    Of two parts that are compared, of what differs and what agrees as well: a, b, abs(a - b), a b.
    """

    def __init__(self, width: int, outputs: int, parts: int, *, compares: bool) -> None:
        super().__init__()
        if compares and parts != 2:
            raise ValueError(f"two modalities can be compared, but there are {parts}")
        self.compares = compares
        self.map = nn.Linear(width * (4 if compares else parts), outputs)

    def forward(self, features: Float[Tensor, "batch points width"], domain: Domain | None) -> Tensor:
        geometry = geometry_of(features, domain)
        assert geometry.modalities is not None
        means = [
            mean_of_valid(features[:, part], None if geometry.valid is None else geometry.valid[:, part])
            for part in geometry.modalities.slices
        ]
        if self.compares:
            means += [(means[0] - means[1]).abs(), means[0] * means[1]]
        return linear(torch.cat(means, -1), self.map.weight, self.map.bias)


def mean_of_valid(features: Tensor, valid: Tensor | None) -> Tensor:
    """[B, N, C] -> [B, C], padding left out."""
    if valid is None:
        # Of no points at all it is 0.
        return features.mean(1) if features.shape[1] else features.sum(1)
    kept = valid.unsqueeze(-1).to(features.dtype)
    return (features * kept).sum(1) / kept.sum(1).clamp_min(1)


class Decoded(nn.Module):
    """Every point from the last one's features and the point's place, by one hidden layer.

    Places are the sines and cosines of Vaswani et al. (arXiv 1706.03762), so that any length can be decoded.
    """

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, 2 * width)
        self.map = nn.Linear(2 * width, outputs)

    def forward(self, features: Float[Tensor, "batch points width"], domain: Domain | None) -> Tensor:
        places = waves(features.shape[1], features.shape[2], features.device).to(features.dtype)
        outputs: Tensor = self.map(nn.functional.gelu(self.hidden(features[:, -1:] + places)))
        return outputs


def waves(length: int, width: int, device: torch.device) -> Float[Tensor, "points width"]:
    """sin and cos of the place at wavelengths from 2 pi to 20,000 pi."""
    rates = torch.exp(-math.log(10_000) * torch.arange(0, width, 2, device=device) / width)
    angles = torch.arange(length, device=device).unsqueeze(1) * rates
    return torch.cat([angles.sin(), angles.cos()], -1)[:, :width]


READOUTS = {"points": Points, "pooled": Pooled, "decoded": Decoded}


def readout_for(task: Interface, width: int) -> nn.Module:
    if task.readout == "pooled" and task.modalities:
        return PooledParts(width, task.outputs, len(task.modalities), compares=task.compares)
    return READOUTS[task.readout](width, task.outputs)
