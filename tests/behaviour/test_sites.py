"""Layers of other people's models are found, heard and replaced, or refused in words."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import itnas
from itnas.behaviour.sites import Heard, Site, layers_of, listen, replaced
from itnas.operator.domain import Cloud, Domain

B, N, C = 3, 7, 8


class Around(nn.Module):
    """A layer and what a model does with it."""

    def __init__(self, layer: nn.Module, use: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.layer, self.use = layer, use

    def forward(self, u: Tensor) -> Tensor:
        return self.use(self.layer, u)


def attended(**more: Any) -> Callable[[Any, Tensor], Tensor]:
    def use(layer: Any, u: Tensor) -> Tensor:
        y: Tensor = layer(u, u, u, **more)[0]
        return y

    return use


def by_itself(heard: Heard) -> Callable[[Tensor, Domain | None], Tensor]:
    return lambda u, domain: heard.subject.run(u, domain)


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


GRU_STATE = Around(nn.GRU(C, C, batch_first=True), lambda layer, u: layer(u)[1][0])
MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[str, ...]]] = {
    "attention": (lambda: Around(nn.MultiheadAttention(C, 2, batch_first=True), attended()), ("layer",)),
    "points first": (lambda: Around(nn.MultiheadAttention(C, 2), attended()), ("layer",)),
    "without biases": (
        lambda: Around(nn.MultiheadAttention(C, 2, bias=False, batch_first=True), attended()),
        ("layer",),
    ),
    "keywords": (
        lambda: Around(
            nn.MultiheadAttention(C, 2, batch_first=True), lambda layer, u: layer(query=u, key=u, value=u)[0]
        ),
        ("layer",),
    ),
    "gru": (lambda: Around(nn.GRU(C, C), lambda layer, u: layer(u)[0]), ("layer",)),
    "gru, last state": (lambda: copy.deepcopy(GRU_STATE), ("layer",)),
    "gru by name": (lambda: Around(nn.GRU(C, C, batch_first=True), lambda layer, u: layer(input=u)[0]), ("layer",)),
    "gru, two layers": (lambda: Around(nn.GRU(C, C, 2, batch_first=True), lambda layer, u: layer(u)[0]), ("layer",)),
    "two layers' last states": (
        lambda: Around(nn.GRU(C, C, 2, batch_first=True), lambda layer, u: layer(u)[1].sum(0)),
        ("layer",),
    ),
    "lstm, both ways": (
        lambda: Around(nn.LSTM(C, 5, batch_first=True, bidirectional=True), lambda layer, u: layer(u)[0]),
        ("layer",),
    ),
    "lstm, both states": (
        lambda: Around(nn.LSTM(C, 5, batch_first=True), lambda layer, u: layer(u)[1][0] + layer(u)[1][1]),
        ("layer", "layer (call 2)"),
    ),
    "rnn": (lambda: Around(nn.RNN(C, C, batch_first=True), lambda layer, u: layer(u)[0]), ("layer",)),
    "centred convolution": (
        lambda: Around(nn.Conv1d(C, 5, 3, padding="same"), lambda layer, u: layer(u.mT).mT),
        ("layer",),
    ),
    "causal convolution": (
        lambda: Around(nn.Conv1d(C, 5, 3, padding=4, dilation=2), lambda layer, u: layer(u.mT)[..., : u.shape[1]].mT),
        ("layer",),
    ),
    "convolution, whole tail": (
        lambda: Around(nn.Conv1d(C, 5, 3, padding=4), lambda layer, u: layer(u.mT)),
        ("layer",),
    ),
    "circular convolution": (
        lambda: Around(
            nn.Conv1d(C, C, 3, padding=1, padding_mode="circular", groups=2), lambda layer, u: layer(input=u.mT).mT
        ),
        ("layer",),
    ),
    "called twice": (
        lambda: Around(nn.GRU(C, C, batch_first=True), lambda layer, u: layer(layer(u)[0])[0]),
        ("layer", "layer (call 2)"),
    ),
    "iterated": (
        lambda: Around(itnas.IntegralTransform(C, heads=2, iterate=3, causal=True), lambda layer, u: layer(u=u)),
        ("layer", "layer (call 2)", "layer (call 3)"),
    ),
    "iterated, called twice": (
        lambda: Around(itnas.IntegralTransform(C, iterate=2, normaliser="softmax"), lambda layer, u: layer(layer(u))),
        ("layer", "layer (call 2)", "layer (call 3)", "layer (call 4)"),
    ),
    "recovered": (
        lambda: itnas.recover.from_module(nn.GRU(C, C, batch_first=True)).eval(),
        ("Recurrence",),
    ),
    "nested": (
        lambda: nn.Sequential(
            Around(Around(nn.GRU(C, C, batch_first=True), lambda layer, u: layer(u)[0]), lambda layer, u: layer(u) + u),
            nn.Linear(C, C),
            itnas.IntegralTransform(C),
        ),
        ("0.layer.layer", "2"),
    ),
}


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


def test_a_domain_is_known_until_its_own_call_ends() -> None:
    """Somebody else listens to the same layer between two of its applications."""
    layer = itnas.IntegralTransform(C, kernel=itnas.MLPKernel(features=("distance", "content")), iterate=2)
    cloud, u = Cloud(torch.rand(B, N, 2)), torch.randn(B, N, C)

    def interrupted(v: Tensor, domain: Domain | None) -> Tensor:
        listen(layer, lambda: layer(v, domain))
        return v

    heard = listen(layer, lambda: layer(u, cloud), {Site("IntegralTransform", 0): interrupted})
    assert all(each.inputs.domain is cloud for each in heard)


DISTANCE = -(torch.arange(N).unsqueeze(1) - torch.arange(N)).abs().float()
LATER = torch.ones(N, N, dtype=torch.bool).triu(1)
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


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
@pytest.mark.parametrize(("layers", "both"), [(1, False), (2, False), (1, True), (2, True)])
def test_the_last_states_are_the_outputs(kind: type[nn.Module], layers: int, both: bool) -> None:
    """A model that reads h_n of the last layer reads outputs: when these are gone, so is what it read."""

    def last(layer: Any, u: Tensor) -> Tensor:
        state = layer(u)[1]
        h: Tensor = state[0] if isinstance(state, tuple) else state
        return h[-2:].sum(0) if both else h[-1]

    model = Around(kind(C, C, layers, batch_first=True, bidirectional=both), last)
    with torch.no_grad(), replaced(model, {Site("layer", 0): lambda u, _: u.new_zeros(B, N, C * (1 + both))}):
        assert not bool(model(torch.randn(B, N, C)).any())


def test_a_layer_with_two_names_is_called_once_a_call() -> None:
    """Tied weights: one module in two parents."""
    tied = nn.GRU(C, C, batch_first=True)
    model = nn.Sequential(*(Around(tied, lambda layer, u: layer(u)[0]) for _ in range(2)))
    u = torch.randn(B, N, C)
    heard = listen(model, lambda: model(u))
    assert len(heard) == 2
    torch.testing.assert_close(heard[0].inputs.u, u)
    with torch.no_grad():
        torch.testing.assert_close(heard[1].inputs.u, tied(u)[0])
        # Asking afterwards is no call of the network.
        heard[0].subject.run(u, None)
    assert len(heard) == 2
    last = heard[-1].site
    with torch.no_grad(), replaced(model, {last: lambda u, _: torch.full_like(u, 2.0)}):
        assert bool((model(u) == 2).all())


def test_only_the_call_that_is_named_is_replaced() -> None:
    model = Around(nn.GRU(C, C, batch_first=True), lambda layer, u: torch.stack([layer(u)[0], layer(u)[0]]))
    u = torch.randn(B, N, C)
    with torch.no_grad():
        expected = model(u)[0]
        with replaced(model, {Site("layer", 1): lambda u, _: torch.zeros_like(u)}):
            first, second = model(u)
    torch.testing.assert_close(first, expected)
    assert not bool(second.any())


class Counting(nn.Conv1d):
    runs = 0

    def forward(self, x: Tensor) -> Tensor:
        self.runs += 1
        return super().forward(x)


class Calling(nn.Module):
    """A convolution that is called twice, then a recurrence; what they say is changed in place."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Counting(C, C, 3, padding=1), nn.GRU(C, C, batch_first=True)

    def forward(self, u: Tensor) -> Tensor:
        x = self.first(u.mT).tanh_()
        x = self.first(x).mul_(2.0)
        y: Tensor = self.second(x.mT)[0].add_(1.0)
        return y


@torch.no_grad()
def test_layers_before_the_first_that_is_replaced_are_not_worked_out_again() -> None:
    model, u = Calling(), torch.randn(B, N, C)
    heard = listen(model, lambda: model(u))
    assert [str(each.site) for each in heard] == ["first", "first (call 2)", "second"]
    for number, each in enumerate(heard):
        by = {each.site: lambda u, _: torch.zeros_like(u)}
        with replaced(model, by):
            expected = model(u)
        for _ in range(2):
            model.first.runs = 0
            with replaced(model, by, heard[:number]):
                torch.testing.assert_close(model(u), expected)
            assert model.first.runs == 2 - number


def test_layers_are_found_by_name_and_not_searched_inside() -> None:
    task = itnas.task("flip-flop/length=16")
    network = itnas.build("transformer", task)
    assert list(layers_of(network)) == ["blocks.0.mixer", "blocks.1.mixer"]
    assert list(layers_of(nn.GRU(C, C))) == ["GRU"]
    assert layers_of(nn.Sequential(nn.Linear(C, C), nn.ReLU())) == {}


def state_of(model: nn.Module) -> list[dict[str, Any]]:
    return [dict(module.__dict__) for module in model.modules()]


@pytest.mark.parametrize("name", ["gru", "iterated", "nested", "attention"])
def test_the_model_is_left_as_it_was(name: str) -> None:
    model, u = MODELS[name][0](), torch.randn(B, N, C)
    before, fast = state_of(model), torch.backends.mha.get_fastpath_enabled()
    heard = listen(model, lambda: model(u))
    with replaced(model, {each.site: by_itself(each) for each in heard}):
        model(u)
    with pytest.raises(ZeroDivisionError), replaced(model, {heard[0].site: lambda u, _: u / (1 // 0)}):
        model(u)
    with pytest.raises((RuntimeError, ValueError, AssertionError)):
        listen(model, lambda: model(torch.randn(B, N, C + 1)))
    assert state_of(model) == before
    assert torch.backends.mha.get_fastpath_enabled() == fast


def test_a_method_that_somebody_else_put_there_stays() -> None:
    model = nn.GRU(C, C, batch_first=True)
    original = model.forward
    calls = []

    def counted(*args: Any) -> Any:
        calls.append(args)
        return original(*args)

    model.forward = counted  # type: ignore[method-assign, assignment]
    listen(model, lambda: model(torch.randn(B, N, C)))
    assert len(calls) == 1
    assert model.__dict__["forward"] is counted


REFUSED: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], str]] = {
    "cross-attention": (
        lambda: Around(nn.MultiheadAttention(C, 2, batch_first=True), lambda layer, u: layer(u, u + 1, u + 1)[0]),
        (B, N, C),
        "only self-attention",
    ),
    "padded keys": (
        lambda: Around(
            nn.MultiheadAttention(C, 2, batch_first=True), attended(key_padding_mask=torch.arange(N).expand(B, N) > 4)
        ),
        (B, N, C),
        "padded keys is not examined",
    ),
    "another mask": (
        lambda: Around(nn.MultiheadAttention(C, 2, batch_first=True), attended(attn_mask=LATER.T)),
        (B, N, C),
        "mask that is not the causal one",
    ),
    "one sample": (
        lambda: Around(nn.MultiheadAttention(C, 2, batch_first=True), attended()),
        (N, C),
        "examined on batches",
    ),
    "packed": (
        lambda: Around(
            nn.GRU(C, C, batch_first=True),
            lambda layer, u: layer(nn.utils.rnn.pack_padded_sequence(u, [N, N, 2], batch_first=True))[0].data,
        ),
        (B, N, C),
        "GRU is examined on batches of equal length, not packed ones",
    ),
    "one sequence": (
        lambda: Around(nn.LSTM(C, C), lambda layer, u: layer(u)[0]),
        (N, C),
        "LSTM is examined on batches",
    ),
    "stride": (lambda: nn.Conv1d(C, C, 3, stride=2), (B, C, N), "with stride 1"),
    "one signal": (lambda: nn.Conv1d(C, C, 3), (C, N), "examined on batches"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_examined_is_refused(name: str) -> None:
    make, shape, message = REFUSED[name]
    model, u = make(), torch.randn(shape)
    before = state_of(model)
    with pytest.raises(ValueError, match=message):
        listen(model, lambda: model(u))
    assert state_of(model) == before


def test_convolutions_that_drop_points_are_refused() -> None:
    model, u = nn.Conv1d(C, C, 3), torch.randn(B, C, N)
    with pytest.raises(ValueError, match="drops points"):
        listen(model, lambda: model(u))


def test_refusals_may_be_collected() -> None:
    model, u = nn.Sequential(nn.Conv1d(C, C, 3, padding=1), nn.Conv1d(C, C, 3)), torch.randn(B, C, N)
    refused: dict[str, str] = {}
    heard = listen(model, lambda: model(u), refused=refused)
    assert [each.site.module for each in heard] == ["0"]
    assert list(refused) == ["1"]
    assert "drops points" in refused["1"]
