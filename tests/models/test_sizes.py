"""ITNet-S, B and L: their sizes, what they cost, that they are made for every domain, and a real step of S."""

import math
from collections.abc import Iterator

import pytest
import torch

import itnas
from benchmarks.sizes import Noise
from itnas.entry import genome_of
from itnas.genome import Genome
from itnas.models import Network
from itnas.models.cost import predict
from itnas.models.cost.ground import ground_of
from itnas.models.cost.integral import plan_of
from itnas.scaling import scaled
from itnas.space import Space
from itnas.tasks import Batch, Task, find
from itnas.training import Population
from tests.models.counted import Case, check
from tests.space.spaces import GENOMES

SIZES = {"itnet-s": 22e6, "itnet-b": 86e6, "itnet-l": 307e6}
# An image, a text, a cloud; two texts that share an encoder, an image and a text, two images and a text.
TASKS = ("imagenet-1k", "glue/cola", "modelnet40", "glue/mnli", "vqa-v2", "nlvr2")
EPOCHS, IMAGES = 300, 1_281_167


def numbered(task: Task) -> Batch:
    """Two samples of a task's shapes with something in them: numbers, or tokens where there are tokens."""
    outline = task.outline(2, task.length)
    if isinstance(outline.domain, itnas.Cloud):
        cloud = itnas.Cloud(torch.randn(2, task.length, task.position_dim))
        return Batch(torch.randn_like(outline.inputs), outline.targets, domain=cloud)
    if task.vocabulary is not None:
        return outline
    parts, start = [], 0
    for modality, size in zip(task.modalities, getattr(outline.domain, "sizes", ()), strict=False):
        own = outline.inputs[:, start : start + size]
        parts.append(torch.randn_like(own) if modality.vocabulary is None else own)
        start += size
    inputs = torch.cat(parts, 1) if parts else torch.randn_like(outline.inputs)
    return Batch(inputs, outline.targets, domain=outline.domain)


def small(name: str) -> Genome:
    """The same genome at a width and a depth that run in a moment."""
    genome = genome_of(name)
    return scaled(genome, width=8 * genome.layers[0].heads, depth=2)  # type: ignore[union-attr]


def unreached(names_and_gradients: Iterator[tuple[str, torch.Tensor | None]]) -> set[str]:
    """What of a network has no gradient but zero, by the last two parts of its name."""
    return {
        ".".join(name.split(".")[-2:])
        for name, gradient in names_and_gradients
        if gradient is None or not gradient.any()
    }


def test_the_shipped_genomes_are_these() -> None:
    assert set(GENOMES) == set(SIZES)


@pytest.mark.parametrize("name", SIZES)
def test_a_size_is_what_its_name_says_within_3_per_cent(name: str) -> None:
    cost = genome_of(name).cost(196, "imagenet-1k")
    assert cost.parameters == pytest.approx(SIZES[name], rel=0.03)
    assert f"{cost.parameters / 1e6:.0f} million" in Space.load(name).summary


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("task", TASKS)
def test_parameters_are_counted_exactly(name: str, task: str) -> None:
    """Against a network without memory, so that the largest costs none."""
    genome, found = genome_of(name), find(task)
    with torch.device("meta"):
        network = Network(genome, found)
    assert predict(genome, found.length, found).parameters == sum(part.numel() for part in network.parameters())


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("task", TASKS)
def test_every_domain_takes_them_by_the_plan_that_keeps_no_pairs(name: str, task: str) -> None:
    genome, found = genome_of(name), find(task)
    ground = ground_of(found, found.length, 1, causal=False)
    assert {plan_of(layer, ground, genome.width) for layer in genome.layers} == {"fused"}
    assert Space.load(name).violation(genome, task) is None


@pytest.mark.parametrize("task", TASKS)
def test_gradients_reach_everything_but_the_shares_of_a_single_kind_of_points(task: str) -> None:
    found = find(task)
    network = itnas.build(small("itnet-s"), found)
    batch = numbered(found)
    network(batch.inputs, batch.domain).square().sum().backward()
    alone = set() if found.modalities else {"balance.logits"}
    assert unreached((name, part.grad) for name, part in network.named_parameters()) == alone


@pytest.mark.parametrize("name", SIZES)
def test_the_recipe_is_300_epochs_at_a_rate_that_falls_with_the_width(name: str) -> None:
    genome = genome_of(name)
    recipe = genome.training
    assert recipe.steps == math.ceil(EPOCHS * IMAGES / recipe.batch_size)  # type: ignore[operator]
    assert recipe.learning_rates == (pytest.approx(1e-3 * 384 / genome.width),)


@pytest.mark.parametrize("name", SIZES)
def test_a_size_by_name_by_file_and_as_a_file_of_a_genome(name: str) -> None:
    path = f"search_spaces/{name}.yaml"
    space = Space.load(name)
    assert (space.size(), space.parameters(), space.genomes().number) == (1, [], 1)
    assert Genome.load(path) == genome_of(name) == genome_of(path) == space.only() == space.genome({})


def test_costs_at_the_width_of_s() -> None:
    check(Case("two blocks", scaled(genome_of("itnet-s"), depth=2), length=196), task=Noise())


@pytest.mark.slow
def test_costs_of_s() -> None:
    check(Case("itnet-s", genome_of("itnet-s"), length=196), task=Noise())


@pytest.mark.slow
def test_a_step_of_s_on_the_cpu() -> None:
    """As `itnas train` takes it: a population of one seed with one rate, float32, two images of 196 patches."""
    members = Population(genome_of("itnet-s"), Noise(), (0,), batch_size=2)
    gradient, loss = members.gradient(members.batch(0))
    assert loss.item() == pytest.approx(math.log(1000), abs=1.5)
    assert torch.isfinite(gradient).all()
    assert unreached(members.stack.parameters(gradient).items()) == {"balance.logits"}
    before = members.stack.flat.detach().clone()
    assert members.step(0, 1.0).item() == loss.item()
    assert members.alive.all()
    moved = members.stack.parameters(members.stack.flat.detach() - before)
    assert unreached(moved.items()) == {"balance.logits"}
