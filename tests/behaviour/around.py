"""Models of other people: a layer, and what is done with it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

import itnas
from itnas.behaviour.sites import Heard
from itnas.operator.domain import Domain

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
LATER = torch.ones(N, N, dtype=torch.bool).triu(1)


def state_of(model: nn.Module) -> list[dict[str, Any]]:
    return [dict(module.__dict__) for module in model.modules()]
