"""Drawing points with known inclusion probabilities, on the last axis of any tensor.

Everything here is plain tensor arithmetic of fixed shapes, so that replicas can be stacked by `torch.func.vmap`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sample:
    """Points drawn for each tile of queries. A point drawn with probability pi counts `weight` = 1 / pi times."""

    index: Tensor  # [B|1, H|1, T, S]
    weight: Tensor  # float64, the same shape; 0 in unused slots


def without_replacement(keys: Tensor, support: Tensor, samples: int) -> tuple[Tensor, Tensor]:
    """The `samples` points of `support` with the smallest keys: indices [..., m] and their weights 1 / pi.

    Independent uniform keys in (0, 1) make every subset equally likely, so pi = m / n for n points of support; where
    there are no more than m, all of them, with pi = 1. O(n log m).
    """
    keys = keys.masked_fill(~support, 2.0)
    least, index = keys.topk(min(samples, keys.shape[-1]), largest=False, sorted=False)
    weight = (support.sum(-1, keepdim=True, dtype=torch.float64) / samples).clamp_min(1.0)
    return index, weight * (least < 1.5)


def inclusion(q: Tensor, samples: int) -> Tensor:
    """pi = min(1, c q) with c such that the pi sum to `samples`; 1 wherever q > 0 if there are no more such points.

    With the k largest q capped at 1, c = (m - k) / (sum of the others); the right k is the first at which c times the
    next largest q does not exceed 1. At most m - 1 points are capped while others are not. q: float64, not negative.
    """
    samples = min(samples, q.shape[-1])
    largest, where = q.topk(samples)
    # Summed from the smallest upwards: a difference of totals would lose the small ones.
    others = q.scatter(-1, where, 0.0).sum(-1, keepdim=True) + largest.flip(-1).cumsum(-1).flip(-1)
    scale = torch.arange(samples, 0, -1, device=q.device) / others.clamp_min(torch.finfo(q.dtype).tiny)
    capped = (scale * largest > 1).sum(-1, keepdim=True).clamp_max(samples - 1)
    everything = (q > 0).sum(-1, keepdim=True) <= samples
    return torch.where(everything, (q > 0).to(q.dtype), (scale.gather(-1, capped) * q).clamp_max(1.0))


def systematic(pi: Tensor, start: Tensor, slots: int) -> tuple[Tensor, Tensor]:
    """Madow's systematic sampling: the points where the running sum of pi passes start, start + 1, start + 2, ...

    `start` is uniform in (0, 1), broadcasting to pi [..., N] but for the last axis, which is 1. Point j owns an
    interval of length pi_j <= 1, so it is drawn at most once, with probability exactly pi_j. Returns indices
    [..., slots] and weights 1 / pi, 0 where a slot stays empty. O(N).
    """
    running = pi.cumsum(-1)
    # Plus 0 times the sums: under vmap, searchsorted wants both arguments to carry the replicas.
    ticks = start + torch.arange(slots, device=pi.device) + 0 * running[..., :1]
    index = torch.searchsorted(running.contiguous(), ticks.contiguous(), right=True)
    used = index < pi.shape[-1]
    index = index.clamp_max(pi.shape[-1] - 1)
    return index, torch.where(used, 1 / pi.gather(-1, index), 0.0)
