"""Learned rank: one gate per head and rank, driven to exactly 0 or 1 by a penalty.

The gate is the mean of a hard concrete variable (Louizos et al., arXiv 1712.01312): g = clip(1.2 sigmoid(a) - 0.1, 0,
1), which reaches its ends exactly. A shut gate gets no gradient from the data and stays shut, so the open ones can be
read off and the layer sliced after training without changing its output.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from itnas.operator.steady import elementwise

STRETCH = 0.1


def open_count(logits: Tensor) -> Tensor:
    """A smooth count of the open gates of logits [..., H, R]: sums of sigmoid(a - the logit at which a gate shuts)."""
    shut = math.log(STRETCH / (1 + STRETCH))
    return elementwise(torch.sigmoid, logits - shut, 2).sum((-2, -1))


class RankGates(nn.Module):
    """Gates g [H, R]; `penalty()` is what training adds to its loss, times a weight of its choice."""

    def __init__(self, heads: int, rank: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(heads, rank))

    def values(self) -> Tensor:
        return (elementwise(torch.sigmoid, self.logits, 2) * (1 + 2 * STRETCH) - STRETCH).clamp(0, 1)

    def penalty(self) -> Tensor:
        """A smooth count of the open gates, summed over heads."""
        return open_count(self.logits)

    def effective_rank(self) -> Tensor:
        """Number of open gates per head, [H]."""
        return (self.values() > 0).sum(1)

    def open_first(self) -> Tensor:
        """Indices [H, R'] of the widest gates, with R' the largest effective rank of a head (at least 1)."""
        most = max(int(self.effective_rank().max()), 1)
        return self.values().argsort(dim=1, descending=True, stable=True)[:, :most]

    def keep(self, ranks: Tensor) -> None:
        self.logits = nn.Parameter(self.logits.detach().gather(1, ranks))
