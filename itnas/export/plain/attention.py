"""Softmax attention with rotary positions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from itnas.export.plain.points import Points, visible, without_padding


class Attention(nn.Module):
    """softmax(q k^T / sqrt(d)) v over all points, those before where `causal`, or along a graph's edges.

    On a line or grid queries and keys turn with the number of points in between (arXiv 2104.09864). A point that sees
    none gets the output's bias alone.
    """

    def __init__(self, *, width: int, heads: int, rotary: bool = True, causal: bool = False) -> None:
        super().__init__()
        self.heads, self.rotary, self.causal = heads, rotary, causal
        self.project = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width)

    def forward(self, u: Tensor, points: Points) -> Tensor:
        parts = self.project(without_padding(u, points.valid)).unflatten(-1, (3, self.heads, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)  # [B, H, N, d]
        if self.rotary and points.index is not None:
            angles = rotary_angles(points.index, query.shape[-1])
            query, key = turned(query, angles), turned(key, angles)
        sees = visible(u, points, causal=self.causal)
        if sees is None:
            y = F.scaled_dot_product_attention(query, key, value, is_causal=self.causal)
        else:
            # Softmax over nothing is not a number: such rows see everything first, and are put to zero after.
            some = sees.any(-1, keepdim=True)
            y = F.scaled_dot_product_attention(query, key, value, attn_mask=sees | ~some) * some
        mixed: Tensor = self.out(y.transpose(1, 2).flatten(2))
        return mixed


def rotary_angles(index: Tensor, channels: int) -> Tensor:
    """Angles float64 [N, pairs of channels]: the cell along an axis times 10000^(-p/P), p = 0..P-1.

    Pairs are dealt to the axes one by one, so that each has its share P.
    """
    axes = index.shape[1]
    angles = []
    for axis in range(axes):
        share = len(range(axis, channels // 2, axes))
        rates = 10_000.0 ** -(torch.arange(share, dtype=torch.float64, device=index.device) / share)
        angles.append(index[:, axis, None] * rates)
    return torch.cat(angles, -1)


def turned(x: Tensor, angles: Tensor) -> Tensor:
    """(a, b) -> (a cos - b sin, b cos + a sin) for each pair of channels; an odd last channel stays as it is."""
    pairs = angles.shape[-1]
    a, b, still = x.split([pairs, pairs, x.shape[-1] - 2 * pairs], -1)
    cosine, sine = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    return torch.cat([a * cosine - b * sine, b * cosine + a * sine, still], -1)
