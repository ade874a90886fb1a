"""Layers whose behaviour is known, through `itnas.explain`."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import itnas
from itnas.behaviour import Explanation, Thresholds, explain
from itnas.models import build_network, specialist
from itnas.tasks import find

LENGTHS = (8, 16, 32)


def numbers(length: int) -> Tensor:
    return torch.randn(32, length, 8)


def told(layer: nn.Module) -> Explanation:
    torch.manual_seed(0)
    return explain(layer, numbers, LENGTHS, copies=0)


def seeded(make: object) -> nn.Module:
    torch.manual_seed(1)
    assert callable(make)
    layer: nn.Module = make()
    return layer


def test_a_causal_convolution_is_named_with_its_offsets() -> None:
    layer = seeded(lambda: itnas.recover.from_module(nn.Conv1d(8, 8, 3, dilation=2), causal=True))
    found = told(layer).layers[0]
    assert found.family == "convolution"
    assert found.offsets == (0, 2, 4)
    assert found.growth["support"] == pytest.approx(0, abs=1e-9)


def test_softmax_attention_is_attention_and_grows() -> None:
    layer = seeded(lambda: itnas.recover.from_module(nn.MultiheadAttention(8, 2, batch_first=True), causal=True))
    with torch.no_grad():
        for name, part in layer.named_parameters():
            if "query" in name or "key" in name:
                part.mul_(4)
    found = told(layer).layers[0]
    assert found.family == "attention"
    assert found.fidelity["attention"] == pytest.approx(1, abs=1e-4)
    assert found.states[32] is None or found.states[32] > found.states[8]


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM])
def test_gated_recurrences_need_few_states(kind: type[nn.Module]) -> None:
    found = told(seeded(lambda: kind(8, 8, batch_first=True))).layers[0]
    assert found.state_size is not None
    assert found.state_size <= 3
    assert found.family == "recurrence"


def test_torchs_attention_is_judged_as_the_recovered_one() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, u: Tensor) -> Tensor:
            y: Tensor = self.attention(u, u, u)[0]
            return y

    model = seeded(Model)
    own = told(model).layers[0]
    twin = told(itnas.recover.from_module(model.get_submodule("attention"))).layers[0]
    assert own.name == "attention"
    assert own.family == twin.family
    for family, value in own.fidelity.items():
        if family in twin.fidelity:
            assert value == pytest.approx(twin.fidelity[family], abs=1e-3)


def test_a_layer_that_says_nothing_is_none() -> None:
    layer = itnas.IntegralTransform(8, causal=True)
    nn.init.zeros_(layer.out.weight)
    assert told(layer).layers[0].family == "none"


def test_the_model_is_left_as_it_was() -> None:
    layer = seeded(lambda: nn.GRU(8, 8, batch_first=True)).train()
    before = dict(layer.__dict__)
    told(layer)
    assert layer.training
    assert dict(layer.__dict__) == before


def test_the_same_question_has_the_same_answer() -> None:
    layer = seeded(lambda: itnas.IntegralTransform(8, heads=2, causal=True))
    assert told(layer).to_dict() == told(layer).to_dict()


def test_a_network_on_its_task_has_rows_and_sentences() -> None:
    task = itnas.task("flip-flop/length=16")
    found = explain(itnas.build("transformer/operator", task), task, (8, 16), copies=1)
    frame = found.to_frame()
    assert list(frame[frame["head"].isna()]["layer"]) == [0, 1]
    assert all(sentence.startswith("Layer") for sentence in found.sentences())
    # An untrained network has nothing to lose, so nothing has emerged in it.
    assert not any(layer.emerged for layer in found.layers)


@pytest.mark.parametrize(
    ("model", "lengths", "message"),
    [
        (nn.Linear(8, 8), LENGTHS, "no layer that can be examined"),
        (nn.GRU(8, 8, batch_first=True), (2, 8), "lengths must be at least"),
    ],
)
def test_what_cannot_be_explained_is_refused(model: nn.Module, lengths: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        explain(model, numbers, lengths)


def test_thresholds_are_checked() -> None:
    with pytest.raises(ValueError, match="bounded <= grows"):
        Thresholds(bounded=0.6)


@pytest.mark.parametrize("seed", range(3))
def test_linear_attention_is_attention_with_a_bounded_state(seed: int) -> None:
    """As many numbers as it has features; softmax attention over the same keys has no such bound."""
    torch.manual_seed(seed)
    query, key, value = 1.5 * torch.randn(3, 16), 1.5 * torch.randn(3, 16), torch.randn(16, 16) / 4
    layer = itnas.recover.linear_attention(query, key, value, causal=True)
    found = explain(layer, lambda length: torch.randn(48, length, 16), (16, 32, 64), copies=0)
    (verdict,) = found.layers
    assert (verdict.family, verdict.state_trend) == ("attention", "bounded")
    assert max(verdict.states.values()) <= 3
    assert "its state is bounded" in verdict.sentence()


def test_lengths_that_a_task_has_too_few_samples_of_are_left_out() -> None:
    """Of four symbols there are few flip-flops; asked for, they are an error, by default they are not looked at."""
    task = find("flip-flop/length=16")
    assert task.lengths == (4, 8, 16)
    network = build_network(specialist("gru", width=8, depth=1), task)
    found = itnas.explain(network, task, copies=0)
    assert {*found.lengths, *found.dropped} == {8, 16}
    with pytest.raises(ValueError, match="too few distinct samples"):
        itnas.explain(network, task, lengths=(4, 16), copies=0)
