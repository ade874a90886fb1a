"""`sampled`: an estimate of the integral from few points, those that `MonteCarlo` and `Importance` draw.

Every tile of t queries shares one sample of m points. A point j that is drawn with probability pi_j enters with the
weight M_ij mu_j / pi_j, so that sums over j keep their expectation. O(N m h) time and memory; drawing scores every
point once per tile, O(N^2 / t) for `MonteCarlo` and O(N^2 h / t) for `Importance`, without gradients.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor

from itnas.operator.kernel import Form, take
from itnas.operator.normaliser import reciprocal
from itnas.operator.plans.base import Plan, Problem, distances, register
from itnas.operator.plans.dense import pair_work
from itnas.operator.plans.gather import masked_lists
from itnas.operator.plans.visible import visible_measure
from itnas.operator.quadrature import Importance, MonteCarlo
from itnas.operator.sampling import Sample, inclusion, systematic, without_replacement

CHUNK = 2**21  # entries of the largest tensor that drawing makes


@dataclass(frozen=True)
class Tiles:
    """Runs of consecutive queries. The last one repeats its last query until it is full."""

    number: Tensor  # [T]
    queries: Tensor  # [T, t]

    @classmethod
    def of(cls, length: int, tile: int, device: torch.device) -> Tiles:
        tile = min(tile, length)
        number = torch.arange(-(-length // tile), device=device)
        queries = number.unsqueeze(1) * tile + torch.arange(tile, device=device)
        return cls(number, queries.clamp_max(length - 1))

    def split(self, size: int) -> list[Tiles]:
        return [Tiles(*parts) for parts in zip(self.number.split(size), self.queries.split(size), strict=True)]


@register
class Sampled(Plan):
    name = "sampled"

    def refusal(self, problem: Problem) -> str | None:
        if not isinstance(problem.quadrature, (MonteCarlo, Importance)):
            return (
                "it draws points, and the quadrature visits all of them: use quadrature=itnas.MonteCarlo or Importance"
            )
        if problem.geometry.edges is not None:
            return "it draws from all points, and here the edges say who sees whom: use the plan 'gather'"
        return None

    def cost(self, problem: Problem) -> float:
        quadrature, width = problem.quadrature, pair_work(problem)
        assert isinstance(quadrature, (MonteCarlo, Importance))
        pairs = problem.batch * problem.heads * problem.length * min(quadrature.samples, problem.length)
        scored = 0.06 * problem.length**2 / quadrature.tile
        if isinstance(quadrature, Importance):
            scored *= 2 * problem.batch * problem.heads
        return 1500 + pairs * (0.08 + 0.011 * width) + scored

    def __call__(self, problem: Problem) -> Tensor:
        assert isinstance(problem.quadrature, (MonteCarlo, Importance))
        tiles = Tiles.of(problem.length, problem.quadrature.tile, problem.u.device)
        form = problem.form  # made once, so before gradients are switched off
        with torch.no_grad():
            sample = draw(problem, tiles)
        return estimate(problem, form, tiles, sample)


def draw(problem: Problem, tiles: Tiles) -> Sample:
    """One sample of points for every tile."""
    quadrature = problem.quadrature
    if isinstance(quadrature, MonteCarlo):
        sample = _uniformly(problem, quadrature.samples, tiles)
    else:
        assert isinstance(quadrature, Importance)
        sample = _by_importance(problem, quadrature, tiles)
    # Unused slots look at a point of the sample's own: what stands at padding must not get in, not even times 0.
    some = sample.index.gather(-1, sample.weight.argmax(-1, keepdim=True))
    return Sample(torch.where(sample.weight > 0, sample.index, some), sample.weight)


def estimate(problem: Problem, form: Form, tiles: Tiles, sample: Sample) -> Tensor:
    """y from the sampled columns, [B, H, N, D]."""
    queries, dtype = tiles.queries[None, None], problem.values.dtype
    k = form.block(form.rows.take(queries), form.cols.take(sample.index))  # [B|1, H, T, t, S]
    weights = sample.weight.to(dtype).unsqueeze(-2)
    if problem.measure is not None:
        weights = weights * take(problem.measure, sample.index).unsqueeze(-2)
    if problem.causal:
        weights = weights * (sample.index.unsqueeze(-2) <= queries.unsqueeze(-1))
    values, normaliser = take(problem.values, sample.index), problem.normaliser
    if normaliser.denominator != "weights":
        return _rows(normaliser.normalise(k, weights) @ values, problem.length)
    y = _rows(normaliser.numerators(k, weights) @ values, problem.length)
    return y * reciprocal(visible_measure(problem)).unsqueeze(-1)


def _rows(tiled: Tensor, length: int) -> Tensor:
    """[B, H, T, t, D] -> [B, H, N, D]: the last tile is cut."""
    return tiled.flatten(2, 3)[:, :, :length]


def _support(problem: Problem, tiles: Tiles) -> Tensor:
    """The points that some query of a tile may see, bool [B|1, 1, T, N]."""
    points = torch.arange(problem.length, device=problem.u.device)
    last = tiles.queries[:, -1:] if problem.causal else points[-1:]
    support = (points <= last).expand(len(tiles.number), -1)[None, None]
    valid = problem.geometry.valid
    return support if valid is None else support & valid[:, None, None]


def _uniformly(problem: Problem, samples: int, tiles: Tiles) -> Sample:
    """The same points for all samples of the batch (but for their padding) and all heads."""
    points = torch.arange(problem.length, device=problem.u.device)
    drawn = []
    for part in tiles.split(max(CHUNK // problem.length, 1)):
        keys = problem.key.uniform(part.number.unsqueeze(1) * problem.length + points)
        drawn.append(without_replacement(keys[None, None], _support(problem, part), samples))
    return _join(drawn, 2)


def _by_importance(problem: Problem, quadrature: Importance, tiles: Tiles) -> Sample:
    """The near field, and a systematic sample of the rest for every sample of the batch and every head."""
    batch, heads, length = problem.batch, problem.heads, problem.length
    per_tile = length * max(batch * heads * ceil(pair_work(problem)), tiles.queries.shape[1] * problem.geometry.axes)
    slots, head = min(quadrature.samples, length), torch.arange(heads, device=problem.u.device)
    drawn, nearby = [], []
    for part in tiles.split(max(CHUNK // per_tile, 1)):
        support = _support(problem, part)
        near = support & _near(problem, quadrature.near, part)
        q = proposal(problem, quadrature.uniform, part, support & ~near)
        start = problem.key.uniform(part.number.unsqueeze(1) * heads + head).T[None, :, :, None]
        drawn.append(systematic(inclusion(q, quadrature.samples), start, slots))
        nearby.append(near)
    far, near = _join(drawn, 2), torch.cat(nearby, 2)
    index, counts = masked_lists(near.flatten(0, 2))
    exact = [torch.unflatten(part, 0, near.shape[:3]) for part in (index, counts.double())]
    index, weight = (part.expand(batch, heads, -1, -1) for part in exact)
    return _join([(index, weight), (far.index, far.weight)], 3)


def _near(problem: Problem, near: float, tiles: Tiles) -> Tensor:
    """The points closer than `near` to some query of a tile, bool [B|1, 1, T, N]."""
    if near == 0:
        return torch.zeros(1, 1, 1, problem.length, dtype=torch.bool, device=problem.u.device)
    lengths = torch.unflatten(distances(problem.geometry, tiles.queries.flatten()), 1, tiles.queries.shape)
    return (lengths.amin(2) < near).unsqueeze(1)


def proposal(problem: Problem, uniform: float, tiles: Tiles, far: Tensor) -> Tensor:
    """q over the `far` points: g(k) |v| mu as the tile's middle query sees them, mixed with a uniform share.

    float64 [B, H, T, N], with sum 1 where there are far points.
    """
    form = problem.form
    k = form.block(form.rows.take(_middle(problem, tiles)), form.cols)
    size = torch.linalg.vector_norm(problem.values, dim=-1)
    if problem.measure is not None:
        size = size * problem.measure.abs()
    weight = problem.normaliser.numerators(k, far.to(k.dtype)).abs().double() * size.double().unsqueeze(2)
    weight = weight.nan_to_num(0.0, 0.0, 0.0).masked_fill(~far, 0.0)
    share = weight * reciprocal(weight.sum(-1, keepdim=True))
    even = far.double() * reciprocal(far.sum(-1, keepdim=True, dtype=torch.float64))
    return torch.lerp(share, even, uniform)


def _middle(problem: Problem, tiles: Tiles) -> Tensor:
    """The middle one of each tile's queries, [B|1, 1, T]; padding does not count."""
    count = torch.arange(tiles.queries.shape[1], device=problem.u.device)
    real = (tiles.queries[:, :1] + count == tiles.queries)[None, None]
    if problem.geometry.valid is not None:
        real = real & problem.geometry.valid[:, tiles.queries].unsqueeze(1)
    rank = real.cumsum(-1) * real
    chosen = rank == (rank.amax(-1, keepdim=True) + 1) // 2
    return tiles.queries.expand(chosen.shape).gather(-1, chosen.byte().argmax(-1, keepdim=True)).squeeze(-1)


def _join(drawn: list[tuple[Tensor, Tensor]], axis: int) -> Sample:
    index, weight = (torch.cat(parts, axis) for parts in zip(*drawn, strict=True))
    return Sample(index, weight)
