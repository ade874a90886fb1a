"""Layers of other people's models are found, heard and replaced, or refused in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import itnas
from itnas.behaviour.sites import Site, layers_of, listen, replaced
from itnas.operator.domain import Cloud, Domain
from tests.behaviour.around import LATER, MODELS, Around, B, C, N, attended, by_itself, state_of


def test_a_domain_is_known_until_its_own_call_ends() -> None:
    """Somebody else listens to the same layer between two of its applications."""
    layer = itnas.IntegralTransform(C, kernel=itnas.MLPKernel(features=("distance", "content")), iterate=2)
    cloud, u = Cloud(torch.rand(B, N, 2)), torch.randn(B, N, C)

    def interrupted(v: Tensor, domain: Domain | None) -> Tensor:
        listen(layer, lambda: layer(v, domain))
        return v

    heard = listen(layer, lambda: layer(u, cloud), {Site("IntegralTransform", 0): interrupted})
    assert all(each.inputs.domain is cloud for each in heard)


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
