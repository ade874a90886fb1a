"""Descriptive measures on every domain: points are moved and turned for real, and padding has no part in anything."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import itnas
from itnas.behaviour.describe import describe
from itnas.behaviour.scene import Inputs, Scene
from itnas.models.mixers import Placement
from itnas.models.mixers.attention import Attention
from itnas.operator.domain import Cloud, Domain, Graph, Grid, Sequence, Set, geometry_of
from tests.behaviour.planted import B, N, Planted, described, fixed, heard, layer_of


def by_distance(u: Tensor, domain: Domain | None) -> Tensor:
    assert isinstance(domain, Cloud)
    return torch.cdist(domain.positions, domain.positions).neg().exp().float().expand(u.shape[0], -1, -1).unsqueeze(1)


def by_direction(u: Tensor, domain: Domain | None) -> Tensor:
    assert isinstance(domain, Cloud)
    x = domain.positions[..., 0].float()
    return (x.unsqueeze(-1) - x.unsqueeze(-2)).expand(u.shape[0], -1, -1).unsqueeze(1)


@pytest.mark.parametrize("shared", [True, False])
def test_clouds_are_turned_for_real(shared: bool) -> None:
    cloud = Cloud(torch.rand(N, 2) if shared else torch.rand(B, N, 2))
    near = describe(Scene(Planted(by_distance), Inputs(torch.randn(B, N, 6), cloud)))
    aside = describe(Scene(Planted(by_direction), Inputs(torch.randn(B, N, 6), cloud)))
    for name in ("rotation_error", "translation_error"):
        assert layer_of(near)[name] == pytest.approx(0.0, abs=1e-9)
    assert aside.rotation_error is not None
    assert aside.rotation_error.layer is not None
    assert aside.rotation_error.layer > 0.1
    assert near.semiseparable_rank is None
    assert "spectrum" not in near.arrays()
    # A mean over samples has a meaning where all of them have the same places.
    assert ("averaged" in near.arrays()) == (near.content_share is not None) == shared


def edges(n: int) -> Tensor:
    """A ring, both ways round."""
    ring, following = torch.arange(n), (torch.arange(n) + 1) % n
    return torch.stack([torch.cat([ring, following]), torch.cat([following, ring])])


def test_a_mean_over_neighbours_is_the_same_for_all_edges() -> None:
    graph = Graph(edges(N), N, self_loops=True, normalise="row")
    dense = graph.geometry(1, N, torch.device("cpu")).edges
    assert dense is not None
    found = describe(Scene(Planted(fixed(dense.dense(N)[0].float())), Inputs(torch.randn(B, N, 6), graph)))
    assert layer_of(found)["toeplitz_share"] == pytest.approx(1.0)
    assert found.entropy.layer == pytest.approx(1.0)
    assert found.translation_error is None
    assert found.locality is None
    np.testing.assert_allclose(found.arrays()["profile_mean"][0], [1, 1], atol=1e-6)


def padded(lengths: Tensor, n: int = N) -> Sequence:
    return Sequence(valid=torch.arange(n) < lengths.unsqueeze(1))


def test_padding_has_no_part_in_anything() -> None:
    """Padded to N or not: the same measures, whatever stands at padded points."""
    attention = Attention(Placement(6, causal=False, position_dim=1), 2, rotary=False)
    u, length = torch.randn(B, N, 6), 10
    u[:, length:] *= 100
    whole = describe(heard(attention, u, padded(torch.full((B,), length))))
    short = describe(heard(attention, u[:, :length]))
    assert layer_of(whole) == pytest.approx(layer_of(short), abs=1e-5)
    for name in ("averaged", "examples"):
        np.testing.assert_allclose(whole.arrays()[name][..., :length, :length], short.arrays()[name], atol=1e-6)
        assert not whole.arrays()[name][..., length:, :].any()
        assert not whole.arrays()[name][..., length:].any()


def test_samples_of_different_lengths_are_averaged_where_they_are() -> None:
    lengths = torch.arange(4, 4 + B)
    fading = torch.exp(-torch.arange(N).unsqueeze(1).sub(torch.arange(N)).abs() / 3).tril()
    found = described(fixed(fading), padded(lengths), causal=True)
    own, arrays = layer_of(found), found.arrays()
    assert own["content_share"] == pytest.approx(0, abs=1e-6)
    assert own["toeplitz_share"] == pytest.approx(1, abs=1e-6)
    assert own["semiseparable_rank"] == 1.0
    longest = int(lengths.max())
    np.testing.assert_allclose(arrays["averaged"][0, :longest, :longest], fading[:longest, :longest], atol=1e-6)
    assert not arrays["averaged"][0, longest:].any()
    np.testing.assert_allclose(arrays["profile_sd"], 0, atol=1e-6)
    assert set(arrays["rank_profile"][0, : longest - 1].tolist()) == {1.0}


def at_places(u: Tensor, domain: Domain | None) -> Tensor:
    """Random, and the same for all samples: nothing but places counts."""
    return torch.randn(1, 1, u.shape[1], u.shape[1], generator=torch.Generator().manual_seed(1)).expand(B, -1, -1, -1)


@pytest.mark.parametrize("domain", [None, Grid((4, 4))])
def test_what_hangs_on_places_changes_under_every_move(domain: Domain | None) -> None:
    own = layer_of(described(at_places, domain))
    for name in ("translation_error", "permutation_error", *(["rotation_error"] if domain else [])):
        assert own[name] == pytest.approx(1, abs=0.3)


def test_grids_are_turned() -> None:
    def kernel(*features: Any) -> itnas.IntegralTransform:
        return itnas.IntegralTransform(6, kernel=itnas.MLPKernel(features=features, position_dim=2))

    grid, u = Grid((4, 4)), torch.randn(B, 16, 6)
    near, aside = (layer_of(describe(heard(kernel(name, "product"), u, grid))) for name in ("distance", "offset"))
    assert near["rotation_error"] == aside["translation_error"] == pytest.approx(0, abs=1e-6)
    assert aside["rotation_error"] is not None
    assert aside["rotation_error"] > 0.01
    assert describe(heard(kernel("offset"), torch.randn(B, 8, 6), Grid((2, 4)))).rotation_error is None
    arrays = describe(heard(kernel("offset"), u, grid)).arrays()
    assert (arrays["spectrum"].shape, arrays["offsets"].shape) == ((1, 7, 4), (49, 2))
    assert (len(arrays["frequencies_0"]), len(arrays["frequencies_1"])) == (7, 4)


def test_a_window_makes_attention_depend_on_places() -> None:
    kernel = itnas.MLPKernel(layers=0, features=("product",))
    layer = itnas.IntegralTransform(6, kernel=kernel, normaliser="softmax", quadrature=itnas.operator.Window(3))
    own = layer_of(describe(heard(layer, torch.randn(B, N, 6))))
    assert own["translation_error"] == pytest.approx(0, abs=1e-6)
    assert own["permutation_error"] is not None
    assert own["permutation_error"] > 0.2


DOMAINS = {
    "sequence": (None, N),
    "times": (Sequence(torch.rand(B, N).cumsum(1)), N),
    "padded": (padded(torch.arange(4, 4 + B)), N),
    "grid": (Grid((4, 4)), N),
    "cloud": (Cloud(torch.rand(B, N, 3)), N),
    "line": (Cloud(torch.rand(N, 1)), N),
    "graph": (Graph(edges(N), N), N),
    "graphs": (Graph.batch([Graph(edges(n), n) for n in range(5, 5 + B)]), 4 + B),
    "set": (Set(), N),
}


@pytest.mark.parametrize("name", DOMAINS)
@pytest.mark.parametrize("normaliser", ["softmax", "none"])
def test_every_domain(name: str, normaliser: str) -> None:
    domain, n = DOMAINS[name]
    placeless = name in ("graph", "graphs", "set")
    features = ("product",) if placeless else ("product", "distance")
    axes = 0 if placeless else geometry_of(torch.zeros(B, n, 1), domain).axes
    kernel = itnas.MLPKernel(features=features, position_dim=axes) if axes else itnas.MLPKernel(features=features)
    layer = itnas.IntegralTransform(6, heads=2, kernel=kernel, normaliser=normaliser)
    u = torch.randn(B, n, 6)
    found = describe(heard(layer, u, *([] if domain is None else [domain])))
    for kind, measure in found.measures.items():
        if measure is None:
            continue
        assert len(measure.heads) == 2
        # Contents without a normaliser may leave no mean of which there could be a share.
        if kind != "toeplitz_share" or normaliser == "softmax":
            assert measure.layer is not None
        assert measure.layer is None or math.isfinite(measure.layer)
    for share in (found.content_share, found.toeplitz_share, found.entropy):
        assert share is None or -1e-6 <= (share.layer or 0) <= 1 + 1e-6
    # Distances and contents: the origin is nowhere.
    assert (found.translation_error is None) == placeless
    assert found.translation_error is None or found.translation_error.layer == pytest.approx(0, abs=1e-6)
    assert all(np.isfinite(part).all() for part in found.arrays().values())
    assert "examples" in found.arrays()
