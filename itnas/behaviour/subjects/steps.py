"""Recurrences point by point: what it takes to stop one anywhere and run on from there with other points."""

from __future__ import annotations

import abc

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from itnas.models.mixers.gru import Gru
from itnas.models.mixers.lstm import Lstm
from itnas.models.mixers.recurrence import Cell


class Steps(abc.ABC):
    """One layer that walks forward: a state of some parts, the first of which is h, and a linear map of h."""

    parts: int  # tensors in the state

    def __init__(self, weights: tuple[Tensor, Tensor, Tensor, Tensor], out: nn.Linear | None) -> None:
        """`weights`: as in torch, of inputs and states, and their biases; `out`: None where h is the answer."""
        self.of_input, self.of_state, self.input_bias, self.state_bias = weights
        self.size, self.out = self.of_state.shape[1], out

    @abc.abstractmethod
    def drive(self, u: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch gates"]:
        """What points say to the state, whatever the state is. All biases that add up are in it."""

    @abc.abstractmethod
    def step(
        self, drive: Float[Tensor, "*#variants batch gates"], state: Float[Tensor, "parts *variants batch size"]
    ) -> Float[Tensor, "parts *variants batch size"]:
        """The state after one more point."""

    def start(self, *shape: int) -> Float[Tensor, "parts *shape size"]:
        """The state before the first point."""
        return self.of_state.new_zeros(self.parts, *shape, self.size)

    def answer(self, h: Float[Tensor, "*batch size"]) -> Float[Tensor, "*batch out"]:
        """What the layer says with this h."""
        return h if self.out is None else F.linear(h, self.out.weight, self.out.bias)

    def change(self, h: Float[Tensor, "*batch size"]) -> Float[Tensor, "*batch out"]:
        """How a change of h changes the answer."""
        return h if self.out is None else F.linear(h, self.out.weight)


class GruSteps(Steps):
    """h <- n + z (h - n) with n = tanh(W_n u + b_n + r (R_n h + c_n)); gates r, z, n."""

    parts = 1

    def drive(self, u: Tensor) -> Tensor:
        # Within n the state's bias stands behind the reset gate.
        added = F.pad(self.state_bias[: 2 * self.size], (0, self.size))
        return F.linear(u, self.of_input, self.input_bias + added)

    def step(self, drive: Tensor, state: Tensor) -> Tensor:
        (h,), width = state, 2 * self.size
        # Apart, each lies in one block of memory, through which the arithmetic goes a quarter faster.
        r, z = F.linear(h, self.of_state[:width]).add_(drive[..., :width]).sigmoid_().chunk(2, -1)
        n = F.linear(h, self.of_state[width:], self.state_bias[width:]).mul_(r).add_(drive[..., width:]).tanh_()
        return torch.lerp(n, h, z).unsqueeze(0)


class LstmSteps(Steps):
    """m <- f m + i g and h <- o tanh(m); gates i, f, g, o."""

    parts = 2

    def drive(self, u: Tensor) -> Tensor:
        return F.linear(u, self.of_input, self.input_bias + self.state_bias)

    def step(self, drive: Tensor, state: Tensor) -> Tensor:
        h, m = state
        i, f, g, o = F.linear(h, self.of_state).add_(drive).chunk(4, -1)
        m = (f.sigmoid_() * m).addcmul_(i.sigmoid_(), g.tanh_())
        return torch.stack([o.sigmoid_() * m.tanh(), m])


def steps_of(module: nn.Module) -> Steps | None:
    """How to walk through a layer; None where it looks ahead, is a stack, or is of another kind."""
    # Of the very kind: who inherits may do something else.
    if type(module) in (Gru, Lstm):
        cell, out = module.get_submodule("cells.0"), module.get_submodule("out")
        assert isinstance(cell, Cell)
        assert isinstance(out, nn.Linear)
        weights = (cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh)
        alone = "cells.1" not in dict(module.named_modules())
        return _KINDS[type(module)](weights, out) if alone else None
    if type(module) in (nn.GRU, nn.LSTM):
        assert isinstance(module, nn.RNNBase)
        if module.num_layers > 1 or module.bidirectional or module.proj_size or not module.bias:
            return None
        names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        of_input, of_state, input_bias, state_bias = (getattr(module, name) for name in names)
        return _KINDS[type(module)]((of_input, of_state, input_bias, state_bias), None)
    return None


_KINDS: dict[type[nn.Module], type[Steps]] = {Gru: GruSteps, nn.GRU: GruSteps, Lstm: LstmSteps, nn.LSTM: LstmSteps}
