"""What models that were not made here do to those who explain them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import itnas
from itnas.behaviour import explain, room
from itnas.tasks import Batch

LENGTHS = (8, 16, 32)


def numbers(length: int) -> Tensor:
    return torch.randn(32, length, 16)


class Placed(nn.Module):
    """Attention whose queries and keys read contents alone, behind positions that were added to the other channels."""

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.randn(32, 16))
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        with torch.no_grad():
            self.place[:, :8] = 0
            self.attention.in_proj_weight[:32] *= 3
            self.attention.in_proj_weight[:32, 8:] = 0

    def forward(self, u: Tensor) -> Tensor:
        h = torch.cat([u[..., :8], torch.zeros_like(u[..., 8:])], -1) + self.place[: u.shape[1]]
        y: Tensor = self.attention(h, h, h)[0]
        return y


class AddsInPlace(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(16, 16, 3, padding=1)

    def forward(self, u: Tensor) -> Tensor:
        h = u.clone()
        h += self.convolution(h.transpose(1, 2)).transpose(1, 2)
        return h


class Recurrent(nn.Module):
    def __init__(self, *, idle: bool = False) -> None:
        super().__init__()
        self.recurrent, self.idle = nn.GRU(16, 4, batch_first=True), idle

    def forward(self, u: Tensor) -> Tensor:
        y: Tensor = u if self.idle else self.recurrent(u)[0]
        return y


def test_positions_that_were_added_upstream_stay_where_they_are() -> None:
    torch.manual_seed(1)
    found = explain(Placed(), numbers, LENGTHS).layers[0]
    assert found.family == "attention"
    assert found.fidelity["attention"] > 0.99


def test_a_model_may_change_what_it_gave_to_a_layer() -> None:
    torch.manual_seed(0)
    found = explain(AddsInPlace(), numbers, LENGTHS).layers[0]
    assert found.family == "convolution"
    assert found.fidelity["convolution"] > 0.99


def test_attention_over_a_grid_is_not_local() -> None:
    torch.manual_seed(0)
    module = nn.MultiheadAttention(16, 2, batch_first=True)
    with torch.no_grad():
        module.in_proj_weight[:32] *= 4

    def sample(length: int, generator: torch.Generator) -> Batch:
        side = round(length**0.5)
        u = torch.randn(64, side * side, 16, generator=generator)
        return Batch(u, u[:, 0, 0], None, itnas.Grid((side, side)))

    assert explain(itnas.recover.from_module(module), sample, (16, 36, 64)).layers[0].family == "attention"


def test_lengths_at_which_the_skill_is_gone_do_not_count() -> None:
    """The task is to say what the layer says; at 32 points nothing is to be won."""
    torch.manual_seed(0)
    layer = itnas.recover.from_module(nn.Conv1d(16, 16, 2, bias=False), causal=True)
    truth = itnas.recover.from_module(nn.Conv1d(16, 16, 2, bias=False), causal=True)
    truth.load_state_dict(layer.state_dict())

    def score(outputs: Tensor, batch: Batch) -> float:
        target = truth(batch.inputs)
        error = float((outputs - target).square().mean() / target.square().mean())
        return 1 - error if batch.inputs.shape[1] < 32 else 0.1 - 0.1 * error

    found = explain(layer, numbers, LENGTHS, score)
    assert found.lengths == (8, 16)
    assert list(found.dropped) == [32]
    assert found.layers[0].family == "convolution"


@pytest.mark.parametrize("what", ["inputs", "score"])
def test_what_is_not_a_number_is_refused(what: str) -> None:
    def sample(length: int) -> Tensor:
        u = numbers(length)
        if what == "inputs":
            u[3, 1] = torch.nan
        return u

    with pytest.raises(ValueError, match="finite"):
        explain(Recurrent(), sample, LENGTHS, (lambda _y, _batch: float("nan")) if what == "score" else None)


def test_a_model_that_calls_none_of_its_layers_is_refused() -> None:
    with pytest.raises(ValueError, match="calls none of its layers"):
        explain(Recurrent(idle=True), numbers, LENGTHS)


def test_a_score_of_ones_own_overrules_the_tasks() -> None:
    task = itnas.task("flip-flop/length=16")
    found = explain(itnas.build("gru", task), task, (8, 16), lambda _outputs, _batch: 0.25, copies=0)
    assert found.score == pytest.approx(0.25)
    assert all(layer.family == "none" for layer in found.layers)


class Crossing(nn.Module):
    """A recurrence that can be examined, and attention to its first point, which cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.recurrent = nn.GRU(16, 16, batch_first=True)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)

    def forward(self, u: Tensor) -> Tensor:
        h: Tensor = self.recurrent(u)[0]
        found: Tensor = self.attention(h, h[:, :1], h[:, :1])[0]
        return found + h


def test_a_layer_that_cannot_be_examined_leaves_the_others() -> None:
    torch.manual_seed(0)
    found = explain(Crossing(), numbers, LENGTHS[:2], copies=0)
    assert [layer.name for layer in found.layers] == ["recurrent"]
    assert list(found.unexamined) == ["attention"]
    assert "only self-attention" in found.to_dict()["unexamined"]["attention"]
    assert found.sentences()[-1].startswith("attention was not examined: ")


def test_where_nothing_can_be_examined_it_is_said_why() -> None:
    with pytest.raises(
        ValueError, match=r"calls none of its layers .* \(recurrent: GRU is examined from a state of ze"
    ):
        explain(Started(), numbers, LENGTHS, copies=0)


class Started(Recurrent):
    def forward(self, u: Tensor) -> Tensor:
        y: Tensor = self.recurrent(u, torch.ones(1, len(u), 4))[0]
        return y


class ByLength(nn.Module):
    """Another layer for long samples than for short ones."""

    def __init__(self) -> None:
        super().__init__()
        self.short, self.long = (nn.GRU(16, 16, batch_first=True) for _ in range(2))

    def forward(self, u: Tensor) -> Tensor:
        y: Tensor = (self.short if u.shape[1] < 12 else self.long)(u)[0]
        return y


def test_growth_is_not_looked_for_between_different_layers() -> None:
    with pytest.raises(ValueError, match=r"at length 16 the model calls the layers long, at length 8 the layers short"):
        explain(ByLength(), numbers, LENGTHS[:2], copies=0)


def test_channels_count_where_each_has_a_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "free_memory", lambda _: 3e6)
    message = r"layer GRU, with 16 channels, takes at least 0 GB of memory at length 32.* ask for shorter lengths"
    with pytest.raises(ValueError, match=message):
        explain(nn.GRU(16, 16, batch_first=True), numbers, LENGTHS, copies=0)


class Padded(nn.Module):
    """Attention that hides a point of samples that ask for it, and two layers that can always be examined."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.MultiheadAttention(16, 2, batch_first=True)
        self.second = nn.Conv1d(16, 16, 3, padding=1)
        self.third = nn.GRU(16, 16, batch_first=True)

    def forward(self, u: Tensor) -> Tensor:
        hidden = torch.zeros(u.shape[:2], dtype=torch.bool)
        hidden[:, -1] = u[:, 0, 0] > 50
        h = self.first(u, u, u, key_padding_mask=hidden)[0]
        h = self.second(h.mT).mT
        y: Tensor = self.third(h)[0]
        return y


@pytest.mark.parametrize("where", [3, 30, 200])
def test_what_cannot_be_examined_on_some_samples_is_left_out(where: int) -> None:
    """Whichever samples those are: to judge by, to fit on, or to tell what a layer is worth."""

    def some(length: int) -> Tensor:
        u = torch.randn(16 + 32 + 256, length, 16)
        u[where, 0, 0] = 100.0
        return u

    torch.manual_seed(0)
    found = explain(Padded(), some, LENGTHS[:2], lambda outputs, _batch: float(outputs.mean()), copies=0)
    assert [layer.name for layer in found.layers] == ["second", "third"]
    assert list(found.unexamined) == ["first"]


class Residual(nn.Module):
    """Scored; what its layers say is changed in place, or not."""

    def __init__(self, *, in_place: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = (nn.GRU(16, 16, batch_first=True) for _ in range(2))
        self.in_place = in_place

    def forward(self, u: Tensor) -> Tensor:
        for layer in (self.first, self.second):
            y = layer(u)[0]
            if self.in_place:
                y += u
            u = y if self.in_place else y + u
        return u


def test_a_model_may_change_what_stands_in_for_a_layer() -> None:
    truth = Residual(in_place=False)

    def sample(length: int, generator: torch.Generator) -> Batch:
        u = torch.randn(48, length, 16, generator=generator)
        with torch.no_grad():
            return Batch(u, truth(u))

    def score(outputs: Tensor, batch: Batch) -> float:
        return -float((outputs - batch.targets).square().mean())

    rows = [explain(Residual(in_place=each), sample, LENGTHS[:2], score, copies=0).rows() for each in (True, False)]
    assert rows[0] == rows[1]


def test_half_precision_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="half precision"):
        explain(
            nn.Conv1d(16, 16, 3, padding=1).bfloat16(), lambda n: torch.randn(48, 16, n).bfloat16(), (16,), copies=0
        )
