"""Fidelity against its formula in numpy, its intervals against repeated draws, and what other points account for."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from itnas import FactorisedKernel, IntegralTransform, MLPKernel, genes
from itnas.behaviour.fidelity import Fidelity, Judge, OutputJudge, Span, TaskJudge, context_share, ratio
from itnas.behaviour.scene import Scene
from itnas.behaviour.sites import listen
from itnas.models.mixers import MIXERS, Placement

B, N, C = 64, 16, 6
Array = NDArray[np.float64]


def scene_of(layer: nn.Module, u: Tensor) -> Scene:
    (heard,) = listen(layer, lambda: layer(u))
    return Scene(heard.subject, heard.inputs)


def inputs(samples: int = B) -> Tensor:
    return torch.randn(samples, N, C, dtype=torch.float64)


LAYERS: dict[str, Callable[[], nn.Module]] = {
    "integral": lambda: IntegralTransform(C, heads=2, kernel=MLPKernel(features=("offset", "product")), causal=True),
    "with a norm": lambda: IntegralTransform(C, heads=2, kernel=FactorisedKernel(rank=2), rms_norm=True),
    "without a pointwise term": lambda: IntegralTransform(C, normaliser="softmax", pointwise=False, bias=False),
    "attention": lambda: MIXERS["attention"](genes.Attention(), Placement(C, True, 1)),
    "answers": lambda: MIXERS["gru"](genes.Gru(), Placement(C, True, 1)),
}


def fidelity(judge: Judge, kernel: Tensor) -> Fidelity:
    return judge.share(judge.worth(kernel))


def by_formula(said: Array, replaced: Array, pointwise: Array, rho: float) -> float:
    """F = 1 - (1 - R^2) / rho, centred per position over samples, without the pointwise term."""
    target, found = said - pointwise, replaced - pointwise
    target, found = target - target.mean(0), found - found.mean(0)
    r_squared = 1 - np.square(found - target).sum() / np.square(target).sum()
    return float(1 - (1 - r_squared) / rho)


@pytest.mark.parametrize("name", LAYERS)
def test_the_formula(name: str) -> None:
    with torch.no_grad():
        scene = scene_of(LAYERS[name]().double(), inputs())
        judge, kernel = OutputJudge(scene), scene.kernel
        said, pointwise = (scene.view.output(each).numpy() for each in (kernel, torch.zeros_like(kernel)))
        for other in (kernel, 0.5 * kernel, kernel.mean(0, keepdim=True).expand_as(kernel), torch.zeros_like(kernel)):
            expected = by_formula(said, scene.view.output(other).numpy(), pointwise, judge.rho)
            found = fidelity(judge, other)
            assert found.value == pytest.approx(expected, abs=1e-9)
            assert found.low <= found.value <= found.high
        assert fidelity(judge, kernel).value == pytest.approx(1)
        assert judge.span.significant(0.05)


def test_relative_to_a_base() -> None:
    with torch.no_grad():
        scene = scene_of(LAYERS["integral"]().double(), inputs())
        judge, kernel = OutputJudge(scene), scene.kernel
        base = torch.diag_embed(kernel.diagonal(dim1=-2, dim2=-1))
        worst = judge.worth(base)
        assert judge.share(worst, worst).value == pytest.approx(0)
        assert judge.share(judge.worth(kernel), worst).value == pytest.approx(1)
        # Half the way there is three quarters of the squares.
        assert judge.share(judge.worth((kernel + base) / 2), worst).value == pytest.approx(0.75)


def test_what_a_point_says_of_itself_earns_nothing() -> None:
    with torch.no_grad():
        scene = scene_of(ShiftAndOwn(own=2.0, before=1.0), inputs(400))
        # The first point has nobody before it.
        judge = OutputJudge(scene, rho=(N - 1) / (4 * N + N - 1))
        diagonal = torch.diag_embed(scene.kernel.diagonal(dim1=-2, dim2=-1))
        assert fidelity(judge, diagonal).value == pytest.approx(0, abs=0.05)
        assert fidelity(judge, scene.kernel - diagonal).value < -1
        assert fidelity(judge, scene.kernel).value == pytest.approx(1)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_that_says_the_same_of_all_says_nothing(name: str) -> None:
    u = inputs(1).expand(8, -1, -1)
    with torch.no_grad():
        judge = OutputJudge(scene_of(LAYERS[name]().double(), u))
    assert not judge.span.significant(0.05)


class ShiftAndOwn(nn.Module):
    """y_i = own u_i + before u_(i-1), by a convolution."""

    def __init__(self, *, own: float, before: float) -> None:
        super().__init__()
        self.taps = MIXERS["convolution"](genes.Convolution(taps=2), Placement(C, True, 1)).double()
        with torch.no_grad():
            self.taps.get_parameter("weight").copy_(torch.stack([before * torch.eye(C), own * torch.eye(C)], -1))

    def forward(self, u: Tensor) -> Tensor:
        y: Tensor = self.taps(u)
        return y


@pytest.mark.parametrize(("own", "before"), [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (3.0, 1.0)])
def test_what_other_points_account_for(own: float, before: float) -> None:
    with torch.no_grad():
        scene = scene_of(ShiftAndOwn(own=own, before=before), inputs(400))
        share = context_share(scene)
    # The first of the witnesses has nobody before it.
    witnesses = 8
    share_of_squares = before**2 * (witnesses - 1) / (own**2 * witnesses + before**2 * (witnesses - 1))
    assert share == pytest.approx(share_of_squares, abs=0.04)
    if not before:
        assert share == 0


@pytest.mark.parametrize("pointwise", [True, False])
def test_pointwise_terms_beside_the_kernel_do_not_count(pointwise: bool) -> None:
    torch.manual_seed(1)
    layer = IntegralTransform(C, kernel=MLPKernel(features=("offset",)), causal=True, pointwise=pointwise).double()
    u = inputs(200)
    if pointwise:
        assert layer.pointwise is not None
        nn.init.normal_(layer.pointwise.weight, std=10)
    with torch.no_grad():
        scene = scene_of(layer, u)
        assert context_share(scene) > 0.3


def test_dead_layers_and_few_samples() -> None:
    layer = IntegralTransform(C, causal=True).double()
    nn.init.zeros_(layer.out.weight)
    with torch.no_grad():
        scene = scene_of(layer, inputs())
        assert context_share(scene) == 0
        assert not OutputJudge(scene).span.significant(0.0)
        single = scene_of(LAYERS["integral"]().double(), inputs(4))
        found = fidelity(OutputJudge(single), 0.9 * single.kernel)
    assert all(map(math.isfinite, (found.value, found.low, found.high)))


@pytest.mark.parametrize("spread", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("share", [0.3, 0.95])
def test_intervals_cover(share: float, spread: float) -> None:
    """Shares of groups that differ in size and scatter; 95 intervals of 100 hold the share that was planted."""
    generator = np.random.default_rng(0)
    trials, held = 800, 0
    for _ in range(trials):
        whole = np.exp(spread * generator.standard_normal(32))
        kept = whole * (share + 0.2 * generator.standard_normal(32))
        found = ratio(torch.from_numpy(kept), torch.from_numpy(whole))
        held += found.low <= share <= found.high
    assert 0.90 <= held / trials <= 0.98


def test_intervals_of_exact_shares_are_points() -> None:
    whole = torch.rand(16, dtype=torch.float64) + 0.1
    found = ratio(0.7 * whole, whole)
    assert (found.value, found.low, found.high) == pytest.approx((0.7, 0.7, 0.7))
    assert ratio(whole, 0 * whole).value == 0
    alone = ratio(whole[:1], whole[:1])
    assert (alone.value, alone.low, alone.high) == (1.0, -math.inf, math.inf)


def test_a_task_judges_by_its_score() -> None:
    """Score: the share of groups whose outputs come out right, as weighted."""
    layer, u = LAYERS["integral"]().double(), inputs(4)
    weights = torch.tensor([1.0, 1.0, 2.0, 4.0], dtype=torch.float64)
    with torch.no_grad():
        scene = scene_of(layer, u)
        target = scene.output

        def score(y: Tensor) -> Tensor:
            return 1.0 - (y - target).square().flatten(1).mean(1) / target.square().flatten(1).mean(1)

        nothing = torch.zeros_like(scene.kernel)
        span = Span.of(score(target), score(scene.view.output(nothing)), weights, 0.0)
        judge = TaskJudge(scene, score, score(target), weights, span)
        assert fidelity(judge, scene.kernel).value == pytest.approx(1)
        assert fidelity(judge, nothing).value == pytest.approx(0)
        found = fidelity(judge, 0.5 * scene.kernel).value
        halfway, ablated = (score(scene.view.output(each)) for each in (0.5 * scene.kernel, nothing))
    own = weights / weights.sum()
    expected = float((own * (halfway - ablated)).sum() / (own * (1 - ablated)).sum())
    assert found == pytest.approx(expected)
    assert judge.span.intact == pytest.approx(1)
    assert judge.span.ablated == pytest.approx(float((own * ablated).sum()))


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (Span(1.0, 0.5, 0.1, 0.0), True),
        (Span(1.0, 0.5, 0.3, 0.0), False),  # within the noise
        (Span(1.0, 0.96, 0.0, 0.0), False),  # below the floor
        (Span(1.0, 0.96, 0.0, 0.5), True),  # of which chance takes its part
        (Span(0.5, 0.5, 0.0, 0.5), False),
        (Span(0.4, 0.2, 0.0, 0.5), False),  # worse than guessing
        (Span(0.6, 0.2, 0.0, 0.5, 0.05), False),  # a lucky guess
        (Span(0.6, 0.2, 0.0, 0.5, 0.03), True),
        (Span(0.5, 0.7, 0.0, 0.1), False),  # better without it
    ],
)
def test_what_costs_nothing_is_not_judged(span: Span, expected: bool) -> None:
    assert span.significant(0.05) == expected
