"""Points without any place: only what they carry tells them apart."""

from __future__ import annotations

import torch
from torch import Tensor

from itnas.operator.domain.geometry import Domain, Geometry, batched


class Set(Domain):
    """An unordered set, with optional measure weights ([N] or [B, N]) and padding mask."""

    fields = {"weights": 1, "valid": 1}  # noqa: RUF012

    def __init__(self, weights: Tensor | None = None, *, valid: Tensor | None = None) -> None:
        self.weights, self.valid = weights, valid

    def geometry(self, batch: int, length: int, device: torch.device) -> Geometry:
        weights = batched(self.weights, 1, what="Set weights", batch=batch, length=length, device=device)
        return Geometry(
            length,
            weights=None if weights is None else weights.to(device, torch.float64),
            valid=batched(self.valid, 1, what="Set valid", batch=batch, length=length, device=device),
            name="Set",
        )
