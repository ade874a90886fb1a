"""Normalisers: what the sum over points is divided by.

From logits k [B, H, N, N] and what point j weighs for point i, to the kernel that multiplies the values. A point that
sees nothing gets zero.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Unnormalised(nn.Module):
    """k w."""

    def forward(self, k: Tensor, weights: Tensor) -> Tensor:
        return k * weights


class SigmoidOf(nn.Module):
    """sigmoid(k) w."""

    def forward(self, k: Tensor, weights: Tensor) -> Tensor:
        return torch.sigmoid(k) * weights


class Mean(nn.Module):
    """k w / sum_j w."""

    def forward(self, k: Tensor, weights: Tensor) -> Tensor:
        return k * weights * reciprocal(weights.sum(-1, keepdim=True))


class Ratio(nn.Module):
    """k w / sum_j k w."""

    def forward(self, k: Tensor, weights: Tensor) -> Tensor:
        share = k * weights
        return share * reciprocal(share.sum(-1, keepdim=True))


class SoftmaxOf(nn.Module):
    """exp(k) w / sum_j exp(k) w, shifted by the largest visible k of each row."""

    def forward(self, k: Tensor, weights: Tensor) -> Tensor:
        k = k.masked_fill(weights == 0, -torch.inf)
        top = k.detach().amax(-1, keepdim=True).clamp_min(torch.finfo(k.dtype).min)
        share = torch.exp(k - top) * weights
        return share * reciprocal(share.sum(-1, keepdim=True))


def reciprocal(total: Tensor) -> Tensor:
    """1 / Z, and 0 where Z vanishes: where it is closer to 0 than the root of the smallest number."""
    vanished = total.abs() < torch.finfo(total.dtype).tiny ** 0.5
    return torch.where(vanished, 0.0, 1 / torch.where(vanished, 1.0, total))
