"""A cost is asked of a genome: what it takes to know it, what it says, and what has none."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from itnas.genome import Genome
from itnas.models import Network, build_network
from itnas.models.cost import Cost, predict
from itnas.models.interface import Modality
from itnas.operator import IntegralTransform
from itnas.tasks import find
from tests.models.counted import genome, layer


def test_without_a_task_the_blocks_and_the_final_norm_remain() -> None:
    drawn = genome(layer(), depth=2, channels="mlp")
    network = build_network(drawn, find("recall"))
    blocks = [part for name, part in network.named_parameters() if not name.startswith(("encoder", "readout"))]
    cost, whole = predict(drawn, 16), predict(drawn, 16, find("recall"))
    assert cost.parameters == sum(part.numel() for part in blocks)
    assert cost.flops_per_token < whole.flops_per_token
    # The first input is the caller's, and the readout keeps its own.
    assert whole.activation_bytes - cost.activation_bytes == 2 * 16 * 16 * 4
    acausal = predict(drawn.model_copy(update={"causal": False}), 64)
    assert acausal.flops_per_token > predict(drawn, 64).flops_per_token


def test_predicting_builds_nothing_and_is_cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a module was built")

    task = find("recall")
    predict(Genome(), 64, task)
    monkeypatch.setattr(Network, "__init__", refuse)
    monkeypatch.setattr(IntegralTransform, "__init__", refuse)
    state, start = torch.get_rng_state(), time.perf_counter()
    for heads in range(1, 21):
        predict(genome(layer(heads=heads), width=20), 64, task, batch_size=32)
    # 1 ms each without the type checks of the test run; the limit only catches what is of another kind.
    assert time.perf_counter() - start < 20 * 0.05
    assert torch.equal(state, torch.get_rng_state())


def test_a_cost_is_plain_data() -> None:
    assert Cost(1, 2.0, 3.0).to_dict() == {"parameters": 1, "flops_per_token": 2.0, "activation_bytes": 3.0}


@pytest.mark.parametrize(("length", "batch_size"), [(0, 1), (16, 0)])
def test_sizes_are_checked(length: int, batch_size: int) -> None:
    with pytest.raises(ValueError, match=r"must be at least 1, got .*=0"):
        predict(Genome(), length, batch_size=batch_size)


def test_a_network_that_would_refuse_its_points_has_no_cost() -> None:
    with pytest.raises(ValueError, match="walks along its points in order"):
        predict(genome({"mixer": "gru"}), 16, find("ring-transfer"))
    with pytest.raises(ValueError, match="has no positions"):
        predict(genome(layer(kernel={"features": ["distance"]})), 16, find("ring-transfer"))


@dataclass
class Bare:
    """An interface without data, and not hashable."""

    position_dim: int
    label: str = "bare"
    vocabulary: int | None = None
    modalities: tuple[Modality, ...] = ()
    compares: bool = False
    channels: int = 2
    outputs: int = 3
    readout: str = "pooled"
    causal: bool = False


@pytest.mark.parametrize(("axes", "features"), [(0, []), (1, ["offset"]), (2, ["offset"]), (3, ["distance"])])
def test_an_interface_without_data_gets_a_domain_of_its_axes(axes: int, features: list[str]) -> None:
    cost = predict(genome(layer(kernel={"features": [*features, "product"]})), 16, Bare(axes))
    assert cost.flops_per_token > 0


def test_a_genome_knows_its_cost() -> None:
    task = find("recall")
    assert Genome().cost(16, task, batch_size=2) == predict(Genome(), 16, task, batch_size=2)
    assert Genome().cost(16) == predict(Genome(), 16)
