"""What each point does by itself."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from itnas.genes import ChannelMixing
from itnas.operator.activation import ACTIVATIONS


class Mlp(nn.Module):
    """One hidden layer."""

    def __init__(self, width: int, hidden: int, activation: str) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.activation = ACTIVATIONS[activation]

    def forward(self, u: Tensor) -> Tensor:
        mixed: Tensor = self.down(self.activation(self.up(u)))
        return mixed


class SwiGlu(nn.Module):
    """One hidden layer with a gate (Shazeer, arXiv 2002.05202)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(width, 2 * hidden, bias=False), nn.Linear(hidden, width, bias=False)

    def forward(self, u: Tensor) -> Tensor:
        gate, value = self.up(u).chunk(2, -1)
        mixed: Tensor = self.down(F.silu(gate) * value)
        return mixed


def channel_mixing_for(gene: ChannelMixing, width: int) -> nn.Module | None:
    if gene.kind == "none":
        return None
    hidden = gene.expand * width
    return SwiGlu(width, hidden) if gene.kind == "swiglu" else Mlp(width, hidden, gene.activation)
