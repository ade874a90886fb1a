"""Small layers where no existing one says it. They are mixers, so that they are examined by interventions alone."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from itnas.models.mixers import Mixer
from itnas.operator.domain import Domain

Map = Callable[[Tensor], Tensor]


class Opaque(Mixer):
    """Any map [B, N, C] -> [B, N, C]."""

    def __init__(self, function: Map) -> None:
        super().__init__()
        self.function = function

    def forward(self, u: Tensor, domain: Domain | None = None) -> Tensor:
        return self.function(u)


class Added(Mixer):
    """The sum of two layers as one layer; the second one counts `scale` times."""

    def __init__(self, first: nn.Module, second: nn.Module, scale: float = 1.0) -> None:
        super().__init__()
        self.first, self.second, self.scale = first, second, scale

    def forward(self, u: Tensor, domain: Domain | None = None) -> Tensor:
        total: Tensor = self.first(u) + self.scale * self.second(u)
        return total


class BothWays(Mixer):
    """One layer forwards plus another one backwards."""

    def __init__(self, ahead: nn.Module, back: nn.Module) -> None:
        super().__init__()
        self.ahead, self.back = ahead, back

    def forward(self, u: Tensor, domain: Domain | None = None) -> Tensor:
        total: Tensor = self.ahead(u) + self.back(u.flip(1)).flip(1)
        return total


class Matrix(Mixer):
    """y = M(N) u with a matrix for every length, the same for all channels, and a map of the channels."""

    def __init__(self, matrix: Callable[[int], Tensor], width: int) -> None:
        super().__init__()
        self.matrix = matrix
        self.channels = nn.Linear(width, width, bias=False)

    def forward(self, u: Tensor, domain: Domain | None = None) -> Tensor:
        y: Tensor = self.channels(self.matrix(u.shape[1]) @ u)
        return y


class Walking(Mixer):
    """h_t = step(h_(t-1), u_t) from h = 0, y_t = h_t read out by a linear map."""

    def __init__(self, step: Callable[[Tensor, Tensor], Tensor], hidden: int, width: int) -> None:
        super().__init__()
        self.step, self.hidden = step, hidden
        self.out = nn.Linear(hidden, width, bias=False)

    def forward(self, u: Tensor, domain: Domain | None = None) -> Tensor:
        h, found = u.new_zeros(u.shape[0], self.hidden), []
        for point in u.unbind(1):
            h = self.step(h, point)
            found.append(h)
        y: Tensor = self.out(torch.stack(found, 1))
        return y


class Attending(nn.Module):
    """`nn.MultiheadAttention` on itself, [B, N, C] -> [B, N, C]."""

    def __init__(self, attention: nn.MultiheadAttention, causal: bool) -> None:
        super().__init__()
        self.attention, self.causal = attention, causal

    def forward(self, u: Tensor) -> Tensor:
        n = u.shape[1]
        mask = torch.ones(n, n, dtype=torch.bool).triu(1) if self.causal else None
        y: Tensor = self.attention(u, u, u, attn_mask=mask, need_weights=False)[0]
        return y


class Sliding(nn.Module):
    """`nn.Conv1d` on [B, N, C]; of more outputs than points (padding on both sides), the first N."""

    def __init__(self, convolution: nn.Conv1d) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, u: Tensor) -> Tensor:
        y: Tensor = self.convolution(u.transpose(1, 2))[..., : u.shape[1]].transpose(1, 2)
        return y


class Walked(nn.Module):
    """The outputs of `nn.RNN`, `nn.GRU` or `nn.LSTM`."""

    def __init__(self, recurrence: nn.RNN | nn.GRU | nn.LSTM) -> None:
        super().__init__()
        self.recurrence = recurrence

    def forward(self, u: Tensor) -> Tensor:
        y: Tensor = self.recurrence(u)[0]
        return y


def shifted(u: Tensor, by: int) -> Tensor:
    """Point i - by at the place of i, zeros where there is none."""
    if by == 0:
        return u
    empty = torch.zeros_like(u[:, : abs(by)])
    return torch.cat([empty, u[:, :-by]], 1) if by > 0 else torch.cat([u[:, -by:], empty], 1)
