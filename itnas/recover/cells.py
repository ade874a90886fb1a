"""Recurrent cells as causal maps h -> F(h), built from integral transforms and pointwise maps."""

from __future__ import annotations

import abc
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from itnas.operator import FactorisedKernel, IntegralTransform, Window
from itnas.recover.hat import HAT, select_offsets
from itnas.recover.weights import factorised_kernel, write, write_identity_out, write_identity_value


@dataclass(frozen=True)
class RecurrentWeights:
    """One layer of nn.RNN, nn.GRU or nn.LSTM: G gates, stacked as torch does."""

    input: Tensor  # [G H, C]
    hidden: Tensor  # [G H, H]
    input_bias: Tensor | None  # [G H]
    hidden_bias: Tensor | None  # [G H]


class Cell(nn.Module, abc.ABC):
    """One recurrent layer. Its output is the fixed point of F, with zeros before the first point.

    `drive` is the pointwise map W_ih u + b_ih. `shift` is the integral transform W_hh h_(t-1) + b_hh: a kernel that
    sees offset 1 alone, V = identity, O = W_hh. These hold the weights; all else is structure and does not learn: a
    kernel that came to see offset 0 would no longer look back only, and F would have no certain fixed point.
    """

    def __init__(self, weights: RecurrentWeights) -> None:
        super().__init__()
        gates, self.dim = weights.input.shape
        self.hidden = weights.hidden.shape[1]
        self.drive = nn.Linear(self.dim, gates, bias=weights.input_bias is not None)
        self.shift = IntegralTransform(
            self.hidden,
            out_dim=gates,
            kernel=HAT,
            value_dim=self.hidden,
            causal=True,
            # Two points per row, and nothing of later points leaks into earlier ones, as rounding does in plans that
            # transform the whole sequence at once: it would keep the fixed point from coming to rest.
            quadrature=Window(1.5),
            plan="gather",
            pointwise=False,
            bias=weights.hidden_bias is not None,
        )
        self.to(weights.input.device, weights.input.dtype)
        select_offsets(self.shift, [1])
        write_identity_value(self.shift)
        write(self.drive.weight, weights.input.detach())
        write(self.shift.out.weight, weights.hidden.detach())
        if weights.input_bias is not None:
            write(self.drive.bias, weights.input_bias.detach())
        if weights.hidden_bias is not None:
            write(self.shift.out.bias, weights.hidden_bias.detach())
        _freeze(self.shift.kernel_module)
        self.shift.value.requires_grad_(False)

    @abc.abstractmethod
    def forward(self, drive: Tensor, h: Tensor) -> Tensor:
        """F(h), [B, N, G H] and [B, N, H] -> [B, N, H]."""

    @abc.abstractmethod
    def step(self, drive: Tensor, recurrent: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """One point: drive and W_hh h_(t-1) + b_hh [B, G H], and the state, whose first entry is h_(t-1)."""

    @abc.abstractmethod
    def slopes(
        self, drive: Tensor, recurrent: Tensor, before: tuple[Tensor, ...], after: tuple[Tensor, ...]
    ) -> tuple[Tensor, ...]:
        """What `tangent` needs to know of the step from the states `before` to those `after`, [..., H] each."""

    @abc.abstractmethod
    def tangent(
        self, slopes: tuple[Tensor, ...], drive: Tensor, recurrent: Tensor, before: tuple[Tensor, ...]
    ) -> tuple[Tensor, ...]:
        """`step` linearised: from changes of the drive, of W_hh h_(t-1) and of the state to that of the next state."""

    @abc.abstractmethod
    def gate_kernel(self, drive: Tensor, h: Tensor) -> Tensor:
        """The kernel of the integral transform that carries the state, given the gates that h makes."""

    states = 1  # tensors [B, H] in the state

    def apply_with(self, drive: Tensor, h: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """F(h) with the given recurrent weight and bias."""
        given = {"shift.out.weight": weight} | ({} if bias is None else {"shift.out.bias": bias})
        out = functional_call(self, given, (drive, h))
        assert isinstance(out, Tensor)
        return out

    def unroll(self, drive: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The fixed point of F, by stepping through the points."""
        return self.orbit(drive, weight, bias)[0]

    def orbit(self, drive: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, ...]:
        """The states at all points, [B, N, H] each; they lie points first, as torch's own do."""
        empty = drive.new_zeros(drive.shape[0], self.hidden)
        states = [(empty,) * self.states]
        for point in drive.unbind(1):
            states.append(self.step(point, nn.functional.linear(states[-1][0], weight, bias), states[-1]))
        return tuple(torch.stack(part[1:]).transpose(0, 1) for part in zip(*states, strict=True))


class ElmanCell(Cell):
    """h_t = act(W_ih u_t + b_ih + W_hh h_(t-1) + b_hh): the shift kernel iterated. (nn.RNN)"""

    def __init__(self, weights: RecurrentWeights, nonlinearity: str) -> None:
        super().__init__(weights)
        self.activation = {"tanh": torch.tanh, "relu": torch.relu}[nonlinearity]

    def forward(self, drive: Tensor, h: Tensor) -> Tensor:
        return self.activation(drive + self.shift(h))

    def step(self, drive: Tensor, recurrent: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (self.activation(drive + recurrent),)

    def slopes(
        self, drive: Tensor, recurrent: Tensor, before: tuple[Tensor, ...], after: tuple[Tensor, ...]
    ) -> tuple[Tensor, ...]:
        (h,) = after
        return (1 - h.square() if self.activation is torch.tanh else (h > 0).to(h.dtype),)

    def tangent(
        self, slopes: tuple[Tensor, ...], drive: Tensor, recurrent: Tensor, before: tuple[Tensor, ...]
    ) -> tuple[Tensor, ...]:
        return (slopes[0] * (drive + recurrent),)

    def gate_kernel(self, drive: Tensor, h: Tensor) -> Tensor:
        return self.shift.kernel(h)


class GRUCell(Cell):
    """h_t = z_t h_(t-1) + (1 - z_t) n_t with n_t = tanh(W_in u_t + b_in + r_t (W_hn h_(t-1) + b_hn)). (nn.GRU)"""

    def __init__(self, weights: RecurrentWeights) -> None:
        super().__init__(weights)
        self.carry = gated_state(self.hidden, opening=(0, -1.0), blocks=2).to(weights.input.device, weights.input.dtype)

    def forward(self, drive: Tensor, h: Tensor) -> Tensor:
        out: Tensor = self.carry(self._gated(drive, self.shift(h)))
        return out

    def step(self, drive: Tensor, recurrent: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        keep, candidate = self._gated(drive, recurrent).chunk(2, -1)
        # torch's own order of operations: where a recurrence is chaotic, any other would end elsewhere.
        return ((state[0] - candidate) * torch.sigmoid(keep) + candidate,)

    def slopes(
        self, drive: Tensor, recurrent: Tensor, before: tuple[Tensor, ...], after: tuple[Tensor, ...]
    ) -> tuple[Tensor, ...]:
        keep, n = self._gated(drive, recurrent).chunk(2, -1)
        z, reset = torch.sigmoid(keep), torch.sigmoid((drive + recurrent).chunk(3, -1)[0])
        reset_slope = reset * (1 - reset) * recurrent.chunk(3, -1)[2]
        return z, z * (1 - z) * (before[0] - n), (1 - z) * (1 - n.square()), reset, reset_slope

    def tangent(
        self, slopes: tuple[Tensor, ...], drive: Tensor, recurrent: Tensor, before: tuple[Tensor, ...]
    ) -> tuple[Tensor, ...]:
        z, by_z, by_n, reset, by_reset = slopes
        (d_r, d_z, d_n), (h_r, h_z, h_n) = drive.chunk(3, -1), recurrent.chunk(3, -1)
        return (z * before[0] + by_z * (d_z + h_z) + by_n * (d_n + reset * h_n + by_reset * (d_r + h_r)),)

    def gate_kernel(self, drive: Tensor, h: Tensor) -> Tensor:
        return self.carry.kernel(self._gated(drive, self.shift(h)))

    def _gated(self, drive: Tensor, recurrent: Tensor) -> Tensor:
        """[logit z, n], [..., 2 H]."""
        reset, keep, candidate = drive.chunk(3, -1)
        reset_h, keep_h, candidate_h = recurrent.chunk(3, -1)
        candidate = torch.tanh(candidate + torch.sigmoid(reset + reset_h) * candidate_h)
        return torch.cat([keep + keep_h, candidate], -1)


class LSTMCell(Cell):
    """c_t = f_t c_(t-1) + i_t g_t and h_t = o_t tanh(c_t). (nn.LSTM)"""

    states = 2

    def __init__(self, weights: RecurrentWeights) -> None:
        super().__init__(weights)
        self.carry = gated_state(self.hidden, opening=(1, 1.0), blocks=3).to(weights.input.device, weights.input.dtype)

    def forward(self, drive: Tensor, h: Tensor) -> Tensor:
        gated, out = self._gated(drive, self.shift(h))
        return torch.sigmoid(out) * torch.tanh(self.carry(gated))

    def step(self, drive: Tensor, recurrent: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        gated, out = self._gated(drive, recurrent)
        forget, enter, candidate = gated.chunk(3, -1)
        c = torch.sigmoid(forget) * state[1] + torch.sigmoid(enter) * candidate
        return torch.sigmoid(out) * torch.tanh(c), c

    def slopes(
        self, drive: Tensor, recurrent: Tensor, before: tuple[Tensor, ...], after: tuple[Tensor, ...]
    ) -> tuple[Tensor, ...]:
        gated, out = self._gated(drive, recurrent)
        forget, enter, g = gated.chunk(3, -1)
        f, i, o, shown = torch.sigmoid(forget), torch.sigmoid(enter), torch.sigmoid(out), torch.tanh(after[1])
        by_gates = (i * (1 - i) * g, f * (1 - f) * before[1], i * (1 - g.square()))
        return f, *by_gates, o * (1 - shown.square()), o * (1 - o) * shown

    def tangent(
        self, slopes: tuple[Tensor, ...], drive: Tensor, recurrent: Tensor, before: tuple[Tensor, ...]
    ) -> tuple[Tensor, ...]:
        f, by_i, by_f, by_g, by_c, by_o = slopes
        d_i, d_f, d_g, d_o = (drive + recurrent).chunk(4, -1)
        c = f * before[1] + by_f * d_f + by_i * d_i + by_g * d_g
        return by_c * c + by_o * d_o, c

    def gate_kernel(self, drive: Tensor, h: Tensor) -> Tensor:
        return self.carry.kernel(self._gated(drive, self.shift(h))[0])

    def _gated(self, drive: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor]:
        """[logit f, logit i, g], [..., 3 H], and logit o, [..., H]."""
        enter, forget, candidate, out = (drive + recurrent).chunk(4, -1)
        return torch.cat([forget, enter, torch.tanh(candidate)], -1), out


def gated_state(hidden: int, opening: tuple[int, float], blocks: int) -> IntegralTransform:
    """c_t = f_t c_(t-1) + i_t g_t per channel, as an integral transform of the `blocks` [logit f, ..., g].

    With the clock Delta = softplus(-logit f) = -log f the kernel exp(-(S_t - S_s)) sigmoid(logit i_s) is
    (f_(s+1) ... f_t) i_s. `opening` says which block is the logit of i, and its sign.
    """
    layer = IntegralTransform(
        blocks * hidden,
        out_dim=hidden,
        heads=hidden,
        kernel=FactorisedKernel(rank=1, layers=0, output=("identity", "sigmoid"), decay="clock"),
        value_dim=1,
        causal=True,
        pointwise=False,
        bias=False,
    )
    channels = torch.eye(blocks * hidden).unflatten(0, (blocks, hidden))  # channels[b]: pick block b, [hidden, dim]
    kernel = factorised_kernel(layer)
    write(kernel.phi.content, 0.0)
    write(kernel.phi.biases[0], 1.0)
    write(kernel.psi.content, (opening[1] * channels[opening[0]]).unsqueeze(1))
    write(kernel.psi.biases[0], 0.0)
    write(kernel.rate, 1.0)
    assert layer.clock is not None
    write(layer.clock.weight, -channels[0])
    write(layer.clock.bias, 0.0)
    write(layer.value, channels[-1])
    write_identity_out(layer)
    _freeze(layer)
    return layer


def _freeze(module: nn.Module) -> None:
    for parameter in module.parameters():
        parameter.requires_grad_(False)
