"""Points anywhere in space."""

from __future__ import annotations

import torch
from torch import Tensor

from itnas.operator.domain.geometry import Domain, Geometry, batched


class Cloud(Domain):
    """Points at `positions` ([N, P] or [B, N, P]), each with a measure weight ([N] or [B, N], default 1)."""

    fields = {"positions": 2, "weights": 1, "valid": 1}  # noqa: RUF012

    def __init__(self, positions: Tensor, weights: Tensor | None = None, *, valid: Tensor | None = None) -> None:
        if positions.dim() not in (2, 3):
            raise ValueError(f"Cloud positions must be [N, P] or [B, N, P], got shape {tuple(positions.shape)}")
        self.positions, self.weights, self.valid = positions, weights, valid

    def geometry(self, batch: int, length: int, device: torch.device) -> Geometry:
        def checked(values: Tensor | None, dims: int, what: str) -> Tensor | None:
            return batched(values, dims, what=f"Cloud {what}", batch=batch, length=length, device=device)

        positions, weights = checked(self.positions, 2, "positions"), checked(self.weights, 1, "weights")
        assert positions is not None
        return Geometry(
            length,
            positions=positions.to(torch.float64),
            weights=None if weights is None else weights.to(torch.float64),
            valid=checked(self.valid, 1, "valid"),
            name="Cloud",
        )
