"""Layers in which no point needs another: dead ones, the identity, maps of each point alone."""

from __future__ import annotations

import torch
from torch import nn

import itnas
from itnas.recover.weights import write

from .base import Dice, Drawn, plants
from .modules import Opaque, Walked


@plants("zero", "none")
def zero(dice: Dice) -> Drawn:
    """Heads whose outputs nobody reads."""
    dice.span()
    width = dice.integer(8, 16)
    layer = itnas.IntegralTransform(width, heads=2, normaliser="softmax", causal=dice.coin(), pointwise=False)
    write(layer.out.weight, 0.0)
    return layer, dice.inputs(width)


@plants("constant", "none")
def constant(dice: Dice) -> Drawn:
    """The same answer whatever the input, different from place to place."""
    dice.span()
    width, answer = dice.integer(8, 16), torch.randn(256, 16)
    return Opaque(lambda u: answer[: u.shape[1], :width].expand(u.shape[0], -1, -1)), dice.inputs(width)


@plants("dead values", "none")
def dead_values(dice: Dice) -> Drawn:
    """Sharp attention to nothing: the values are 0, the bias of the output is all that is said."""
    dice.span()
    attention = nn.MultiheadAttention(16, 2, batch_first=True)
    attention.in_proj_weight[32:] = 0
    nn.init.normal_(attention.out_proj.bias)
    return itnas.recover.from_module(attention, causal=dice.coin()), dice.inputs(16)


@plants("identity", "pointwise")
def identity(dice: Dice) -> Drawn:
    dice.span()
    scale = dice.log_uniform(0.1, 10)
    return Opaque(lambda u: scale * u), dice.inputs(dice.integer(8, 16))


@plants("pointwise mlp", "pointwise")
def pointwise_mlp(dice: Dice) -> Drawn:
    dice.span()
    width, scale = dice.integer(8, 16), dice.log_uniform(0.5, 3)
    mlp = nn.Sequential(nn.Linear(width, 32), nn.GELU(), nn.Linear(32, width))
    return Opaque(lambda u: mlp(scale * u)), dice.inputs(width)


@plants("one tap", "pointwise")
def one_tap(dice: Dice) -> Drawn:
    """A convolution of width 1."""
    dice.span()
    width = dice.integer(8, 16)
    return itnas.recover.from_module(nn.Conv1d(width, width, 1)), dice.inputs(width)


@plants("forgetful gru", "pointwise", slow=True)
def forgetful_gru(dice: Dice) -> Drawn:
    """The update gate lets everything in (z < 1e-4), and candidates do not read the state: no memory at all."""
    dice.span(longest=64)
    gru = nn.GRU(12, 6, batch_first=True)
    own = dict(gru.named_parameters())
    own["weight_hh_l0"].zero_()
    own["bias_hh_l0"].zero_()
    own["weight_ih_l0"][6:12] *= 0.1
    own["bias_ih_l0"][6:12] = -12.0
    return Walked(gru), dice.inputs(12)
