"""`mixer: gru`: gated recurrent units."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from itnas import genes
from itnas.models.mixers.base import Placement, register
from itnas.models.mixers.recurrence import Recurrence, Stacked, bias_gradient, weight_gradient


class Gru(Recurrence):
    """A gated recurrent unit (Cho et al., arXiv 1406.1078), and a linear map of its hidden states.

        r, z = sigmoid(W u_t + b + R h + c)    n = tanh(W_n u_t + b_n + r (R_n h + c_n))    h <- n + z (h - n)

    The equations, weights and initial values of `torch.nn.GRU`, which vmap cannot stack. O(N width^2).
    """

    kind = "gru"
    gates = 3

    def hidden(self, gates: Tensor, weight: Tensor, bias_ih: Tensor, bias_hh: Tensor) -> Tensor:
        scan = _Scan if torch.is_grad_enabled() else _Glance
        return scan.of(gates, weight, bias_ih, bias_hh)[0]


class _Glance(Stacked):
    """The states of `_Scan`, to the last bit, with nothing kept for a backward pass: what a step needs stays in cache,
    which makes many samples twice as fast."""

    @staticmethod
    def forward(gates: Tensor, weight: Tensor, bias_ih: Tensor, bias_hh: Tensor) -> tuple[Tensor]:
        groups, length, batch, _ = gates.shape
        size = weight.shape[2]
        gates, bias_ih, bias_hh = gates.transpose(0, 1), bias_ih.unsqueeze(1), bias_hh.unsqueeze(1)
        bias_rz, bias_new, bias_s = (
            (bias_ih + bias_hh)[..., : 2 * size],
            bias_ih[..., 2 * size :],
            bias_hh[..., 2 * size :],
        )
        states = gates.new_empty(length, groups, batch, size)
        state, recurrent = gates.new_zeros(groups, batch, size), weight.transpose(1, 2).contiguous()
        a, n = gates.new_empty(groups, batch, 3 * size), gates.new_empty(groups, batch, size)
        a_rz, (r, z, s) = a[..., : 2 * size], a.split(size, -1)
        for g, h in zip(gates.unbind(0), states.unbind(0), strict=True):
            torch.add(g[..., : 2 * size], bias_rz, out=a_rz)
            s.copy_(bias_s)
            a.baddbmm_(state, recurrent)
            a_rz.sigmoid_()
            torch.add(g[..., 2 * size :], bias_new, out=n)
            n.addcmul_(r, s).tanh_()
            state = torch.lerp(n, state, z, out=h)
        return (states.transpose(0, 1).contiguous(),)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        pass


class _Scan(Stacked):
    """From gates [G, N, B, 3 H] to states [G, N, B, H]; with them (r, z, R_n h + c_n) and n, for the backward pass.

    In memory time comes first: torch multiplies a batch of matrices into one block in a single call, and else one by
    one.
    """

    @staticmethod
    def forward(gates: Tensor, weight: Tensor, bias_ih: Tensor, bias_hh: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        groups, length, batch, _ = gates.shape
        size = weight.shape[2]
        gates, bias_ih, bias_hh = gates.transpose(0, 1), bias_ih.unsqueeze(1), bias_hh.unsqueeze(1)
        acts = gates.new_empty(gates.shape)
        torch.add(gates[..., : 2 * size], (bias_ih + bias_hh)[..., : 2 * size], out=acts[..., : 2 * size])
        acts[..., 2 * size :] = bias_hh[..., 2 * size :]
        new = gates.new_empty(length, groups, batch, size)
        torch.add(gates[..., 2 * size :], bias_ih[..., 2 * size :], out=new)
        states = torch.empty_like(new)
        state, recurrent = gates.new_zeros(groups, batch, size), weight.transpose(1, 2).contiguous()
        rows = (acts, acts[..., : 2 * size], *acts.split(size, -1), new, states)
        for a, a_rz, r, z, s, n, h in zip(*(part.unbind(0) for part in rows), strict=True):
            a.baddbmm_(state, recurrent)
            a_rz.sigmoid_()
            n.addcmul_(r, s).tanh_()
            state = torch.lerp(n, state, z, out=h)
        return states.transpose(0, 1).contiguous(), acts.transpose(0, 1), new.transpose(0, 1)

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

    Each gate's gradient is that of the new state times a factor known beforehand, and the loop only hands it back:
    dh_(t-1) += z dh_t + R^T d(gates)_t.
    """

    @staticmethod
    def forward(grad: Tensor, states: Tensor, acts: Tensor, new: Tensor, weight: Tensor) -> tuple[Tensor, ...]:
        size = weight.shape[2]
        grad, states, acts, new = (part.transpose(0, 1) for part in (grad, states, acts, new))
        z = acts[..., size : 2 * size]
        slope = (1 - z).mul_(torch.mul(new, new).neg_().add_(1))
        ds = _factors(states, acts, new, slope)  # times dh, in place
        grad = grad.clone(memory_format=torch.contiguous_format)
        rows, blocks, totals, keep = ds.unbind(0), ds.unflatten(-1, (3, size)).unbind(0), grad.unbind(0), z.unbind(0)
        wide = grad.unsqueeze(3).unbind(0)
        for step in range(len(totals) - 1, 0, -1):
            blocks[step].mul_(wide[step])
            totals[step - 1].addcmul_(totals[step], keep[step]).baddbmm_(rows[step], weight)
        blocks[0].mul_(wide[0])
        d_weight = weight_gradient(ds, states)
        d_new = slope.mul_(grad)
        d_bias_hh = bias_gradient(ds)
        d_bias_ih = torch.cat([d_bias_hh[:, : 2 * size], bias_gradient(d_new)], -1)
        ds[..., 2 * size :] = d_new
        return ds.transpose(0, 1), d_weight, d_bias_ih, d_bias_hh

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        pass


def _factors(states: Tensor, acts: Tensor, new: Tensor, slope: Tensor) -> Tensor:
    """What the gradient of h is multiplied by to give those of r's, z's and s's sums, [N, G, B, 3 H]."""
    factors = torch.empty_like(acts)
    of_r, of_z, of_s = factors.chunk(3, -1)
    r, z, s = acts.chunk(3, -1)
    torch.mul(r, slope, out=of_s)
    torch.mul((1 - r).mul_(s), of_s, out=of_r)
    change = -new
    change[1:] += states[:-1]
    torch.mul(change.mul_(z), 1 - z, out=of_z)
    return factors


@register("gru")
def gru(_layer: genes.Gru, placement: Placement) -> Gru:
    return Gru(placement)
