"""Regular grids of points, and the table of offsets between them."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor


@dataclass(frozen=True)
class Lattice:
    """A regular grid. The offset between two of its points is looked up in a table by `code[i] - code[j] + centre`.

    With extents n_d the offsets along axis d number 2 n_d - 1. A point's code is its index written in the mixed radix
    (2 n_d - 1), so that differences of codes are in one-to-one correspondence with offsets.
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...]

    @property
    def extents(self) -> tuple[int, ...]:
        return tuple(max(2 * n - 1, 1) for n in self.shape)

    @property
    def size(self) -> int:
        """Number of distinct offsets."""
        return prod(self.extents)

    @property
    def centre(self) -> int:
        """Where the zero offset stands in the table."""
        return self.size // 2

    def code(self, device: torch.device) -> Tensor:
        """Integer code of each point, [N]."""
        code = torch.zeros((), dtype=torch.long, device=device)
        for n, extent in zip(self.shape, self.extents, strict=True):
            code = code.unsqueeze(-1) * extent + torch.arange(n, device=device)
        return code.flatten()

    def offsets(self, device: torch.device) -> Tensor:
        """Every offset in table order, float64 [L, P]."""
        axes = [
            (torch.arange(extent, dtype=torch.float64, device=device) - extent // 2) * step
            for extent, step in zip(self.extents, self.spacing, strict=True)
        ]
        return torch.cartesian_prod(*axes).reshape(self.size, len(self.shape))
