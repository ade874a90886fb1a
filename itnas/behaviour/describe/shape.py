"""The shape of each sample's kernel: its ranks, how far it reaches, how evenly it spreads."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from itnas.behaviour.truncation import cuts_of

RANKED = 8  # samples whose singular values are taken: the cubic part of all this
KEPT = 0.95  # of the energy of what crosses a cut


def effective_rank(kernel: Float[Tensor, "batch heads rows columns"]) -> Float[Tensor, " heads"]:
    """exp(-sum p log p), p = s / sum s over the singular values s (Roy & Vetterli, 2007); mean over samples."""
    values = torch.linalg.svdvals(kernel[:RANKED].double())
    share = values / values.sum(-1, keepdim=True)  # NaN where the kernel is 0
    found: Tensor = torch.special.entr(share).sum(-1).exp().nanmean(0)
    return found


def rank_profile(
    kernel: Float[Tensor, "batch heads rows columns"],
    strength: Float[Tensor, "batch heads points"],
    seen: Bool[Tensor, "samples points points"],
) -> tuple[tuple[int, ...], Float[Tensor, "heads cuts"]]:
    """At every cut t: the fewest singular directions of K[t:, :t] that hold 95 % of its energy, mean over the samples
    in which some pair sees each other across it. Of layers that look ahead also of K[:t, t:], and the larger counts.

    Columns are multiplied by their strength, as for the states of verdicts. But each sample has its own directions,
    which know the future that came: this is a lower bound of a recurrence's state, and no substitute for it.
    """
    seen = seen.expand(len(kernel), -1, -1)
    # The longest samples: where there is padding, others end before the last cuts.
    ranked = seen.sum((1, 2)).argsort(descending=True, stable=True)[:RANKED]
    scaled, seen = (kernel * strength.unsqueeze(2))[ranked].double(), seen[ranked]
    cuts, found = cuts_of(kernel.shape[-1]), []
    for cut in cuts:
        needed = torch.maximum(_needed(scaled[:, :, cut:, :cut]), _needed(scaled[:, :, :cut, cut:]))
        crossed = seen[:, cut:, :cut].any((1, 2)) | seen[:, :cut, cut:].any((1, 2))
        found.append((needed * crossed.unsqueeze(1)).sum(0) / crossed.sum().clamp_min(1))
    return cuts, torch.stack(found, -1)


def _needed(block: Tensor) -> Tensor:
    """Directions for the share kept, [B, H]; 0 for a block of zeros."""
    gram = block @ block.mT if block.shape[-2] < block.shape[-1] else block.mT @ block
    energy = torch.linalg.eigvalsh(gram).clamp_min(0).flip(-1)
    held, whole = energy.cumsum(-1), energy.sum(-1, keepdim=True)
    return torch.where(whole[..., 0] > 0, (held < KEPT * whole).sum(-1) + 1, 0).double()


def locality(
    kernel: Float[Tensor, "batch heads rows columns"], reach: Float[Tensor, "samples rows columns"]
) -> Float[Tensor, " heads"]:
    """sum |K_ij| reach_ij / sum |K_ij| over samples and pairs."""
    size = kernel.abs().double()
    return (size * reach.unsqueeze(1)).sum((0, 2, 3)) / size.sum((0, 2, 3))


def relative_entropy(
    kernel: Float[Tensor, "batch heads rows columns"], seen: Bool[Tensor, "samples rows columns"]
) -> Float[Tensor, " heads"]:
    """-sum_j p_ij log p_ij / log n_i, p_i being row i of |K| over its sum and n_i what it may see.

    The mean over samples and rows that weigh something and see two points at least.
    """
    size = kernel.abs().double()
    total = size.sum(-1)
    spread = torch.special.entr(size / total.unsqueeze(-1).clamp_min(1e-300)).sum(-1)
    count = seen.sum(-1).unsqueeze(1).expand_as(total)
    counted = (total > 0) & (count > 1)
    share = torch.where(counted, spread / count.clamp_min(2).double().log(), torch.nan)
    return share.transpose(0, 1).flatten(1).nanmean(1)
