"""Points anywhere in space."""

from __future__ import annotations

import torch
from torch import Tensor

from itnas.operator.domain.geometry import Domain, Geometry, batched


class Cloud(Domain):
    """Points at `positions` ([N, P] or [B, N, P]), each with a measure weight ([N] or [B, N], default 1)."""

    def __init__(self, positions: Tensor, weights: Tensor | None = None, *, valid: Tensor | None = None) -> None:
        if positions.dim() not in (2, 3):
            raise ValueError(f"Cloud positions must be [N, P] or [B, N, P], got shape {tuple(positions.shape)}")
        self.positions, self.weights, self.valid = positions, weights, valid

    def geometry(self, batch: int, length: int, device: torch.device) -> Geometry:
        size = {"batch": batch, "length": length}
        positions = batched(self.positions, 2, what="Cloud positions", **size)
        weights = batched(self.weights, 1, what="Cloud weights", **size)
        assert positions is not None
        return Geometry(
            length,
            positions=positions.to(device, torch.float64),
            weights=None if weights is None else weights.to(device, torch.float64),
            valid=batched(self.valid, 1, what="Cloud valid", **size),
            name="Cloud",
        )
