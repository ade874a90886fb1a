"""The balanced measure: what each part of a union weighs is learned, and how many points it has does not matter."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from itnas.operator.domain import Geometry


class Balance(nn.Module):
    """mu_j = share[h, a] w_j / sum_(j in a) w_j for a point j of part a with the domain's weight w_j; 0 at padding.

    The shares are a softmax over parts, equal at first. They add up to 1: the measure of all points together, unless a
    part has no points at all. Without a union there is one part, and its share is 1.
    """

    def __init__(self, heads: int, modalities: int) -> None:
        super().__init__()
        self.modalities = modalities
        self.logits = nn.Parameter(torch.zeros(heads, modalities))

    def forward(self, geometry: Geometry, dtype: torch.dtype) -> Tensor:
        """[B|1, H, N]."""
        device = self.logits.device
        own = torch.ones(1, geometry.length, device=device, dtype=torch.float64)
        if geometry.weights is not None:
            own = geometry.weights
        if geometry.valid is not None:
            own = own * geometry.valid
        tags = torch.zeros(geometry.length, dtype=torch.long, device=device)
        if geometry.modalities is not None:
            tags = geometry.modalities.tags(device)
        members = F.one_hot(tags, self.modalities).to(torch.float64)
        total = (own @ members) @ members.mT  # of each point's part
        relative = own / torch.where(total == 0, 1.0, total)
        shares = self.logits.softmax(-1).index_select(1, tags)
        return relative.to(dtype).unsqueeze(1) * shares.to(dtype)

    def check(self, geometry: Geometry) -> None:
        """Refuse a union with another number of parts."""
        count = 1 if geometry.modalities is None else geometry.modalities.count
        if count != self.modalities:
            raise ValueError(
                f"the balanced measure is made for {self.modalities} modalities, but {geometry.name} has {count}: "
                f"pass modalities={count} to the layer"
            )
