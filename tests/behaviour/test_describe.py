"""Descriptive measures: planted kernels whose answers are known, and every domain."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import itnas
from itnas.behaviour.describe import Description, describe, describe_network
from itnas.behaviour.places import places_of
from itnas.behaviour.scene import Inputs, Scene
from itnas.behaviour.sites import listen
from itnas.behaviour.subjects import Subject, View
from itnas.behaviour.subjects.base import unseen
from itnas.models.mixers.base import geometry_of
from itnas.operator.domain import Cloud, Domain, Graph, Grid, Sequence, Set

N, B = 16, 12


class Planted(Subject):
    """A kernel that is what it is told to be: a function of contents [B, N, C] and of places, or of neither."""

    kind = "planted"

    def __init__(self, make: Any, *, causal: bool = False) -> None:
        self.make, self.causal = make, causal

    def view(self, u: Tensor, domain: Domain | None) -> View:
        kernel = self.raw(u, domain, torch.arange(u.shape[1])).nan_to_num(0.0)
        values = u.unsqueeze(1).expand(-1, kernel.shape[1], -1, -1)
        strength = torch.ones(u.shape[0], kernel.shape[1], u.shape[1])
        return View(kernel, values, strength, lambda mixed: mixed.sum(1), places_of(geometry_of(u, domain)))

    def raw(self, u: Tensor, domain: Domain | None, order: Tensor) -> Tensor:
        whole = self.make(u, domain)
        heads = whole.shape[1]
        placed = self.make(u[:, order.argsort()], domain)[:, :, order][:, :, :, order]
        return unseen(placed.expand(u.shape[0], heads, -1, -1), order, causal=self.causal)

    def normalised(self, raw: Tensor, u: Tensor, domain: Domain | None) -> Tensor:
        return raw.nan_to_num(0.0).tril() if self.causal else raw.nan_to_num(0.0)


def fixed(*heads: Tensor) -> Any:
    """The same kernel for every sample."""
    return lambda u, domain: torch.stack(heads).unsqueeze(0).expand(u.shape[0], -1, -1, -1)


def described(make: Any, domain: Domain | None = None, *, causal: bool = False, n: int = N) -> Description:
    return describe(Scene(Planted(make, causal=causal), Inputs(torch.randn(B, n, 6), domain)))


def layer_of(found: Description) -> dict[str, float | None]:
    return {name: None if each is None else each.layer for name, each in found.measures.items()}


def shift(n: int = N) -> Tensor:
    return torch.diag(torch.ones(n - 1), -1)


def test_identity() -> None:
    found = layer_of(described(fixed(torch.eye(N)), causal=True))
    assert found == pytest.approx(
        {
            "content_share": 0.0,
            "toeplitz_share": 1.0,
            "effective_rank": N,
            "semiseparable_rank": 0.0,
            "locality": 0.0,
            "entropy": 0.0,
            "translation_error": 0.0,
            "permutation_error": 0.0,
            "rotation_error": None,
        },
        abs=1e-6,
    )


def test_a_pure_shift() -> None:
    found = described(fixed(shift()), causal=True)
    own = layer_of(found)
    assert own["locality"] == pytest.approx(1.0)
    assert own["semiseparable_rank"] == 1.0
    assert own["effective_rank"] == pytest.approx(N - 1)
    assert own["toeplitz_share"] == pytest.approx(1.0)
    assert own["content_share"] == pytest.approx(0.0, abs=1e-6)
    assert own["entropy"] == pytest.approx(0.0, abs=1e-6)
    assert own["permutation_error"] is not None
    assert own["permutation_error"] > 0.5
    arrays = found.arrays()
    profile = dict(zip(arrays["offsets"].tolist(), arrays["profile_mean"][0].tolist(), strict=True))
    assert {offset for offset, value in profile.items() if value > 1e-6} == {1}
    np.testing.assert_allclose(arrays["profile_sd"], 0, atol=1e-6)
    np.testing.assert_allclose(arrays["spectrum"], 1, atol=1e-6)
    np.testing.assert_allclose(arrays["averaged"][0], shift(), atol=1e-6)


def test_the_running_mean() -> None:
    uniform = torch.ones(N, N).tril() / torch.arange(1, N + 1).unsqueeze(1)
    own = layer_of(described(fixed(uniform), causal=True))
    assert own["entropy"] == pytest.approx(1.0)
    assert own["semiseparable_rank"] == 1.0
    assert own["locality"] == pytest.approx((N - 1) / 4)
    assert own["toeplitz_share"] is not None
    assert own["toeplitz_share"] < 0.9


def test_uniform_over_all() -> None:
    own = layer_of(described(fixed(torch.ones(N, N) / N)))
    assert own["entropy"] == pytest.approx(1.0)
    assert own["effective_rank"] == pytest.approx(1.0, abs=1e-4)
    assert own["permutation_error"] == pytest.approx(0.0, abs=1e-6)
    assert own["locality"] == pytest.approx((N * N - 1) / (3 * N))


def test_attention_by_contents_alone() -> None:
    found = described(lambda u, _: (3 * u @ u.mT).softmax(-1).unsqueeze(1) - 1 / N)
    own = layer_of(found)
    assert own["permutation_error"] == pytest.approx(0.0, abs=1e-6)
    signs = layer_of(described(lambda u, _: (u @ u.mT).unsqueeze(1) * (1 - torch.eye(N))))
    # Of B samples with mean 0, the mean keeps 1 / B of the energy.
    assert signs["content_share"] == pytest.approx(1 - 1 / B, abs=0.03)
    assert signs["translation_error"] is not None
    assert signs["translation_error"] > 0.9


def test_a_kernel_of_rank_one() -> None:
    left, right = torch.rand(N) + 0.5, torch.rand(N) + 0.5
    found = described(fixed(torch.outer(left, right).tril()), causal=True)
    assert found.semiseparable_rank is not None
    assert found.semiseparable_rank.layer == 1.0
    assert set(found.arrays()["rank_profile"].ravel().tolist()) == {1.0}
    full = described(fixed(torch.outer(left, right)))
    assert full.effective_rank.layer == pytest.approx(1.0, abs=1e-4)


def test_the_rank_profile_counts_what_crosses_each_cut() -> None:
    """A delay by d keeps the last d points."""
    delay = torch.diag(torch.ones(N - 3), -3)
    arrays = described(fixed(delay), causal=True).arrays()
    needed = dict(zip(arrays["cuts"].tolist(), arrays["rank_profile"][0].tolist(), strict=True))
    assert all(rank == min(cut, 3, N - cut) for cut, rank in needed.items())


def test_heads_weigh_what_they_say() -> None:
    found = described(fixed(shift(), 1e-3 * torch.eye(N), torch.zeros(N, N)), causal=True)
    assert found.locality is not None
    assert found.locality.heads == (pytest.approx(1.0), 0.0, None)
    assert found.locality.layer == pytest.approx(1.0, abs=1e-4)
    assert found.content_share is not None
    assert found.content_share.heads[2] is None


def test_a_dead_layer_has_no_measures() -> None:
    found = described(fixed(torch.zeros(N, N)), causal=True)
    own = layer_of(found)
    assert {own[name] for name in own if name != "semiseparable_rank"} == {None}
    assert all(np.isfinite(part).all() for part in found.arrays().values())


def test_long_kernels_are_thinned_out_and_say_so() -> None:
    found = described(fixed(shift(200)), causal=True, n=200)
    arrays = found.arrays()
    assert arrays["averaged"].shape == (1, 128, 128)
    assert arrays["examples"].shape == (4, 1, 128, 128)
    assert (found.shown[0], found.shown[-1], len(set(found.shown))) == (0, 199, 128)
    assert arrays["shown"].tolist() == list(found.shown)
    assert all(part.dtype == np.float32 for part in arrays.values())


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
    assert near.rotation_error is not None
    assert near.rotation_error.layer == pytest.approx(0.0, abs=1e-9)
    assert near.translation_error is not None
    assert near.translation_error.layer is not None
    assert near.translation_error.layer < 0.01
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
    assert found.toeplitz_share is not None
    assert found.toeplitz_share.layer == pytest.approx(1.0)
    assert found.entropy.layer == pytest.approx(1.0)
    assert found.translation_error is None
    assert found.locality is None
    np.testing.assert_allclose(found.arrays()["profile_mean"][0], [1, 1], atol=1e-6)


DOMAINS = {
    "sequence": (None, N),
    "times": (Sequence(torch.rand(B, N).cumsum(1)), N),
    "padded": (Sequence(valid=torch.arange(N) < torch.arange(4, 4 + B).unsqueeze(1)), N),
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
    heard = listen(layer, lambda: layer(u, domain))[0]
    found = describe(Scene(heard.subject, heard.inputs))
    for measure in filter(None, found.measures.values()):
        assert measure.layer is not None
        assert math.isfinite(measure.layer)
        assert len(measure.heads) == 2
    for share in (found.content_share, found.toeplitz_share, found.entropy, found.translation_error):
        assert share is None or -1e-6 <= (share.layer or 0) <= 1 + 1e-6
    assert all(np.isfinite(part).all() for part in found.arrays().values())
    assert "examples" in found.arrays()


def test_opaque_layers_are_averaged_over_channels() -> None:
    layer = nn.GRU(6, 12, batch_first=True)
    u = torch.randn(B, N, 6)
    heard = listen(layer, lambda: layer(u))[0]
    found = describe(Scene(heard.subject, heard.inputs))
    assert found.channels
    assert found.content_share is None
    assert all(each.heads == () for each in found.measures.values() if each is not None)
    assert found.arrays()["averaged"].shape == (8, N, N)
    assert found.arrays()["examples"].shape == (4, 8, N, N)


def test_an_opaque_convolution_is_one_map_per_offset() -> None:
    class Delayed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.taps = nn.Conv1d(4, 4, 3, padding=2)

        def forward(self, u: Tensor) -> Tensor:
            return self.taps(u.transpose(1, 2))[..., : u.shape[1]].transpose(1, 2)

    layer, u = Delayed(), torch.randn(64, N, 4)
    heard = listen(layer, lambda: layer(u))[0]
    found = describe(Scene(heard.subject, heard.inputs))
    assert found.translation_error is not None
    assert found.translation_error.layer is not None
    # What is left: the partners' own part of the contributions is no function of the input.
    assert found.translation_error.layer < 0.45
    assert found.toeplitz_share is not None
    assert found.toeplitz_share.layer is not None
    assert found.toeplitz_share.layer > 0.9


def test_a_whole_network() -> None:
    task = itnas.task("local-pattern")
    found = describe_network(itnas.build("transformer", task), task, 16)
    assert [each.length for each in found] == [16, 16]
    assert [each.samples for each in found] == [32, 32]
    plain = found[0].to_dict()
    assert plain["rotation_error"] is None
    assert set(plain["content_share"]) == {"layer", "heads"}
