"""Samples of points: each is drawn as often as its weight says, none twice, and no other than a tile may see."""

import itertools
from dataclasses import replace
from statistics import NormalDist

import pytest
import torch
from torch import Tensor
from torch.func import vmap

from itnas import Grid, Importance, IntegralTransform, Sequence
from itnas.operator import Domain
from itnas.operator.plans.base import Problem
from itnas.operator.plans.sampled import Tiles, draw
from itnas.operator.random import SampleKey
from itnas.operator.sampling import Sample, inclusion, systematic, without_replacement
from tests.operator.quadratures import BATCH, FALSE_ALARMS, POINTS, QUADRATURES, STEPS, domain_of, inputs, make


def problem_of(layer: IntegralTransform, u: Tensor, domain: Domain | None = None) -> Problem:
    return layer.problem(u, layer.geometry(u, domain))


def samples_over_steps(problem: Problem, steps: int) -> Sample:
    """The samples that a layer draws at steps 0, 1, 2, ...: [steps, B|1, H|1, T, S]."""
    tiles = Tiles.of(problem.length, problem.quadrature.tile, problem.u.device)

    def at(step: Tensor) -> tuple[Tensor, Tensor]:
        sample = draw(replace(problem, key=replace(problem.key, step=step)), tiles)
        return sample.index, sample.weight

    with torch.no_grad():
        return Sample(*vmap(at, chunk_size=500)(torch.arange(steps)))


def presence(sample: Sample, length: int) -> Tensor:
    """How often each point is in the sample: [..., N], 0 or 1."""
    counts = torch.zeros(*sample.index.shape[:-1], length, dtype=torch.float64)
    return counts.scatter_add(-1, sample.index, (sample.weight > 0).double())


class TestInclusion:
    @pytest.mark.parametrize("quadrature", list(QUADRATURES))
    @pytest.mark.parametrize("causal", [False, True])
    def test_weights_are_reciprocal_probabilities(self, quadrature: str, causal: bool) -> None:
        """Frequency against 1 / weight, for every point of every tile; a false alarm in 1e6 (binomial, Bonferroni)."""
        layer, u = make(QUADRATURES[quadrature], causal=causal), inputs()
        problem = problem_of(layer, u, domain_of("none", padded=True))
        sample = samples_over_steps(problem, STEPS)
        present = presence(sample, POINTS)
        assert present.max() == 1, "a point was drawn twice"
        frequency = present.mean(0)
        weights = torch.zeros_like(frequency).scatter_reduce(
            -1, sample.index.movedim(0, -2).flatten(-2), sample.weight.movedim(0, -2).flatten(-2), "amax"
        )
        pi = torch.where(weights > 0, 1 / weights, 0.0)
        limit = NormalDist().inv_cdf(1 - FALSE_ALARMS / (2 * pi.numel()))
        assert ((frequency - pi).abs() <= limit * (pi * (1 - pi) / STEPS).sqrt() + 1e-12).all()
        assert ((pi > 0) & (pi < 1)).sum() > 50
        valid = problem.geometry.valid[:, None, None]
        tiles = Tiles.of(POINTS, 4, u.device)
        support = valid & (torch.arange(POINTS) <= tiles.queries[:, -1:]) if causal else valid
        assert torch.equal(pi > 0, support.expand_as(pi)), "every point that a tile may see can be drawn, and no other"

    def test_probabilities_sum_to_the_sample_size(self) -> None:
        """Against a twin that caps one point at a time."""
        for samples, power in itertools.product((1, 3, 11, 19, 20, 30), (0.0, 1.0, 12.0, 200.0)):
            q = torch.rand(20, dtype=torch.float64) ** power + 1e-9
            q[torch.rand(20) < 0.2] = 0
            expected = one_by_one(q, samples)
            pi = inclusion(q, samples)
            torch.testing.assert_close(pi, expected, rtol=1e-9, atol=1e-15)
            torch.testing.assert_close(float(pi.sum()), float(min(samples, int((q > 0).sum()))))

    def test_systematic_sampling_is_exact(self) -> None:
        """Over a fine grid of starts each point is drawn pi_j of the time, up to the grid's width."""
        pi = inclusion(torch.rand(3, 30, dtype=torch.float64) ** 3, 7)
        starts = ((torch.arange(2000, dtype=torch.float64) + 0.5) / 2000).view(-1, 1, 1)
        index, weight = systematic(pi.expand(2000, -1, -1), starts, 7)
        frequency = presence(Sample(index, weight), 30).mean(0)
        torch.testing.assert_close(frequency, pi, rtol=0, atol=2 / 2000)
        torch.testing.assert_close(weight, 1 / pi.expand(2000, -1, -1).gather(-1, index))

    def test_all_subsets_are_equally_likely(self) -> None:
        """The 10 pairs out of 5: chi-square with 9 degrees of freedom passes 48 with probability below 1e-6."""
        keys = SampleKey(torch.tensor(3), torch.tensor(0), 0).uniform(torch.arange(8 * 20000)).view(-1, 8)
        support = torch.tensor([True, False, True, True, False, True, True, False])
        index, weight = without_replacement(keys, support, 2)
        assert torch.equal(weight.unique(), torch.tensor([2.5], dtype=torch.float64))
        pairs, counts = index.sort(-1).values.unique(dim=0, return_counts=True)
        assert len(pairs) == 10
        assert support[index].all()
        assert ((counts - 2000) ** 2 / 2000).sum() < 48

    def test_the_near_field_is_exact(self) -> None:
        quadrature = Importance(3, near=2.5, tile=4)
        times = (torch.rand(BATCH, POINTS) * 1.5).cumsum(1)
        for causal, domain in itertools.product((False, True), (Sequence(), Sequence(times), Grid(POINTS))):
            layer, u = make(quadrature, causal=causal), inputs()
            problem = problem_of(layer, u, domain)
            sample = samples_over_steps(problem, 20)
            ones = Sample(sample.index, (sample.weight == 1).double())
            positions = problem.geometry.positions[..., 0]
            tiles = Tiles.of(POINTS, 4, u.device).queries
            near = ((positions[:, tiles].unsqueeze(-1) - positions[:, None, None]).abs() < 2.5).any(2).unsqueeze(1)
            if causal:
                near = near & (torch.arange(POINTS) <= tiles[:, -1:])
            assert (presence(ones, POINTS)[near.expand(20, BATCH, 2, -1, -1)] == 1).all()


def one_by_one(q: Tensor, samples: int) -> Tensor:
    """min(1, c q), by capping the largest remaining point until none exceeds 1."""
    capped = torch.zeros(len(q), dtype=torch.bool)
    while True:
        free = torch.where(capped, 0.0, q)
        left = samples - int(capped.sum())
        if left <= 0 or int((free > 0).sum()) <= left:
            return ((q > 0) & (capped | (left > 0))).double() if left > 0 else capped.double()
        pi = left * free / free.sum()
        if pi.max() <= 1:
            return torch.where(capped, 1.0, pi)
        capped[pi.argmax()] = True
