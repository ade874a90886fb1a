"""Sums of attention and something else, planted as one layer. Each part carries 35 to 65 % of the output's variance."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import itnas
from itnas.operator.kernel import MLPKernelModule
from itnas.recover.weights import mlp_kernel, write

from .attentions import SHARP, multihead
from .base import Dice, Drawn, plants, power
from .gated_recurrences import selective_scan
from .linear_recurrences import memories, state_space
from .modules import Added, Attending
from .streams import Inputs

# As many keys as channels, all of the same size: the state of attention is beyond N/16.
WIDTH = 16
# Beside attention, a memory of half the sequence is nearly a constant, which position-blind attention has as well.
FORGETTING = 1 / 4
SHARES = (0.35, 0.65)  # of the second part
ATTENTION_AND_CONVOLUTION = ("attention", "convolution")
ATTENTION_AND_RECURRENCE = ("attention", "recurrence")


def gain(first: float, second: float, share: float) -> float:
    """What a part of power `second` must be scaled by to have this share beside one of power `first`."""
    return float((first / second * share / (1 - share)) ** 0.5)


def added(dice: Dice, first: nn.Module, second: nn.Module, inputs: Inputs) -> Drawn:
    """Two layers as one."""
    share = dice.uniform(*SHARES)
    scale = gain(power(first, inputs, dice.length), power(second, inputs, dice.length), share)
    return Added(first, second, scale), inputs


def write_both(dice: Dice, layer: nn.Module, inputs: Inputs, *written: tuple[Tensor, Tensor, Tensor]) -> None:
    """Write parameters so that both parts have their share; each comes with its values for either part alone."""
    powers = []
    for part in (0, 1):
        for parameter, *alone in written:
            write(parameter, alone[part])
        powers.append(power(layer, inputs, dice.length))
    scale = gain(powers[0], powers[1], dice.uniform(*SHARES))
    for parameter, first, second in written:
        write(parameter, first + scale * second)


def rotate(module: MLPKernelModule) -> None:
    """Queries and keys are rotations of the input."""
    heads = module.heads
    for part in (module.query, module.key):
        write(part, torch.stack([nn.init.orthogonal_(torch.empty(WIDTH, WIDTH)) for _ in range(heads)]))


def relus(heads: int, corners: int, causal: bool) -> itnas.IntegralTransform:
    """Kernels of relus: q . k by the first two, corners at as many offsets by the others. Output weights are to come.

    hat(x) = relu(x + 1) - 2 relu(x) + relu(x - 1) of neighbouring offsets share their relus: c of them make any kernel
    of c - 2 offsets, for the whole kernel is linear between the corners.
    """
    hidden = 2 + corners
    kernel = itnas.MLPKernel(
        hidden=hidden, layers=1, activation="relu", features=("offset", "product"), product_dim=WIDTH, position_dim=1
    )
    layer = itnas.IntegralTransform(WIDTH, heads=heads, kernel=kernel, causal=causal, pointwise=False, bias=False)
    module = mlp_kernel(layer)
    write(module.product, torch.tensor([1.0, -1.0, *[0.0] * corners]).expand(heads, 1, hidden))
    write(module.offset, torch.tensor([0.0, 0.0, *[1.0] * corners]).view(1, hidden, 1).expand(heads, hidden, 1))
    write(module.out_bias, 0.0)
    return layer


def write_corners(module: MLPKernelModule, nearest: int) -> None:
    """The first tap that corners make is at the offset `nearest`, the others follow."""
    corners = torch.arange(module.bias.shape[1] - 2) + nearest - 1
    write(module.bias, torch.cat([torch.zeros(2), -corners]).expand_as(module.bias))


def relu_weights(product: float, *taps: float) -> Tensor:
    """Output weights of the relus that make the kernel product (q . k) + taps of the offset."""
    spread = (0.0, 0.0, *taps, 0.0, 0.0)
    bends = [before - 2 * here + after for before, here, after in zip(spread, spread[1:], spread[2:], strict=False)]
    return torch.tensor([product, -product, *bends])


@plants("bilinear attention + convolution", "mixed", parts=ATTENTION_AND_CONVOLUTION)
def one_kernel_convolution(dice: Dice) -> Drawn:
    """One head with the kernel q . k + c(i - j); c has two taps, next to each other, 1 to 4 places away."""
    dice.span()
    causal = dice.coin()
    layer = relus(heads=1, corners=4, causal=causal)
    module = mlp_kernel(layer)
    rotate(module)
    inputs = dice.inputs(WIDTH)
    # No tap at the own point, which is not context.
    nearest = dice.integer(1, 3) if causal or dice.coin() else dice.integer(-4, -2)
    near, far = dice.uniform(0.6, 1.4), dice.uniform(0.6, 1.4) * (1 if dice.coin() else -1)
    write_corners(module, nearest)
    content, offsets = relu_weights(1.0, 0.0, 0.0).unsqueeze(0), relu_weights(0.0, near, far).unsqueeze(0)
    write_both(dice, layer, inputs, (module.out, content, offsets))
    return layer, inputs


@plants("heads of attention and convolution", "mixed", parts=ATTENTION_AND_CONVOLUTION)
def heads_convolution(dice: Dice) -> Drawn:
    """Two heads without softmax: q . k, and one tap 1 to 3 places back."""
    dice.span()
    layer = relus(heads=2, corners=3, causal=True)
    module, inputs = mlp_kernel(layer), dice.inputs(WIDTH)
    write_corners(module, dice.integer(1, 3))
    rotate(module)
    silent = relu_weights(0.0, 0.0)
    content, offsets = torch.stack([relu_weights(1.0, 0.0), silent]), torch.stack([silent, relu_weights(0.0, 1.0)])
    write_both(dice, layer, inputs, (module.out, content, offsets))
    return layer, inputs


def waves_and_product(heads: int) -> itnas.IntegralTransform:
    """Kernels of q . k and one damped wave of the offset. Their weights are to come."""
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
    rotate(mlp_kernel(layer))
    return layer


@plants("bilinear attention + exponential", "mixed", parts=ATTENTION_AND_RECURRENCE)
def one_kernel_recurrence(dice: Dice) -> Drawn:
    """One head with the kernel q . k + exp(-(i - j) / tau) cos(w (i - j) + b), tau = 8 to N/4."""
    dice.span()
    layer, inputs = waves_and_product(1), dice.inputs(WIDTH)
    module = mlp_kernel(layer)
    write(module.damping, 1 / memories(dice, 1, FORGETTING).view(1, 1, 1))
    write(module.frequency, dice.coin() * dice.uniform(0.3, 2.0))
    _write_waves(dice, layer, inputs, torch.ones(1, 1, 1), torch.randn(2).view(1, 1, 1, 1, 2))
    return layer, inputs


@plants("heads of attention and exponentials", "mixed", parts=ATTENTION_AND_RECURRENCE)
def heads_recurrence(dice: Dice) -> Drawn:
    """Two heads: q . k, and exp(-(i - j) / tau)."""
    dice.span()
    layer, inputs = waves_and_product(2), dice.inputs(WIDTH)
    module = mlp_kernel(layer)
    write(module.damping, (1 / memories(dice, 2, FORGETTING)).view(2, 1, 1))
    write(module.frequency, 0.0)
    waves = torch.zeros(2, 1, 1, 1, 2)
    waves[1, ..., 1] = 1.0
    _write_waves(dice, layer, inputs, torch.tensor([1.0, 0.0]).view(2, 1, 1), waves)
    return layer, inputs


def _write_waves(dice: Dice, layer: itnas.IntegralTransform, inputs: Inputs, product: Tensor, waves: Tensor) -> None:
    module = mlp_kernel(layer)
    assert module.product is not None
    assert module.waves is not None
    write_both(dice, layer, inputs, (module.product, product, 0 * product), (module.waves, 0 * waves, waves))


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
    rate = 1 / memories(dice, 16, FORGETTING)
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
