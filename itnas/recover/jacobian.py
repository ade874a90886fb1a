"""Input-output Jacobians of recurrent layers: the recurrence linearised at its own orbit, many directions at once.

The orbit is known, so the slopes of all points are computed together; only the tangents run through the sequence.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from itnas.recover.cells import Cell

# Numbers that the tangents of one chunk of directions may hold: bounds the memory to some hundred megabytes.
CHUNK_NUMBERS = 2**23


class Linearised:
    """One layer's response to small changes of the input `u` [B, N, C]."""

    def __init__(self, cell: Cell, u: Tensor) -> None:
        self.cell, self.weight = cell, cell.shift.out.weight
        drive = cell.drive(u)
        states = cell.orbit(drive, self.weight, cell.shift.out.bias)
        before = tuple(F.pad(part, (0, 0, 1, -1)) for part in states)
        recurrent = F.linear(before[0], self.weight, cell.shift.out.bias)
        self.outputs = states[0]
        self.slopes = [slope.unsqueeze(2) for slope in cell.slopes(drive, recurrent, before, states)]  # [B, N, 1, H]

    def push(self, directions: Tensor) -> Tensor:
        """Changes [B, N, J, C] of the input, in J directions, to changes [B, N, J, H] of the output."""
        drive = F.linear(directions, self.cell.drive.weight)
        zero = directions.new_zeros(*directions[:, 0].shape[:-1], self.cell.hidden)
        state: tuple[Tensor, ...] = (zero,) * self.cell.states
        outputs = []
        for point in range(directions.shape[1]):
            slopes = tuple(slope[:, point] for slope in self.slopes)
            state = self.cell.tangent(slopes, drive[:, point], F.linear(state[0], self.weight), state)
            outputs.append(state[0])
        return torch.stack(outputs, 1)


def contributions(cells: Sequence[Cell], u: Tensor) -> Tensor:
    """K[b, c, i, j] = sum_d (d y_ic / d u_jd) u_jd for the output y of a stack of cells: [B, C_out, N, N].

    It is the derivative along u itself, switched on at point j alone: N directions.
    """
    points = torch.eye(u.shape[1], dtype=u.dtype, device=u.device)
    directions = u.unsqueeze(2) * points.unsqueeze(-1)  # [B, N, J, C]
    return _push(cells, u, directions).permute(0, 3, 1, 2)


def jacobian(cells: Sequence[Cell], u: Tensor) -> Tensor:
    """d y_ic / d u_jd within each sample: [B, N, C_out, N, C]. N C directions, each for all samples at once."""
    batch, length, dim = u.shape
    directions = torch.eye(length * dim, dtype=u.dtype, device=u.device).view(1, length, dim, -1).mT
    found = _push(cells, u, directions.expand(batch, -1, -1, -1))  # [B, N, N C, C_out]
    return torch.unflatten(found, 2, (length, dim)).permute(0, 1, 4, 2, 3)


def _push(cells: Sequence[Cell], u: Tensor, directions: Tensor) -> Tensor:
    """The directions through all layers, some at a time."""
    layers = []
    for cell in cells:
        layers.append(Linearised(cell, u))
        u = layers[-1].outputs
    widest = max(cell.drive.out_features for cell in cells)
    size = max(1, CHUNK_NUMBERS // max(u.shape[0] * u.shape[1] * widest, 1))
    found = []
    for chunk in directions.split(size, 2):
        for layer in layers:
            chunk = layer.push(chunk)
        found.append(chunk)
    return torch.cat(found, 2)
