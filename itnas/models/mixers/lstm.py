"""`mixer: lstm`: long short-term memories."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from itnas import genes
from itnas.models.mixers.base import Placement, register
from itnas.models.mixers.recurrence import Cell, Recurrence, Stacked, bias_gradient, weight_gradient


class Lstm(Recurrence):
    """A long short-term memory (Hochreiter & Schmidhuber, 1997), and a linear map of its hidden states.

        i, f, o = sigmoid(W u_t + b + R h + c)    g = tanh(the same)    m <- f m + i g    h <- o tanh(m)

    The equations, weights and initial values of `torch.nn.LSTM`, which vmap cannot stack; but the forget gate's two
    biases sum to 1 at first, so that a fresh memory keeps (Jozefowicz et al., 2015). O(N width^2).
    """

    kind = "lstm"
    gates = 4

    def __init__(self, placement: Placement) -> None:
        super().__init__(placement)
        with torch.no_grad():
            for cell in self.cells:
                assert isinstance(cell, Cell)
                size = cell.weight_hh.shape[1]
                cell.bias_hh[size : 2 * size] = 1 - cell.bias_ih[size : 2 * size]

    def hidden(self, gates: Tensor, weight: Tensor, bias_ih: Tensor, bias_hh: Tensor) -> Tensor:
        return _Scan.of(gates, weight, bias_ih + bias_hh)[0]


class _Scan(Stacked):
    """From gates [G, N, B, 4 H] to states [G, N, B, H]; with them, for the backward pass, (i, f, g, o), m and tanh(m).

    In memory time comes first: torch multiplies a batch of matrices into one block in a single call, and else one by
    one.
    """

    @staticmethod
    def forward(gates: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        groups, length, batch, _ = gates.shape
        size = weight.shape[2]
        acts = gates.new_empty(length, groups, batch, 4 * size)
        torch.add(gates.transpose(0, 1), bias.unsqueeze(1), out=acts)
        states, memories, squashed = gates.new_empty(3, length, groups, batch, size).unbind(0)
        state = memory = gates.new_zeros(groups, batch, size)
        recurrent = weight.transpose(1, 2).contiguous()
        rows = (acts, acts[..., : 2 * size], *acts.split(size, -1), memories, squashed, states)
        for a, a_if, i, f, g, o, m, squash, h in zip(*(part.unbind(0) for part in rows), strict=True):
            a.baddbmm_(state, recurrent)
            a_if.sigmoid_()
            g.tanh_()
            o.sigmoid_()
            memory = torch.mul(f, memory, out=m).addcmul_(i, g)
            state = torch.mul(o, torch.tanh(m, out=squash), out=h)
        return (
            states.transpose(0, 1).contiguous(),
            acts.transpose(0, 1),
            memories.transpose(0, 1),
            squashed.transpose(0, 1),
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.mark_non_differentiable(*output[1:])
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*output, inputs[1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: Tensor | None) -> tuple[Tensor, ...]:
        return _Gradient.of(grad, *ctx.saved_tensors)


class _Gradient(Stacked):
    """The backward pass. All that does not need the state's gradient is worked out for all steps at once.

    With dm = carry + o (1 - tanh(m)^2) dh, the gradients of i, f and g are dm times a factor known beforehand, that of
    o is dh times one; the loop hands back f dm to the memory and R^T d(gates) to the state.
    """

    @staticmethod
    def forward(
        grad: Tensor, states: Tensor, acts: Tensor, memories: Tensor, squashed: Tensor, weight: Tensor
    ) -> tuple[Tensor, ...]:
        size = weight.shape[2]
        grad, states, acts, memories, squashed = (
            part.transpose(0, 1) for part in (grad, states, acts, memories, squashed)
        )
        _, f, _, o = acts.split(size, -1)
        slopes, keep = torch.mul(squashed, squashed).neg_().add_(1).mul_(o).unbind(0), f.unbind(0)
        ds = _factors(acts, memories, squashed)  # times dm and dh, in place
        totals = grad.clone(memory_format=torch.contiguous_format).unbind(0)
        rows, of_o = ds.unbind(0), ds[..., 3 * size :].unbind(0)
        of_ifg = ds[..., : 3 * size].unflatten(-1, (3, size)).unbind(0)
        carry = torch.zeros_like(totals[0])
        wide = carry.unsqueeze(2)
        for step in range(len(totals) - 1, -1, -1):
            carry.addcmul_(totals[step], slopes[step])
            of_ifg[step].mul_(wide)
            of_o[step].mul_(totals[step])
            if step:
                carry.mul_(keep[step])
                totals[step - 1].baddbmm_(rows[step], weight)
        return ds.transpose(0, 1), weight_gradient(ds, states), bias_gradient(ds)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        pass


def _factors(acts: Tensor, memories: Tensor, squashed: Tensor) -> Tensor:
    """What dm (for i, f, g) and dh (for o) are multiplied by to give the gates' gradients, [N, G, B, 4 H]."""
    i, _, g, _ = acts.chunk(4, -1)
    factors = torch.addcmul(acts, acts, acts, value=-1)  # the slope of sigmoid
    of_i, of_f, of_g, of_o = factors.chunk(4, -1)
    of_i.mul_(g)
    of_f[1:].mul_(memories[:-1])
    of_f[:1].zero_()
    torch.addcmul(i, torch.mul(i, g), g, value=-1, out=of_g)
    of_o.mul_(squashed)
    return factors


@register("lstm")
def lstm(_layer: genes.Lstm, placement: Placement) -> Lstm:
    return Lstm(placement)
