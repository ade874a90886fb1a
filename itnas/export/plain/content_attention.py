"""Attention by contents: over all points, or over those of a window."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from itnas.export.plain.points import Points, visible
from itnas.export.plain.stand_in import StandIn, shifted


class ContentAttention(StandIn):
    """softmax_j(q_i . k_j / sqrt(d) + s j) v_j per head, by torch's own attention.

    Among the points before i, s j is a slope -s (i - j) but for what all of them share; only `causal` layers have
    `slopes`. A point that sees none gets the bias alone.
    """

    def __init__(
        self,
        *,
        width: int,
        heads: int,
        key_dim: int,
        value_dim: int,
        causal: bool = False,
        slopes: bool = False,
        rms_norm: bool = False,
        pointwise: bool = False,
    ) -> None:
        super().__init__(width=width, rms_norm=rms_norm, pointwise=pointwise)
        self.heads, self.causal, self.key_dim, self.value_dim = heads, causal, key_dim, value_dim
        self.query, self.key = nn.Linear(width, heads * key_dim), nn.Linear(width, heads * key_dim)
        self.value = nn.Linear(width, heads * value_dim, bias=False)
        self.slope = nn.Parameter(torch.zeros(heads)) if slopes else None
        self.out = nn.Linear(heads * value_dim, width)

    def mixed(self, u: Tensor, points: Points) -> Tensor:
        query, key, value = (
            part(u).unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        query = query * self.key_dim**-0.5
        if self.slope is not None:
            # Half precision counts places to 256 or so.
            query, key, value = (
                part.to(torch.promote_types(part.dtype, torch.float32)) for part in (query, key, value)
            )
            place = torch.arange(u.shape[1], device=u.device, dtype=query.dtype).expand(key.shape[:-1]).unsqueeze(-1)
            query = torch.cat([query, self.slope.view(-1, 1, 1).expand_as(place).to(query.dtype)], -1)
            key = torch.cat([key, place], -1)
        # torch's fastest attention wants queries, keys and values of one width.
        size = max(query.shape[-1], self.value_dim)
        query, key, value = (F.pad(part, (0, size - part.shape[-1])) for part in (query, key, value))
        sees = visible(u, points, causal=self.causal)
        if sees is None:
            y = F.scaled_dot_product_attention(query, key, value, is_causal=self.causal, scale=1.0)
        else:
            # Softmax over nothing is no number: whoever sees nobody sees all, and its answer is put to zero after.
            some = sees.any(-1, keepdim=True)
            y = F.scaled_dot_product_attention(query, key, value, attn_mask=sees | ~some, scale=1.0) * some
        mixed: Tensor = self.out(y[..., : self.value_dim].transpose(1, 2).flatten(2).to(u.dtype))
        return mixed


class WindowAttention(StandIn):
    """softmax over offsets abs(o) < `reach` of q_i . k_(i-o) / sqrt(d) + b_o, per head; the past alone where causal."""

    def __init__(
        self,
        *,
        width: int,
        heads: int,
        key_dim: int,
        value_dim: int,
        reach: int,
        causal: bool = False,
        rms_norm: bool = False,
        pointwise: bool = False,
    ) -> None:
        super().__init__(width=width, rms_norm=rms_norm, pointwise=pointwise)
        self.heads, self.offsets = heads, list(range(0 if causal else 1 - reach, reach))
        self.query, self.key = nn.Linear(width, heads * key_dim), nn.Linear(width, heads * key_dim)
        self.value = nn.Linear(width, heads * value_dim, bias=False)
        self.bias = nn.Parameter(torch.zeros(heads, len(self.offsets)))
        self.out = nn.Linear(heads * value_dim, width)

    def mixed(self, u: Tensor, points: Points) -> Tensor:
        query, key, value = (part(u).unflatten(-1, (self.heads, -1)) for part in (self.query, self.key, self.value))
        here = torch.ones_like(u[..., 0]) if points.valid is None else points.valid.to(u.dtype).expand(u.shape[:2])
        keys, values, there = (self.near(part) for part in (key, value, here))
        logits = (query.unsqueeze(3) * keys).sum(-1) * query.shape[-1] ** -0.5 + self.bias
        # Outside the line there is nobody; a padded point that sees nobody gets equal shares of nothing.
        weights = logits.masked_fill(there[:, :, None] == 0, torch.finfo(u.dtype).min).softmax(-1)
        mixed: Tensor = self.out((weights.unsqueeze(-1) * values).sum(3).flatten(2))
        return mixed

    def near(self, part: Tensor) -> Tensor:
        """part [B, N, *rest] over each offset, zero outside: [B, N, *rest with the offsets before the last axis]."""
        return torch.stack([shifted(part, offset) for offset in self.offsets], max(part.dim() - 1, 2))
