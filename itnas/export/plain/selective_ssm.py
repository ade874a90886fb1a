"""State spaces whose time runs as the input says."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from itnas.export.plain.convolution import depthwise
from itnas.export.plain.points import Points, earlier, without_padding
from itnas.export.plain.walk import walk


class SelectiveSsm(nn.Module):
    """Mamba-2 (arXiv 2405.21060), one scan forwards, and one backwards where two widths are named; their sum."""

    def __init__(self, *, width: int, inner: Sequence[int], heads: Sequence[int], state: int, taps: int) -> None:
        super().__init__()
        self.scans = nn.ModuleList(
            Scan(width, wide, count, state, taps) for wide, count in zip(inner, heads, strict=True)
        )

    def forward(self, u: Tensor, points: Points) -> Tensor:
        u = without_padding(u, points.valid)
        found = [
            walk(scan, u, points.valid, backwards=backwards)
            for scan, backwards in zip(self.scans, (False, True), strict=False)
        ]
        return sum(found[1:], found[0])


class Scan(nn.Module):
    """One direction: short convolution, scan with learned time, output gate and norm, on `inner` channels.

        s_t = exp(-delta_t a) s_(t-1) + delta_t x_t B_t^T    y_t = s_t C_t + D x_t    out = W norm(y silu(z))

    per head, with B and C shared by all heads. Written as one sum over pairs of points, O(N^2):
    y_t = sum_(s<=t) exp(-a (delta_(s+1) + ... + delta_t)) (C_t . B_s) delta_s x_s + D x_t.
    """

    def __init__(self, width: int, inner: int, heads: int, state: int, taps: int) -> None:
        super().__init__()
        self.split, self.heads = [inner, state, state], heads
        self.value = nn.Linear(width, inner + 2 * state, bias=False)  # x, B, C
        self.gate = nn.Linear(width, inner, bias=False)
        self.delta = nn.Linear(width, heads, bias=False)
        self.taps = nn.Parameter(torch.zeros(inner + 2 * state, taps))
        self.tap_bias = nn.Parameter(torch.zeros(inner + 2 * state))
        self.delta_bias = nn.Parameter(torch.zeros(heads))
        self.log_rate = nn.Parameter(torch.zeros(heads))
        self.skip = nn.Parameter(torch.zeros(heads))
        self.norm = nn.Parameter(torch.ones(inner))
        self.out = nn.Linear(inner, width, bias=False)

    def forward(self, u: Tensor) -> Tensor:
        mixed = F.silu(depthwise(self.value(u), self.taps, left=self.taps.shape[1] - 1) + self.tap_bias)
        x, b, c = mixed.split(self.split, -1)
        x = x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # [B, H, N, channels]
        delta = F.softplus(self.delta(u) + self.delta_bias).transpose(1, 2)  # [B, H, N]
        kernel = self.kept(delta * self.log_rate.exp().unsqueeze(-1), earlier(u)) * (c @ b.mT).unsqueeze(1)
        y = kernel @ (x * delta.unsqueeze(-1)) + x * self.skip[:, None, None]
        gated = y.transpose(1, 2).flatten(2) * F.silu(self.gate(u))
        out: Tensor = self.out(F.rms_norm(gated, self.norm.shape, self.norm, 1e-5))
        return out

    def kept(self, fading: Tensor, sees: Tensor) -> Tensor:
        """exp(-(f_(s+1) + ... + f_t)) for s <= t, else 0: [B, H, N, N]. Differences of long sums want float64."""
        total = fading.double().cumsum(-1)
        stretch = (total.unsqueeze(2) - total.unsqueeze(3)).masked_fill(~sees, -torch.inf)
        return stretch.exp().to(fading.dtype)
