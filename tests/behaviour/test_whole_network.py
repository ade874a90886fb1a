"""All layers replaced at once by what their verdicts name: together they account for the network, or they do not."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

import itnas
from itnas.behaviour import Explanation, Thresholds, explain
from itnas.behaviour.examiner import Examiner
from itnas.behaviour.samples import Source
from itnas.behaviour.verdict import Reading
from itnas.tasks import Batch

C, LENGTHS, SAMPLES = 6, (8, 16), 128


def taps(*offsets: int) -> nn.Module:
    """A causal convolution with random maps at these offsets."""
    layer = nn.Conv1d(C, C, max(offsets) + 1)
    kept = torch.isin(max(offsets) - torch.arange(max(offsets) + 1), torch.tensor(offsets))
    with torch.no_grad():
        layer.weight.mul_(3 * kept)
    return itnas.recover.from_module(layer, causal=True)


class Stack(nn.Module):
    """Layers with residuals and something pointwise between them."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, u: Tensor) -> Tensor:
        for layer in self.layers:
            u = u + torch.tanh(layer(u))
        return u


class Streamed:
    """Samples whose targets are what the network says before anything is replaced."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def __call__(self, length: int, generator: torch.Generator) -> Batch:
        inputs = torch.randn(SAMPLES, length, C, generator=generator)
        with torch.no_grad():
            return Batch(inputs, self.network(inputs))


def closeness(outputs: Tensor, batch: Batch) -> float:
    """The share of the targets' variance that outputs explain."""
    missed = (outputs - batch.targets).square().sum()
    return float(1 - missed / (batch.targets - batch.targets.mean()).square().sum())


def planted() -> nn.Module:
    torch.manual_seed(0)
    return Stack(taps(1, 3), taps(0, 2))


def told(network: nn.Module) -> Explanation:
    return explain(network, Streamed(network), LENGTHS, closeness, copies=0)


def whole_with(network: nn.Module, *readings: Reading) -> float:
    """What the network keeps where verdicts say this of its layers."""
    source = Source(Streamed(network), closeness)
    with torch.no_grad():
        examiner = Examiner(network, source, LENGTHS, Thresholds(), functional=True)
        verdicts = examiner.verdicts(0)
        changed = [replace(verdict, reading=reading) for verdict, reading in zip(verdicts, readings, strict=True)]
        return examiner.whole(changed).value


CONVOLUTION = Reading("convolution", "planted")


def test_exact_families_account_for_all() -> None:
    found = told(planted())
    assert [layer.family for layer in found.layers] == ["convolution", "convolution"]
    assert [layer.judged for layer in found.layers] == ["task", "task"]
    whole = found.whole[0]
    assert 0.85 < whole.value <= 1 + 1e-6
    assert whole.low <= whole.value <= whole.high
    assert found.score == pytest.approx(1)
    assert found.to_dict()["whole"]["0"][0] == whole.value


def test_with_all_they_need_nothing_is_lost() -> None:
    """Budgets stop at 0.95 of each layer; where no less than all is enough, nothing is lost."""
    network = planted()
    found = explain(network, Streamed(network), LENGTHS, closeness, thresholds=Thresholds(fidelity=0.9999), copies=0)
    assert [layer.offsets for layer in found.layers] == [(1, 3), (0, 2)]
    assert found.whole[0].value == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("wrong", ["none", "pointwise"])
@pytest.mark.parametrize("where", [0, 1])
def test_a_wrong_verdict_is_found_out(wrong: str, where: int) -> None:
    readings = [CONVOLUTION, CONVOLUTION]
    right = whole_with(planted(), *readings)
    readings[where] = Reading(wrong, "put in")
    assert whole_with(planted(), *readings) < right - 0.2


def test_nothing_right_keeps_nothing() -> None:
    nothing = Reading("none", "put in")
    assert whole_with(planted(), nothing, nothing) == pytest.approx(0, abs=1e-6)


def test_layers_that_no_family_accounts_for_stay_as_they_are() -> None:
    unknown = Reading("mixed", "put in")
    assert whole_with(planted(), unknown, unknown) == pytest.approx(1, abs=1e-5)


def test_a_layer_that_others_need_is_read_as_it_is() -> None:
    network = planted()
    assert not any(layer.jointly for layer in told(network).layers)


def test_a_layer_that_is_called_twice_is_replaced_twice() -> None:
    torch.manual_seed(0)
    tied = taps(1, 2)
    network = Stack(tied, tied)
    found = told(network)
    assert [layer.name for layer in found.layers] == ["layers.0", "layers.0 (call 2)"]
    assert found.whole[0].value > 0.85
    nothing = Reading("none", "put in")
    assert whole_with(network, CONVOLUTION, nothing) < found.whole[0].value - 0.2
    assert whole_with(network, nothing, nothing) == pytest.approx(0, abs=1e-6)


def test_layers_of_several_kinds_stand_in_together() -> None:
    torch.manual_seed(0)
    gru = nn.GRU(C, C, batch_first=True)

    class Last(nn.Module):
        """Scored on the state after the last point alone."""

        def __init__(self) -> None:
            super().__init__()
            self.convolution, self.gru = taps(0, 1), gru

        def forward(self, u: Tensor) -> Tensor:
            state: Tensor = self.gru(self.convolution(u))[1][0]
            return state

    found = told(Last().eval())
    assert [layer.kind for layer in found.layers] == ["integral", "GRU"]
    assert found.layers[0].family == "convolution"
    assert found.whole[0].value > 0.8


def test_without_a_score_there_is_no_whole() -> None:
    found = explain(planted(), lambda length: torch.randn(32, length, C), LENGTHS, copies=0)
    assert found.whole == {}
    assert [layer.judged for layer in found.layers] == ["output", "output"]


def test_replicas_are_told_apart() -> None:
    network = planted()
    found = explain(network, Streamed(network), LENGTHS, closeness, copies=0, replica=3)
    assert list(found.whole) == [3]
    assert [layer.replica for layer in found.layers] == [3, 3]


class Doubled(nn.Module):
    """Either of two layers is enough."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = taps(1), taps(1)
        nn.init.zeros_(self.one.get_parameter("out.bias"))
        self.other.load_state_dict(self.one.state_dict())

    def forward(self, u: Tensor) -> Tensor:
        return torch.sign(self.one(u) + self.other(u))


def test_of_layers_that_stand_by_for_each_other_one_gets_the_credit() -> None:
    """Each may go, for the other says the same; both may not. Verdicts of `none` are put to the test like others."""
    torch.manual_seed(0)
    network = Doubled()
    examiner = Examiner(network, Source(Streamed(network), closeness), LENGTHS, Thresholds(), functional=True)
    with torch.no_grad():
        alone = examiner.verdicts(0)
        assert [verdict.family for verdict in alone] == ["none", "none"]
        assert examiner.whole(alone).value < 0.2
    found = told(network)
    assert [layer.family for layer in found.layers] == ["convolution", "none"]
    assert [layer.jointly for layer in found.layers] == [True, False]
    assert found.layers[0].offsets == (1,)
    assert "other layers can do its work" in found.layers[0].sentence()
    assert found.layers[0].to_dict()["jointly"] is True
    assert found.whole[0].value > 0.8
