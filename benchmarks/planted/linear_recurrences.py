"""Linear recurrences: one or two states a channel do what would take many times as many offsets.

A memory of tau points has 95 % of its energy in 1.5 tau offsets, so with tau >= 8 the state is by far the smaller one.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

import itnas
from itnas.recover.weights import factorised_kernel, write

from .base import Dice, Drawn, plants
from .modules import BothWays, Walking


def memories(dice: Dice, count: int, longest: float = 1 / 2) -> Tensor:
    """tau per channel, 8 to a share of N."""
    return torch.tensor([dice.log_uniform(8, max(dice.length * longest, 8)) for _ in range(count)])


def state_space(rate: Tensor, turn: Tensor) -> itnas.IntegralTransform:
    """S4D with one pole -rate + i turn a channel, and random gains."""
    channels = len(rate)
    gain = torch.complex(torch.randn(channels, 1), torch.randn(channels, 1) * (turn != 0).any())
    gain = gain / gain.abs()
    poles = torch.complex(-rate, turn).unsqueeze(1)
    return itnas.recover.s4d(poles, torch.ones_like(gain), gain, torch.randn(channels), torch.ones(channels))


@plants("exponentials", "recurrence")
def exponentials(dice: Dice) -> Drawn:
    """S4D with real poles: one state a channel."""
    dice.span(longest=128)
    rate = 1 / memories(dice, dice.integer(8, 16))
    return state_space(rate, torch.zeros_like(rate)), dice.inputs(len(rate))


@plants("oscillators", "recurrence")
def oscillators(dice: Dice) -> Drawn:
    """S4D with complex poles: two states a channel."""
    dice.span(longest=128)
    rate = 1 / memories(dice, dice.integer(8, 16))
    return state_space(rate, 0.3 + 2.5 * torch.rand(len(rate))), dice.inputs(len(rate))


@plants("two-sided exponentials", "recurrence")
def two_sided_exponentials(dice: Dice) -> Drawn:
    """exp(-|i - j| / tau): one state each way."""
    dice.span()
    width, heads = dice.integer(8, 16), 4
    kernel = itnas.FactorisedKernel(rank=1, inputs=(), decay="position")
    layer = itnas.IntegralTransform(width, heads=heads, kernel=kernel, pointwise=False)
    write(factorised_kernel(layer).rate, 1 / memories(dice, heads).unsqueeze(1))
    return layer, dice.inputs(width)


@plants("bidirectional state space", "recurrence")
def bidirectional(dice: Dice) -> Drawn:
    """Two different S4D layers, one of them backwards, added up."""
    dice.span()
    width = dice.integer(8, 12)
    ahead, back = (state_space(1 / memories(dice, width), 1.5 * torch.rand(width) + 0.3) for _ in range(2))
    return BothWays(ahead, back), dice.inputs(width)


@plants("coupled linear states", "recurrence", slow=True)
def coupled(dice: Dice) -> Drawn:
    """h_t = A h_(t-1) + B u_t with a damped rotation A of the plane, seen through a linear map."""
    dice.span()
    width, tau, turn = dice.integer(8, 12), dice.log_uniform(10, dice.length / 3), dice.uniform(0.1, 1.5)
    cosine, sine = math.cos(turn), math.sin(turn)
    a = math.exp(-1 / tau) * torch.tensor([[cosine, -sine], [sine, cosine]])
    b = torch.randn(width, 2)
    return Walking(lambda h, u: h @ a.T + u @ b, 2, width), dice.inputs(width)


@plants("running sum", "recurrence")
def running_sum(dice: Dice) -> Drawn:
    """A constant kernel: the sum of all so far, which one state a channel holds."""
    dice.span(longest=256)
    width = dice.integer(8, 16)
    kernel = itnas.MLPKernel(layers=0, features=())
    layer = itnas.IntegralTransform(width, kernel=kernel, causal=True, pointwise=dice.coin())
    write(layer.kernel_module.bias, 1.0)  # type: ignore[arg-type]
    return layer, dice.inputs(width)


@plants("running mean", "recurrence")
def running_mean(dice: Dice) -> Drawn:
    """Attention without any preference: sum and count are the state, and nothing is addressed by content.

    It is no convolution (1/i), and position-blind only in that there is nothing to be seen: one state for every future.
    """
    dice.span(longest=256)
    width = dice.integer(8, 16)
    kernel = itnas.MLPKernel(layers=0, features=())
    return itnas.IntegralTransform(
        width, kernel=kernel, normaliser="softmax", causal=True, pointwise=dice.coin()
    ), dice.inputs(width)
