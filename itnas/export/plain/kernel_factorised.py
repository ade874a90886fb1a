"""The kernel k(i, j) as a sum of products: what one point brings, times what the other brings."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from itnas.export.plain.activation import activate
from itnas.export.plain.points import Points


class FactorisedKernel(nn.Module):
    """k(i, j) = sum_r gate_r phi_r(i) psi_r(j) exp(-rate_r abs(S_i - S_j)) per head.

    S is the learned time (`decay="clock"`) or the place on the line (`decay="position"`); without a decay the last
    factor is 1. A gate is a number from 0 to 1, where ranks were learned.
    """

    def __init__(
        self, *, heads: int, rank: int, phi: nn.Module, psi: nn.Module, decay: str = "none", gated: bool = False
    ) -> None:
        super().__init__()
        self.phi, self.psi, self.decay = phi, psi, decay
        self.rate = None if decay == "none" else nn.Parameter(torch.zeros(heads, rank))
        self.gates = RankGates(heads, rank) if gated else None

    def forward(self, u: Tensor, points: Points, time: Tensor | None) -> Tensor:
        """k, [B|1, H, N, N], of points with features u [B, N, C] at times [B, H, N]."""
        phi: Tensor = self.phi(u, points)
        psi: Tensor = self.psi(u, points)
        if self.gates is not None:
            phi = phi * self.gates().unsqueeze(1)
        if self.decay == "position" and points.positions is not None:
            time = points.positions[:, None, :, 0]
        if self.rate is None or time is None:
            return torch.einsum("bhir,bhjr->bhij", phi, psi)
        elapsed = (time.unsqueeze(3) - time.unsqueeze(2)).abs().unsqueeze(-1)  # float64 [B|1, H|1, N, N, 1]
        kept = torch.exp(-elapsed * self.rate.double().abs()[:, None, None]).to(phi.dtype)
        return ((phi.unsqueeze(3) * psi.unsqueeze(2)) * kept).sum(-1)


class Factor(nn.Module):
    """phi or psi: an MLP per head from a point's features and place to `widths[-1]` numbers, [B|1, H, N, R]."""

    def __init__(
        self,
        *,
        width: int,
        heads: int,
        widths: Sequence[int],
        inputs: Sequence[str] = ("content",),
        axes: int = 1,
        activation: str = "silu",
        output: str = "identity",
    ) -> None:
        super().__init__()
        self.activation, self.output = activation, output

        def weight(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.zeros(heads, *shape))

        self.content = weight(widths[0], width) if "content" in inputs else None
        self.position = weight(widths[0], axes) if "position" in inputs else None
        self.biases = nn.ParameterList(weight(wide) for wide in widths)
        self.weights = nn.ParameterList(weight(*pair) for pair in zip(widths[1:], widths[:-1], strict=True))

    def forward(self, u: Tensor, points: Points) -> Tensor:
        z = self.biases[0].unsqueeze(1).unsqueeze(0)
        if self.content is not None:
            z = z + torch.einsum("bnc,hrc->bhnr", u, self.content)
        if self.position is not None and points.positions is not None:
            placed = torch.einsum("bnp,hrp->bhnr", points.positions, self.position.double())
            z = z + placed.to(z.dtype)
        for layer, weight in enumerate(self.weights, 1):
            z = torch.einsum("bhni,hoi->bhno", activate(self.activation, z), weight) + self.biases[layer].unsqueeze(1)
        return emit(self.output, z).expand(-1, -1, u.shape[1], -1)


def emit(name: str, z: Tensor) -> Tensor:
    """The map at the end of a factor."""
    if name == "identity":
        return z
    if name == "elu1":
        return F.elu(z) + 1
    if name == "softplus":
        return F.softplus(z)
    if name == "exp":
        return torch.exp(z)
    if name == "sigmoid":
        return torch.sigmoid(z)
    raise ValueError(f"unknown output map {name!r}")


class RankGates(nn.Module):
    """How far each rank is open, [H, R]: 0 and 1 are reached exactly (hard concrete, arXiv 1712.01312)."""

    def __init__(self, heads: int, rank: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(heads, rank))

    def forward(self) -> Tensor:
        return (1.2 * torch.sigmoid(self.logits) - 0.1).clamp(0, 1)
