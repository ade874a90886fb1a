"""Descriptive measures: planted kernels whose answers are known, and every domain."""

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import itnas
from benchmarks.planted.modules import Opaque, Sliding
from itnas.behaviour.describe import Description, describe, describe_network
from itnas.behaviour.places import places_of
from itnas.behaviour.scene import Inputs, Scene
from itnas.behaviour.sites import listen
from itnas.behaviour.subjects import KernelSubject, View
from itnas.behaviour.subjects.base import unseen
from itnas.models.mixers import Placement
from itnas.models.mixers.attention import Attention
from itnas.operator.domain import Cloud, Domain, Graph, Grid, Sequence, Set, geometry_of

N, B = 16, 12


class Planted(KernelSubject):
    """A kernel that is what it is told to be: a function of contents [B, N, C] and of places, or of neither."""

    kind = "planted"

    def __init__(self, make: Any, *, causal: bool = False) -> None:
        self.make, self.causal = make, causal

    def view(self, u: Tensor, domain: Domain | None) -> View:
        kernel = self.raw(u, domain, torch.arange(u.shape[1])).nan_to_num(0.0)
        values = u.unsqueeze(1).expand(-1, kernel.shape[1], -1, -1)
        strength = torch.ones(u.shape[0], kernel.shape[1], u.shape[1])
        return View(lambda: kernel, values, strength, lambda mixed: mixed.sum(1), places_of(geometry_of(u, domain)))

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


def heard(layer: nn.Module, u: Tensor, *domain: Domain) -> Scene:
    found = listen(layer, lambda: layer(u, *domain))[0]
    return Scene(found.subject, found.inputs)


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
    assert own["translation_error"] == pytest.approx(0.0, abs=1e-6)
    signs = layer_of(described(lambda u, _: (u @ u.mT).unsqueeze(1) * (1 - torch.eye(N))))
    # The mean of B samples is no 0, but it says no more than that contents are all there is.
    assert signs["content_share"] == pytest.approx(1, abs=0.05)
    assert signs["toeplitz_share"] is None


def test_a_kernel_of_rank_one() -> None:
    left, right = torch.rand(N) + 0.5, torch.rand(N) + 0.5
    found = described(fixed(torch.outer(left, right).tril()), causal=True)
    assert layer_of(found)["semiseparable_rank"] == 1.0
    assert set(found.arrays()["rank_profile"].ravel().tolist()) == {1.0}
    # What looks ahead has a state of the future.
    ahead = described(fixed(torch.outer(left, right).triu()))
    assert layer_of(ahead)["semiseparable_rank"] == 1.0
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


def test_one_sample_says_nothing_of_contents() -> None:
    own = layer_of(describe(Scene(Planted(fixed(shift()), causal=True), Inputs(torch.randn(1, N, 6)))))
    assert (own["content_share"], own["toeplitz_share"], own["locality"]) == (None, None, pytest.approx(1.0))


@pytest.mark.parametrize("n", [1, 2])
def test_the_shortest_inputs(n: int) -> None:
    found = described(lambda u, _: (u @ u.mT).softmax(-1).unsqueeze(1), n=n)
    own = layer_of(found)
    assert own["effective_rank"] is not None
    assert own["translation_error"] == (None if n == 1 else pytest.approx(0, abs=1e-9))
    json.dumps(found.to_dict(), allow_nan=False)
    assert all(np.isfinite(part).all() for part in found.arrays().values())


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


def test_opaque_layers_are_averaged_over_channels() -> None:
    layer = nn.GRU(6, 12, batch_first=True)
    u = torch.randn(B, N, 6)
    found = describe(heard(layer, u))
    assert found.channels
    assert found.content_share is None
    assert all(each.heads == () for each in found.measures.values() if each is not None)
    assert found.arrays()["averaged"].shape == (8, N, N)
    assert found.arrays()["examples"].shape == (4, 8, N, N)


def test_contributions_are_free_of_the_partners_chatter() -> None:
    """An opaque delay has one offset and nothing on its diagonal, whatever points it was measured with."""
    taps, u = nn.Conv1d(4, 4, 3, padding=2, groups=4), torch.randn(64, N, 4)
    nn.init.zeros_(taps.weight[..., 1:])
    found = describe(heard(Sliding(taps), u))
    own, arrays = layer_of(found), found.arrays()
    assert own["locality"] == pytest.approx(2)
    assert own["entropy"] == pytest.approx(0, abs=1e-6)
    assert own["translation_error"] == pytest.approx(0, abs=1e-6)
    assert own["toeplitz_share"] == pytest.approx(1, abs=0.02)
    # Of the i points before a point, the one that counts stays where it is in 1 / i of the orders.
    assert own["permutation_error"] == pytest.approx(1 - sum(1 / i for i in range(2, N)) / (N - 2), abs=0.15)
    # One tap lets every frequency through alike: its size times that of the input.
    through = taps.weight[:, 0, :1].abs() * u.flatten(0, 1).std(0).unsqueeze(1)
    np.testing.assert_allclose(arrays["spectrum"], through.detach().expand(-1, N), rtol=0.05)


def test_opaque_layers_that_know_their_places() -> None:
    u, matrix = torch.randn(64, N, 3), torch.randn(N, N)
    own = layer_of(describe(heard(Opaque(lambda u: matrix @ u), u)))
    assert own["translation_error"] == pytest.approx(1, abs=0.2)
    assert own["permutation_error"] == pytest.approx(1, abs=0.2)
    blind = layer_of(describe(heard(Opaque(lambda u: u.sum(1, keepdim=True).expand_as(u)), u)))
    assert blind["permutation_error"] == pytest.approx(0, abs=1e-6)


def test_a_whole_network() -> None:
    task = itnas.task("local-pattern")
    found = describe_network(itnas.build("transformer", task), task, 16)
    assert [each.length for each in found] == [16, 16]
    assert [each.samples for each in found] == [32, 32]
    plain = found[0].to_dict()
    assert plain["rotation_error"] is None
    assert set(plain["content_share"]) == {"layer", "heads"}
