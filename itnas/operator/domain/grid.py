"""Regular grids in one to three dimensions: images, volumes, discretised functions."""

from __future__ import annotations

from collections.abc import Sequence as Several
from math import prod

import torch
from torch import Tensor

from itnas.operator.domain.geometry import Domain, Geometry, batched
from itnas.operator.domain.lattice import Lattice


class Grid(Domain):
    """Cells of a box in row-major order. A point sits at the middle of its cell and weighs the cell's volume.

    Midpoints and volumes make the sum over cells the midpoint rule, so that a function trained at one resolution
    (`spacing` 1/64, say) means the same at another (1/256).
    """

    fields = {"valid": 1}  # noqa: RUF012

    def __init__(
        self, shape: int | Several[int], spacing: float | Several[float] = 1.0, *, valid: Tensor | None = None
    ) -> None:
        self.shape = (shape,) if isinstance(shape, int) else tuple(int(n) for n in shape)
        steps = (spacing,) * len(self.shape) if isinstance(spacing, (int, float)) else tuple(spacing)
        self.spacing = tuple(float(step) for step in steps)
        self.valid = valid
        if not 1 <= len(self.shape) <= 3:
            raise ValueError(f"a Grid has 1 to 3 axes, but shape={self.shape} has {len(self.shape)}")
        if len(self.spacing) != len(self.shape):
            raise ValueError(f"spacing={self.spacing} must be one number or one per axis of shape={self.shape}")
        if min(self.shape) < 0 or min(self.spacing) <= 0:
            raise ValueError(f"extents must not be negative and spacings must be positive, got {self.shape}, {steps}")

    def geometry(self, batch: int, length: int, device: torch.device) -> Geometry:
        if length != prod(self.shape):
            raise ValueError(f"Grid{self.shape} has {prod(self.shape)} cells, but the input has {length} points")
        axes = [
            (torch.arange(n, dtype=torch.float64, device=device) + 0.5) * step
            for n, step in zip(self.shape, self.spacing, strict=True)
        ]
        volume = prod(self.spacing)
        return Geometry(
            length,
            positions=torch.cartesian_prod(*axes).reshape(1, length, len(self.shape)),
            weights=None if volume == 1.0 else torch.full((1, length), volume, dtype=torch.float64, device=device),
            valid=batched(self.valid, 1, what="Grid valid", batch=batch, length=length, device=device),
            lattice=Lattice(self.shape, self.spacing),
            ordered=len(self.shape) == 1,
            name=f"Grid{self.shape}",
        )
