"""The sampled quadratures: unbiased where they promise to be, exact where they can be, and random by counter alone.

Randomness is a function of (seed, step, index), so every test here gives the same verdict each time it runs. The
false-alarm rates say how often another choice of seeds would fail a correct estimator.
"""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from statistics import NormalDist

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad, stack_module_state, vmap

from itnas import (
    FactorisedKernel,
    Graph,
    Grid,
    Importance,
    IntegralTransform,
    MLPKernel,
    MonteCarlo,
    Sequence,
    Set,
    Window,
)
from itnas.operator import Domain
from itnas.operator.plans import sampled
from itnas.operator.plans.base import Problem
from itnas.operator.plans.sampled import Tiles, draw
from itnas.operator.random import SampleKey
from itnas.operator.sampling import Sample, inclusion, systematic, without_replacement

BATCH, POINTS, DIM, STEPS = 2, 22, 4, 4000
FALSE_ALARMS = 1e-6
KERNEL = MLPKernel(hidden=4, activation="silu", features=("offset", "content", "product"))
QUADRATURES = {
    "monte-carlo": MonteCarlo(6, tile=4),
    "importance": Importance(5, near=2, tile=4),
    "far-only": Importance(5, near=0, uniform=0.5, tile=4),
}
SAMPLED = MonteCarlo | Importance
Tensors = dict[str, Tensor]
# normaliser, causal, padded: `mean` is refused on causal domains, whose measure grows.
SETTINGS = [
    ("none", False, False),
    ("none", False, True),
    ("none", True, False),
    ("none", True, True),
    ("sigmoid", True, True),
    ("mean", False, False),
    ("mean", False, True),
]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """On tensors this small a second thread costs more than it brings."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def make(
    quadrature: SAMPLED | Window | str, normaliser: str = "none", *, causal: bool = False, seed: int = 0
) -> IntegralTransform:
    layer = IntegralTransform(
        DIM, heads=2, kernel=KERNEL, normaliser=normaliser, causal=causal, quadrature=quadrature, seed=seed
    )
    return layer.double().eval()


def domain_of(normaliser: str, *, padded: bool) -> Domain:
    """A sequence; for `mean`, which needs a bounded domain, a grid whose cells do not weigh 1."""
    valid = torch.arange(POINTS) < torch.tensor([[POINTS], [POINTS - 7]]) if padded else None
    return Grid(POINTS, 0.5, valid=valid) if normaliser == "mean" else Sequence(valid=valid)


def inputs() -> Tensor:
    return torch.randn(BATCH, POINTS, DIM, dtype=torch.float64)


def expectation(layer: IntegralTransform, u: Tensor, domain: Domain | None) -> Tensor:
    """What the layer's outputs average to: the same parameters with every point visited."""
    problem = layer.problem(u, layer.geometry(u, domain))
    heads = layer.kernel(u, domain) @ problem.values
    out = layer.out(heads.transpose(1, 2).flatten(2))
    return out if layer.pointwise is None else out + layer.pointwise(problem.u)


def call(layer: IntegralTransform, u: Tensor, domain: Domain, parameters: Tensors, buffers: Tensors) -> Tensor:
    return functional_call(layer, (parameters, buffers), (u, domain))


def over_steps(layer: IntegralTransform, u: Tensor, domain: Domain | None, steps: int = STEPS) -> Tensor:
    """The output at steps 0, 1, 2, ...: [steps, B, N, C]."""
    at = vmap(lambda step: functional_call(layer, {"step": step}, (u, domain)), chunk_size=500)
    with torch.no_grad():
        return at(torch.arange(steps))


def assert_unbiased(estimates: Tensor, truth: Tensor) -> None:
    """No entry's mean over the S independent estimates is further from the truth than chance allows.

    z = (mean - truth) / (standard deviation / sqrt(S)) is standard normal, up to O(1 / sqrt(S)). With Bonferroni's
    correction over all entries a correct estimator fails with probability below FALSE_ALARMS = 1e-6.
    """
    limit = NormalDist().inv_cdf(1 - FALSE_ALARMS / (2 * truth.numel()))
    truth = truth.detach()
    spread = estimates.std(0) / len(estimates) ** 0.5
    error = (estimates.mean(0) - truth).abs()
    exact = 1e-10 * truth.abs().clamp_min(1)
    assert (error <= limit * spread + exact).all(), f"off by {float((error / (spread + exact)).max()):.1f} deviations"


class TestExpectation:
    @pytest.mark.parametrize("quadrature", list(QUADRATURES))
    def test_is_the_full_integral(self, quadrature: str) -> None:
        for normaliser, causal, padded in SETTINGS:
            layer = make(QUADRATURES[quadrature], normaliser, causal=causal)
            u, domain = inputs(), domain_of(normaliser, padded=padded)
            estimates = over_steps(layer, u, domain)
            assert estimates.std(0).max() > 0.01
            assert_unbiased(estimates, expectation(layer, u, domain))

    def test_on_a_weighted_set(self) -> None:
        domain = Set(torch.rand(POINTS) + 0.2, valid=torch.rand(BATCH, POINTS) > 0.3)
        for quadrature in (QUADRATURES["monte-carlo"], QUADRATURES["far-only"]):
            layer = IntegralTransform(
                DIM, heads=2, kernel=MLPKernel(features=("product",)), normaliser="mean", quadrature=quadrature
            )
            layer, u = layer.double().eval(), inputs()
            assert_unbiased(over_steps(layer, u, domain, 2000), expectation(layer, u, domain))

    def test_with_a_clock(self) -> None:
        layer = IntegralTransform(
            DIM,
            heads=2,
            kernel=FactorisedKernel(rank=2, decay="clock"),
            measure="clock",
            causal=True,
            quadrature=QUADRATURES["importance"],
        )
        layer, u = layer.double().eval(), inputs()
        assert_unbiased(over_steps(layer, u, None, 2000), expectation(layer, u, None))

    @pytest.mark.parametrize("quadrature", list(QUADRATURES))
    def test_of_the_gradient(self, quadrature: str) -> None:
        """d/d theta of the estimate has the expectation d/d theta: the proposal is a constant to it."""
        layer, u = make(QUADRATURES[quadrature], causal=True), inputs()
        weights = torch.randn_like(u)
        names = ("value", "kernel_module.content_row", "kernel_module.offset")
        parameters = {name: part.detach() for name, part in layer.named_parameters() if name in names}

        def loss(parameters: dict[str, Tensor], step: Tensor) -> Tensor:
            return (functional_call(layer, {**parameters, "step": step}, (u,)) * weights).sum()

        slopes = vmap(grad(loss), (None, 0), chunk_size=250)(parameters, torch.arange(1500))
        y = (expectation(layer, u, None) * weights).sum()
        truths = torch.autograd.grad(y, [layer.get_parameter(name) for name in names])
        for name, truth in zip(names, truths, strict=True):
            assert slopes[name].std() > 0
            assert_unbiased(slopes[name].detach(), truth)

    def test_the_check_has_teeth(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Weights 1 / (m q), right for draws with replacement, are biased here; the check above notices."""
        proposals = {}

        def remembering(q: Tensor, samples: int) -> Tensor:
            proposals["q"] = q
            return inclusion(q, samples)

        def biased(pi: Tensor, start: Tensor, slots: int) -> tuple[Tensor, Tensor]:
            index, weight = systematic(pi, start, slots)
            drawn = proposals["q"].gather(-1, index)
            return index, torch.where(weight > 0, 1 / (slots * drawn.clamp_min(1e-300)), 0.0)

        layer, u = make(Importance(10, near=0, uniform=0.05, tile=4)), inputs()
        truth = expectation(layer, u, None)
        assert_unbiased(over_steps(layer, u, None), truth)
        monkeypatch.setattr(sampled, "inclusion", remembering)
        monkeypatch.setattr(sampled, "systematic", biased)
        with pytest.raises(AssertionError, match="deviations"):
            assert_unbiased(over_steps(layer, u, None), truth)

    def test_ratios_have_a_bias_that_falls_with_the_sample_size(self) -> None:
        """Under `sum` and `softmax` the bias is O(1/m): four times the samples leave less than half of it."""
        spec = MLPKernel(hidden=4, features=("content", "product"))
        u = torch.randn(1, 64, DIM, dtype=torch.float64)
        for normaliser in ("sum", "softmax"):
            biases = []
            for samples in (4, 16):
                layer = IntegralTransform(
                    DIM, kernel=spec, normaliser=normaliser, quadrature=MonteCarlo(samples, tile=64), pointwise=False
                )
                torch.manual_seed(1)
                for name, part in layer.named_parameters():
                    torch.nn.init.normal_(part, 2.0 if name.endswith("out_bias") else 0.0, 0.5)
                layer = layer.double().eval()
                estimates, truth = over_steps(layer, u, None, 4000), expectation(layer, u, None)
                biases.append((estimates.mean(0) - truth).norm())
            assert biases[1] < biases[0] / 2


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


@pytest.mark.parametrize("normaliser", ["none", "sum", "sigmoid", "softmax", "mean"])
def test_enough_samples_make_it_exact(normaliser: str) -> None:
    enough = (MonteCarlo(POINTS, tile=5), Importance(POINTS, near=2, tile=5), MonteCarlo(99, tile=99))
    for quadrature, causal, padded in itertools.product(enough, (False, True), (False, True)):
        if causal and normaliser == "mean":
            continue
        layer, u = make(quadrature, normaliser, causal=causal), inputs()
        domain = domain_of(normaliser, padded=padded)
        expected = expectation(layer, u, domain)
        torch.testing.assert_close(layer(u, domain), expected, rtol=1e-9, atol=1e-9)


class TestRandomness:
    @pytest.mark.parametrize("quadrature", list(QUADRATURES))
    def test_comes_from_seed_step_and_index_alone(self, quadrature: str) -> None:
        layer, u = make(QUADRATURES[quadrature], causal=True), inputs()
        y = layer(u)
        assert torch.equal(y, layer(u))
        torch.testing.assert_close(y[1:], layer(u[1:]), rtol=1e-12, atol=1e-12)
        for name, other in (("step", torch.tensor(1)), ("seed", torch.tensor(1))):
            assert not torch.allclose(y, functional_call(layer, {name: other}, (u,)))
        layer.index = 1
        assert not torch.allclose(y, layer(u))

    @pytest.mark.parametrize("quadrature", [*QUADRATURES.values(), Window(3), "full"])
    def test_moves_on_in_training_only(self, quadrature: SAMPLED | Window | str) -> None:
        layer, u = make(quadrature), inputs()
        layer(u)
        assert layer.step == 0
        layer.train()
        first, second = layer(u), layer(u)
        moves = isinstance(quadrature, (MonteCarlo, Importance))
        assert layer.step == (2 if moves else 0)
        assert torch.equal(first, second) != moves

    @pytest.mark.parametrize("quadrature", list(QUADRATURES))
    def test_stacked_replicas_equal_each_alone(self, quadrature: str) -> None:
        for causal, normaliser in itertools.product((False, True), ("none", "softmax")):
            layers = [make(QUADRATURES[quadrature], normaliser, causal=causal, seed=seed) for seed in (5, 6, 7)]
            u, domain = inputs(), domain_of("none", padded=True)
            parameters, buffers = stack_module_state(layers)
            stacked = vmap(partial(call, layers[0], u, domain))(parameters, buffers)
            stacked.sin().sum().backward()
            for replica, layer in enumerate(layers):
                y = layer(u, domain)
                torch.testing.assert_close(stacked[replica], y, rtol=1e-10, atol=1e-10)
                y.sin().sum().backward()
                for name, part in layer.named_parameters():
                    if part.numel():
                        torch.testing.assert_close(parameters[name].grad[replica], part.grad, rtol=1e-8, atol=1e-8)


class TestPadding:
    @pytest.mark.parametrize("quadrature", list(QUADRATURES))
    def test_is_never_read(self, quadrature: str) -> None:
        """Not even NaN at padded points reaches the others."""
        layer, domain = make(QUADRATURES[quadrature]), Sequence(valid=torch.rand(BATCH, POINTS) > 0.6)
        u, valid = inputs(), domain.valid
        expected = layer(u, domain)
        for garbage in (torch.nan, torch.inf, 1e200):
            found = layer(u.masked_fill(~valid.unsqueeze(-1), garbage), domain)
            torch.testing.assert_close(found[valid], expected[valid], rtol=1e-9, atol=1e-9)

    def test_a_wholly_padded_sample_harms_no_other(self) -> None:
        layer, u = make(QUADRATURES["importance"]), inputs()
        valid = torch.ones(BATCH, POINTS, dtype=torch.bool)
        alone = layer(u[:1])
        valid[1] = False
        y = layer(u, Sequence(valid=valid))
        torch.testing.assert_close(y[:1], alone, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(y[1], layer.out.bias.expand(POINTS, -1))


def test_lengths_that_tiles_do_not_divide() -> None:
    for quadrature, points in itertools.product(QUADRATURES.values(), (1, 2, 3, 4, 5, 63)):
        layer = make(quadrature, causal=True).float()
        u = torch.randn(1, points, DIM)
        y = layer(u)
        y.sum().backward()
        assert y.shape == u.shape
        assert y.isfinite().all()
        assert all(part.grad.isfinite().all() for part in layer.parameters() if part.grad is not None)


def test_sees_no_future() -> None:
    for quadrature, normaliser in itertools.product(QUADRATURES.values(), ("none", "softmax")):
        layer, u = make(quadrature, normaliser, causal=True), inputs()
        changed = u.clone()
        changed[:, 12:] += 3
        # Tiles of 4 end before point 12: no earlier sample depends on what follows.
        assert torch.equal(layer(changed)[:, :12], layer(u)[:, :12])


def test_importance_has_the_lower_variance() -> None:
    """With a local kernel the near field is most of the integral: that is what the quadrature is for."""
    spec = MLPKernel(layers=0, features=("fourier",), damped=True)
    u = torch.randn(1, 64, DIM, dtype=torch.float64)
    spread = {}
    for quadrature in (MonteCarlo(16), Importance(8, near=4)):
        torch.manual_seed(0)
        layer = IntegralTransform(DIM, kernel=spec, quadrature=quadrature).double().eval()
        spread[type(quadrature)] = float(over_steps(layer, u, None, 200).std(0).mean())
    assert spread[Importance] < spread[MonteCarlo] / 2


def test_refusals() -> None:
    u = torch.randn(1, 5, DIM)
    with pytest.raises(ValueError, match=r"plan 'sampled' cannot compute this layer: .*MonteCarlo"):
        IntegralTransform(DIM, plan="sampled")(u)
    on_a_graph = IntegralTransform(DIM, kernel=MLPKernel(features=()), quadrature=MonteCarlo(3))
    with pytest.raises(ValueError, match=r"on a Graph the edges say who sees whom"):
        on_a_graph(u, Graph(torch.zeros(2, 1), 5))
    assert IntegralTransform(DIM, quadrature=MonteCarlo(3)).chosen_plan(u) == "sampled"
