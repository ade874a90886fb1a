"""Learned time, one clock per head."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Clock(nn.Module):
    """Steps Delta = softplus(W u + b), [B, H, N]; their running sum is the time."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(heads, width))
        self.bias = nn.Parameter(torch.zeros(heads))

    def forward(self, u: Tensor) -> Tensor:
        return F.softplus(F.linear(u, self.weight, self.bias)).transpose(1, 2)
