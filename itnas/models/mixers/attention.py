"""`mixer: attention`: softmax attention with rotary positions."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from itnas import genes
from itnas.models.mixers.base import Mixer, Placement, register
from itnas.operator.domain import Domain, Geometry, Lattice, geometry_of, require_order, without_padding
from itnas.operator.plans.sdpa import attend

BASE = 10_000.0  # the longest wavelength of the rotary angles over 2 pi, in points


class Attention(Mixer):
    """softmax(q k^T / sqrt(d)) v over all points, or along a graph's edges, whose weights don't count.

    Rotary positions (Su et al., RoFormer, arXiv 2104.09864) where points stand on a regular line or grid, or on several
    of them in a union: a head's pairs of channels are dealt to the axes, and turn with the number of points in between,
    whatever the spacing.
    A point that sees none gets the output's bias alone. O(N^2 width).
    """

    def __init__(self, placement: Placement, heads: int, rotary: bool) -> None:
        super().__init__()
        if placement.width % heads:
            raise ValueError(f"width={placement.width} must be a multiple of heads={heads}")
        self.heads, self.rotary, self.causal = heads, rotary, placement.causal
        self.project = nn.Linear(placement.width, 3 * placement.width, bias=False)
        self.out = nn.Linear(placement.width, placement.width)

    def forward(
        self, u: Float[Tensor, "batch points width"], domain: Domain | None = None
    ) -> Float[Tensor, "batch points width"]:
        geometry = geometry_of(u, domain)
        if self.causal:
            require_order("causal attention", geometry)
        parts = self.project(without_padding(u, geometry.valid)).unflatten(-1, (3, self.heads, -1))
        query, key, values = parts.permute(2, 0, 3, 1, 4).unbind(0)  # [B, H, N, d]
        index = cells(geometry, u.device) if self.rotary else None
        if index is not None:
            turns = rotations(index, query.shape[-1], u.dtype)
            query, key = turned(query, *turns), turned(key, *turns)
        query = query * query.shape[-1] ** -0.5
        mask = visible(geometry, self.causal)
        if mask is None:
            y = attend(query, key, values, None, self.causal)
        else:
            # Softmax over nothing is not a number: such rows see everything first, and are put to zero after.
            some = mask.any(-1, keepdim=True)
            y = attend(query, key, values, mask | ~some, False) * some
        mixed: Tensor = self.out(y.transpose(1, 2).flatten(2))
        return mixed


def visible(geometry: Geometry, causal: bool) -> Bool[Tensor, "samples 1 points points"] | None:
    """Who sees whom; None: all points, or all before where causal."""
    if geometry.valid is None and geometry.edges is None:
        return None
    mask = None if geometry.valid is None else geometry.valid[:, None, None]
    if geometry.edges is not None:
        along = (geometry.edges.dense(geometry.length) != 0).unsqueeze(1)
        mask = along if mask is None else mask & along
    assert mask is not None
    mask = mask.expand(-1, 1, geometry.length, geometry.length)
    return mask.tril() if causal else mask


def cells(geometry: Geometry, device: torch.device) -> Int[Tensor, "points axes"] | None:
    """Which cell of a regular line or grid each point is in; parts of a union stand at 0 along the axes of others.

    None where points stand on none.
    """
    if geometry.lattice is not None:
        return _cells(geometry.lattice, device)
    parts = geometry.modalities
    if parts is None or not any(parts.lattices):
        return None
    index = torch.zeros(geometry.length, parts.axes, dtype=torch.long, device=device)
    for number, (lattice, points) in enumerate(zip(parts.lattices, parts.slices, strict=True)):
        if lattice is not None:
            index[points, parts.own_axes(number)] = _cells(lattice, device)
    return index


def _cells(lattice: Lattice, device: torch.device) -> Int[Tensor, "points axes"]:
    index = torch.cartesian_prod(*(torch.arange(n, device=device) for n in lattice.shape))
    return index.reshape(-1, len(lattice.shape))


def check_rotary(channels: int, axes: int) -> None:
    """Refuse heads that are too narrow to turn along every axis."""
    if channels // 2 < axes:
        raise ValueError(
            f"rotary positions need two channels per head and axis, but {channels} stand for {axes} axes: "
            "use fewer heads or rotary=False"
        )


def rotations(
    index: Int[Tensor, "points axes"], channels: int, dtype: torch.dtype
) -> tuple[Float[Tensor, "points channels"], Float[Tensor, "points channels"]]:
    """cos and sin of every point's angles, a pair's twice: its first channels, then its second ones.

    Angles are BASE^(-p/P) times the index along the axis, for the P pairs of that axis; an odd channel does not turn.
    """
    pairs, axes = channels // 2, index.shape[1]
    check_rotary(channels, axes)
    shares = [len(range(axis, pairs, axes)) for axis in range(axes)]
    rates = [BASE ** -(torch.arange(share, dtype=torch.float64, device=index.device) / share) for share in shares]
    angles = torch.cat([index[:, axis, None] * rate for axis, rate in enumerate(rates)], -1)
    still = angles.new_zeros(angles.shape[0], channels % 2)
    angles = torch.cat([angles, angles, still], -1)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def turned(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """(a, b) -> (a cos - b sin, b cos + a sin) for each pair of channels."""
    pairs = x.shape[-1] // 2
    a, b, still = x.split([pairs, pairs, x.shape[-1] % 2], -1)
    return x * cosines + torch.cat([-b, a, still], -1) * sines


@register("attention")
def attention(layer: genes.Attention, placement: Placement) -> Attention:
    return Attention(placement, layer.heads, layer.rotary)
