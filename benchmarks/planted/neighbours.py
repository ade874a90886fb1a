"""Local layers: contents count, of the nearest points alone.

At least three points are looked at. Of two, one of them the own one, a single state keeps what there is: a shift
register of one, as much a recurrence as it is local.
"""

from __future__ import annotations

import torch
from torch import Tensor

import itnas
from itnas.models.mixers import Placement
from itnas.models.mixers.gated_convolution import GatedConvolution
from itnas.recover.weights import write

from .attentions import biased
from .base import Dice, Drawn, plants
from .modules import Opaque, shifted


@plants("windowed attention", "local")
def windowed(dice: Dice) -> Drawn:
    """Softmax over the points nearer than 3 to 5."""
    dice.span(longest=128)
    layer = biased(dice, (), causal=dice.coin())
    layer.quadrature = itnas.operator.Window(dice.integer(3, min(5, dice.length // 8 + 1)))
    return layer, dice.inputs(16)


@plants("gated convolution", "local")
def gated(dice: Dice) -> Drawn:
    """The mixer, with taps of similar size: 3 or 4 that look back, or 5 both ways."""
    dice.span(longest=128)
    width, causal = dice.integer(8, 16), dice.coin()
    layer = GatedConvolution(Placement(width, causal, 1), dice.integer(3, 4) if causal else 5)
    write(layer.taps, (0.7 + 0.6 * torch.rand_like(layer.taps)) * torch.sign(torch.randn_like(layer.taps)))
    return layer, dice.inputs(width)


@plants("opaque gated convolution", "local")
def opaque_gated(dice: Dice) -> Drawn:
    """(A u_i) (B_1 u_(i-1) + B_2 u_(i-2) + ...), two or three places back, examined by interventions alone."""
    dice.span()
    width, reach = dice.integer(8, 12), dice.integer(2, 3)
    gate, taps = torch.randn(width, width) / width**0.5, torch.randn(reach, width, width) / width**0.5

    def mix(u: Tensor) -> Tensor:
        back = [shifted(u, offset + 1) @ tap for offset, tap in enumerate(taps)]
        mixed: Tensor = (u @ gate) * sum(back[1:], back[0])
        return mixed

    return Opaque(mix), dice.inputs(width)


@plants("word of signs", "local")
def word(dice: Dice) -> Drawn:
    """Products of the signs of this point and the two before it, each product in a direction of its own: a lookup of
    words of three letters, of which no part says anything."""
    dice.span()
    width, count = dice.integer(8, 12), 8
    ask, say = torch.randn(3, width, count), torch.randn(count, width)

    def look_up(u: Tensor) -> Tensor:
        letters = [torch.sign(shifted(u, back) @ ask[back]) for back in range(3)]
        return (letters[0] * letters[1] * letters[2]) @ say

    return Opaque(look_up), dice.inputs(width)
