"""`mixer: selective-ssm`: a state-space layer whose time runs as the input says."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from itnas import genes
from itnas.models.mixers.base import Mixer, Placement, check_order, register
from itnas.models.mixers.gated_convolution import depthwise
from itnas.models.mixers.recurrence import Walk, directions
from itnas.operator.domain import Domain, geometry_of, without_padding

CHUNK = 16  # points that see each other pair by pair; states carry the rest from chunk to chunk
EPSILON = 1e-5  # under the root of the norm


class SelectiveSsm(Mixer):
    """Mamba-2 (Dao & Gu, arXiv 2405.21060): one direction, or one each way with half the width each."""

    def __init__(self, placement: Placement, layer: genes.SelectiveSsm) -> None:
        super().__init__()
        sizes = directions(placement.width, placement.causal)
        self.scans = nn.ModuleList(
            Scan(placement.width, layer.expand * size, layer.heads, layer.state, layer.taps) for size in sizes
        )

    def forward(
        self, u: Float[Tensor, "batch points width"], domain: Domain | None = None
    ) -> Float[Tensor, "batch points width"]:
        geometry = geometry_of(u, domain)
        check_order("selective-ssm", geometry)
        u = without_padding(u, geometry.valid)
        walks = [Walk.along(geometry, backwards) for backwards in (False, True)[: len(self.scans)]]
        found = [_along(scan, walk, u) for scan, walk in zip(self.scans, walks, strict=True)]
        return found[0] if len(found) == 1 else found[0] + found[1]


def _along(scan: nn.Module, walk: Walk, u: Tensor) -> Tensor:
    """The scan of the points in the walk's order. Contiguous: matrix products round by how their factors lie, which
    must not depend on how many replicas are stacked."""
    arranged = walk.there(u.transpose(0, 1)).transpose(0, 1).contiguous()
    return walk.back(scan(arranged).transpose(0, 1)).transpose(0, 1)


class Scan(nn.Module):
    """One direction: short convolution, scan with learned time, output gate and norm, on `inner` channels.

        s_t = exp(-delta_t a) s_(t-1) + delta_t x_t B_t^T    y_t = s_t C_t + D x_t    out = W norm(y silu(z))

    per head, with B and C shared by all heads. At first a = 1 and the heads' delta are spread over [0.01, 1], evenly in
    the logarithm and each drawn from its share: heads that remember 1 to 100 points, as short sequences want.
    The number of heads is the greatest common divisor of `heads` and `inner`.
    """

    def __init__(self, width: int, inner: int, heads: int, state: int, taps: int) -> None:
        super().__init__()
        self.inner, self.heads, self.state = inner, math.gcd(heads, inner), state
        self.value = nn.Linear(width, inner + 2 * state, bias=False)  # x, B, C
        self.gate = nn.Linear(width, inner, bias=False)
        self.delta = nn.Linear(width, self.heads, bias=False)
        self.taps = nn.Parameter(torch.empty(inner + 2 * state, taps).uniform_(-(taps**-0.5), taps**-0.5))
        self.tap_bias = nn.Parameter(torch.zeros(inner + 2 * state))
        delta = torch.exp(math.log(0.01) * (torch.arange(self.heads) + torch.rand(self.heads)) / self.heads)
        self.delta_bias = nn.Parameter(delta + torch.log(-torch.expm1(-delta)))  # softplus of it is delta
        self.log_rate = nn.Parameter(torch.zeros(self.heads))
        self.skip = nn.Parameter(torch.ones(self.heads))
        self.norm = nn.Parameter(torch.ones(inner))
        self.out = nn.Linear(inner, width, bias=False)

    def forward(self, u: Float[Tensor, "batch points width"]) -> Float[Tensor, "batch points width"]:
        mixed = silu(depthwise(self.value(u), self.taps, causal=True) + self.tap_bias)
        x, b, c = mixed.split([self.inner, self.state, self.state], -1)
        x = x.unflatten(-1, (self.heads, -1))
        delta = softplus(self.delta(u) + self.delta_bias)
        y = scan(x * delta.unsqueeze(-1), -delta * self.log_rate.exp(), b, c)
        gated = (y + x * self.skip.unsqueeze(-1)).flatten(2) * silu(self.gate(u))
        # A point's norm is one number, and may as well divide what the linear map makes of its channels.
        scale = torch.rsqrt(gated.square().mean(-1, keepdim=True) + EPSILON)
        return torch.mul(F.linear(gated, self.out.weight * self.norm), scale)


def silu(x: Tensor) -> Tensor:
    """x sigmoid(x), by tanh.

    torch's own silu, sigmoid and softplus round the last few numbers of a tensor, which fill no vector register, in
    another way than the rest, so that a replica's numbers would depend on its place in the stack.
    """
    half = 0.5 * x
    return half * (1 + half.tanh())


def softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x)) without overflow; not torch's own, as `silu`."""
    return x.clamp_min(0) + torch.log1p(torch.exp(-x.abs()))


def scan(
    x: Float[Tensor, "batch points heads channels"],
    log_decay: Float[Tensor, "batch points heads"],
    b: Float[Tensor, "batch points state"],
    c: Float[Tensor, "batch points state"],
) -> Float[Tensor, "batch points heads channels"]:
    """y_t = sum_(s<=t) exp(l_(s+1) + ... + l_t) (C_t . B_s) x_s for l <= 0, in chunks.

    Within a chunk pair by pair, over chunks by a state [heads channels, state]: the state-space duality of Mamba-2.
    Only sums of l over a stretch are exponentiated, never their inverse, so nothing overflows. O(N (CHUNK + state)).
    """
    length = x.shape[1]
    size = min(CHUNK, length)
    x, log_decay, b, c = (_chunked(part, size) for part in (x, log_decay, b, c))
    elapsed = log_decay.cumsum(2).transpose(2, 3)  # [B, M, H, Q]
    y = _within(x, elapsed, b, c)
    if x.shape[1] > 1:
        y = y + _across(x, elapsed, b, c)
    return torch.flatten(y, 1, 2)[:, :length]


def _chunked(part: Tensor, size: int) -> Tensor:
    """[B, N, ...] -> [B, M, size, ...], filled up with zeros."""
    missing = -part.shape[1] % size
    if missing:
        part = F.pad(part, (0, 0) * (part.dim() - 2) + (0, missing))
    return torch.unflatten(part, 1, (-1, size))


def _within(x: Tensor, elapsed: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """What the points of a chunk [B, M, Q, ...] give each other."""
    size = x.shape[2]
    later = torch.ones(size, size, dtype=torch.bool, device=x.device).triu(1)
    stretch = (elapsed.unsqueeze(-1) - elapsed.unsqueeze(-2)).masked_fill(later, -torch.inf)  # [B, M, H, Q, Q]
    weights = stretch.exp() * (c @ b.transpose(-1, -2)).unsqueeze(2)
    return (weights @ x.transpose(2, 3)).transpose(2, 3)


def _across(x: Tensor, elapsed: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """What the chunks before give, by way of the state at each chunk's beginning."""
    to_end = (elapsed[..., -1:] - elapsed).exp().transpose(2, 3)  # [B, M, Q, H]
    gained = (x * to_end.unsqueeze(-1)).flatten(3).transpose(2, 3) @ b  # [B, M, H P, S]
    kept = elapsed[:, :-1, :, -1].exp().repeat_interleave(x.shape[-1], -1).unsqueeze(-1)  # [B, M - 1, H P, 1]
    state, states = torch.zeros_like(gained[:, 0]), []
    for keep, gain in zip(kept.unbind(1), gained[:, :-1].unbind(1), strict=True):
        states.append(state)
        state = torch.addcmul(gain, keep, state)
    before = torch.stack([*states, state], 1)
    y = torch.unflatten(c @ before.transpose(-1, -2), -1, x.shape[-2:])
    return torch.mul(y, elapsed.exp().transpose(2, 3).unsqueeze(-1))


@register("selective-ssm")
def selective_ssm(layer: genes.SelectiveSsm, placement: Placement) -> SelectiveSsm:
    return SelectiveSsm(placement, layer)
