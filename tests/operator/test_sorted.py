"""What is particular to the sorted plan: local kernels at length, ties, and runs of every size."""

import pytest
import torch

from benchmarks.operator import local_kernel_error
from itnas import IntegralTransform, MLPKernel
from itnas.operator.plans import PLANS
from itnas.operator.plans.sorted_numba import BASE
from tests.operator.cases import assert_plan_agrees

DIM = 4


def make(activation: str = "relu", causal: bool = True) -> IntegralTransform:
    kernel = MLPKernel(hidden=3, activation=activation, features=("offset", "content"))
    return IntegralTransform(DIM, heads=2, kernel=kernel, causal=causal, value_dim=9).double()


@pytest.mark.parametrize("activation", ["relu", "relu2"])
@pytest.mark.parametrize("causal", [True, False])
def test_run_lengths(activation: str, causal: bool) -> None:
    for points in (1, BASE - 1, BASE, BASE + 1, 2 * BASE, 2 * BASE + 1, 5 * BASE, 8 * BASE + 3):
        assert_plan_agrees(make(activation, causal), torch.randn(2, points, DIM, dtype=torch.float64), None, "sorted")


@pytest.mark.parametrize("causal", [True, False])
def test_ties(causal: bool) -> None:
    """Equal keys, and pairs exactly at a unit's kink, where relu and its derivative are 0."""
    layer = make(causal=causal)
    u = torch.randn(1, 4, DIM, dtype=torch.float64)[:, torch.randint(0, 4, (70,))]
    assert_plan_agrees(layer, u, None, "sorted")
    with torch.no_grad():
        layer.kernel_module.content_row.zero_()
        layer.kernel_module.content_col.zero_()
        layer.kernel_module.bias.zero_()
    assert_plan_agrees(layer, u, None, "sorted")


@pytest.mark.parametrize("causal", [True, False])
def test_local_kernels_are_exact_at_length(causal: bool) -> None:
    """Hat functions of the offset: units that grow to thousands and cancel outside two taps. The bound is 1e-5."""
    for points in (700, 4096, 16384):
        assert local_kernel_error(points, causal=causal) < 1e-5


def test_long_sequences_agree_with_fused() -> None:
    layer = make().float()
    u = torch.randn(1, 3000, DIM)
    problem = layer.problem(u, layer.geometry(u, None))
    found, expected = PLANS["sorted"](problem).detach(), PLANS["fused"](problem).detach()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))
