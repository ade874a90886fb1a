"""The integral transform over all pairs of points."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from itnas.export.plain.clock import Clock
from itnas.export.plain.points import Points, earlier, separations, without_padding


class IntegralTransform(nn.Module):
    """y_i = sum_j K(i, j) V u_j per head, with K the normalised kernel; heads are joined by O, plus W u_i.

    `measure`: what a point weighs, "domain" (as the domain says), "uniform" (1) or "clock" (its step of learned time).
    `window`: points see no further than this. `iterate`: how often the layer is applied. O(N^2) time and memory.
    """

    def __init__(
        self,
        *,
        width: int,
        heads: int,
        value_dim: int,
        kernel: nn.Module,
        normaliser: nn.Module,
        clock: bool = False,
        measure: str = "domain",
        window: float | None = None,
        causal: bool = False,
        iterate: int = 1,
        rms_norm: bool = True,
        pointwise: bool = True,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.heads, self.measure, self.window, self.causal, self.iterate = heads, measure, window, causal, iterate
        self.kernel_module, self.normaliser = kernel, normaliser
        self.clock = Clock(width, heads) if clock else None
        self.value = nn.Parameter(torch.zeros(heads * value_dim, width))
        self.out = nn.Linear(heads * value_dim, width, bias=bias)
        self.norm = nn.RMSNorm(width) if rms_norm else None
        self.pointwise = nn.Linear(width, width, bias=False) if pointwise else None

    def forward(self, u: Tensor, points: Points) -> Tensor:
        for _ in range(self.iterate):
            u = self.transform(without_padding(u, points.valid), points)
        return u

    def transform(self, u: Tensor, points: Points) -> Tensor:
        steps = None if self.clock is None else self.clock(u)
        # The sum of many steps in float32 would lose the single step.
        time = None if steps is None else steps.double().cumsum(-1)
        kernel = self.normaliser(self.kernel_module(u, points, time), self.weights(u, points, steps))
        values = F.linear(u, self.value).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # [B, H, N, D]
        y = kernel @ values
        if points.valid is not None:
            y = y * points.valid[:, None, :, None]
        out: Tensor = self.out(y.transpose(1, 2).flatten(2))
        if self.norm is not None:
            out = self.norm(out)
        return out if self.pointwise is None else out + self.pointwise(u)

    def weights(self, u: Tensor, points: Points, steps: Tensor | None) -> Tensor:
        """What point j weighs for point i, [B|1, H|1, N|1, N]: its measure, or 0 where i does not see it."""
        weights = u.new_ones(u.shape[1]).view(1, 1, 1, -1)
        if self.measure == "domain" and points.weights is not None:
            weights = weights * points.weights[:, None, None].to(u.dtype)
        if self.measure == "clock" and steps is not None:
            weights = weights * steps.unsqueeze(2)
        if points.valid is not None:
            weights = weights * points.valid[:, None, None]
        if points.edges is not None:
            weights = weights * points.edges.unsqueeze(1).to(u.dtype)
        if self.causal:
            weights = weights * earlier(u)
        if self.window is not None:
            weights = weights * (separations(points) < self.window).unsqueeze(1)
        return weights
