"""The sampled quadratures are unbiased where they promise to be, in value and in every gradient.

Randomness is a function of (seed, step, index), so every test here gives the same verdict each time it runs. The
false-alarm rates say how often another choice of seeds would fail a correct estimator.
"""

from statistics import NormalDist

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap

from itnas import FactorisedKernel, Importance, IntegralTransform, MLPKernel, MonteCarlo, Set
from itnas.operator.plans import sampled
from itnas.operator.sampling import inclusion, systematic
from tests.operator.quadratures import (
    BATCH,
    DIM,
    FALSE_ALARMS,
    POINTS,
    QUADRATURES,
    domain_of,
    expectation,
    inputs,
    make,
    over_steps,
)

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
