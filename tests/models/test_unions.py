"""Networks on unions: encoders by modality, readouts by part, and what they cost."""

from dataclasses import dataclass
from typing import Literal

import pytest
import torch
from torch import Tensor

from itnas import Grid, Sequence, Union
from itnas.genes import Integral, MlpKernel
from itnas.genome import Genome
from itnas.models import build_network
from itnas.models.cost import predict
from itnas.models.interface import Modality
from itnas.models.mixers.attention import cells
from itnas.models.readout import PooledParts
from itnas.models.specialists import specialist

WIDTH = 12
GENOME = Genome(
    width=WIDTH,
    depth=2,
    layers=(
        Integral(
            kernel=MlpKernel(features=("offset", "content", "product", "modality"), hidden=4),
            normaliser="softmax",
            measure="balanced",
        ),
    ),
)


@dataclass(frozen=True)
class Pictured:
    """A question about two pictures."""

    compares: bool = False
    label: str = "pictured"
    vocabulary: int | None = None
    channels: int = 5
    outputs: int = 3
    readout: Literal["points", "pooled", "decoded"] = "pooled"
    causal: bool = False
    position_dim: int = 3
    modalities: tuple[Modality, ...] = (
        Modality("left", channels=5, encoder="image"),
        Modality("right", channels=5, encoder="image"),
        Modality("question", vocabulary=7),
    )


@dataclass(frozen=True)
class Paired(Pictured):
    """Two sentences."""

    compares: bool = True
    channels: int = 1
    position_dim: int = 1
    modalities: tuple[Modality, ...] = (
        Modality("first", vocabulary=7, encoder="text"),
        Modality("second", vocabulary=7, encoder="text"),
    )


def pictured(valid: Tensor | None = None) -> tuple[Tensor, Union]:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(2, 4 + 6 + 5, 5, generator=generator)
    inputs[:, 10:] = 0
    inputs[:, 10:, 0] = torch.randint(0, 7, (2, 5), generator=generator).float()
    return inputs, Union([Grid((2, 2)), Grid((2, 3)), Sequence(valid=valid)], [4, 6, 5], ["left", "right", "question"])


def paired() -> tuple[Tensor, Union]:
    tokens = torch.randint(0, 7, (3, 9, 1), generator=torch.Generator().manual_seed(1)).float()
    return tokens, Union([Sequence(), Sequence()], [4, 5], ["first", "second"])


class TestEncoder:
    def test_each_part_by_its_own(self) -> None:
        network, (inputs, domain) = build_network(GENOME, Pictured()), pictured()
        encoder, features = network.encoder, network.encode(inputs, domain)
        assert list(encoder.encoders) == ["image", "question"]
        image, tokens = encoder.encoders["image"], encoder.encoders["question"]
        torch.testing.assert_close(features[:, 0:4], image(inputs[:, 0:4]) + encoder.marks[0])
        torch.testing.assert_close(features[:, 4:10], image(inputs[:, 4:10]) + encoder.marks[1])
        torch.testing.assert_close(features[:, 10:], tokens(inputs[:, 10:, 0].long()) + encoder.marks[2])

    def test_inputs_without_a_union_are_refused(self) -> None:
        network, (inputs, _) = build_network(GENOME, Pictured()), pictured()
        with pytest.raises(ValueError, match="a Union of 3 parts"):
            network(inputs, Sequence())


class TestReadout:
    def test_means_of_parts_without_padding(self) -> None:
        _, domain = pictured(torch.arange(5) < torch.tensor([[2], [5]]))
        features = torch.randn(2, 15, WIDTH)
        readout = PooledParts(WIDTH, 3, 3, compares=False)
        means = [features[:, :4].mean(1), features[:, 4:10].mean(1)]
        text = torch.stack([features[0, 10:12].mean(0), features[1, 10:].mean(0)])
        torch.testing.assert_close(readout(features, domain), readout.map(torch.cat([*means, text], -1)))

    def test_a_part_without_points_says_nothing(self) -> None:
        domain, features = Union([Grid((2, 2)), Sequence()], [4, 0]), torch.randn(2, 4, WIDTH)
        readout = PooledParts(WIDTH, 3, 2, compares=False)
        means = torch.cat([features.mean(1), torch.zeros(2, WIDTH)], -1)
        torch.testing.assert_close(readout(features, domain), readout.map(means))

    def test_pairs_are_compared(self) -> None:
        _, domain = paired()
        features = torch.randn(3, 9, WIDTH)
        readout = PooledParts(WIDTH, 3, 2, compares=True)
        a, b = features[:, :4].mean(1), features[:, 4:].mean(1)
        expected = readout.map(torch.cat([a, b, (a - b).abs(), a * b], -1))
        torch.testing.assert_close(readout(features, domain), expected)

    def test_three_parts_are_not(self) -> None:
        with pytest.raises(ValueError, match="two modalities can be compared, but there are 3"):
            build_network(GENOME, Pictured(compares=True))


@pytest.mark.parametrize("task", [Pictured(), Paired()], ids=["pictured", "paired"])
@pytest.mark.parametrize("genome", [GENOME, specialist("transformer", width=WIDTH)], ids=["integral", "transformer"])
def test_parameters_are_told_exactly(task: Pictured, genome: Genome) -> None:
    network, length = build_network(genome, task), 9 if task.compares else 15
    assert predict(genome, length, _Drawn(task)).parameters == sum(part.numel() for part in network.parameters())


class _Drawn:
    """A task that can be asked for its points."""

    def __init__(self, task: Pictured) -> None:
        self.task = task

    def __getattr__(self, name: str) -> object:
        return getattr(self.task, name)

    def outline(self, size: int, length: int) -> object:
        from itnas.tasks import Batch

        inputs, domain = paired() if isinstance(self.task, Paired) else pictured()
        return Batch(inputs[:size], torch.zeros(size, dtype=torch.long), domain=domain)


def test_padding_changes_nothing() -> None:
    valid = torch.arange(5) < torch.tensor([[2], [5]])
    for genome in (GENOME, specialist("transformer", width=WIDTH)):
        network, (inputs, domain) = build_network(genome, Pictured()).eval(), pictured(valid)
        other = inputs.clone()
        other[0, 12:, 0] = 3
        torch.testing.assert_close(network(inputs, domain), network(other, domain))


def test_every_parameter_is_learned() -> None:
    network, (inputs, domain) = build_network(GENOME, Pictured()), pictured()
    network(inputs, domain).square().sum().backward()
    still = {name for name, part in network.named_parameters() if part.grad is None or not part.grad.any()}
    # A softmax does not see what it adds to a whole row.
    assert {name.split(".")[-1] for name in still} <= {"out_bias"}


def test_cells_of_a_union() -> None:
    _, domain = pictured()
    index = cells(domain.geometry(2, 15, torch.device("cpu")), torch.device("cpu"))
    assert index is not None
    assert index[:4].tolist() == [[0, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 1]]
    assert index[4:10].tolist() == [[0, row, col] for row in range(2) for col in range(3)]
    assert index[10:].tolist() == [[step, 0, 0] for step in range(5)]


@pytest.mark.parametrize("name", ["convnet", "gru", "lstm", "selective-ssm", "gated-conv-attention"])
def test_layers_that_walk_along_points_are_refused(name: str) -> None:
    network, (inputs, domain) = build_network(specialist(name, width=WIDTH), Pictured()), pictured()
    with pytest.raises(ValueError, match=r"this Union is not|a Union does not have"):
        network(inputs, domain)


def test_a_kernel_that_reads_modalities_works_where_there_are_none() -> None:
    from itnas.tasks import find

    task = find("recall")
    genome = GENOME.model_copy(update={"layers": (GENOME.layers[0].model_copy(update={"measure": "domain"}),)})
    batch, network = task.batch("validation", size=2), build_network(genome, task)
    assert network(batch.inputs, batch.domain).shape == (2, task.length, task.outputs)
    assert genome.cost(64, task).parameters == sum(part.numel() for part in network.parameters())
