"""Descriptive measures: planted kernels whose answers are known, and layers that are known by their answers."""

import json

import numpy as np
import pytest
import torch
from torch import nn

import itnas
from benchmarks.planted.modules import Opaque, Sliding
from itnas.behaviour.describe import describe, describe_network
from itnas.behaviour.scene import Inputs, Scene
from tests.behaviour.planted import B, N, Planted, described, fixed, heard, layer_of, shift


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
