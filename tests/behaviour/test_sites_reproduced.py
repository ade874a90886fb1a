"""A model says the same when each of its layers is replaced by what is known of it, or the layer was refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import itnas
from itnas.behaviour.sites import Heard, listen, replaced
from itnas.operator.domain import Cloud, Domain
from tests.behaviour.around import LATER, MODELS, Around, B, C, N, attended, by_itself


def by_view(heard: Heard) -> Callable[[Tensor, Domain | None], Tensor]:
    def answer(u: Tensor, domain: Domain | None) -> Tensor:
        view = heard.subject.view(u, domain)
        return view.output(view.kernel)

    return answer


@torch.no_grad()
def assert_reproduced(model: nn.Module, *args: Any, sites: tuple[str, ...]) -> None:
    """Every site replaced by what its subject says of it: the model says the same."""
    expected = model(*args)
    heard = listen(model, lambda: model(*args))
    assert tuple(str(each.site) for each in heard) == sites
    for stand_in in (by_itself, by_view):
        with replaced(model, {each.site: stand_in(each) for each in heard}):
            found = model(*args)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(model(*args), expected)


def assert_heard_rightly_or_refused(model: nn.Module, u: Tensor) -> None:
    """What a layer cannot be asked about must not be answered wrongly."""
    try:
        assert_reproduced(model, u, sites=("layer",))
    except ValueError:
        return


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_reproduced_by_its_own_layers(name: str) -> None:
    make, sites = MODELS[name]
    assert_reproduced(make(), torch.randn(B, N, C), sites=sites)


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
def test_projected_states() -> None:
    model = Around(nn.LSTM(C, 5, batch_first=True, proj_size=3), lambda layer, u: layer(u)[1][0])
    assert_reproduced(model, torch.randn(B, N, C), sites=("layer",))


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("causal", [True, False])
def test_torchs_encoder_in_evaluation_mode(norm_first: bool, causal: bool) -> None:
    """There torch takes a fused path that calls no submodule."""
    layer = nn.TransformerEncoderLayer(C, 2, 16, batch_first=True, norm_first=norm_first)
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).eval()
    u = torch.randn(B, N, C)
    mask = nn.Transformer.generate_square_subsequent_mask(N) if causal else None
    assert_reproduced(encoder, u, mask, sites=("layers.0.self_attn", "layers.1.self_attn"))
    assert_reproduced(layer.eval(), u, mask, sites=("self_attn",))
    with torch.no_grad():
        subject = listen(encoder, lambda: encoder(u, mask))[0].subject
        assert bool(subject.view(u, None).kernel.triu(1).any()) != causal


def test_masks_may_be_true_where_hidden() -> None:
    hidden = torch.ones(N, N, dtype=torch.bool).triu(1)
    model = Around(nn.MultiheadAttention(C, 2, batch_first=True), attended(attn_mask=hidden, need_weights=False))
    assert_reproduced(model, torch.randn(B, N, C), sites=("layer",))


def test_nothing_hidden_is_no_padding() -> None:
    seen = torch.zeros(B, N, dtype=torch.bool)
    model = Around(nn.MultiheadAttention(C, 2, batch_first=True), attended(key_padding_mask=seen))
    assert_reproduced(model, torch.randn(B, N, C), sites=("layer",))


def test_domains_reach_the_subject() -> None:
    layer = itnas.IntegralTransform(C, kernel=itnas.MLPKernel(features=("distance", "content")), iterate=2)
    cloud = Cloud(torch.rand(B, N, 2))
    assert_reproduced(layer, torch.randn(B, N, C), cloud, sites=("IntegralTransform", "IntegralTransform (call 2)"))
    heard = listen(layer, lambda: layer(torch.randn(B, N, C), domain=cloud))
    assert [each.inputs.domain for each in heard] == [cloud, cloud]


DISTANCE = -(torch.arange(N).unsqueeze(1) - torch.arange(N)).abs().float()
ODD: dict[str, Callable[[], nn.Module]] = {
    "a bias of the distance": lambda: Around(
        nn.MultiheadAttention(C, 2, batch_first=True), attended(attn_mask=DISTANCE)
    ),
    "a bias, causal": lambda: Around(
        nn.MultiheadAttention(C, 2, batch_first=True), attended(attn_mask=DISTANCE.masked_fill(LATER, -torch.inf))
    ),
    "a key of zeros": lambda: Around(nn.MultiheadAttention(C, 2, batch_first=True, add_zero_attn=True), attended()),
    "a learned key": lambda: Around(nn.MultiheadAttention(C, 2, batch_first=True, add_bias_kv=True), attended()),
    "weights that are read": lambda: Around(
        nn.MultiheadAttention(C, 2, batch_first=True), lambda layer, u: torch.cat(layer(u, u, u), -1)
    ),
    "a state to start from": lambda: Around(
        nn.GRU(C, C, batch_first=True), lambda layer, u: layer(u, torch.ones(1, u.shape[0], C))[0]
    ),
    "two states to start from": lambda: Around(
        nn.LSTM(C, C, batch_first=True),
        lambda layer, u: layer(u, (torch.ones(1, len(u), C), torch.ones(1, len(u), C)))[0],
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_what_else_a_call_may_bring_is_heeded_or_refused(name: str) -> None:
    assert_heard_rightly_or_refused(ODD[name](), torch.randn(B, N, C))
