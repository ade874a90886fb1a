"""Untrained copies: what they are, and what verdicts are told beside them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import itnas
from itnas.behaviour import Explanation, Thresholds, explain
from itnas.behaviour.budget import Curve
from itnas.behaviour.evidence import Evidence
from itnas.behaviour.explanation import LayerVerdict
from itnas.behaviour.fidelity import Fidelity, Span
from itnas.behaviour.null import beside, copies_of
from itnas.behaviour.verdict import Reading
from itnas.models import Network

C, LENGTHS = 4, (8, 16)


def numbers(length: int) -> Tensor:
    return torch.randn(24, length, C)


def delay(points: int = 1) -> nn.Module:
    """A convolution that looks back so far and no further."""
    layer = nn.Conv1d(C, C, points + 1, bias=False)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[:, :, 0] = torch.eye(C)
    return itnas.recover.from_module(layer, causal=True)


def attention(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    layer = nn.MultiheadAttention(C, 1, batch_first=True)
    nn.init.normal_(layer.in_proj_weight, std=2)
    return itnas.recover.from_module(layer, causal=True)


def told(model: nn.Module, **settings: object) -> Explanation:
    return explain(model, numbers, LENGTHS, **settings)  # type: ignore[arg-type]


@pytest.fixture
def network() -> Network:
    return itnas.build("convnet", itnas.task("local-pattern/length=16"), seed=3)


def weights(model: nn.Module) -> Tensor:
    return torch.cat([part.detach().flatten() for part in model.parameters()])


def test_copies_differ_by_seed_and_not_by_the_model_at_hand(network: Network) -> None:
    make = copies_of(network)
    assert make is not None
    first = weights(make(1))
    with torch.no_grad():
        for part in network.parameters():
            part.add_(1.0)
    torch.testing.assert_close(weights(make(1)), first, rtol=0, atol=0)
    torch.testing.assert_close(weights(make(3)), weights(network) - 1, rtol=0, atol=1e-6)
    assert not torch.equal(weights(make(2)), first)
    other = copies_of(itnas.build(network.genome, itnas.task("local-pattern/length=16"), seed=4))
    assert other is not None
    torch.testing.assert_close(weights(other(1)), first, rtol=0, atol=0)


def test_a_copy_is_nothing_of_the_models(network: Network) -> None:
    make = copies_of(network)
    assert make is not None
    before = weights(network).clone()
    copied = make(1)
    with torch.no_grad():
        for part in copied.parameters():
            part.zero_()
    assert torch.equal(weights(network), before)


def test_of_other_models_nobody_knows_how_they_began() -> None:
    assert copies_of(delay()) is None
    (found,) = told(delay()).layers
    assert (found.null, found.imposed, found.emerged) == (None, None, None)


def test_without_copies_there_is_no_null(network: Network) -> None:
    found = explain(network, "local-pattern/length=16", LENGTHS, copies=0)
    assert [(layer.null, layer.imposed, layer.emerged) for layer in found.layers] == [(None, None, None)] * 2
    assert all(row["null"] is None for row in found.rows())
    (other,) = told(delay(), copies=0, untrained=attention).layers
    assert other.null is None


def test_negative_numbers_of_copies_are_refused() -> None:
    with pytest.raises(ValueError, match="copies must not be negative, got -1"):
        told(delay(), copies=-1)


def test_copies_are_asked_for_by_seed() -> None:
    seeds: list[int] = []

    def untrained(seed: int) -> nn.Module:
        seeds.append(seed)
        return delay() if len(seeds) == 1 else attention(seed)

    (found,) = told(delay(), copies=4, untrained=untrained).layers
    assert len(set(seeds)) == 4
    assert found.family == "convolution"
    assert found.null == 0.25
    assert found.imposed is False
    # Only a task can tell that something has emerged.
    assert found.emerged is None


def test_what_untrained_copies_show_is_imposed() -> None:
    (found,) = told(delay(2), copies=3, untrained=lambda seed: delay()).layers
    assert (found.null, found.imposed) == (1.0, True)
    (other,) = told(delay(2), copies=2, untrained=attention).layers
    assert (other.null, other.imposed) == (0.0, False)


def test_the_share_that_counts_as_imposed_is_a_threshold() -> None:
    verdicts = told(delay(), copies=0).layers
    (other,) = told(attention(0), copies=0).layers
    for share, imposed in ((0.5, True), (0.51, False)):
        (found,) = beside(verdicts, [[*verdicts, other]], Thresholds(imposed=share))
        assert (found.null, found.imposed) == (0.5, imposed)


def test_a_networks_own_copies_are_its_null(network: Network) -> None:
    """Convolutions are all that a network of convolutions can show."""
    before = {name: part.clone() for name, part in network.state_dict().items()}
    network.train()
    torch.manual_seed(5)
    state = torch.get_rng_state()
    found = explain(network, "local-pattern/length=16", LENGTHS, copies=2)
    assert torch.equal(torch.get_rng_state(), state)
    assert network.training
    assert all(torch.equal(part, before[name]) for name, part in network.state_dict().items())
    for layer in found.layers:
        assert layer.null is not None
        if layer.family == "convolution":
            assert (layer.null, layer.imposed, layer.emerged) == (1.0, True, False)
        else:
            assert layer.family == "none"


def test_copies_do_not_change_the_verdicts(network: Network) -> None:
    task = "local-pattern/length=16"
    alone, beside_copies = (explain(network, task, LENGTHS, copies=copies) for copies in (0, 1))
    for one, other in zip(alone.layers, beside_copies.layers, strict=True):
        assert (one.family, one.fidelity, one.offsets) == (other.family, other.fidelity, other.offsets)


def test_copies_of_another_shape_are_refused_in_words() -> None:
    with pytest.raises(ValueError, match="untrained"):
        told(delay(), copies=1, untrained=lambda seed: nn.Sequential(delay(), delay()))


def test_what_is_no_network_is_refused_in_words() -> None:
    with pytest.raises((TypeError, ValueError), match="untrained"):
        told(delay(), copies=1, untrained=lambda seed: "untrained")


def verdict(family: str, **curves: tuple[int | None, float]) -> LayerVerdict:
    """A layer that was named so, with a budget that suffices and a fidelity for each replacement."""
    measured = {
        name: Curve(((need or 1, Fidelity(value, value, value)),), need) for name, (need, value) in curves.items()
    }
    evidence = Evidence(16, Span(1.0, 0.0, 0.0, 0.0), 1.0, True, False, 1, measured)
    return LayerVerdict(0, "layer", "integral", 0, None, Reading(family, "planted"), {16: evidence}, "task")


@pytest.mark.parametrize(
    ("own", "copy", "near"),
    [
        (verdict("convolution", convolution=(3, 0.97)), verdict("convolution", convolution=(2, 0.99)), True),
        (verdict("convolution", convolution=(3, 0.97)), verdict("mixed", convolution=(None, 0.85)), True),
        (verdict("convolution", convolution=(3, 0.97)), verdict("mixed", convolution=(None, 0.7)), False),
        (verdict("convolution", convolution=(3, 0.97)), verdict("none"), False),
        # Larger states always do: what counts is how large.
        (verdict("recurrence", recurrence=(3, 0.97)), verdict("attention", recurrence=(6, 0.99)), True),
        (verdict("recurrence", recurrence=(3, 0.97)), verdict("attention", recurrence=(7, 0.99)), False),
        (verdict("local", local=(2, 1.0)), verdict("recurrence", local=(4, 1.0)), True),
        (verdict("local", local=(2, 1.0)), verdict("recurrence", local=(9, 1.0)), False),
        # Attention by contents alone is not what contents and distance make together.
        (
            verdict("attention", attention=(1, 0.98)),
            verdict("mixed", attention=(None, 0.2), positional=(None, 0.9)),
            False,
        ),
        (
            verdict("attention", positional=(1, 0.98)),
            verdict("mixed", attention=(None, 0.2), positional=(None, 0.9)),
            True,
        ),
    ],
)
def test_nothing_has_emerged_that_a_copy_nearly_shows(own: LayerVerdict, copy: LayerVerdict, near: bool) -> None:
    far = verdict("dense", dense=(1, 0.99))
    (found,) = beside([own], [[far, far, far, copy]], Thresholds())
    assert found.nearly == (0.25 if near else 0.0)
    assert found.emerged is not near
    assert found.to_dict()["nearly"] == found.nearly


def test_a_network_that_guesses_has_nothing_to_explain() -> None:
    """Taking a layer out changes the score by chance, and chance is not what a layer does."""
    said = set()
    for seed in range(6):
        network = itnas.build("transformer", itnas.task("parity/length=16"), seed=seed)
        found = explain(network, "parity/length=16", LENGTHS, copies=0)
        assert [layer.family for layer in found.layers] == ["none", "none"]
        said.add(found.layers[0].sentence())
    assert "Layer 1 cannot be told: the network is no better than guessing." in said
