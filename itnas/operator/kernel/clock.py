"""Content-dependent time: S_i = sum_{s <= i} softplus(delta(u_s)), one clock per head."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from itnas.operator.steady import linear


class Clock(nn.Module):
    """Delta = softplus(W u + b) per head; its running integral is the clock, its steps can be the measure."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(heads, dim) / dim**0.5)
        self.bias = nn.Parameter(torch.full((heads,), -1.0))

    def steps(self, u: Tensor) -> Tensor:
        """Delta, [B, H, N] in the input's precision."""
        return F.softplus(linear(u, self.weight, self.bias)).transpose(1, 2)


def running(steps: Tensor) -> Tensor:
    """S from Delta. float64: differences of late, large sums must still resolve single steps."""
    return steps.double().cumsum(-1)
