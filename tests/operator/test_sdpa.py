"""The plan `sdpa` against `dense`: value and every gradient."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad, stack_module_state, vmap

from itnas.operator import Domain, Graph, IntegralTransform, MLPKernel, MonteCarlo, Sequence, Set, Window

DIM = 12
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-4}


def attention(plan: str, seed: int = 0, **settings: Any) -> IntegralTransform:
    torch.manual_seed(seed)
    kernel = MLPKernel(layers=0, features=("product",), **settings.pop("kernel", {}))
    layer = IntegralTransform(DIM, kernel=kernel, plan=plan, **{"heads": 2, "normaliser": "softmax", **settings})
    with torch.no_grad():
        for name, part in layer.named_parameters():
            if name.endswith("_bias"):
                part.normal_()
    return layer


def evaluate(layer: IntegralTransform, u: Tensor, domain: Domain | None) -> list[Tensor]:
    """The output, and the gradients of the input and of every parameter."""
    u = u.detach().requires_grad_()
    y = layer(u, domain)
    probe = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view(y.shape).sin()
    return [y, *torch.autograd.grad((y * probe).sum(), [u, *layer.parameters()])]


def assert_same(got: list[Tensor], expected: list[Tensor], tolerance: float) -> None:
    """To `tolerance` of the largest entry; a bias that cancels has no gradient but rounding, so there is a floor."""
    floor = 1e-2 * max(float(part.detach().abs().max()) for part in expected)
    for one, other in zip(got, expected, strict=True):
        scale = max(float(other.detach().abs().max()), floor)
        torch.testing.assert_close(one, other, rtol=0, atol=tolerance * scale)


def assert_agrees(u: Tensor, domain: Domain | None = None, **settings: Any) -> None:
    dense, fast = (attention(plan, **settings).to(u.dtype) for plan in ("dense", "sdpa"))
    assert fast.chosen_plan(u, domain) == "sdpa"
    assert_same(evaluate(fast, u, domain), evaluate(dense, u, domain), TOLERANCE[u.dtype])


def padding(batch: int, length: int) -> Tensor:
    """Samples of different lengths, one with its first points missing, one with all of them missing."""
    places = torch.arange(length)
    valid = places < torch.randint(1, length + 1, (batch, 1))
    valid[0] = places >= length // 2
    valid[-1] = False
    return valid


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("length", [1, 2, 63, 100, 300])
def test_agrees_with_dense_at_awkward_lengths(length: int, causal: bool, dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    assert_agrees(torch.randn(2, length, DIM, dtype=dtype), causal=causal)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("measure", ["domain", "clock"])
@pytest.mark.parametrize("causal", [False, True])
def test_padding_takes_no_part_and_rows_that_see_nothing_are_zero(
    causal: bool, measure: str, dtype: torch.dtype
) -> None:
    torch.manual_seed(1)
    u, domain = torch.randn(4, 63, DIM, dtype=dtype), Sequence(valid=padding(4, 63))
    assert_agrees(u, domain, causal=causal, measure=measure)
    layer = attention("sdpa", causal=causal, measure=measure, pointwise=False, bias=False).to(dtype)
    assert layer(u, domain)[-1].eq(0).all()
    assert all(part.isfinite().all() for part in evaluate(layer, u, domain))


@pytest.mark.parametrize("causal", [False, True])
def test_measure_weights_the_points(causal: bool) -> None:
    torch.manual_seed(1)
    u, weights = torch.randn(3, 20, DIM, dtype=torch.float64), torch.rand(3, 20)
    weights[:, ::3] = 0
    assert_agrees(u, Sequence(weights=weights), causal=causal)
    assert_agrees(u, causal=causal, measure="clock")


def test_takes_sets() -> None:
    torch.manual_seed(1)
    assert_agrees(torch.randn(3, 20, DIM, dtype=torch.float64), Set(valid=padding(3, 20)))


@pytest.mark.parametrize("value_dim", [1, 8, 15])
@pytest.mark.parametrize("kernel", [{}, {"product_dim": 3}, {"products": 3, "product_dim": 5, "shared": True}])
def test_takes_several_products_and_any_widths(value_dim: int, kernel: dict[str, Any]) -> None:
    torch.manual_seed(1)
    u = torch.randn(2, 20, DIM, dtype=torch.float64)
    assert_agrees(u, value_dim=value_dim, kernel=kernel)
    assert_agrees(u, Sequence(valid=padding(2, 20)), value_dim=value_dim, kernel=kernel, causal=True)


def test_sharp_attention_stays_finite() -> None:
    torch.manual_seed(1)
    u = 100 * torch.randn(2, 40, DIM, dtype=torch.float64)
    assert_agrees(u, causal=True)
    assert all(part.isfinite().all() for part in evaluate(attention("sdpa", causal=True), u.float(), None))


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize(
    "settings", [{}, {"causal": True}, {"measure": "clock"}, {"measure": "clock", "causal": True}, {"heads": 1}]
)
def test_stacked_replicas_equal_the_loop(settings: dict[str, Any], padded: bool) -> None:
    torch.manual_seed(1)
    layers = [attention("sdpa", seed, **settings).double() for seed in range(3)]
    u, domain = torch.randn(3, 4, 20, DIM, dtype=torch.float64), Sequence(valid=padding(4, 20)) if padded else None
    parameters, buffers = stack_module_state(layers)

    def run(own: dict[str, Tensor], fixed: dict[str, Tensor], inputs: Tensor) -> Tensor:
        return functional_call(layers[0], (own, fixed), (inputs, domain))

    def loss(own: dict[str, Tensor], fixed: dict[str, Tensor], inputs: Tensor) -> Tensor:
        return run(own, fixed, inputs).square().sum()

    y = vmap(run)(parameters, buffers, u)
    outside = torch.autograd.grad(y.square().sum(), list(parameters.values()))
    inside = vmap(grad(loss))(parameters, buffers, u)
    alone = [layer(part, domain) for layer, part in zip(layers, u, strict=True)]
    expected = [
        torch.autograd.grad(part.square().sum(), list(layer.parameters()))
        for layer, part in zip(layers, alone, strict=True)
    ]
    stacked = [torch.stack(parts) for parts in zip(*expected, strict=True)]
    assert_same([y, *outside], [torch.stack(alone), *stacked], 1e-12)
    assert_same(list(inside.values()), stacked, 1e-12)


def test_stacked_replicas_of_one_input() -> None:
    layers = [attention("sdpa", seed, causal=True).double() for seed in range(3)]
    parameters, buffers = stack_module_state(layers)
    u = torch.randn(2, 20, DIM, dtype=torch.float64)
    y = vmap(lambda *state: functional_call(layers[0], state, (u,)))(parameters, buffers)
    torch.testing.assert_close(y, torch.stack([layer(u) for layer in layers]), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("settings", "domain", "reason"),
    [
        ({"normaliser": "sigmoid"}, None, "by 'sigmoid'"),
        ({"kernel": {"hidden": 4}, "layers": 1}, None, "not linear in its features"),
        ({"features": ("product", "offset")}, None, "reads product, offset"),
        ({"features": ()}, None, "reads nothing"),
        ({"quadrature": Window(3)}, None, "Window"),
        ({"quadrature": MonteCarlo(3)}, None, "MonteCarlo"),
        ({}, Graph(torch.tensor([[0, 1], [1, 2]]), num_nodes=5), "edges"),
        ({}, Sequence(weights=torch.tensor([1.0, -1.0, 1.0, 1.0, 1.0])), "negative"),
    ],
)
def test_refuses_what_is_not_attention(settings: dict[str, Any], domain: Domain | None, reason: str) -> None:
    layers, features = settings.pop("layers", 0), settings.pop("features", ("product",))
    kernel = MLPKernel(layers=layers, features=features, **settings.pop("kernel", {}))
    layer = IntegralTransform(DIM, kernel=kernel, plan="sdpa", **{"normaliser": "softmax", **settings})
    with pytest.raises(ValueError, match=f"plan 'sdpa' cannot compute this layer: .*{reason}"):
        layer(torch.randn(1, 5, DIM), domain)


def test_cost_grows_with_the_pairs() -> None:
    layer = attention("sdpa")
    costs = []
    for length in (64, 1024, 4096):
        u = torch.randn(1, length, DIM)
        problem = layer._problem(u, layer._geometry(u, None))
        costs.append(__import__("itnas.operator.plans", fromlist=["PLANS"]).PLANS["sdpa"].cost(problem))
    assert costs[0] < costs[1] < costs[2] / 8
