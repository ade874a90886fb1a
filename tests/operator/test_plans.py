"""Every registered plan against `dense`: value and every gradient, wherever it does not refuse."""

import itertools

import pytest
import torch
from torch.func import vmap

from itnas import Cloud, FactorisedKernel, Grid, IntegralTransform, MLPKernel, Sequence, Set, Window
from itnas.operator import Domain
from itnas.operator.kernel import KernelSpec
from itnas.operator.plans import PLANS, choose
from tests.operator.cases import assert_plan_agrees, positive_sums

DIM = 6
KERNELS: dict[str, KernelSpec] = {
    "offset": MLPKernel(hidden=5, features=("offset",)),
    "stationary": MLPKernel(hidden=5, activation="silu", features=("offset", "fourier", "distance")),
    "splitting": MLPKernel(hidden=5, features=("offset", "position", "content", "clock")),
    "splitting-relu2": MLPKernel(hidden=5, activation="relu2", features=("offset", "content")),
    "everything": MLPKernel(
        hidden=5,
        activation="gelu",
        features=("offset", "fourier", "distance", "position", "content", "product", "clock"),
        fourier="learned",
        damped=True,
        products=2,
    ),
    "shared": MLPKernel(hidden=5, layers=2, activation="sin", features=("offset", "content", "product"), shared=True),
    "deep": MLPKernel(hidden=4, layers=3, activation="relu", features=("offset", "content", "product")),
    "product": MLPKernel(layers=0, features=("product",)),
    "linear": MLPKernel(layers=0, features=("offset", "content", "product", "clock")),
    "constant": MLPKernel(features=()),
    "low-rank": FactorisedKernel(rank=3, output="elu1"),
    "low-rank-position": FactorisedKernel(rank=3, layers=1, decay="position", inputs=("content", "position")),
    "low-rank-clock": FactorisedKernel(rank=3, decay="clock", learned_rank=True),
    "single-decay": FactorisedKernel(rank=1, decay="clock"),
}
NORMALISERS = ("none", "sum", "sigmoid", "softmax")
PLAN_NAMES = [name for name in PLANS if name not in ("dense", "sampled")]


def make(
    kernel: str, normaliser: str = "none", *, causal: bool = True, dtype: torch.dtype = torch.float64
) -> IntegralTransform:
    layer = IntegralTransform(
        DIM, heads=2, kernel=KERNELS[kernel], normaliser=normaliser, causal=causal, value_dim=3, out_dim=4
    )
    if normaliser == "sum" and isinstance(KERNELS[kernel], MLPKernel):
        positive_sums(layer)
    return layer.to(dtype)


def refuses(layer: IntegralTransform, plan: str, u: torch.Tensor, domain: Domain | None) -> bool:
    return PLANS[plan].refusal(layer.problem(u, layer.geometry(u, domain))) is not None


@pytest.mark.parametrize("plan", PLAN_NAMES)
class TestPlan:
    """What holds for each plan. A plan that refuses everything it is offered fails too."""

    def test_agrees_with_dense_on_sequences(self, plan: str) -> None:
        tried = 0
        for kernel, normaliser, causal in itertools.product(KERNELS, NORMALISERS, (True, False)):
            for points in (1, 2, 63) if causal else (7,):
                layer = make(kernel, normaliser, causal=causal)
                u = torch.randn(2, points, DIM, dtype=torch.float64)
                domain = Sequence(valid=torch.rand(2, points) > 0.2)
                layer.quadrature = Window(4.5) if plan == "gather" else layer.quadrature
                if not refuses(layer, plan, u, domain):
                    assert_plan_agrees(layer, u, domain, plan)
                    tried += 1
        assert tried >= 4

    def test_agrees_in_float32_at_length_100(self, plan: str) -> None:
        tried = 0
        for kernel, normaliser in itertools.product(KERNELS, ("none", "softmax")):
            layer = make(kernel, normaliser, dtype=torch.float32)
            u = torch.randn(3, 100, DIM)
            layer.quadrature = Window(4.5) if plan == "gather" else layer.quadrature
            if not refuses(layer, plan, u, None):
                assert_plan_agrees(layer, u, None, plan)
                tried += 1
        assert tried >= 1

    def test_agrees_on_other_domains(self, plan: str) -> None:
        domains: list[tuple[Domain, int]] = [
            (Grid((3, 5), (0.5, 2.0)), 15),
            (Grid((2, 3, 4)), 24),
            (Grid(40, 0.1), 40),
            (Cloud(torch.randn(2, 9, 3), torch.rand(2, 9)), 9),
            (Sequence(torch.rand(11).mul(50).sort().values), 11),
            (Set(valid=torch.rand(2, 8) > 0.3), 8),
        ]
        tried = 0
        for (domain, points), kernel, normaliser in itertools.product(domains, KERNELS, ("none", "mean", "softmax")):
            layer = make(kernel, normaliser, causal=False)
            u = torch.randn(2, points, DIM, dtype=torch.float64)
            layer.quadrature = Window(1.7) if plan == "gather" else layer.quadrature
            try:
                refused = refuses(layer, plan, u, domain)
            except ValueError:  # the layer itself has no place on this domain
                continue
            if not refused:
                assert_plan_agrees(layer, u, domain, plan)
                tried += 1
        assert tried >= 4

    def test_reads_no_stale_memory(self, plan: str) -> None:
        """Memory that a plan takes without clearing is poisoned with NaN; none of it may show."""
        torch.use_deterministic_algorithms(True)
        torch.utils.deterministic.fill_uninitialized_memory = True
        try:
            for kernel in KERNELS:
                layer = make(kernel)
                u = torch.randn(2, 19, DIM, dtype=torch.float64)
                layer.quadrature = Window(4.5) if plan == "gather" else layer.quadrature
                if not refuses(layer, plan, u, None):
                    assert_plan_agrees(layer, u, None, plan)
        finally:
            torch.use_deterministic_algorithms(False)

    def test_sees_no_future(self, plan: str) -> None:
        for kernel, normaliser in itertools.product(KERNELS, NORMALISERS):
            layer = make(kernel, normaliser)
            u = torch.randn(1, 24, DIM, dtype=torch.float64)
            layer.quadrature = Window(4.5) if plan == "gather" else layer.quadrature
            if refuses(layer, plan, u, None):
                continue
            layer.plan = plan
            changed = u.clone()
            changed[:, 17:] += 3
            past, future = (layer(changed) - layer(u)).abs().amax((0, 2)).split([17, 7])
            assert past.max() <= 1e-12
            assert future.min() > 0

    def test_takes_inputs_of_any_layout(self, plan: str) -> None:
        for kernel in KERNELS:
            layer = make(kernel)
            u = torch.randn(DIM, 19, 2, dtype=torch.float64).permute(2, 1, 0)
            layer.quadrature = Window(4.5) if plan == "gather" else layer.quadrature
            if not refuses(layer, plan, u, None):
                layer.plan = plan
                torch.testing.assert_close(layer(u), layer(u.contiguous()), rtol=0, atol=1e-12)

    def test_same_input_same_output(self, plan: str) -> None:
        """Bit for bit, whatever the threads do."""
        for kernel in KERNELS:
            layer = make(kernel, dtype=torch.float32)
            u = torch.randn(2, 65, DIM)
            layer.quadrature = Window(4.5) if plan == "gather" else layer.quadrature
            if not refuses(layer, plan, u, None):
                layer.plan = plan
                assert torch.equal(layer(u), layer(u))


def test_refusals_name_the_reason() -> None:
    u = torch.randn(1, 5, DIM)
    cases = {
        "fused": (FactorisedKernel(), {}, "FactorisedKernel"),
        "sorted": (MLPKernel(features=("product",)), {}, "product does not split"),
        "fourier": (MLPKernel(features=("content",)), {}, "content"),
        "scan": (MLPKernel(), {}, "FactorisedKernel"),
        "sdpa": (MLPKernel(layers=1, features=("product",)), {}, "not linear in its features"),
        "gather": (MLPKernel(), {}, "window"),
        "sampled": (MLPKernel(), {}, "MonteCarlo"),
        "dense": (MLPKernel(), {"quadrature": "sampled"}, "sampled"),
    }
    assert set(cases) == set(PLANS)
    for plan, (kernel, options, word) in cases.items():
        layer = IntegralTransform(DIM, kernel=kernel, plan=plan)
        if options:
            from itnas import MonteCarlo

            layer.quadrature = MonteCarlo(3)
        with pytest.raises(ValueError, match=rf"plan '{plan}' cannot compute this layer: .*{word}"):
            layer(u)


def attention(points: int, measure: str = "domain") -> tuple[IntegralTransform, Cloud]:
    """A layer that `sdpa` and `fused` can evaluate, and points of which one weighs less than nothing."""
    weights = torch.ones(points)
    weights[points // 2] = -0.2
    layer = IntegralTransform(DIM, heads=2, kernel=KERNELS["product"], normaliser="softmax", measure=measure)
    return layer.double(), Cloud(torch.randn(points, 2), weights)


@pytest.mark.parametrize("plan", ["fused", "sdpa"])
def test_a_negative_measure_has_no_logarithm(plan: str) -> None:
    layer, domain = attention(9)
    u = torch.randn(1, 9, DIM, dtype=torch.float64)
    assert refuses(layer, plan, u, domain)
    assert not refuses(attention(9, "uniform")[0], plan, u, domain)
    layer.plan = plan
    with pytest.raises(ValueError, match=f"plan '{plan}' .* some weights of the domain are negative"):
        layer(u, domain)
    with pytest.raises(ValueError, match="negative"):  # of one replica alone
        vmap(lambda weights: layer(u, Cloud(domain.positions, weights)))(torch.stack([torch.ones(9), domain.weights]))


def test_auto_takes_a_plan_that_weighs_by_negative_numbers() -> None:
    layer, domain = attention(512)
    u = torch.randn(1, 512, DIM, dtype=torch.float64)
    y = layer(u, domain)
    layer.plan = "dense"
    torch.testing.assert_close(y, layer(u, domain), rtol=0, atol=1e-10)


def test_unknown_plan_lists_the_choices() -> None:
    with pytest.raises(ValueError, match=r"unknown plan 'fusd': choose from .*'fused'.*did you mean 'fused'"):
        IntegralTransform(4, plan="fusd")


@pytest.mark.parametrize("kernel", list(KERNELS))
def test_auto_takes_the_cheapest_that_can(kernel: str) -> None:
    layer = make(kernel)
    for points in (8, 64, 700):
        u = torch.randn(2, points, DIM, dtype=torch.float64)
        problem = layer.problem(u, layer.geometry(u, None))
        able = {name: plan.cost(problem) for name, plan in PLANS.items() if plan.refusal(problem) is None}
        assert choose("auto", problem).name == layer.chosen_plan(u) == min(able, key=able.__getitem__)


def test_a_second_derivative_through_a_compiled_plan_is_refused() -> None:
    layer = make("splitting")
    layer.plan = "fused"
    u = torch.randn(1, 5, DIM, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(layer(u).sum(), u, create_graph=True)
    with pytest.raises(RuntimeError, match="use plan='dense'"):
        slope.sum().backward()
