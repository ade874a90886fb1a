"""Sums of attention and something else, planted as one layer. Each part carries 35 to 65 % of the output's variance."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import itnas
from itnas.operator.kernel import MLPKernelModule
from itnas.recover.weights import mlp_kernel, write

from .attentions import SHARP, multihead
from .base import Dice, plants, power
from .gated_recurrences import selective_scan
from .linear_recurrences import memories, state_space
from .modules import Added, Attending
from .streams import Inputs

Drawn = tuple[nn.Module, Inputs]
# As many keys as channels, all of the same size: the state of attention is beyond N/16.
WIDTH = 16
ATTENTION_AND_CONVOLUTION = ("attention", "convolution")
ATTENTION_AND_RECURRENCE = ("attention", "recurrence")


def balanced(dice: Dice, first: nn.Module, second: nn.Module, inputs: Inputs) -> float:
    """What the second part must be scaled by."""
    share = dice.uniform(0.35, 0.65)
    return float((power(first, inputs, dice.length) / power(second, inputs, dice.length) * share / (1 - share)) ** 0.5)


def added(dice: Dice, first: nn.Module, second: nn.Module, inputs: Inputs) -> Drawn:
    return Added(first, second, balanced(dice, first, second, inputs)), inputs


def hats(causal: bool) -> itnas.IntegralTransform:
    """One kernel of six relus: q . k by the first two, hats of the offset by the others; all output weights are 0.

    hat(x) = relu(x + 1) - 2 relu(x) + relu(x - 1) of neighbouring offsets share their relus: four make any kernel of
    the offsets first + 1 and first + 2, for the whole kernel is linear between the corners.
    """
    kernel = itnas.MLPKernel(
        hidden=6, layers=1, activation="relu", features=("offset", "product"), product_dim=WIDTH, position_dim=1
    )
    layer = itnas.IntegralTransform(WIDTH, kernel=kernel, causal=causal, pointwise=False, bias=False)
    module = mlp_kernel(layer)
    write(module.product, torch.tensor([1.0, -1.0, 0, 0, 0, 0]).view(1, 1, 6))
    rotate(module)
    write(module.offset, torch.tensor([0, 0, 1.0, 1, 1, 1]).view(1, 6, 1))
    return layer


def rotate(module: MLPKernelModule) -> None:
    """Queries and keys are rotations of the input."""
    heads = module.heads
    for part in (module.query, module.key):
        write(part, torch.stack([nn.init.orthogonal_(torch.empty(WIDTH, WIDTH)) for _ in range(heads)]))


@plants("bilinear attention + convolution", "mixed", parts=ATTENTION_AND_CONVOLUTION)
def one_kernel_convolution(dice: Dice) -> Drawn:
    """One head with the kernel q . k + c(i - j); c has two taps, next to each other, 1 to 4 places away."""
    dice.span()
    causal = dice.coin()
    layer, inputs = hats(causal), dice.inputs(WIDTH)
    # No tap at the own point, which is not context.
    first = dice.integer(0, 2) if causal or dice.coin() else dice.integer(-5, -3)
    near, far = dice.uniform(0.6, 1.4), dice.uniform(0.6, 1.4) * (1 if dice.coin() else -1)
    corners = torch.tensor([near, far - 2 * near, near - 2 * far, far])
    module = mlp_kernel(layer)
    write(module.bias, torch.tensor([[0, 0, *(-float(first + step) for step in range(4))]]))
    write(module.out_bias, 0.0)
    content = torch.tensor([[1.0, -1.0, 0, 0, 0, 0]])
    offsets = torch.cat([torch.zeros(2), corners]).unsqueeze(0)
    powers = []
    for weights in (content, offsets):
        write(module.out, weights)
        powers.append(power(layer, inputs, dice.length))
    share = dice.uniform(0.35, 0.65)
    write(module.out, content + offsets * (powers[0] / powers[1] * share / (1 - share)) ** 0.5)
    return layer, inputs


@plants("bilinear attention + exponential", "mixed", parts=ATTENTION_AND_RECURRENCE)
def one_kernel_recurrence(dice: Dice) -> Drawn:
    """One head with the kernel q . k + exp(-(i - j) / tau) cos(w (i - j) + b), tau = 8 to N/2."""
    dice.span()
    layer, inputs = _waves_and_product(1), dice.inputs(WIDTH)
    module = mlp_kernel(layer)
    write(module.damping, 1 / memories(dice, 1).view(1, 1, 1))
    write(module.frequency, dice.coin() * dice.uniform(0.3, 2.0))
    phase = torch.randn(2)
    _split(dice, layer, inputs, phase.view(1, 1, 1, 1, 2), torch.ones(1, 1, 1))
    return layer, inputs


@plants("heads of attention and exponentials", "mixed", parts=ATTENTION_AND_RECURRENCE)
def heads_recurrence(dice: Dice) -> Drawn:
    """Two heads: q . k, and exp(-(i - j) / tau)."""
    dice.span()
    layer, inputs = _waves_and_product(2), dice.inputs(WIDTH)
    module = mlp_kernel(layer)
    write(module.damping, (1 / memories(dice, 2)).view(2, 1, 1))
    write(module.frequency, 0.0)
    waves = torch.zeros(2, 1, 1, 1, 2)
    waves[1, ..., 1] = 1.0
    _split(dice, layer, inputs, waves, torch.tensor([1.0, 0.0]).view(2, 1, 1))
    return layer, inputs


def _waves_and_product(heads: int) -> itnas.IntegralTransform:
    kernel = itnas.MLPKernel(
        layers=0,
        features=("product", "fourier"),
        product_dim=WIDTH,
        fourier="learned",
        damped=True,
        frequencies=1,
        position_dim=1,
    )
    layer = itnas.IntegralTransform(WIDTH, heads=heads, kernel=kernel, causal=True, pointwise=False, bias=False)
    module = mlp_kernel(layer)
    rotate(module)
    return layer


def _split(dice: Dice, layer: itnas.IntegralTransform, inputs: Inputs, waves: Tensor, product: Tensor) -> None:
    """Write both parts so that the waves have their share."""
    module, powers = mlp_kernel(layer), []
    for content, offsets in ((product, 0 * waves), (0 * product, waves)):
        write(module.product, content)
        write(module.waves, offsets)
        powers.append(power(layer, inputs, dice.length))
    share = dice.uniform(0.35, 0.65)
    write(module.product, product)
    write(module.waves, waves * (powers[0] / powers[1] * share / (1 - share)) ** 0.5)


@plants("heads of attention and convolution", "mixed", parts=ATTENTION_AND_CONVOLUTION)
def heads_convolution(dice: Dice) -> Drawn:
    """Two heads without softmax: q . k, and one tap 1 to 3 places back."""
    dice.span()
    kernel = itnas.MLPKernel(
        hidden=5, layers=1, activation="relu", features=("offset", "product"), product_dim=WIDTH, position_dim=1
    )
    layer = itnas.IntegralTransform(WIDTH, heads=2, kernel=kernel, causal=True, pointwise=False, bias=False)
    inputs, module, tap = dice.inputs(WIDTH), mlp_kernel(layer), dice.integer(1, 3)
    rotate(module)
    write(module.product, torch.tensor([1.0, -1.0, 0, 0, 0]).expand(2, 1, 5))
    write(module.offset, torch.tensor([0, 0, 1.0, 1, 1]).view(1, 5, 1).expand(2, 5, 1))
    write(module.bias, torch.tensor([0, 0, 1.0 - tap, -1.0 * tap, -1.0 - tap]).expand(2, 5))
    write(module.out_bias, 0.0)
    content = torch.tensor([[1.0, -1.0, 0, 0, 0], [0.0] * 5])
    offsets = torch.tensor([[0.0] * 5, [0, 0, 1.0, -2.0, 1.0]])
    powers = []
    for weights in (content, offsets):
        write(module.out, weights)
        powers.append(power(layer, inputs, dice.length))
    share = dice.uniform(0.35, 0.65)
    write(module.out, content + offsets * (powers[0] / powers[1] * share / (1 - share)) ** 0.5)
    return layer, inputs


@plants("softmax attention + convolution", "mixed", parts=ATTENTION_AND_CONVOLUTION)
def softmax_and_convolution(dice: Dice) -> Drawn:
    """Two modules added up, examined by interventions alone; the convolution has no tap at the own point."""
    dice.span()
    taps = nn.Conv1d(WIDTH, WIDTH, dice.integer(2, 4), bias=False)
    taps.weight[..., -1] = 0
    convolution = itnas.recover.from_module(taps, causal=True)
    return added(dice, Attending(multihead(dice, SHARP), causal=True), convolution, dice.inputs(WIDTH))


@plants("softmax attention + exponentials", "mixed", parts=ATTENTION_AND_RECURRENCE)
def softmax_and_recurrence(dice: Dice) -> Drawn:
    dice.span()
    rate = 1 / memories(dice, 16)
    exponentials = state_space(rate, torch.zeros_like(rate))
    assert exponentials.pointwise is not None
    write(exponentials.pointwise.weight, 0.0)
    return added(dice, Attending(multihead(dice, SHARP), causal=True), exponentials, dice.inputs(16))


@plants("softmax attention + selective scan", "mixed", parts=ATTENTION_AND_RECURRENCE)
def softmax_and_scan(dice: Dice) -> Drawn:
    scan, inputs = selective_scan(dice)
    assert isinstance(scan, itnas.IntegralTransform)
    assert scan.pointwise is not None
    write(scan.pointwise.weight, 0.0)
    heads = 2 if scan.dim % 2 == 0 else 1
    attention = nn.MultiheadAttention(scan.dim, heads, batch_first=True)
    attention.in_proj_weight[: 2 * scan.dim] = (
        dice.uniform(1.4, 2) * torch.randn(2 * scan.dim, scan.dim) / scan.dim**0.5
    )
    return added(dice, Attending(attention, causal=True), scan, inputs)
