"""Convolutions: content-free, the same at every place, and with no state that would be smaller than their support."""

from __future__ import annotations

import torch
from torch import nn

import itnas
from itnas.models.mixers import Placement
from itnas.models.mixers.convolution import Convolution
from itnas.recover.hat import HAT, select_offsets
from itnas.recover.weights import mlp_kernel, write, write_identity_out, write_identity_value

from .base import Dice, Drawn, plants
from .modules import Opaque, Sliding, shifted


@plants("causal convolution", "convolution")
def causal_convolution(dice: Dice) -> Drawn:
    dice.span(longest=128)
    width, taps = dice.integer(8, 16), dice.integer(2, 7)
    return itnas.recover.from_module(nn.Conv1d(width, width, taps), causal=True), dice.inputs(width)


@plants("two-sided convolution", "convolution")
def two_sided(dice: Dice) -> Drawn:
    dice.span(longest=128)
    width, taps = dice.integer(8, 16), 2 * dice.integer(1, 3) + 1
    return itnas.recover.from_module(nn.Conv1d(width, width, taps, padding="same")), dice.inputs(width)


@plants("dilated convolution", "convolution")
def dilated(dice: Dice) -> Drawn:
    """3 or 4 taps, 2 to 4 points apart: looks back 4 to 12 points."""
    dice.span(longest=128)
    width, taps, step = dice.integer(8, 16), dice.integer(3, 4), dice.integer(2, 4)
    return itnas.recover.from_module(nn.Conv1d(width, width, taps, dilation=step), causal=True), dice.inputs(width)


@plants("torch convolution", "convolution")
def torch_convolution(dice: Dice) -> Drawn:
    """`nn.Conv1d` itself, padded so that it looks back only."""
    dice.span()
    width, taps, step = dice.integer(8, 16), dice.integer(2, 5), dice.integer(1, 3)
    return Sliding(nn.Conv1d(width, width, taps, padding=(taps - 1) * step, dilation=step)), dice.inputs(width)


@plants("depthwise convolution", "convolution")
def depthwise(dice: Dice) -> Drawn:
    dice.span()
    width, taps = dice.integer(8, 16), 2 * dice.integer(1, 3) + 1
    return Sliding(nn.Conv1d(width, width, taps, padding="same", groups=width)), dice.inputs(width)


@plants("mixer convolution", "convolution")
def mixer_convolution(dice: Dice) -> Drawn:
    dice.span(longest=128)
    width = dice.integer(8, 16)
    return Convolution(Placement(width, dice.coin(), 1), dice.integer(3, 6)), dice.inputs(width)


@plants("delay", "convolution")
def delay(dice: Dice) -> Drawn:
    """A delay by 1 to 7 points and nothing else: one offset, which no recurrence with fewer than 1 to 7 states does."""
    dice.span(longest=128)
    return _one_offset(dice, dice.integer(1, 7), causal=True)


@plants("look ahead", "convolution")
def look_ahead(dice: Dice) -> Drawn:
    """Each point hears from the one 1 to 5 places behind it."""
    dice.span(longest=128)
    return _one_offset(dice, -dice.integer(1, 5), causal=False)


def _one_offset(dice: Dice, offset: int, causal: bool) -> Drawn:
    width = dice.integer(8, 16)
    layer = itnas.IntegralTransform(width, kernel=HAT, value_dim=width, causal=causal, pointwise=False)
    select_offsets(layer, [offset])
    if dice.coin():
        write_identity_value(layer)
        write_identity_out(layer)
    return layer, dice.inputs(width)


@plants("long noise", "convolution")
def long_noise(dice: Dice) -> Drawn:
    """A kernel of the offset like noise, of all offsets: its state grows with the length.

    k(l) = sum_h a_h sin(w_h l + b_h) with 96 frequencies up to pi, more than there are points to be told apart.
    """
    dice.span()
    width, hidden, causal = dice.integer(8, 16), 96, dice.coin()
    kernel = itnas.MLPKernel(hidden=hidden, layers=1, activation="sin", features=("offset",), position_dim=1)
    layer = itnas.IntegralTransform(width, kernel=kernel, causal=causal, pointwise=False)
    module = mlp_kernel(layer)
    write(module.offset, torch.pi * torch.rand(1, hidden, 1))
    write(module.bias, 2 * torch.pi * torch.rand(1, hidden))
    return layer, dice.inputs(width)


@plants("saturating convolution", "convolution")
def saturating(dice: Dice) -> Drawn:
    """tanh of a convolution that rarely leaves tanh's linear part: some per cent of the output are not linear."""
    dice.span()
    width, taps = dice.integer(8, 16), dice.integer(2, 5)
    linear = itnas.recover.from_module(nn.Conv1d(width, width, taps, bias=False), causal=True)
    inputs = dice.inputs(width)
    size, most = float(linear(inputs(32)).std()), dice.uniform(0.1, 0.35)
    return Opaque(lambda u: torch.tanh(most / size * linear(u))), inputs


@plants("noisy convolution", "convolution")
def noisy(dice: Dice) -> Drawn:
    """A convolution plus up to 2 % (of the variance) of something that depends on contents."""
    dice.span()
    width = dice.integer(8, 16)
    linear = itnas.recover.from_module(nn.Conv1d(width, width, dice.integer(2, 5), bias=False), causal=True)
    first, second = torch.randn(2, width, width) / width**0.5
    inputs = dice.inputs(width)
    u = inputs(32)
    share = dice.uniform(0.0, 0.02) * float(linear(u).var()) / float(((u @ first) * (u @ second)).var())
    return Opaque(lambda u: linear(u) + share**0.5 * (u @ first) * (shifted(u, 1) @ second)), inputs
