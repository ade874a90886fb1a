"""Recurrences whose contents decide what is kept.

All have few states (at most N/16), and memories that are long beside their state and short beside N: a gate that never
forgets would make a running sum, one that always does a short convolution.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

import itnas
from itnas.genes import SelectiveSsm as SelectiveSsmGene
from itnas.models.mixers import Placement
from itnas.models.mixers.selective_ssm import SelectiveSsm
from itnas.recover.recurrence import Recurrence
from itnas.recover.weights import write

from .base import Dice, Drawn, plants
from .modules import Opaque, Walked, Walking

RAREST = 0.05  # share of points at which a latch is written: of few symbols, none may say so


def gates(dice: Dice, count: int) -> Tensor:
    """Biases of gates that keep 1 - 1/tau, tau = 6 to N/4."""
    tau = torch.tensor([dice.log_uniform(6, dice.length / 4) for _ in range(count)])
    return torch.log(tau - 1)


def gru(dice: Dice) -> nn.GRU:
    """2 or 3 units; inputs move the update gates by about 1."""
    width, hidden = dice.integer(8, 12), dice.integer(2, 3)
    found = nn.GRU(width, hidden, batch_first=True)
    own = dict(found.named_parameters())
    own["weight_ih_l0"].copy_(torch.randn(3 * hidden, width) / width**0.5)
    own["weight_hh_l0"][: 2 * hidden] *= 0.5
    own["bias_ih_l0"][hidden : 2 * hidden] = gates(dice, hidden)
    return found


def recovered(module: nn.RNN | nn.GRU | nn.LSTM) -> Recurrence:
    """Evaluated point by point: thousands of spliced inputs are run, and iteration takes a hundred times as long."""
    layer = itnas.recover.from_module(module)
    assert isinstance(layer, Recurrence)
    layer.method = "step"
    return layer


def torchs(dice: Dice, module: nn.RNN | nn.GRU | nn.LSTM) -> nn.Module:
    """The module itself or its recovered twin."""
    return recovered(module) if dice.coin() else Walked(module)


def elman(dice: Dice, width: int, hidden: int, sizes: tuple[float, float]) -> tuple[nn.RNN, Tensor]:
    """h_t = tanh(w u_t + A h_(t-1)), w u_t of one of these sizes on inputs of variance 1; and A, yet to be written."""
    module = nn.RNN(width, hidden, batch_first=True)
    own = dict(module.named_parameters())
    own["weight_ih_l0"].copy_(dice.uniform(*sizes) * torch.randn(hidden, width) / width**0.5)
    own["bias_ih_l0"].zero_()
    own["bias_hh_l0"].zero_()
    return module, own["weight_hh_l0"]


@plants("gru", "recurrence", slow=True)
def torch_gru(dice: Dice) -> Drawn:
    dice.span(shortest=64)
    module = gru(dice)
    return Walked(module), dice.inputs(module.input_size)


@plants("recovered gru", "recurrence", slow=True)
def recovered_gru(dice: Dice) -> Drawn:
    dice.span(shortest=64)
    module = gru(dice)
    return recovered(module), dice.inputs(module.input_size)


@plants("closed-gate gru", "recurrence", slow=True)
def closed_gate_gru(dice: Dice) -> Drawn:
    """The update gate is all but closed (z < 0.01): what remembers is the candidate, tanh(w u + a h), a = 1 to 1.1.

    To the kernel of the gates it looks pointwise. One state a unit.
    """
    dice.span(shortest=64)
    width, hidden = dice.integer(8, 12), dice.integer(2, 4)
    module = nn.GRU(width, hidden, batch_first=True)
    own = dict(module.named_parameters())
    for part in module.parameters():
        part.zero_()
    own["bias_ih_l0"][:hidden] = 6.0
    own["bias_ih_l0"][hidden : 2 * hidden] = -6.0
    own["weight_ih_l0"][2 * hidden :] = dice.uniform(0.15, 0.3) * torch.randn(hidden, width) / width**0.5
    own["weight_hh_l0"][2 * hidden :] = torch.diag(1.0 + 0.1 * torch.rand(hidden))
    return Walked(module), dice.inputs(width)


@plants("lstm", "recurrence", slow=True)
def lstm(dice: Dice) -> Drawn:
    """One or two units: two to four states. Without torch's biases, which drive so few units into saturation."""
    dice.span(shortest=64)
    width, hidden = dice.integer(8, 12), dice.integer(1, 2)
    module = nn.LSTM(width, hidden, batch_first=True)
    own = dict(module.named_parameters())
    own["weight_ih_l0"].copy_(torch.randn(4 * hidden, width) / width**0.5)
    own["bias_ih_l0"].zero_()
    own["bias_hh_l0"].zero_()
    own["bias_ih_l0"][hidden : 2 * hidden] = gates(dice, hidden)
    return torchs(dice, module), dice.inputs(width)


@plants("elman latches", "recurrence", slow=True)
def elman_latches(dice: Dice) -> Drawn:
    """nn.RNN with units that latch: tanh(w u + a h), a = 1 to 1.3, each one state, flipped by large input."""
    dice.span(shortest=64)
    width, hidden = dice.integer(8, 12), dice.integer(2, 6)
    module, states = elman(dice, width, hidden, (0.3, 0.6))
    states.copy_(torch.diag(1.0 + 0.3 * torch.rand(hidden)))
    return torchs(dice, module), dice.inputs(width)


@plants("elman rotation", "recurrence", slow=True)
def elman_rotation(dice: Dice) -> Drawn:
    """nn.RNN turning in the plane, |A| = 1, small inputs: two states, damped by the tanh alone."""
    dice.span(shortest=64)
    width, turn = dice.integer(8, 12), torch.tensor(dice.uniform(0.2, 1.5))
    module, states = elman(dice, width, 2, (0.1, 0.2))
    states.copy_(torch.stack([turn.cos(), -turn.sin(), turn.sin(), turn.cos()]).view(2, 2))
    return Walked(module), dice.inputs(width)


@plants("selective scan", "recurrence")
def selective_scan(dice: Dice) -> Drawn:
    """1 or 2 states a channel; steps vary by a factor of about 4 with the content. With memories of at most N/6 points
    places count, which keeps it apart from linear attention of rank 1 or 2."""
    dice.span()
    width, state = dice.integer(8, 12), dice.integer(1, 2)
    tau = torch.tensor([dice.log_uniform(4, dice.length / 6) for _ in range(width)])
    # softplus(b + 1.5 x), x normal, has a mean of about 3 exp(b) for b well below 0.
    rates = -torch.linspace(1, 2, state).expand(width, state).contiguous()
    layer = itnas.recover.selective_scan(
        rates,
        1.5 * torch.randn(width, width) / width**0.5,
        -torch.log(3 * tau),
        torch.randn(state, width) / width**0.5,
        torch.randn(state, width) / width**0.5,
        torch.randn(width),
    )
    return layer, dice.inputs(width)


@plants("selective mixer", "recurrence")
def selective_mixer(dice: Dice) -> Drawn:
    """The selective-ssm mixer, 4 channels with one state each, one clock and one tap beside the own one."""
    dice.span(shortest=64, longest=128)
    gene = SelectiveSsmGene(heads=1, state=1, expand=1, taps=2)
    layer = SelectiveSsm(Placement(4, causal=True, position_dim=1), gene)
    (scan,) = layer.scans
    write(scan.delta_bias, -float(torch.log(torch.tensor(dice.log_uniform(8, dice.length / 4)))))  # type: ignore[arg-type]
    write(scan.skip, 0.0)  # type: ignore[arg-type]
    return layer, dice.inputs(4)


@plants("learned clock", "recurrence")
def learned_clock(dice: Dice) -> Drawn:
    """exp(-(S_i - S_j)) with a clock that contents drive: one state a head, forgotten at the pace of the contents."""
    dice.span(longest=128)
    width, heads = dice.integer(8, 16), dice.integer(1, 4)
    kernel = itnas.FactorisedKernel(rank=1, inputs=(), decay="clock")
    layer = itnas.IntegralTransform(width, heads=heads, kernel=kernel, causal=True, pointwise=False)
    assert layer.clock is not None
    write(layer.clock.weight, 2.0 * torch.randn(heads, width) / width**0.5)
    write(layer.clock.bias, -torch.log(torch.tensor([dice.log_uniform(20, dice.length) for _ in range(heads)])))
    write(layer.kernel_module.rate, 1.0)  # type: ignore[arg-type]
    return layer, dice.inputs(width)


@plants("latch", "recurrence", slow=True)
def latch(dice: Dice) -> Drawn:
    """Flip-flop: the value of the last point that said "write" (one in four to ten), for as long as it takes."""
    dice.span()
    width, rare = dice.integer(8, 16), dice.uniform(0.7, 1.3)
    inputs = dice.inputs(width)
    ask, value = torch.randn(width), torch.randn(width, width) / width**0.5
    said = inputs(64) @ ask
    level = rare * float(said.std())
    while float((said > level).float().mean()) < RAREST:
        level = 0.8 * level

    def step(h: Tensor, u: Tensor) -> Tensor:
        return torch.where((u @ ask > level).unsqueeze(1), u @ value, h)

    return Walking(step, width, width), inputs


@plants("parity", "recurrence")
def parity(dice: Dice) -> Drawn:
    """The product of all signs so far: one state, and no sum of terms would do."""
    dice.span()
    width = dice.integer(8, 16)
    ask, say = torch.randn(2, width)
    return Opaque(lambda u: torch.sign(u @ ask).cumprod(1).unsqueeze(2) * say), dice.inputs(width)
