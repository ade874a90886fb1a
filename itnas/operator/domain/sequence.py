"""Points in order: text, audio, time series; regular, or at irregular times."""

from __future__ import annotations

import torch
from torch import Tensor

from itnas.operator.domain.geometry import Domain, Geometry, batched
from itnas.operator.domain.lattice import Lattice


class Sequence(Domain):
    """Point i at position i, or at `times` ([N] or [B, N], not decreasing); it weighs 1 unless `weights` are given.

    `valid` (bool [N] or [B, N]) is False at padding.
    """

    fields = {"times": 1, "weights": 1, "valid": 1}  # noqa: RUF012

    def __init__(
        self, times: Tensor | None = None, *, weights: Tensor | None = None, valid: Tensor | None = None
    ) -> None:
        if times is not None and bool((times.diff(dim=-1) < 0).any()):
            raise ValueError("times must not decrease along a sequence: sort the points by time first")
        self.times, self.weights, self.valid = times, weights, valid

    def geometry(self, batch: int, length: int, device: torch.device) -> Geometry:
        def checked(values: Tensor | None, what: str) -> Tensor | None:
            return batched(values, 1, what=f"Sequence {what}", batch=batch, length=length, device=device)

        times, weights = checked(self.times, "times"), checked(self.weights, "weights")
        if times is None:
            positions = torch.arange(length, dtype=torch.float64, device=device).view(1, length, 1)
        else:
            positions = times.to(torch.float64).unsqueeze(-1)
        return Geometry(
            length,
            positions=positions,
            weights=None if weights is None else weights.to(torch.float64),
            valid=checked(self.valid, "valid"),
            lattice=Lattice((length,), (1.0,)) if times is None else None,
            ordered=True,
            bounded=False,
            name="Sequence",
        )
