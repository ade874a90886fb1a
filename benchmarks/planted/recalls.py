"""Recall: what was bound to a key is asked for later. Attention, for all that is bound must be kept until then.

A point of the inputs says key, query and value, in channels of their own. K = relu(q . k - 0.6) / 0.4 of unit vectors
is 1 where the keys are the same and 0 nearly everywhere else (random ones of 16 channels exceed 0.6 in 1 % of cases).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

import itnas
from itnas.recover.weights import mlp_kernel, write

from .base import Dice, Drawn, plants
from .modules import Opaque, shifted
from .streams import MANY, SAMPLES, Inputs, symbols

KEY, VALUE, LEVEL = 16, 8, 0.6
WIDTH = 2 * KEY + VALUE


def matching() -> itnas.IntegralTransform:
    """y_i = sum over j < i of the values whose key is i's query; one relu kernel of the product."""
    kernel = itnas.MLPKernel(hidden=1, layers=1, activation="relu", features=("product",), product_dim=KEY)
    layer = itnas.IntegralTransform(WIDTH, kernel=kernel, value_dim=VALUE, causal=True, pointwise=False, bias=False)
    module = mlp_kernel(layer)
    eye, none = torch.eye(KEY), torch.zeros(KEY, KEY)
    rest = torch.zeros(KEY, VALUE)
    write(module.key, torch.cat([eye, none, rest], 1).unsqueeze(0))
    write(module.query, torch.cat([none, eye, rest], 1).unsqueeze(0))
    write(module.product, 1.0)
    write(module.bias, -LEVEL)
    write(module.out, 1 / (1 - LEVEL))
    write(module.out_bias, 0.0)
    write(layer.value, torch.cat([torch.zeros(VALUE, 2 * KEY), torch.eye(VALUE)], 1))
    return layer


def bound(asking: Callable[[int], Tensor]) -> Inputs:
    """Random keys, all different, values of 16 symbols; `asking`: n -> which points ask, [n]."""
    values = symbols(16, VALUE)

    def sample(n: int) -> Tensor:
        keys = torch.nn.functional.normalize(torch.randn(SAMPLES, n, KEY), dim=-1)
        asked = (torch.rand(SAMPLES, n) * torch.arange(n)).long()  # some point before
        queries = keys.gather(1, asked.unsqueeze(2).expand(-1, -1, KEY)) * asking(n).unsqueeze(1)
        return torch.cat([keys, queries, values(n)], -1)

    return sample


@plants("one-query recall", "attention")
def one_query(dice: Dice) -> Drawn:
    """The last point alone asks. A truncation that sees the question needs one state; one that does not, all N."""
    dice.span()
    dice.stream = "bound pairs"
    return matching(), bound(lambda n: (torch.arange(n) == n - 1).float())


@plants("many-query recall", "attention")
def many_query(dice: Dice) -> Drawn:
    """All points of the second half ask."""
    dice.span(longest=128)
    dice.stream = "bound pairs"
    return matching(), bound(lambda n: (torch.arange(n) >= n // 2).float())


@plants("opaque recall", "attention")
def opaque(dice: Dice) -> Drawn:
    """Many queries, examined by interventions alone."""
    dice.span()
    dice.stream = "bound pairs"
    return Opaque(matching()), bound(lambda n: (torch.arange(n) >= n // 2).float())


@plants("last-place recall", "attention")
def last_place(dice: Dice) -> Drawn:
    """The layer itself asks at the last place alone, with that point's key, and is silent elsewhere."""
    dice.span()
    dice.stream = "bound pairs"
    found, level = bound(lambda n: torch.zeros(n)), 10.0

    def sample(n: int) -> Tensor:
        u = found(n).clone()
        asked = torch.randint(0, n - 1, (SAMPLES,))
        u[:, -1, :KEY] = u[torch.arange(SAMPLES), asked, :KEY]
        return u

    def recall(u: Tensor) -> Tensor:
        match = (level * (u[:, :, :KEY] @ u[:, -1, :KEY, None]).squeeze(2))[:, :-1].softmax(1)
        y = torch.zeros_like(u[..., 2 * KEY :])
        y[:, -1] = (match.unsqueeze(2) * u[:, :-1, 2 * KEY :]).sum(1)
        return y

    return Opaque(recall), sample


@plants("induction", "attention")
def induction(dice: Dice) -> Drawn:
    """What followed earlier points like this one, on average: the key is the point before the value.

    Attention to contents; that the value stands one place after its key is a fixed shift on top of it.
    """
    dice.span()
    dice.stream = "many symbols"
    width = 16
    given = symbols(MANY, width)

    def follow(u: Tensor) -> Tensor:
        unit = torch.nn.functional.normalize(u, dim=-1)
        keys = shifted(unit, 1)
        match = torch.relu(unit @ keys.mT - 0.9).tril() * 10
        return match @ u / match.sum(-1, keepdim=True).clamp_min(1)

    return Opaque(follow), given
