"""What is particular to the plan `sdpa`: its logarithm of the measure, its widths, its rule for replicas."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import jacrev

from itnas import Graph, IntegralTransform, MLPKernel, MonteCarlo, Sequence, Set, Window
from itnas.operator import Domain
from itnas.operator.plans import PLANS
from tests.operator.cases import value_and_gradients
from tests.operator.stacks import assert_stack_agrees

DIM = 6
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-4}


def make(*, causal: bool = False, measure: str = "domain", value_dim: int = 3, **kernel: Any) -> IntegralTransform:
    spec = MLPKernel(layers=0, features=("product",), **kernel)
    layer = IntegralTransform(
        DIM, heads=2, kernel=spec, normaliser="softmax", causal=causal, measure=measure, value_dim=value_dim
    )
    with torch.no_grad():
        for name in ("bias", "query_bias", "key_bias"):
            getattr(layer.kernel_module, name).normal_()
    return layer.double()


def assert_agrees(layer: IntegralTransform, u: Tensor, domain: Domain | None = None) -> None:
    expected, found = (value_and_gradients(layer, u, domain, plan) for plan in ("dense", "sdpa"))
    # What is the same for all keys cancels, and its gradient is rounding: measured against the largest gradient.
    floor = 1e-2 * max(float(part.abs().max()) for part in expected.values())
    for name, part in expected.items():
        error = float((found[name] - part).abs().max()) / max(float(part.abs().max()), floor)
        assert error <= TOLERANCE[u.dtype], f"{name} is off by {error:.1e}"


def padding(batch: int, points: int) -> Tensor:
    """Samples of different lengths; the first lacks its beginning, the last all its points."""
    places = torch.arange(points)
    valid = places < torch.randint(1, points + 1, (batch, 1))
    valid[0], valid[-1] = places >= points // 2, False
    return valid


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("causal", [True, False])
def test_agrees_with_dense_at_awkward_lengths(causal: bool, dtype: torch.dtype) -> None:
    for points in (1, 2, 63, 100, 300):
        layer = make(causal=causal).to(dtype)
        u = torch.randn(2, points, DIM, dtype=dtype)
        assert_agrees(layer, u)


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("measure", ["domain", "clock"])
@pytest.mark.parametrize("causal", [True, False])
def test_rows_that_see_nothing_are_zero(causal: bool, measure: str, dtype: torch.dtype) -> None:
    layer = make(causal=causal, measure=measure).to(dtype)
    u, domain = torch.randn(4, 63, DIM, dtype=dtype), Sequence(valid=padding(4, 63))
    assert_agrees(layer, u, domain)
    problem = layer.problem(u, layer.geometry(u, domain))
    y = PLANS["sdpa"](problem)
    assert y[-1].eq(0).all()
    assert y[0, :, : 63 // 2].eq(0).all() == causal


@pytest.mark.parametrize("causal", [True, False])
def test_the_measure_weighs_points(causal: bool) -> None:
    weights = torch.rand(3, 20)
    weights[:, ::3] = 0
    u = torch.randn(3, 20, DIM, dtype=torch.float64)
    assert_agrees(make(causal=causal), u, Sequence(weights=weights))
    assert_agrees(make(causal=causal, measure="clock"), u)


@pytest.mark.parametrize("value_dim", [1, 8, 15])
@pytest.mark.parametrize("kernel", [{}, {"product_dim": 3}, {"products": 3, "product_dim": 5, "shared": True}])
def test_any_widths_and_several_products(value_dim: int, kernel: dict[str, Any]) -> None:
    u = torch.randn(3, 20, DIM, dtype=torch.float64)
    assert_agrees(make(value_dim=value_dim, **kernel), u, Set(valid=padding(3, 20)))
    assert_agrees(make(value_dim=value_dim, causal=True, **kernel), u)
    assert_agrees(make(value_dim=value_dim, causal=True, **kernel), u, Sequence(valid=padding(3, 20)))


def test_sharp_attention_stays_finite() -> None:
    layer, u = make(causal=True), 30 * torch.randn(2, 40, DIM, dtype=torch.float64)
    assert_agrees(layer, u)
    found = value_and_gradients(layer.float(), u.float(), None, "sdpa")
    assert all(part.isfinite().all() for part in found.values())


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("measure", ["domain", "clock"])
@pytest.mark.parametrize("causal", [True, False])
def test_stacked_replicas_equal_the_loop(causal: bool, measure: str, padded: bool) -> None:
    replicas = [make(causal=causal, measure=measure) for _ in range(3)]
    for replica in replicas:
        replica.plan = "sdpa"
    domain = Sequence(valid=padding(4, 20)) if padded else None
    assert_stack_agrees(replicas, torch.randn(4, 20, DIM, dtype=torch.float64), domain)


def test_its_jacobian() -> None:
    layer = make(causal=True)
    jacobians = []
    for plan in ("dense", "sdpa"):
        layer.plan = plan
        jacobians.append(jacrev(layer)(torch.randn(1, 7, DIM, generator=torch.Generator().manual_seed(1)).double()))
    torch.testing.assert_close(jacobians[1], jacobians[0], rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("kernel", "options", "domain", "reason"),
    [
        ({}, {"normaliser": "sigmoid"}, None, "by 'sigmoid'"),
        ({"layers": 1}, {}, None, "not linear in its features"),
        ({"features": ("product", "offset")}, {}, None, "reads product, offset"),
        ({"features": ()}, {}, None, "reads nothing"),
        ({}, {"quadrature": Window(3)}, None, "Window"),
        ({}, {"quadrature": MonteCarlo(3)}, None, "MonteCarlo"),
        ({}, {}, Graph(torch.tensor([[0, 1], [1, 2]]), 5), "edges"),
        ({}, {}, Sequence(weights=torch.tensor([1.0, -1.0, 1.0, 1.0, 1.0])), "negative"),
    ],
)
def test_refuses_what_is_not_attention(
    kernel: dict[str, Any], options: dict[str, Any], domain: Domain | None, reason: str
) -> None:
    spec = MLPKernel(**{"layers": 0, "features": ("product",), **kernel})
    layer = IntegralTransform(DIM, kernel=spec, plan="sdpa", **{"normaliser": "softmax", **options})
    with pytest.raises(ValueError, match=f"plan 'sdpa' cannot compute this layer: .*{reason}"):
        layer(torch.randn(1, 5, DIM), domain)
