"""Layers that are known by their answers alone: contributions add up to what the layer says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import itnas
from itnas import genes
from itnas.behaviour.subjects import OpaqueSubject
from itnas.models.mixers.base import Mixer
from itnas.operator.domain import Domain, Sequence, Set
from tests.behaviour.taken_apart import LENGTHS, VALID, Around, B, C, assert_taken_apart, heard_by, mixer


class InBlocks(Mixer):
    """Each point takes the mean of its block: who looks ahead, looks no further than the block's end."""

    size = 4

    def forward(self, u: Tensor, domain: Domain | None = None) -> Tensor:
        blocks = torch.unflatten(u, 1, (-1, self.size))
        return blocks.mean(2, keepdim=True).expand_as(blocks).flatten(1, 2)


def first(layer: nn.Module, u: Tensor) -> Tensor:
    y: Tensor = layer(u)[0]
    return y


ANSWERING: dict[str, Callable[[], nn.Module]] = {
    "torch's gru": lambda: Around(nn.GRU(C, 5, batch_first=True).double(), first),
    "torch's deep rnn": lambda: Around(nn.RNN(C, 5, 2, batch_first=True).double(), first),
    "torch's lstm, both ways": lambda: Around(nn.LSTM(C, 5, batch_first=True, bidirectional=True).double(), first),
    "torch's convolution": lambda: Around(
        nn.Conv1d(C, 5, 3, padding=2).double(), lambda layer, u: layer(u.mT)[..., : u.shape[1]].mT
    ),
    "gru": lambda: mixer(genes.Gru(), causal=True),
    "lstm": lambda: mixer(genes.Lstm(), causal=False),
    "selective scan": lambda: mixer(genes.SelectiveSsm(heads=2, state=4), causal=True),
    "selective scans": lambda: mixer(genes.SelectiveSsm(heads=2, state=4), causal=False),
    "recovered gru": lambda: Around(
        itnas.recover.from_module(nn.GRU(C, 5, batch_first=True).double()), lambda layer, u: layer(u)
    ),
    "recovered lstm": lambda: Around(
        itnas.recover.from_module(nn.LSTM(C, 5, batch_first=True).double()), lambda layer, u: layer(u)
    ),
}


@pytest.mark.parametrize("name", ANSWERING)
@pytest.mark.parametrize("length", LENGTHS[1:])
def test_layers_known_by_their_answers(name: str, length: int) -> None:
    layer, u = ANSWERING[name](), torch.randn(B, length, C, dtype=torch.float64)
    assert_taken_apart(layer, u)


@pytest.mark.parametrize("name", ["gru", "lstm", "selective scans"])
def test_answers_with_padding(name: str) -> None:
    assert_taken_apart(ANSWERING[name](), torch.randn(B, 12, C, dtype=torch.float64), Sequence(valid=VALID))


@torch.no_grad()
def shown(layer: nn.Module, u: Tensor, start: int) -> Tensor:
    """The layer's answer where another sample's points stand before `start`."""
    mixed = torch.roll(u, 1, 0)
    mixed[:, start:] = u[:, start:]
    answer: Tensor = layer(mixed)
    return answer


@pytest.mark.parametrize("name", ["torch's gru", "torch's convolution", "lstm", "selective scan"])
def test_contributions_add_up_to_what_is_seen(name: str) -> None:
    """The contributions of the points before a cut are what the layer says less when these are another sample's."""
    layer, u = ANSWERING[name](), torch.randn(B, 9, C, dtype=torch.float64)
    subject = heard_by(layer, u)[0].subject
    assert isinstance(subject, OpaqueSubject)
    with torch.no_grad():
        kernel = subject.view(u, None).kernel
    for cut in (1, 4, 8):
        lost = (shown(layer, u, 0) - shown(layer, u, cut))[:, cut:]
        torch.testing.assert_close(kernel[:, :, cut:, :cut].sum(-1).mT, lost, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["torch's gru", "torch's convolution", "lstm", "selective scans"])
@pytest.mark.parametrize("length", [2, 7, 33])
def test_crossings_of_layers_that_answer(name: str, length: int) -> None:
    """Over many points of the past contributions are pooled: points of a portion share their mean."""
    layer, u = ANSWERING[name](), torch.randn(B, length, C, dtype=torch.float64)
    subject = heard_by(layer, u)[0].subject
    with torch.no_grad():
        own = subject.view(u, None).kernel
        for cut in {1, length // 2, length - 1}:
            late, early = torch.arange(cut, length)[::2], torch.arange(cut).flip(0)
            sizes = subject.portions(cut)
            pooled = [part.mean(-1) for part in own[:, :, late, :cut].split(sizes.tolist(), -1)]
            found = subject.futures(u, None, cut, late)
            torch.testing.assert_close(found, torch.stack(pooled, -1), rtol=1e-9, atol=1e-9)
            # The last points are the far end.
            sizes = subject.portions(length - cut).flip(0)
            pooled = [part.mean(-1) for part in own[:, :, early, cut:].split(sizes.tolist(), -1)]
            found = subject.pasts(u, None, cut, early)
            torch.testing.assert_close(found, torch.stack(pooled, -1), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("length", [8, 12, 16])
def test_looking_ahead_is_seen_wherever_it_happens(length: int) -> None:
    """Of layers that work in blocks nothing crosses some places, the middle perhaps."""
    layer, u = InBlocks(), torch.randn(B, length, C, dtype=torch.float64)
    assert_taken_apart(layer, u)
    with torch.no_grad():
        view = heard_by(layer, u)[0].subject.view(u, None)
    ahead = view.kernel[:, :, 0, 1 : InBlocks.size].square().sum()
    assert ahead > 0.1 * view.kernel[:, :, 0].square().sum()


def test_layers_that_answer_need_an_order() -> None:
    class Mean(Mixer):
        def forward(self, u: Tensor, domain: Domain | None = None) -> Tensor:
            return u.mean(1, keepdim=True).expand_as(u)

    u = torch.randn(B, 12, C)
    (heard,) = heard_by(Mean(), u, Set())
    with pytest.raises(ValueError, match="a Set has no order"):
        heard.subject.view(u, Set())
