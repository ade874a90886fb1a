"""The order in which a state meets the points."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def walk(layer: Callable[[Tensor], Tensor], u: Tensor, valid: Tensor | None, *, backwards: bool) -> Tensor:
    """layer(u) along the points u [B, N, C], by index or backwards; outputs stand at the points they belong to.

    Padding comes last either way, so it reaches no other point.
    """
    if valid is None:
        return layer(u.flip(1)).flip(1) if backwards else layer(u)
    step = torch.arange(u.shape[1], device=u.device)
    if backwards:
        step = step.flip(0)
    order = torch.where(valid, step, step + u.shape[1]).argsort(1)  # the point met at each step
    return rearranged(layer(rearranged(u, order)), order.argsort(1))


def rearranged(u: Tensor, order: Tensor) -> Tensor:
    """u [B, N, C] at the points `order` [B|1, N]."""
    return u.gather(1, order.unsqueeze(-1).expand_as(u))
