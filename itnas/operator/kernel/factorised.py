"""The `factorised` kernel kind: k(i, j) = sum_r phi_r(u_i, p_i) psi_r(u_j, p_j) exp(-lambda_r (S_i - S_j))."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor, nn

from itnas.operator.activation import ACTIVATIONS, OUTPUT_MAPS
from itnas.operator.domain import Geometry, require_order
from itnas.operator.kernel.base import Axes, Kernel, KernelSpec, head_linear
from itnas.operator.kernel.form import LowRankForm, Side
from itnas.operator.kernel.rank import RankGates
from itnas.registry import check_choice

DECAYS = ("position", "clock")
INPUTS = ("content", "position")


@dataclass(frozen=True)
class FactorisedKernel(KernelSpec):
    """A kernel of rank `rank`: phi and psi are MLPs of `layers` hidden layers (0 to 2) of u and, if named, the
    position.

    `output` maps their last layer (one name, or one each for phi and psi). `decay`: None, "position" (S is the place
    in the order, or the time) or "clock" (S is the learned clock; also True), with one rate per head and rank; looking
    ahead decays like looking back. `learned_rank` puts a gate on each rank (see `rank.py`). No `inputs` make phi and
    psi constants.
    """

    rank: int = 8
    hidden: int = 16
    layers: int = 0
    activation: str = "silu"
    output: str | tuple[str, str] = "identity"
    decay: str | bool | None = None
    learned_rank: bool = False
    inputs: tuple[str, ...] = ("content",)
    position_dim: int | None = None

    def __post_init__(self) -> None:
        if self.rank < 1 or self.hidden < 1:
            raise ValueError(f"rank and hidden must be at least 1, got rank={self.rank}, hidden={self.hidden}")
        if not 0 <= self.layers <= 2:
            raise ValueError(f"the factors have 0 to 2 hidden layers, got layers={self.layers}")
        check_choice("activation", self.activation, ACTIVATIONS)
        for name in self.outputs:
            check_choice("output map", name, OUTPUT_MAPS)
        for name in self.inputs:
            check_choice("input of a factor", name, INPUTS)
        if isinstance(self.decay, bool):
            object.__setattr__(self, "decay", "clock" if self.decay else None)
        if self.decay is not None:
            check_choice("decay", self.decay, DECAYS)

    @property
    def outputs(self) -> tuple[str, str]:
        return (self.output, self.output) if isinstance(self.output, str) else self.output

    @property
    def needs_clock(self) -> bool:
        return self.decay == "clock"

    def build(self, dim: int, heads: int) -> FactorisedKernelModule:
        return FactorisedKernelModule(self, dim, heads)


class Factor(nn.Module):
    """phi or psi: a small MLP per head from a point to R numbers."""

    def __init__(self, spec: FactorisedKernel, output: str, dim: int, heads: int) -> None:
        super().__init__()
        self.activation, self.output, self.inputs = spec.activation, output, spec.inputs
        widths = [spec.hidden] * spec.layers + [spec.rank]
        first, axes = widths[0], Axes(spec.position_dim).count
        content = torch.randn(heads, first, dim) / dim**0.5 if "content" in spec.inputs else None
        position = torch.randn(heads, first, axes) / (4 * axes) ** 0.5 if "position" in spec.inputs else None
        self.content = None if content is None else nn.Parameter(content)
        self.position = None if position is None else nn.Parameter(position)
        self.biases = nn.ParameterList(nn.Parameter(torch.randn(heads, width) / width**0.5) for width in widths)
        self.weights = nn.ParameterList(
            nn.Parameter(torch.randn(heads, wide, narrow) / narrow**0.5) for narrow, wide in pairwise(widths)
        )

    def forward(self, u: Tensor, geometry: Geometry) -> Tensor:
        """[B|1, H, N, R]."""
        if self.content is None:
            z = self.biases[0].unsqueeze(0).unsqueeze(2)
        else:
            z = head_linear(u, self.content, self.biases[0])
        if self.position is not None and geometry.positions is not None:
            weight = self.position[..., : geometry.axes]
            z = z + torch.einsum("bnp,hrp->bhnr", geometry.positions, weight.double()).to(weight.dtype)
        for weight, bias in zip(self.weights, list(self.biases)[1:], strict=True):
            z = torch.einsum("bhni,hoi->bhno", ACTIVATIONS[self.activation](z), weight) + bias.unsqueeze(1)
        return OUTPUT_MAPS[self.output](z).expand(-1, -1, geometry.length, -1)

    def keep(self, ranks: Tensor) -> None:
        """Keep the output ranks [H, R'] of each head."""
        self.biases[-1] = nn.Parameter(self.biases[-1].detach().gather(1, ranks))
        if len(self.weights):
            self.weights[-1] = _kept_rows(self.weights[-1], ranks)
            return
        if self.content is not None:
            self.content = _kept_rows(self.content, ranks)
        if self.position is not None:
            self.position = _kept_rows(self.position, ranks)


class FactorisedKernelModule(Kernel):
    """Parameters of a `FactorisedKernel`."""

    def __init__(self, spec: FactorisedKernel, dim: int, heads: int) -> None:
        super().__init__()
        self.spec, self.heads = spec, heads
        named = set(spec.inputs) | ({"clock"} if spec.decay == "clock" else set())
        self.features = frozenset(named | ({"offset"} if spec.decay == "position" else set()))
        self.axes = Axes(spec.position_dim)
        self.phi = Factor(spec, spec.outputs[0], dim, heads)
        self.psi = Factor(spec, spec.outputs[1], dim, heads)
        # Decay lengths 1 to 64 units of S, spread over the ranks of each head.
        rates = 64.0 ** -torch.linspace(0, 1, max(spec.rank, 2))[: spec.rank]
        self.rate = nn.Parameter(rates.expand(heads, -1).clone()) if spec.decay is not None else None
        self.gates = RankGates(heads, spec.rank) if spec.learned_rank else None

    def form(self, u: Tensor, geometry: Geometry, clock: Tensor | None, *, split: bool = False) -> LowRankForm:
        self.axes.check(geometry)
        if self.spec.decay == "position":
            clock = _order(geometry)
        phi, psi = self.phi(u, geometry), self.psi(u, geometry)
        if self.gates is not None:
            phi = phi * self.gates.values().unsqueeze(1)
        ticks = clock if self.rate is not None else None
        rate = None if self.rate is None else self.rate.abs()
        return LowRankForm(Side(factor=phi, clock=ticks), Side(factor=psi, clock=ticks), rate)

    def check(self, geometry: Geometry) -> None:
        super().check(geometry)
        if self.spec.decay == "position":
            require_order("decay='position'", geometry)

    def slice(self) -> None:
        """Drop the ranks whose gates are shut, in place. All heads keep the same number: the most that any needs."""
        if self.gates is None:
            raise ValueError("only a kernel with learned_rank=True can be sliced: its rank is fixed")
        ranks = self.gates.open_first()
        self.spec = replace(self.spec, rank=ranks.shape[1])
        self.phi.keep(ranks)
        self.psi.keep(ranks)
        self.gates.keep(ranks)
        if self.rate is not None:
            self.rate = nn.Parameter(self.rate.detach().gather(1, ranks))


def _order(geometry: Geometry) -> Tensor:
    """S where the decay follows the position: float64 [B|1, 1, N]."""
    assert geometry.positions is not None
    return geometry.positions[..., 0].unsqueeze(1)


def _kept_rows(weight: Tensor, ranks: Tensor) -> nn.Parameter:
    """weight [H, R, ...] at ranks [H, R']."""
    return nn.Parameter(weight.detach().gather(1, ranks.unsqueeze(-1).expand(-1, -1, weight.shape[-1])))
