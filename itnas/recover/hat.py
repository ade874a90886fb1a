"""Kernels that are 1 for one offset, or one pair of positions, and 0 for all others.

On points one unit apart a relu network does it without rounding: all its numbers are small integers.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from itnas.operator import IntegralTransform, MLPKernel
from itnas.recover.weights import mlp_kernel, write

HAT = MLPKernel(hidden=3, layers=1, activation="relu", features=("offset",), position_dim=1)
CONE = MLPKernel(hidden=4, layers=2, activation="relu", features=("offset",), position_dim=2)
CELL = MLPKernel(hidden=4, layers=2, activation="relu", features=("position",), position_dim=1)


def select_offsets(layer: IntegralTransform, taps: Sequence[int]) -> None:
    """Head h of a layer with kernel `HAT` sees p_j = p_i - taps[h] alone.

    k = hat(p_i - p_j - tap) with hat(x) = relu(x + 1) - 2 relu(x) + relu(x - 1).
    """
    kernel = mlp_kernel(layer)
    write(kernel.offset, 1.0)
    write(kernel.bias, torch.tensor([1.0, 0.0, -1.0]) - torch.tensor(taps, dtype=torch.float64).unsqueeze(1))
    write(kernel.out, torch.tensor([1.0, -2.0, 1.0]).expand(len(taps), 3))
    write(kernel.out_bias, 0.0)


def select_offsets_2d(layer: IntegralTransform, taps: Sequence[tuple[int, int]]) -> None:
    """Head h of a layer with kernel `CONE` sees the cell taps[h] = (a, b) up and left of its own alone.

    k = relu(1 - abs(dy - a) - abs(dx - b)) for the offset (dy, dx) = p_i - p_j.
    """
    kernel = mlp_kernel(layer)
    signs = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]], dtype=torch.float64)
    write(kernel.offset, signs.expand(len(taps), 4, 2))
    write(kernel.bias, -torch.tensor(taps, dtype=torch.float64) @ signs.T)
    _one_minus_sum(layer)


def select_cells(layer: IntegralTransform, cells: Sequence[tuple[int, int]]) -> None:
    """Head h of a layer with kernel `CELL` lets position cells[h][0] see position cells[h][1], and nothing else.

    k = relu(1 - abs(p_i - row) - abs(p_j - column)).
    """
    kernel = mlp_kernel(layer)
    rows, columns = torch.tensor(cells, dtype=torch.float64).unbind(1)
    up = torch.tensor([1.0, -1.0, 0.0, 0.0], dtype=torch.float64)
    across = up.roll(2)
    write(kernel.position_row, up.view(1, 4, 1).expand(len(cells), 4, 1))
    write(kernel.position_col, across.view(1, 4, 1).expand(len(cells), 4, 1))
    write(kernel.bias, -torch.outer(rows, up) - torch.outer(columns, across))
    _one_minus_sum(layer)


def _one_minus_sum(layer: IntegralTransform) -> None:
    """After a first layer that makes abs values in two halves each: relu(1 - their sum)."""
    kernel = mlp_kernel(layer)
    first = torch.tensor([1.0, 0.0, 0.0, 0.0])
    heads = kernel.out.shape[0]
    write(kernel.hidden, -first.view(1, 1, 4, 1).expand(heads, 1, 4, 4))
    write(kernel.hidden_bias, _each_head(first, heads).unsqueeze(1))
    write(kernel.out, _each_head(first, heads))
    write(kernel.out_bias, 0.0)


def _each_head(row: Tensor, heads: int) -> Tensor:
    return row.expand(heads, *row.shape)
