"""Attention: contents say who is looked at, perhaps with a say of the place. No bounded state replaces it.

Logits have a standard deviation of at least 0.7. Well below that, softmax attention is a running mean, a recurrence of
one state; at 0.7 at least a third of the output's variance is owed to who is preferred.
"""

from __future__ import annotations

import torch
from torch import nn

import itnas
from itnas.models.mixers import Placement
from itnas.models.mixers.attention import Attention
from itnas.recover.weights import factorised_kernel, mlp_kernel, write

from .base import Dice, Drawn, plants
from .modules import Attending, Opaque

MILD, SHARP = (0.7, 1.2), (2.0, 4.0)
KEYS = 8  # channels of keys and queries


def multihead(dice: Dice, spread: tuple[float, float], width: int = 16) -> nn.MultiheadAttention:
    """With logits of this standard deviation on inputs of variance 1."""
    attention = nn.MultiheadAttention(width, dice.integer(1, 2), batch_first=True)
    size = dice.log_uniform(*spread) ** 0.5
    attention.in_proj_weight[: 2 * width] = size * torch.randn(2 * width, width) / width**0.5
    return attention


def biased(dice: Dice, features: tuple[str, ...], causal: bool, width: int = 16) -> itnas.IntegralTransform:
    """Softmax over q . k, of standard deviation 1.5 to 2.5, plus what the other features say (0 so far)."""
    kernel = itnas.MLPKernel(layers=0, features=("product", *features), product_dim=KEYS, position_dim=1)
    layer = itnas.IntegralTransform(width, kernel=kernel, normaliser="softmax", causal=causal, pointwise=dice.coin())
    module = mlp_kernel(layer)
    write(module.product, dice.uniform(1.5, 2.5) / KEYS**0.5)
    write(module.query, torch.randn(1, KEYS, width) / width**0.5)
    write(module.key, torch.randn(1, KEYS, width) / width**0.5)
    return layer


@plants("sharp attention", "attention")
def sharp(dice: Dice) -> Drawn:
    return _recovered(dice, SHARP, causal=False, longest=256)


@plants("sharp causal attention", "attention")
def sharp_causal(dice: Dice) -> Drawn:
    return _recovered(dice, SHARP, causal=True)


@plants("mild attention", "attention")
def mild(dice: Dice) -> Drawn:
    return _recovered(dice, MILD, causal=False)


@plants("mild causal attention", "attention")
def mild_causal(dice: Dice) -> Drawn:
    return _recovered(dice, MILD, causal=True)


def _recovered(dice: Dice, spread: tuple[float, float], causal: bool, longest: int = 128) -> Drawn:
    dice.span(longest=longest)
    return itnas.recover.from_module(multihead(dice, spread), causal=causal), dice.inputs(16)


@plants("torch attention", "attention")
def torch_attention(dice: Dice) -> Drawn:
    """`nn.MultiheadAttention` itself, sharp or mild, causal or not."""
    dice.span()
    return Attending(multihead(dice, SHARP if dice.coin() else MILD), causal=dice.coin()), dice.inputs(16)


@plants("opaque attention", "attention")
def opaque(dice: Dice) -> Drawn:
    """The same, but examined by interventions alone."""
    dice.span()
    layer = Attending(multihead(dice, SHARP), causal=dice.coin())
    return Opaque(layer), dice.inputs(16)


@plants("sloping attention", "attention")
def sloping(dice: Dice) -> Drawn:
    """ALiBi: the logit falls with the distance by 1 to 3 over the whole length, less than contents move it."""
    dice.span(longest=128)
    layer = biased(dice, ("offset",), causal=True)
    write(mlp_kernel(layer).offset, -dice.uniform(1, 3) / dice.length)
    return layer, dice.inputs(16)


@plants("relative bias", "attention")
def relative_bias(dice: Dice) -> Drawn:
    """A random bias of the offset, of standard deviation 0.5 to 1.5, beside the contents' 1.5 to 2.5."""
    dice.span()
    layer = biased(dice, ("fourier",), causal=dice.coin())
    waves = mlp_kernel(layer).waves
    assert waves is not None
    # Six waves, each with a sine and a cosine of variance 1/2.
    write(waves, dice.uniform(0.5, 1.5) * torch.randn_like(waves) / 6**0.5)
    return layer, dice.inputs(16)


@plants("mixer attention", "attention")
def mixer_attention(dice: Dice) -> Drawn:
    dice.span(longest=128)
    return _mixer(dice, rotary=False), dice.inputs(16)


@plants("rotary attention", "attention")
def rotary(dice: Dice) -> Drawn:
    """Rotary positions, with the contents in the pairs of channels that turn by less than half a radian over N.

    Contents in pairs that turn quickly would be found only at certain distances: content and place inseparable.
    """
    dice.span()
    layer = _mixer(dice, rotary=True)
    channels = 16 // layer.heads
    pairs = channels // 2
    rates = 10_000.0 ** -(torch.arange(pairs) / pairs)
    kept = torch.where(rates * dice.length < 0.5, 1.0, 0.15).repeat(2).repeat(layer.heads)
    grown = (pairs / float((kept[:pairs] ** 4).sum())) ** 0.25
    layer.project.weight[:32] *= grown * kept.repeat(2).unsqueeze(1)
    return layer, dice.inputs(16)


def _mixer(dice: Dice, rotary: bool) -> Attention:
    layer = Attention(Placement(16, dice.coin(), 1), 1 if rotary else dice.integer(1, 2), rotary)
    layer.project.weight[:32] = dice.log_uniform(1.2, 3) ** 0.5 * torch.randn(32, 16) / 4
    return layer


@plants("linear attention", "attention")
def linear_attention(dice: Dice) -> Drawn:
    """elu + 1 features, 16 of them, of queries and keys of size 2 to 3: about a third of the variance depends on
    query and key together. The state is bounded (16 a head), but beyond N/16, and addressed by content."""
    dice.span(longest=128)
    size = dice.uniform(2, 3) / 4
    query, key, value = size * torch.randn(16, 16), size * torch.randn(16, 16), torch.randn(16, 16) / 4
    return itnas.recover.linear_attention(query, key, value, causal=dice.coin()), dice.inputs(16)


@plants("bilinear attention", "attention")
def bilinear(dice: Dice) -> Drawn:
    """sum_j (q_i . k_j) v_j with 16 channels of keys: linear attention without features, nothing but addressing.

    Queries and keys are rotations of the input, so that all 16 states count; with fewer, a bounded state would be as
    good a name.
    """
    dice.span(longest=128)
    kernel = itnas.FactorisedKernel(rank=16, layers=0)
    layer = itnas.IntegralTransform(16, kernel=kernel, causal=dice.coin(), pointwise=dice.coin())
    module = factorised_kernel(layer)
    for factor in (module.phi, module.psi):
        write(factor.content, nn.init.orthogonal_(torch.empty(16, 16)).unsqueeze(0))
        write(factor.biases[0], 0.0)
    return layer, dice.inputs(16)
