"""What is particular to the plan `scan`: chunks and groups of chunks, clocks that leap, and states from both sides."""

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from itnas import Cloud, FactorisedKernel, Graph, Grid, IntegralTransform, MLPKernel, MonteCarlo, Sequence, Set, Window
from itnas.operator import Domain
from itnas.operator.kernel import KernelSpec
from itnas.operator.plans.scan import CHUNK, GROUP
from tests.operator.cases import assert_same, value_and_gradients
from tests.operator.stacks import assert_stack_agrees

DIM = 4
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-4}
DECAYS = ("none", "position", "clock", "one per head")


def make(decay: str, rank: int = 3, **options: Any) -> IntegralTransform:
    """`one per head`: all ranks of a head share the first one's rate."""
    named = {"none": None, "one per head": "clock"}.get(decay, decay)
    kernel = FactorisedKernel(
        rank=rank, decay=named, output="elu1" if options.get("normaliser") == "sum" else "identity"
    )
    layer = IntegralTransform(DIM, heads=2, kernel=kernel, **options)
    if decay == "one per head":
        layer.kernel_module.rate = nn.Parameter(torch.tensor([[0.7], [0.02]]))
    return layer.double()


def assert_agrees(layer: IntegralTransform, u: Tensor, domain: Domain | None = None) -> None:
    expected, found = (value_and_gradients(layer, u, domain, plan) for plan in ("dense", "scan"))
    assert_same(found, expected, TOLERANCE[u.dtype], f"scan on {layer}")


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("decay", DECAYS)
def test_agrees_with_dense_at_awkward_lengths(decay: str, causal: bool, dtype: torch.dtype) -> None:
    for points in (1, 2, 63, 100, 300):
        assert_agrees(make(decay, causal=causal).to(dtype), torch.randn(2, points, DIM, dtype=dtype))


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("decay", ["clock", "one per head"])
def test_groups_of_chunks(decay: str, causal: bool) -> None:
    for points in (CHUNK * GROUP * 2 + 1, CHUNK * GROUP * 3 - 5):
        layer = make(decay, rank=2, causal=causal, value_dim=1)
        with torch.no_grad():
            layer.kernel_module.rate.mul_(0.02)
        assert_agrees(layer, torch.randn(1, points, DIM, dtype=torch.float64))


@pytest.mark.parametrize("measure", ["domain", "clock"])
@pytest.mark.parametrize("normaliser", ["none", "sum"])
@pytest.mark.parametrize("decay", DECAYS)
def test_padding_and_measure(decay: str, normaliser: str, measure: str) -> None:
    valid = torch.rand(3, 70) > 0.3
    valid[0, :40], valid[2] = False, False
    domain = Sequence(weights=torch.rand(3, 70), valid=valid)
    u = torch.randn(3, 70, DIM, dtype=torch.float64)
    for causal in (True, False):
        layer = make(decay, normaliser=normaliser, measure=measure, causal=causal)
        assert_agrees(layer, u, domain)
        layer.plan, layer.pointwise = "scan", None
        silent = layer(u, domain) - layer.out.bias
        assert silent[2].eq(0).all()
        assert silent[0, :40].eq(0).all()


@pytest.mark.parametrize("causal", [True, False])
def test_irregular_times(causal: bool) -> None:
    times = (torch.rand(2, 100, dtype=torch.float64) * 30).sort(-1).values
    times[:, 50:60] = times[:, 50:51]
    u = torch.randn(2, 100, DIM, dtype=torch.float64)
    assert_agrees(make("position", causal=causal), u, Sequence(times.sort(-1).values))
    assert_agrees(make("position", causal=causal), u[:, :70], Grid(70, 0.1))


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("causal", [True, False])
def test_extreme_decays_and_gaps(causal: bool, shared: bool, dtype: torch.dtype) -> None:
    """Bursts of points, 1e3 apart: a decay of one burst is e^-1, from burst to burst e^-50,000."""
    times = torch.arange(100, dtype=torch.float64) * 0.02 + (torch.arange(100) // 7) * 1e3
    layer = make("position", causal=causal)
    rates = torch.tensor([[50.0], [1e-3]]) if shared else torch.tensor([[50.0, 1.0, 0.0], [1e4, 1e-3, 1e-6]])
    layer.kernel_module.rate = nn.Parameter(rates)
    assert_agrees(layer.to(dtype), torch.randn(2, 100, DIM, dtype=dtype), Sequence(times))


def test_learned_ranks_and_constant_factors() -> None:
    u = torch.randn(2, 50, DIM, dtype=torch.float64)
    inputs: tuple[tuple[str, ...], ...] = ((), ("position",), ("content", "position"))
    for named, decay, causal in itertools.product(inputs, (None, "position", "clock"), (True, False)):
        kernel = FactorisedKernel(rank=3, layers=1, decay=decay, inputs=named, learned_rank=True)
        assert_agrees(IntegralTransform(DIM, heads=2, kernel=kernel, causal=causal).double(), u)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("decay", DECAYS)
def test_stacked_replicas_equal_the_loop(decay: str, causal: bool) -> None:
    replicas = [make(decay, causal=causal, normaliser="sum", measure="clock", plan="scan") for _ in range(3)]
    domain = Sequence(valid=torch.arange(70) < 60)
    assert_stack_agrees(replicas, torch.randn(2, 70, DIM, dtype=torch.float64), domain)


@pytest.mark.parametrize("normaliser", ["none", "sum", "mean"])
def test_unordered_domains(normaliser: str) -> None:
    u = torch.randn(2, 12, DIM, dtype=torch.float64)
    domains = (Set(valid=torch.rand(2, 12) > 0.3), Cloud(torch.randn(12, 2), torch.rand(2, 12)), Grid((3, 4), 0.5))
    for domain in domains:
        assert_agrees(make("none", normaliser=normaliser), u, domain)


@pytest.mark.parametrize(
    ("kernel", "options", "domain", "reason"),
    [
        (MLPKernel(), {}, None, "an MLPKernel has none"),
        (FactorisedKernel(), {"normaliser": "softmax"}, None, "softmax is not linear"),
        (FactorisedKernel(), {"normaliser": "sigmoid"}, None, "sigmoid is not linear"),
        (FactorisedKernel(), {"quadrature": Window(3)}, None, "use the plan 'gather'"),
        (FactorisedKernel(), {"quadrature": MonteCarlo(3)}, None, "MonteCarlo"),
        (FactorisedKernel(), {}, Graph(torch.tensor([[0, 1], [1, 2]]), 5), "edges"),
    ],
)
def test_refuses_what_no_state_can_carry(
    kernel: KernelSpec, options: dict[str, Any], domain: Domain | None, reason: str
) -> None:
    layer = IntegralTransform(DIM, kernel=kernel, plan="scan", **options)
    with pytest.raises(ValueError, match=f"plan 'scan' cannot compute this layer: .*{reason}"):
        layer(torch.randn(1, 5, DIM), domain)
