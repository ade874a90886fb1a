"""Dense mixing: content-free, different from place to place, and of a rank that grows with the length.

A Green's function such as min(i, j) would be a recurrence of one state each way; these have as many as points.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

import itnas
from itnas.recover.weights import mlp_kernel, write

from .base import Dice, Drawn, plants
from .modules import Matrix


def waves(dice: Dice, hidden: int, highest: float) -> itnas.IntegralTransform:
    """k(i, j) = sum_h a_h sin(v_h i + w_h j + b_h) with independent frequencies up to `highest`."""
    width = dice.integer(8, 16)
    kernel = itnas.MLPKernel(hidden=hidden, layers=1, activation="sin", features=("position",), position_dim=1)
    layer = itnas.IntegralTransform(width, kernel=kernel, causal=dice.coin(), pointwise=dice.coin())
    module = mlp_kernel(layer)
    for part in (module.position_row, module.position_col):
        write(part, highest * (2 * torch.rand(1, hidden, 1) - 1))
    write(module.bias, 2 * math.pi * torch.rand(1, hidden))
    return layer


@plants("position noise", "dense")
def position_noise(dice: Dice) -> Drawn:
    """Like noise: 256 waves of all frequencies, causal or not."""
    dice.span()
    layer = waves(dice, 256, math.pi)
    return layer, dice.inputs(layer.dim)


@plants("smooth function of places", "dense")
def position_smooth(dice: Dice) -> Drawn:
    """Wavelengths of 8 points and more: a function of (i, j) that changes slowly, with N/4 and more directions."""
    dice.span()
    layer = waves(dice, 128, 0.8)
    return layer, dice.inputs(layer.dim)


@plants("hashed noise", "dense")
def hashed_noise(dice: Dice) -> Drawn:
    """Any matrix at all."""
    dice.span()
    seed, width = dice.integer(0, 10**6), dice.integer(8, 16)
    return Matrix(lambda n: _noise(seed, n), width), dice.inputs(width)


@plants("triangular noise", "dense")
def triangular_noise(dice: Dice) -> Drawn:
    dice.span()
    seed, width = dice.integer(0, 10**6), dice.integer(8, 16)
    return Matrix(lambda n: _noise(seed, n).tril(), width), dice.inputs(width)


@plants("reversal", "dense")
def reversal(dice: Dice) -> Drawn:
    """The sequence read backwards: point i hears from N - 1 - i."""
    dice.span()
    width = dice.integer(8, 16)
    return Matrix(lambda n: torch.eye(n).flip(0), width), dice.inputs(width)


@plants("fourier mixing", "dense")
def fourier_mixing(dice: Dice) -> Drawn:
    """The cosine transform of the sequence."""
    dice.span()
    width = dice.integer(8, 16)
    return Matrix(_cosines, width), dice.inputs(width)


def _noise(seed: int, n: int) -> Tensor:
    noise = torch.randn(n, n, generator=torch.Generator().manual_seed(seed + n))
    return noise / math.sqrt(n)


def _cosines(n: int) -> Tensor:
    place = torch.arange(n) + 0.5
    return (math.pi / n * torch.outer(torch.arange(n).float(), place)).cos() * math.sqrt(2 / n)
