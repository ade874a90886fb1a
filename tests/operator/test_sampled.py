"""The sampled quadratures: exact where they can be, random by counter alone, and blind to padding and the future."""

import itertools
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, stack_module_state, vmap

from itnas import Graph, Importance, IntegralTransform, MLPKernel, MonteCarlo, Sequence, Window
from itnas.operator import Domain
from tests.operator.quadratures import (
    BATCH,
    DIM,
    POINTS,
    QUADRATURES,
    SAMPLED,
    domain_of,
    expectation,
    inputs,
    make,
    over_steps,
)

Tensors = dict[str, Tensor]


def call(layer: IntegralTransform, u: Tensor, domain: Domain, parameters: Tensors, buffers: Tensors) -> Tensor:
    return functional_call(layer, (parameters, buffers), (u, domain))


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
