"""The `dense` plan against the definition, written out pair by pair."""

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from itnas import Cloud, FactorisedKernel, Grid, IntegralTransform, MLPKernel, Sequence
from itnas.features import FEATURES
from itnas.operator import Domain
from itnas.operator.activation import ACTIVATIONS, OUTPUT_MAPS
from itnas.operator.plans import effective_kernel

DIM, HEADS, POINTS = 5, 2, 12
DOMAINS: dict[str, Domain] = {
    "sequence": Sequence(),
    "times": Sequence(torch.rand(POINTS, generator=torch.Generator().manual_seed(1)).sort().values * 9),
    "grid": Grid((3, 4), (0.5, 1.5)),
    "cloud": Cloud(torch.randn(POINTS, 3, generator=torch.Generator().manual_seed(2))),
}


def naive_mlp_kernel(layer: IntegralTransform, u: Tensor, domain: Domain) -> Tensor:
    """k(i, j) of one sample, feature by feature as the design writes it."""
    m, spec = layer.kernel_module, layer.kernel_module.spec
    geometry = domain.geometry(1, POINTS, u.device)
    p, axes = geometry.positions[0], geometry.axes
    own = lambda part, head: part[0 if spec.shared and part.shape[0] == 1 else head]  # noqa: E731
    clock = None if layer.clock is None else F.softplus(u @ layer.clock.weight.T + layer.clock.bias).cumsum(0)
    k = torch.zeros(HEADS, POINTS, POINTS, dtype=u.dtype)
    for h, i, j in itertools.product(range(HEADS), range(POINTS), range(POINTS)):
        delta = p[i] - p[j]
        z = own(m.bias, h).clone()
        if m.offset is not None:
            z = z + own(m.offset, h)[:, :axes] @ delta
        if m.distance is not None:
            z = z + own(m.distance, h) * delta.norm()
        if m.waves is not None:
            for axis, f in itertools.product(range(axes), range(spec.frequencies)):
                angle = m.frequency[h, axis, f] * delta[axis]
                fade = 1.0 if m.damping is None else torch.exp(-m.damping[h, axis, f].abs() * delta[axis].abs())
                weight = own(m.waves, h)[:, axis, f]
                z = z + fade * (weight[:, 0] * torch.sin(angle) + weight[:, 1] * torch.cos(angle))
        if m.position_row is not None:
            z = z + own(m.position_row, h)[:, :axes] @ p[i] + own(m.position_col, h)[:, :axes] @ p[j]
        if m.content_row is not None:
            z = z + m.content_row[h] @ u[i] + m.content_col[h] @ u[j]
        if m.clock_weight is not None:
            z = z + own(m.clock_weight, h) * (clock[i, h] - clock[j, h])
        if m.query is not None:
            query = (m.query[h] @ u[i] + m.query_bias[h]).view(spec.products, -1)
            key = (m.key[h] @ u[j] + m.key_bias[h]).view(spec.products, -1)
            z = z + (query * key).sum(1) @ own(m.product, h)
        if spec.layers:
            act = ACTIVATIONS[spec.activation]
            z = act(z)
            for depth in range(spec.layers - 1):
                z = act(own(m.hidden, h)[depth] @ z + own(m.hidden_bias, h)[depth])
            k[h, i, j] = own(m.out, h) @ z + own(m.out_bias, h)
        else:
            k[h, i, j] = z[0]
    return k


@pytest.mark.parametrize("features", ["all", "content", "product and offset", "clock", "none"])
@pytest.mark.parametrize("domain", list(DOMAINS))
@pytest.mark.parametrize(
    ("layers", "activation", "shared"), [(0, "relu", False), (1, "relu", True), (2, "relu", False), (3, "gelu", False)]
)
def test_mlp_kernel_is_what_the_design_says(
    domain: str, layers: int, activation: str, shared: bool, features: str
) -> None:
    # What kinds of points say to each other has its own twin, in test_union.py.
    alone = [feature for feature in FEATURES if feature != "modality"]
    wanted = [feature for feature in alone if feature != "clock" or domain in ("sequence", "times")]
    if features != "all":
        wanted = [feature for feature in wanted if feature in features]
    waves: dict[str, Any] = {"frequencies": 2, "fourier": "learned", "damped": True} if features == "all" else {}
    spec = MLPKernel(
        hidden=4, layers=layers, activation=activation, features=tuple(wanted), products=2, product_dim=3,
        shared=shared, **waves,
    )  # fmt: skip
    layer = IntegralTransform(DIM, heads=HEADS, kernel=spec).double()
    for part in layer.parameters():
        torch.nn.init.normal_(part, std=0.5)
    u = torch.randn(2, POINTS, DIM, dtype=torch.float64)
    expected = naive_mlp_kernel(layer, u[0], DOMAINS[domain])
    volume = DOMAINS[domain].geometry(1, POINTS, u.device).weights
    expected = expected if volume is None else expected * volume[0]
    torch.testing.assert_close(layer.kernel(u, DOMAINS[domain])[0], expected, rtol=1e-10, atol=1e-10)
    with torch.no_grad():
        problem = layer.problem(u, layer.geometry(u, DOMAINS[domain]))
        glance = effective_kernel(problem, glance=True)
    torch.testing.assert_close(glance[0], expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("decay", [None, "position", "clock"])
@pytest.mark.parametrize("layers", [0, 2])
@pytest.mark.parametrize("output", list(OUTPUT_MAPS))
def test_factorised_kernel_is_what_the_design_says(decay: str | None, layers: int, output: str) -> None:
    spec = FactorisedKernel(rank=3, hidden=4, layers=layers, output=output, decay=decay, inputs=("content", "position"))
    layer = IntegralTransform(DIM, heads=HEADS, kernel=spec, causal=True).double()
    u = torch.randn(1, POINTS, DIM, dtype=torch.float64)
    m = layer.kernel_module
    time = torch.arange(POINTS, dtype=torch.float64).expand(HEADS, -1)
    if decay == "clock":
        time = F.softplus(u[0] @ layer.clock.weight.T + layer.clock.bias).cumsum(0).T

    def factor(part: torch.nn.Module, h: int, i: int) -> Tensor:
        z = part.content[h] @ u[0, i] + part.position[h][:, 0] * i + part.biases[0][h]
        for weight, bias in zip(part.weights, list(part.biases)[1:], strict=True):
            z = weight[h] @ F.silu(z) + bias[h]
        return OUTPUT_MAPS[output](z)

    expected = torch.zeros(HEADS, POINTS, POINTS, dtype=torch.float64)
    for h, i in itertools.product(range(HEADS), range(POINTS)):
        for j in range(i + 1):
            fade = 1.0 if decay is None else torch.exp(-m.rate[h].abs() * (time[h, i] - time[h, j]))
            expected[h, i, j] = (factor(m.phi, h, i) * factor(m.psi, h, j) * fade).sum()
    torch.testing.assert_close(layer.kernel(u)[0], expected, rtol=1e-10, atol=1e-10)


def test_position_features_are_absolute() -> None:
    """The kernel between two points does not depend on how many others there are: a layer can be read at any length."""
    layer = IntegralTransform(DIM, kernel=MLPKernel(features=("offset", "fourier", "distance", "position"))).double()
    u = torch.randn(1, 40, DIM, dtype=torch.float64)
    torch.testing.assert_close(layer.kernel(u)[..., :17, :17], layer.kernel(u[:, :17]), rtol=1e-12, atol=1e-12)


def test_fixed_frequencies_are_geometric_and_not_trained() -> None:
    layer = IntegralTransform(DIM, kernel=MLPKernel(features=("fourier",), frequencies=4))
    assert layer.kernel_module.frequency[0, 0].tolist() == pytest.approx([math.pi / 2**f for f in range(4)])
    assert "kernel_module.frequency" not in dict(layer.named_parameters())
    assert "kernel_module.frequency" in layer.state_dict()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"features": ("ofset",)}, "unknown pair feature 'ofset'.*did you mean 'offset'"),
        ({"features": ("offset", "offset")}, "must not repeat"),
        ({"layers": 4}, "0 to 3 hidden layers, got layers=4"),
        ({"hidden": 0}, "hidden must be at least 1, got hidden=0"),
        ({"activation": "rleu"}, "unknown activation 'rleu'.*did you mean 'relu'"),
        ({"damped": True}, "no effect without 'fourier'"),
        ({"fourier": "random", "features": ("fourier",)}, "choose from 'fixed', 'learned'"),
        ({"position_dim": 0}, "position_dim must be at least 1"),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MLPKernel(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rank": 0}, "at least 1, got rank=0"),
        ({"layers": 3}, "0 to 2 hidden layers"),
        ({"decay": "clok"}, "did you mean 'clock'"),
        ({"output": ("exp", "idenity")}, "did you mean 'identity'"),
        ({"inputs": ("offset",)}, "unknown input of a factor 'offset'"),
    ],
)
def test_bad_factorised_settings_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FactorisedKernel(**settings)


def test_decay_may_be_switched_on() -> None:
    assert FactorisedKernel(decay=True) == FactorisedKernel(decay="clock")
    assert FactorisedKernel(decay=False) == FactorisedKernel()


class TestLearnedRank:
    def make(self) -> IntegralTransform:
        kernel = FactorisedKernel(rank=6, learned_rank=True, decay="clock", layers=1)
        return IntegralTransform(DIM, heads=HEADS, kernel=kernel, causal=True).double()

    def test_slicing_keeps_the_output_and_drops_shut_ranks(self) -> None:
        for layers in (0, 1, 2):
            kernel = FactorisedKernel(
                rank=6, learned_rank=True, decay="clock", layers=layers, inputs=("content", "position")
            )
            layer = IntegralTransform(DIM, heads=HEADS, kernel=kernel, causal=True).double()
            with torch.no_grad():
                layer.kernel_module.gates.logits[0, [1, 2, 5]] = -5
                layer.kernel_module.gates.logits[1, [0, 2, 3, 4]] = -5
            assert layer.effective_rank().tolist() == [3, 2]
            smaller = layer.slice()
            assert smaller.kernel_module.rate.shape == (HEADS, 3)
            assert smaller.effective_rank().tolist() == [3, 2]
            assert smaller.kernel_module.spec.rank == 3  # what plans are chosen by
            assert layer.kernel_module.spec.rank == 6
            u = torch.randn(2, 9, DIM, dtype=torch.float64)
            torch.testing.assert_close(smaller(u), layer(u), rtol=1e-12, atol=1e-12)
            assert sum(p.numel() for p in smaller.parameters()) < sum(p.numel() for p in layer.parameters())

    def test_the_penalty_closes_ranks_that_are_not_needed(self) -> None:
        """A target of rank 2, learned with rank 6 and a penalty: two ranks stay, and the fit holds."""
        torch.manual_seed(3)
        teacher = IntegralTransform(DIM, kernel=FactorisedKernel(rank=2), pointwise=False)
        student = IntegralTransform(DIM, kernel=FactorisedKernel(rank=6, learned_rank=True), pointwise=False)
        u = torch.randn(64, 12, DIM)
        target = teacher(u).detach()
        optimiser = torch.optim.Adam(student.parameters(), lr=0.02)
        for _ in range(800):
            loss = F.mse_loss(student(u), target) / target.var() + 0.3 * student.rank_penalty()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        assert int(student.effective_rank()) == 2
        assert F.mse_loss(student.slice()(u), target) / target.var() < 0.02

    def test_a_fixed_rank_has_no_penalty(self) -> None:
        layer = IntegralTransform(DIM, kernel=FactorisedKernel(rank=3))
        assert layer.effective_rank().tolist() == [3]
        with pytest.raises(ValueError, match="learned_rank=True"):
            layer.rank_penalty()
        with pytest.raises(ValueError, match="its rank is fixed"):
            layer.slice()
        with pytest.raises(ValueError, match="FactorisedKernel"):
            IntegralTransform(DIM).effective_rank()
