"""Replicas under `torch.func.vmap`: compiled plans take them as more heads.

Every tensor that a compiled plan reads has the axes [B|1, H|1, ...]. A vmapped axis of R replicas is folded into the
head axis, the plan runs once on R x H heads, and the result is unfolded. No plan needs to know of replicas.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def fold(part: Tensor | None, dim: int | None, replicas: int, heads: int) -> Tensor | None:
    """Fold the vmapped axis `dim` of one argument into its head axis: [B|1, R H, ...].

    An argument without that axis is repeated for each replica, unless it is shared by all heads (head axis 1, while the
    plan has more): then it stays as it is.
    """
    if part is None:
        return None
    if dim is None:
        if part.shape[1] != heads:
            return part
        return part.unsqueeze(1).expand(-1, replicas, *part.shape[1:]).flatten(1, 2)
    part = part.movedim(dim, 1)
    if part.shape[2] != heads:
        part = part.expand(-1, -1, heads, *part.shape[3:])
    return part.flatten(1, 2)


def fold_all(
    parts: Sequence[Tensor | None], dims: Sequence[int | None], replicas: int, heads: int
) -> list[Tensor | None]:
    return [fold(part, dim, replicas, heads) for part, dim in zip(parts, dims, strict=True)]


def unfold(part: Tensor, replicas: int) -> Tensor:
    """[B, R H, ...] -> [B, R, H, ...]: the replicas stand at axis 1."""
    return torch.unflatten(part, 1, (replicas, part.shape[1] // replicas))


def is_replicated(part: Tensor) -> bool:
    """Whether a tensor carries a vmapped axis right now."""
    return torch._C._functorch.is_batchedtensor(part)


def in_transform(part: Tensor) -> bool:
    """Whether a `torch.func` transform is at work on the tensor."""
    return bool(torch._C._functorch.is_functorch_wrapped_tensor(part))


def unwrapped(part: Tensor) -> Tensor:
    """The plain tensor under all transforms, with every replica in it: to look at its numbers, not to go on with."""
    while in_transform(part):
        part = torch._C._functorch.get_unwrapped(part)
    return part
