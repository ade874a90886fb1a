"""The layer itself: what it computes from its kernel, its options, and inputs at the edge."""

import pytest
import torch
from torch import Tensor

from itnas import (
    Cloud,
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
from itnas.operator.normaliser import NORMALISERS
from itnas.operator.plans import PLANS
from tests.operator.cases import positive_sums

DIM = 6


def double(**options: object) -> IntegralTransform:
    return IntegralTransform(DIM, **{"heads": 2, "value_dim": 3, **options}).double()


def inputs(points: int = 9, batch: int = 2) -> Tensor:
    return torch.randn(batch, points, DIM, dtype=torch.float64)


@pytest.mark.parametrize("normaliser", list(NORMALISERS))
@pytest.mark.parametrize("measure", ["domain", "uniform", "clock"])
def test_the_output_is_kernel_times_values(normaliser: str, measure: str) -> None:
    layer = double(normaliser=normaliser, measure=measure, out_dim=5)
    u, domain = inputs(12), Grid((3, 4), 0.5)
    values = torch.nn.functional.linear(u, layer.value).unflatten(-1, (2, 3)).transpose(1, 2)
    heads = (layer.kernel(u, domain) @ values).transpose(1, 2).flatten(2)
    torch.testing.assert_close(layer(u, domain), layer.out(heads) + layer.pointwise(u))


@pytest.mark.parametrize(("normaliser", "expected"), [("softmax", 1.0), ("sum", 1.0)])
def test_normalised_rows_sum_to_one(normaliser: str, expected: float) -> None:
    layer = positive_sums(double(normaliser=normaliser, causal=True))
    rows = layer.kernel(inputs(), Sequence(weights=torch.rand(9))).sum(-1)
    torch.testing.assert_close(rows, torch.full_like(rows, expected))


def test_mean_divides_by_the_measure_of_the_support() -> None:
    layer, weights = double(normaliser="mean"), torch.rand(9, dtype=torch.float64)
    plain = double(normaliser="none")
    plain.load_state_dict(layer.state_dict())
    u, domain = inputs(), Cloud(torch.randn(9, 2), weights)
    torch.testing.assert_close(layer.kernel(u, domain), plain.kernel(u, domain) / weights.sum())


def test_iterate_applies_the_same_weights_again() -> None:
    layer = double(iterate=3)
    u = inputs()
    kernels = layer.kernels(u)
    once = double()
    once.load_state_dict(layer.state_dict())
    torch.testing.assert_close(layer(u), once(once(once(u))))
    torch.testing.assert_close(kernels[2], once.kernel(once(once(u))))
    assert len(kernels) == 3


def test_rms_norm_keeps_unnormalised_sums_at_unit_size() -> None:
    layer = double(rms_norm=True, pointwise=False, kernel=MLPKernel(features=("content",)))
    size = layer(inputs(500)).square().mean(-1).sqrt()
    torch.testing.assert_close(size, torch.ones_like(size), rtol=1e-6, atol=0)


@pytest.mark.parametrize("plan", [name for name in PLANS if name not in ("dense", "sampled")])
def test_every_plan_runs_at_every_small_size(plan: str) -> None:
    """No points, no samples, one point."""
    kernels = {"scan": FactorisedKernel(decay="clock"), "sdpa": MLPKernel(layers=0, features=("product",))}
    kernel = kernels.get(plan, MLPKernel(features=("offset",)))
    normaliser = "softmax" if plan == "sdpa" else "none"
    layer = double(
        plan=plan,
        kernel=kernel,
        normaliser=normaliser,
        quadrature=Window(2) if plan == "gather" else "full",
        causal=True,
    )
    for batch, points in [(0, 5), (3, 0), (0, 0), (3, 1)]:
        u = inputs(points, batch).requires_grad_()
        y = layer(u)
        assert y.shape == (batch, points, DIM)
        y.sum().backward()
        assert torch.isfinite(y).all()
        assert torch.isfinite(u.grad).all()


@pytest.mark.parametrize("normaliser", list(NORMALISERS))
@pytest.mark.parametrize("plan", ["dense", "fused"])
def test_points_that_see_nothing_are_finite(normaliser: str, plan: str) -> None:
    kernel = MLPKernel(features=("content", "product"))
    layer = double(normaliser=normaliser, plan=plan, pointwise=False, kernel=kernel, measure="clock")
    u = inputs().requires_grad_()
    valid = torch.tensor([[True] * 6 + [False] * 3, [False] * 9])
    y = layer(u, Set(valid=valid))
    y.sum().backward()
    assert torch.isfinite(y).all()
    assert torch.isfinite(u.grad).all()
    torch.testing.assert_close(y[1], layer.out.bias.expand(9, -1))
    assert all(torch.isfinite(part.grad).all() for part in layer.parameters())


@pytest.mark.parametrize("plan", ["dense", "fused"])
def test_padding_changes_nothing_for_the_others(plan: str) -> None:
    for normaliser in NORMALISERS:
        layer = double(normaliser=normaliser, plan=plan, kernel=MLPKernel(features=("content", "product")))
        u, valid = inputs(), torch.tensor([True] * 6 + [False] * 3)
        torch.testing.assert_close(layer(u, Set(valid=valid))[:, :6], layer(u[:, :6], Set()))
        for rubbish in (1e30, float("inf"), float("nan")):
            garbage = torch.where(valid[:, None], u, torch.full_like(u, rubbish)).requires_grad_()
            y = layer(garbage, Set(valid=valid))
            torch.testing.assert_close(y[:, :6], layer(u[:, :6], Set()))
            y.sum().backward()
            assert torch.isfinite(garbage.grad).all()


@pytest.mark.parametrize("plan", ["dense", "fused", "sdpa"])
def test_huge_logits_stay_finite_under_softmax(plan: str) -> None:
    layer = double(normaliser="softmax", plan=plan, kernel=MLPKernel(layers=0, features=("product",))).float()
    u = (1e4 * inputs().float()).requires_grad_()
    y = layer(u)
    y.sum().backward()
    assert torch.isfinite(y).all()
    assert torch.isfinite(u.grad).all()


def test_nan_in_one_sample_stays_there() -> None:
    """A replica or a sample that dies must not take its neighbours along."""
    for plan in ("dense", "fused", "sorted"):
        layer = double(plan=plan, kernel=MLPKernel(features=("offset", "content")), causal=True)
        u = inputs()
        u[1, 4, 2] = float("nan")
        y = layer(u)
        assert torch.isfinite(y[0]).all()
        assert torch.isnan(y[1, 4:]).all()


def test_a_layer_without_position_dim_works_on_one_to_three_axes() -> None:
    layer = double(kernel=MLPKernel(features=("offset", "fourier", "position")))
    for domain in (Grid(12), Grid((3, 4)), Grid((3, 2, 2)), Cloud(torch.randn(12, 3))):
        assert layer(inputs(12), domain).shape == (2, 12, DIM)
    with pytest.raises(ValueError, match=r"at most 3 axes, but Cloud has 5: pass position_dim=5"):
        layer(inputs(12), Cloud(torch.randn(12, 5)))
    narrow = double(kernel=MLPKernel(features=("offset",), position_dim=1))
    with pytest.raises(ValueError, match=r"made for 1 axes, but Grid\(3, 4\) has 2"):
        narrow(inputs(12), Grid((3, 4)))


def test_state_dict_round_trip() -> None:
    kernel = MLPKernel(features=("offset", "fourier", "content", "product", "clock"), layers=2)
    first, second = double(kernel=kernel), double(kernel=kernel)
    second.load_state_dict(first.state_dict())
    u = inputs()
    assert torch.equal(first(u), second(u))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"heads": 0}, "heads must be at least 1, got heads=0"),
        ({"value_dim": 0}, "value_dim must be at least 1"),
        ({"iterate": 2, "out_dim": 3}, "needs out_dim = dim, got 3 and 6"),
        ({"normaliser": "sofmax"}, "unknown normaliser 'sofmax'.*did you mean 'softmax'"),
        ({"measure": "clok"}, "unknown measure 'clok'.*did you mean 'clock'"),
        ({"quadrature": "window"}, r"needs a size: pass itnas.Window\(width\)"),
        ({"quadrature": "widow"}, "unknown quadrature 'widow'"),
        ({"normaliser": "mean", "causal": True}, "normaliser 'mean' .* unbounded sequence .*Window"),
    ],
)
def test_bad_options_are_refused_in_one_sentence(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        IntegralTransform(DIM, **options)


def test_a_kernel_must_be_a_kernel() -> None:
    with pytest.raises(TypeError, match=r"itnas\.MLPKernel"):
        IntegralTransform(DIM, kernel="mlp")


@pytest.mark.parametrize(
    ("options", "domain", "message"),
    [
        ({}, Sequence(torch.zeros(4)), "Sequence times has shape"),
        ({}, Grid((2, 2)), r"Grid\(2, 2\) has 4 cells, but the input has 9 points"),
        ({}, Set(), "reads offset, but a Set has no positions"),
        ({"kernel": MLPKernel(features=("clock",))}, Cloud(torch.randn(9, 2)), "clock runs along an order"),
        ({"kernel": FactorisedKernel(decay="position")}, Cloud(torch.randn(9, 2)), "needs points in order"),
        ({"causal": True}, Cloud(torch.randn(9, 2)), "causal=True needs points in order"),
        ({"normaliser": "mean"}, None, "normaliser 'mean'"),
        ({"quadrature": Window(2), "kernel": MLPKernel(features=())}, Set(), "needs distances"),
        ({"quadrature": MonteCarlo(3), "kernel": MLPKernel(features=())}, Graph(torch.zeros(2, 0), 9), "on a Graph"),
    ],
)
def test_what_a_domain_cannot_serve_is_refused(options: dict[str, object], domain: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        double(**options)(inputs(), domain)


def test_the_wrong_width_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must be \[batch, points, 6\], got shape \(2, 9, 5\)"):
        double()(torch.randn(2, 9, 5, dtype=torch.float64))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Window(0), "width must be positive"),
        (lambda: MonteCarlo(0), "at least 1, got samples=0"),
        (lambda: Importance(4, near=-1), "near must not be negative"),
        (lambda: Importance(4, uniform=0), "estimate would be biased"),
    ],
)
def test_bad_quadratures_are_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
