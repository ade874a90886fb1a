"""A recurrence with a diagonal, gated state, run over all points at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from itnas.export.plain.points import Points, earlier
from itnas.export.plain.stand_in import StandIn, shifted


class GatedRecurrence(StandIn):
    """s_t = exp(-rate tau_t) s_(t-1) + g_t v_t, y_t = r_t . s_t per head, with `states` numbers for each value.

    Times tau = softplus(linear), gains g and readings r are linear in the input; `timed` gains count tau times.
    A gate without weights leaves a linear recurrence. `both`: another one runs backwards, and the two are added.
    """

    def __init__(
        self,
        *,
        width: int,
        heads: int,
        states: int,
        value_dim: int,
        timed: bool = False,
        both: bool = False,
        rms_norm: bool = False,
        pointwise: bool = False,
    ) -> None:
        super().__init__(width=width, rms_norm=rms_norm, pointwise=pointwise)
        self.heads, self.timed = heads, timed
        self.value = nn.Linear(width, heads * value_dim, bias=False)
        self.gates = nn.ModuleList(Gates(width, heads, states) for _ in range(1 + both))
        self.out = nn.Linear(heads * value_dim, width)

    def mixed(self, u: Tensor, points: Points) -> Tensor:
        value = self.value(u).unflatten(-1, (self.heads, 1, -1))  # [B, N, H, 1, D]
        y = torch.zeros_like(value[..., 0, :])
        for gates, backwards in zip(self.gates, (False, True), strict=False):
            assert isinstance(gates, Gates)
            fading, gain, reading = gates(u)
            if self.timed:
                gain = gain * gates.time(u)
            if points.valid is not None:
                here = points.valid[..., None, None]
                fading, gain = fading * here, gain * here
            share = gain.unsqueeze(-1) * value
            if backwards:
                # Back from j to i the same times pass as from i to j; a point's own share is in the other state.
                fading = shifted(fading, -1)
                state = scanned(fading.flip(1).unsqueeze(-1), share.flip(1)).flip(1) - share
            else:
                state = scanned(fading.unsqueeze(-1), share)
            y = y + (reading.unsqueeze(-1) * state).sum(-2)
        mixed: Tensor = self.out(y.flatten(2))
        return mixed


class Gates(nn.Module):
    """What one direction asks of the input: how fast its state fades, what it takes in, what it reads off."""

    def __init__(self, width: int, heads: int, states: int) -> None:
        super().__init__()
        self.rate = nn.Parameter(torch.ones(heads, states))
        self.clock, self.gain, self.reading = (nn.Linear(width, heads * states) for _ in range(3))

    def forward(self, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """rate tau, g and r, each [B, N, H, R]."""
        shape = self.rate.shape
        gain, reading = (part(u).unflatten(-1, shape) for part in (self.gain, self.reading))
        return self.time(u) * self.rate.abs(), gain, reading

    def time(self, u: Tensor) -> Tensor:
        """tau, [B, N, H, R]."""
        time: Tensor = F.softplus(self.clock(u)).unflatten(-1, self.rate.shape)
        return time


def scanned(fading: Tensor, gain: Tensor) -> Tensor:
    """s_t = exp(-fading_t) s_(t-1) + gain_t along the second axis.

    Each round doubles how far a state has seen: O(N log N), in log2 N steps. A program that is to serve any length sums
    over pairs of points instead.
    """
    if torch.compiler.is_exporting():
        total = fading.double().cumsum(1)
        stretch = total.unsqueeze(2) - total.unsqueeze(1)  # [B, N, N, H, R, 1]
        sees = earlier(fading)[..., None, None, None]
        kept = stretch.masked_fill(~sees, torch.inf).neg().exp().to(gain.dtype)
        return torch.einsum("btshr,bshrd->bthrd", kept.squeeze(-1), gain)
    step, length = 1, gain.shape[1]
    while step < length:
        gain = torch.cat([gain[:, :step], gain[:, step:] + torch.exp(-fading[:, step:]) * gain[:, :-step]], 1)
        fading = torch.cat([fading[:, :step], fading[:, step:] + fading[:, :-step]], 1)
        step *= 2
    return gain
