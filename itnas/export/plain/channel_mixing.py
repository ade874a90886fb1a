"""What each point does by itself."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from itnas.export.plain.activation import activate


class Mlp(nn.Module):
    """One hidden layer."""

    def __init__(self, *, width: int, hidden: int, activation: str) -> None:
        super().__init__()
        self.up, self.down, self.activation = nn.Linear(width, hidden), nn.Linear(hidden, width), activation

    def forward(self, u: Tensor) -> Tensor:
        mixed: Tensor = self.down(activate(self.activation, self.up(u)))
        return mixed


class SwiGlu(nn.Module):
    """One hidden layer with a gate (arXiv 2002.05202)."""

    def __init__(self, *, width: int, hidden: int) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(width, 2 * hidden, bias=False), nn.Linear(hidden, width, bias=False)

    def forward(self, u: Tensor) -> Tensor:
        gate, value = self.up(u).chunk(2, -1)
        mixed: Tensor = self.down(F.silu(gate) * value)
        return mixed
