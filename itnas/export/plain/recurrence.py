"""Gated recurrent units and long short-term memories."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from itnas.export.plain.points import Points, without_padding
from itnas.export.plain.walk import walk


class Recurrence(nn.Module):
    """Cells that walk along the points, the first forwards, the second backwards; a linear map of their states."""

    def __init__(self, cells: Sequence[nn.Module], states: int, width: int) -> None:
        super().__init__()
        self.cells = nn.ModuleList(cells)
        self.out = nn.Linear(states, width)

    def forward(self, u: Tensor, points: Points) -> Tensor:
        u = without_padding(u, points.valid)
        states = [
            walk(partial(states_of, cell), u, points.valid, backwards=backwards)
            for cell, backwards in zip(self.cells, (False, True), strict=False)
        ]
        mixed: Tensor = self.out(torch.cat(states, -1))
        return mixed


def states_of(cell: nn.Module, u: Tensor) -> Tensor:
    """What torch's cells say first: the state after every step, [B, N, states]."""
    states: Tensor = cell(u)[0]
    return states


class Gru(Recurrence):
    """Gated recurrent units with states of these sizes: one forwards, and one backwards where two are named."""

    def __init__(self, *, width: int, sizes: Sequence[int]) -> None:
        super().__init__([nn.GRU(width, size, batch_first=True) for size in sizes], sum(sizes), width)


class Lstm(Recurrence):
    """Long short-term memories with states of these sizes: one forwards, and one backwards where two are named."""

    def __init__(self, *, width: int, sizes: Sequence[int]) -> None:
        super().__init__([nn.LSTM(width, size, batch_first=True) for size in sizes], sum(sizes), width)
