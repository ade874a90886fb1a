"""The loss of each replica, from the outputs of all."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from itnas.tasks.base import Loss


def losses(
    outputs: Float[Tensor, "replicas ..."], targets: Tensor, mask: Tensor | None, total: Tensor, *, kind: Loss
) -> Float[Tensor, " replicas"]:
    """Losses summed over what is scored and divided by `total` [R].

    `targets` [R, B, ...] and `mask` [R, B, N] stand as in a batch: classes, or numbers with a last axis like that of
    the outputs. `total` counts the scored entries of the whole batch, so that the losses of its parts add up.
    """
    # float32 also under autocast: sums of many small losses lose their tail in bfloat16.
    outputs = outputs.float()
    replicas = outputs.shape[0]
    each = _each(outputs.flatten(0, -2), targets, kind).view(replicas, *outputs.shape[1:-1])
    if mask is not None:
        each = torch.where(mask, each, 0.0)
    # Row by row: how a joint sum is split up depends on the number of rows.
    sums = torch.stack([row.sum() for row in each.reshape(replicas, -1)])
    return sums / total


def _each(outputs: Float[Tensor, "entries outputs"], targets: Tensor, kind: Loss) -> Float[Tensor, " entries"]:
    if kind == "cross-entropy":
        wanted = targets.flatten(0, -2) if targets.is_floating_point() else targets.flatten()
        return F.cross_entropy(outputs, wanted, reduction="none")
    wanted = targets.flatten(0, -2)
    if kind == "binary":
        return F.binary_cross_entropy_with_logits(outputs, wanted, reduction="none").sum(-1)
    return (outputs - wanted).square().mean(-1)


def scored_entries(targets: Tensor, mask: Tensor | None) -> Float[Tensor, " replicas"]:
    """How many losses `losses` adds up for each replica, [R]."""
    if mask is not None:
        return mask.flatten(1).sum(1).clamp_min(1).float()
    shape = targets.shape[:-1] if targets.is_floating_point() else targets.shape
    count = shape[1:].numel() if isinstance(shape, torch.Size) else 1
    return torch.full((targets.shape[0],), float(count), device=targets.device)
