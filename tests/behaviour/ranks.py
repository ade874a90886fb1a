"""Kernels whose singular values are known, and the directions found for them."""

from __future__ import annotations

import torch
from torch import Tensor

from itnas.behaviour.truncation import Directions, Futures, cuts_of, directions

B, H = 2, 3


def decaying(length: int, rows: int | None = None, ratio: float = 0.3) -> Tensor:
    """Singular values that fall by a constant factor: leading directions are well defined."""
    rows = length if rows is None else rows
    left = torch.linalg.qr(torch.randn(B, H, rows, rows, dtype=torch.float64))[0]
    right = torch.linalg.qr(torch.randn(B, H, length, length, dtype=torch.float64))[0]
    size = min(rows, length)
    found: Tensor = (left[..., :size] * ratio ** torch.arange(size)) @ right[..., :size].mT
    return found


def planted(length: int, rank: int) -> Tensor:
    """Every block of it has that rank, or as much of it as the block has room for."""
    left, right = torch.randn(2, B, H, length, rank, dtype=torch.float64)
    found: Tensor = left @ right.mT
    return found


def found_for(
    kernel: Tensor, futures: Futures | None = None, scale: Tensor | None = None, most: int = 64
) -> Directions:
    scale = torch.ones(kernel.shape[:3], dtype=kernel.dtype) if scale is None else scale
    return directions(kernel, scale, futures, cuts_of(kernel.shape[-1]), most)
