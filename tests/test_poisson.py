"""Universal approximation with teeth: the Green's function of Poisson's equation, learned from examples."""

import pytest
import torch

from benchmarks import poisson


def test_the_reference_solves_the_equation() -> None:
    """-u'' = f for f = pi^2 sin(pi x) has the solution sin(pi x)."""
    x = (torch.arange(200, dtype=torch.float64) + 0.5) / 200
    f = torch.pi**2 * torch.sin(torch.pi * x)
    torch.testing.assert_close(poisson.solve(f[None])[0], torch.sin(torch.pi * x), rtol=0, atol=1e-4)


@pytest.mark.slow
def test_one_layer_learns_greens_function_and_holds_at_four_times_the_resolution() -> None:
    layer = poisson.train()
    assert poisson.relative_error(layer, 64) <= 0.02
    assert poisson.relative_error(layer, 256) <= 0.02
    assert poisson.green_error(layer, 256) <= 0.03


@pytest.mark.slow
def test_without_positions_a_third_is_missing() -> None:
    """The best kernel of the offset alone: the test above could not be passed by a convolution."""
    assert poisson.relative_error(poisson.train(("offset",), steps=1000), 64) > 0.3
