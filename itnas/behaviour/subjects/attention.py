"""Softmax attention under examination: `nn.MultiheadAttention` and the attention mixer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from itnas.behaviour.places import places_of
from itnas.behaviour.subjects.base import KernelSubject, View, spread, unseen
from itnas.models.mixers.attention import Attention, cells, rotations, turned, visible
from itnas.operator.domain import Domain, geometry_of, without_padding


class AttentionSubject(KernelSubject):
    """The attention mixer, with rotary positions or without."""

    kind = "attention"
    link = "exp"
    orders = 4

    def __init__(self, layer: Attention) -> None:
        self.layer, self.causal, self.placeless = layer, layer.causal, not layer.rotary

    def view(self, u: Tensor, domain: Domain | None) -> View:
        parts = self.layer.project(self._clean(u, domain)).unflatten(-1, (3, self.layer.heads, -1))
        values = parts[:, :, 2].transpose(1, 2)
        return View(
            find=lambda: self.normalised(self._logits(u, domain, None), u, domain),
            values=values,
            strength=spread(self.layer.out.weight, values),
            finish=lambda mixed: self.layer.out(mixed.transpose(1, 2).flatten(2)),
            places=places_of(geometry_of(u, domain)),
        )

    def run(self, u: Tensor, domain: Domain | None) -> Tensor:
        return Attention.forward(self.layer, u, domain)

    def raw(self, u: Tensor, domain: Domain | None, order: Tensor) -> Tensor:
        return unseen(self._logits(u, domain, order), order, causal=self.causal)

    def normalised(self, raw: Tensor, u: Tensor, domain: Domain | None) -> Tensor:
        return masked_softmax(raw, visible(geometry_of(u, domain), self.causal), causal=self.causal)

    def _clean(self, u: Tensor, domain: Domain | None) -> Tensor:
        return without_padding(u, geometry_of(u, domain).valid)

    def _logits(self, u: Tensor, domain: Domain | None, order: Tensor | None) -> Tensor:
        geometry = geometry_of(u, domain)
        parts = self.layer.project(self._clean(u, domain)).unflatten(-1, (3, self.layer.heads, -1))
        query, key = parts[:, :, 0].transpose(1, 2), parts[:, :, 1].transpose(1, 2)
        index = cells(geometry, u.device) if self.layer.rotary else None
        if index is not None:
            cosines, sines = rotations(index, query.shape[-1], u.dtype)
            if order is not None:
                cosines, sines = cosines[order], sines[order]
            query, key = turned(query, cosines, sines), turned(key, cosines, sines)
        logits: Tensor = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
        return logits


class MultiheadSubject(KernelSubject):
    """Self-attention by `nn.MultiheadAttention`, on inputs [B, N, C] whatever the module's own layout."""

    kind = "attention"
    link = "exp"
    placeless = True

    def __init__(self, layer: nn.MultiheadAttention, *, causal: bool = False) -> None:
        self.layer, self.causal = layer, causal

    def view(self, u: Tensor, domain: Domain | None) -> View:
        values = self._projected(u, 2)
        return View(
            find=lambda: self.normalised(self._logits(u), u, domain),
            values=values,
            strength=spread(self.layer.out_proj.weight, values),
            finish=lambda mixed: self.layer.out_proj(mixed.transpose(1, 2).flatten(2)),
            places=places_of(geometry_of(u, domain)),
        )

    def raw(self, u: Tensor, domain: Domain | None, order: Tensor) -> Tensor:
        return unseen(self._logits(u), order, causal=self.causal)

    def normalised(self, raw: Tensor, u: Tensor, domain: Domain | None) -> Tensor:
        return masked_softmax(raw, visible(geometry_of(u, domain), self.causal), causal=self.causal)

    def _projected(self, u: Tensor, part: int) -> Tensor:
        weights = self.layer.in_proj_weight.chunk(3)
        bias = None if self.layer.in_proj_bias is None else self.layer.in_proj_bias.chunk(3)[part]
        projected = nn.functional.linear(u, weights[part], bias)
        return torch.unflatten(projected, -1, (self.layer.num_heads, -1)).transpose(1, 2)

    def _logits(self, u: Tensor) -> Tensor:
        query, key = self._projected(u, 0), self._projected(u, 1)
        logits: Tensor = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
        return logits


def masked_softmax(logits: Tensor, mask: Tensor | None, *, causal: bool) -> Tensor:
    """Softmax over what is seen; rows that see nothing are 0."""
    if mask is None and causal:
        mask = torch.ones(logits.shape[-2:], dtype=torch.bool).tril()
    if mask is None:
        return logits.softmax(-1)
    return logits.masked_fill(~mask, -torch.inf).softmax(-1).nan_to_num(0.0)
