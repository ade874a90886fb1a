"""On clouds a convolution is a kernel of the offset vector, or of the distance alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from itnas import IntegralTransform, MLPKernel
from itnas.behaviour import explain
from itnas.behaviour.explanation import LayerVerdict
from itnas.behaviour.places import BINS, Places, places_of
from itnas.behaviour.replacements.offset_vectors import OffsetVectors, longest_waves
from itnas.operator.domain import Cloud, Domain
from itnas.tasks import Batch

B, C, N = 48, 8, 40
CPU = torch.device("cpu")


class OnDomain(nn.Module):
    def __init__(self, layer: IntegralTransform) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, u: Tensor, domain: Domain | None = None) -> Tensor:
        y: Tensor = self.layer(u, domain)
        return y


def verdict_on(features: tuple[str, ...], seed: int, axes: int, *, shared: bool) -> LayerVerdict:
    """On an untrained layer; all samples on one cloud, or each on its own."""
    torch.manual_seed(seed)
    layer = IntegralTransform(C, heads=2, kernel=MLPKernel(features=features, position_dim=axes))
    common = torch.rand(N, axes)

    def sample(n: int, generator: torch.Generator) -> Batch:
        positions = common[:n] if shared else torch.rand(B, n, axes, generator=generator)
        return Batch(torch.randn(B, n, C, generator=generator), torch.zeros(B), None, Cloud(positions))

    return explain(OnDomain(layer), sample, (N // 2, N), copies=0).layers[0]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("features", [("offset",), ("offset", "fourier"), ("distance",)])
def test_functions_of_the_offset_are_convolutions(
    features: tuple[str, ...], axes: int, shared: bool, seed: int
) -> None:
    found = verdict_on(features, seed, axes, shared=shared)
    assert found.family == "convolution"
    assert found.fidelity["convolution"] > 0.99
    assert found.support is not None
    # Where the distance is all that counts, distances are enough.
    by_distance = found.support <= BINS + 1
    assert by_distance or features != ("distance",)
    assert f"a function of the {'distance' if by_distance else 'offset'} between points" in found.sentence()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("features", [("content",), ("product",), ("offset", "product")])
def test_contents_are_none(features: tuple[str, ...], shared: bool, seed: int) -> None:
    found = verdict_on(features, seed, 2, shared=shared)
    assert found.family != "convolution"
    assert found.fidelity["convolution"] < 0.9


def test_directions_are_told_from_distances() -> None:
    """Of some kernels of the offset distances keep little; then it takes the last budget."""
    needed = [verdict_on(("offset", "fourier"), seed, 2, shared=False).support for seed in range(3)]
    assert needed.count(BINS + 2) >= 2


def cloud(*shape: int, **settings: Tensor) -> Places:
    positions = torch.rand(*shape, dtype=torch.float64)
    return places_of(Cloud(positions, **settings).geometry(shape[0], shape[-2], CPU))


def planted(places: Places) -> Tensor:
    """Two heads: a wave in one direction, and a bump beside the middle."""
    assert places.positions is not None
    x = places.positions.unsqueeze(2) - places.positions.unsqueeze(1)
    bump = torch.exp(-4 * (x - 0.3).square().sum(-1))
    return torch.stack([(3 * x[..., 0]).sin(), bump], 1) * ~torch.eye(places.length, dtype=torch.bool)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_a_smooth_function_is_known_on_other_clouds(axes: int) -> None:
    seen, other = cloud(20, 30, axes), cloud(4, 25, axes)
    found, expected = OffsetVectors(seen, planted(seen)).kernel(other), planted(other)
    assert found.shape == expected.shape
    assert (found.diagonal(dim1=-2, dim2=-1) == 0).all()
    lost = (found - expected).square().sum((0, 2, 3)) / expected.square().sum((0, 2, 3))
    assert (lost < 0.01).all()


def test_a_fixed_matrix_is_no_function_of_the_offset() -> None:
    """Though on one cloud every pair has an offset of its own."""
    places = cloud(1, 40, 2)
    entries = torch.randn(1, 2, 40, 40).double().expand(16, -1, -1, -1)
    found = OffsetVectors(places, entries).kernel(places)
    left = 1 - (found - entries[:1]).square().sum() / entries[:1].square().sum()
    assert left < 0.2


def test_padding_neither_teaches_nor_is_told() -> None:
    positions, valid = torch.rand(6, 30, 2, dtype=torch.float64), (torch.arange(30) < 22).expand(6, -1)
    padded = places_of(Cloud(positions, valid=valid).geometry(6, 30, CPU))
    alone = places_of(Cloud(positions[:, :22]).geometry(6, 22, CPU))
    spoiled = planted(padded)
    spoiled[:, :, 22:], spoiled[..., 22:] = 1e6, 1e6
    found, expected = OffsetVectors(padded, spoiled).kernel(padded), planted(alone)
    assert (found[:, :, 22:] == 0).all()
    assert (found[..., 22:] == 0).all()
    assert (found[:, :, :22, :22] - expected).square().mean() < 0.01 * expected.square().mean()


@pytest.mark.parametrize(("axes", "longest"), [(1, 0.1), (2, 0.35), (3, 0.7)])
def test_how_fine_a_function_may_be(axes: int, longest: float) -> None:
    """Waves of that length, in clouds of extent 1."""
    seen, other = cloud(24, 40, axes), cloud(4, 40, axes)

    def wave(places: Places) -> Tensor:
        assert places.positions is not None
        x = places.positions.unsqueeze(2) - places.positions.unsqueeze(1)
        return (torch.sin(2 * torch.pi * x[..., 0] / longest) * ~torch.eye(places.length, dtype=torch.bool)).unsqueeze(
            1
        )

    found, expected = OffsetVectors(seen, wave(seen)).kernel(other), wave(other)
    assert (found - expected).square().sum() < 0.05 * expected.square().sum()


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_the_longest_waves(axes: int) -> None:
    found = longest_waves(60, axes)
    assert found.shape == (60, axes)
    assert len({tuple(each) for each in [*found.tolist(), *(-found).tolist()]}) == 120
    sizes = found.norm(dim=1)
    assert (sizes.diff() >= 0).all()
    every = torch.cartesian_prod(*[torch.arange(-61, 62) if axes == 1 else torch.arange(-9, 10)] * axes).view(-1, axes)
    assert sizes[-1] <= every.float().norm(dim=1).sort().values[120] + 1e-6
