"""Ring transfer: every sample against the rule, read off sample by sample by walking the graph."""

from collections import Counter

import pytest
import torch
from torch import Tensor

from itnas.operator.domain import Graph
from itnas.tasks.batch import Batch
from itnas.tasks.ring_transfer import RingTransfer, ring

KINDS = [
    RingTransfer(),
    RingTransfer(distance=1, classes=2),
    RingTransfer(distance=5, classes=9),
    RingTransfer(distance=8, length=16, distractors=False),
]


def neighbours(graph: Graph) -> dict[int, set[int]]:
    """Whom each node sees."""
    seen: dict[int, set[int]] = {}
    for target, source in zip(graph.edges.target[0].tolist(), graph.edges.source[0].tolist(), strict=True):
        seen.setdefault(target, set()).add(source)
    return seen


def steps_between(graph: Graph, start: int, end: int) -> int:
    """Breadth first."""
    around, reached, steps = neighbours(graph), {start}, 0
    while end not in reached:
        reached |= {node for known in reached for node in around[known]}
        steps += 1
    return steps


def answers(task: RingTransfer, batch: Batch) -> list[tuple[int, int, int]]:
    """(source, target, label) of every sample, from its inputs alone."""
    found = []
    for sample in batch.inputs.tolist():
        (source,) = [node for node, values in enumerate(sample) if values[task.classes] == 1]
        (target,) = [node for node, values in enumerate(sample) if values[task.classes + 1] == 1]
        (label,) = [channel for channel in range(task.classes) if sample[source][channel] == 1]
        found.append((source, target, label))
    return found


@pytest.mark.parametrize("task", KINDS, ids=lambda task: task.label)
@pytest.mark.parametrize("length", [16, 17, 64])
def test_the_target_asks_for_the_label_of_the_source(task: RingTransfer, length: int) -> None:
    batch = task.batch("train", size=40, length=length)
    assert isinstance(batch.domain, Graph)
    assert batch.mask is not None
    for row, (source, target, label) in enumerate(answers(task, batch)):
        assert steps_between(batch.domain, source, target) == task.distance
        assert batch.mask[row].nonzero().flatten().tolist() == [target]
        assert int(batch.targets[row, target]) == label


@pytest.mark.parametrize("distractors", [False, True])
def test_the_other_nodes_carry_what_they_should(distractors: bool) -> None:
    task = RingTransfer(distractors=distractors)
    inputs = task.batch(size=100).inputs
    assert inputs.unique().tolist() == [0, 1]
    labels, flags = inputs[..., : task.classes].sum(-1), inputs[..., task.classes :]
    torch.testing.assert_close(flags.sum(1), torch.ones(100, 2))
    expected = torch.ones(100, task.length) if distractors else flags[..., 0]
    torch.testing.assert_close(labels, expected)


@pytest.mark.parametrize("split", ["train", "validation"])
def test_labels_sides_and_places_are_uniform(split: str) -> None:
    # Multinomial counts: five standard deviations, one false alarm in 30,000 over these 48 numbers.
    task, size = RingTransfer(), 4000
    found = answers(task, task.batch(split, size=size, length=17))
    for count, share in (
        *((n, 1 / 5) for n in Counter(label for _, _, label in found).values()),
        *((n, 1 / 17) for n in Counter(source for source, _, _ in found).values()),
        *((n, 1 / 2) for n in Counter((target - source) % 17 for source, target, _ in found).values()),
    ):
        assert abs(count - size * share) < 5 * (size * share * (1 - share)) ** 0.5


@pytest.mark.parametrize("length", [3, 4, 9])
def test_the_ring_joins_each_node_with_its_two_neighbours(length: int) -> None:
    expected = {node: {(node - 1) % length, (node + 1) % length} for node in range(length)}
    assert neighbours(ring(length)) == expected
    assert ring(length).edges.weight.shape == (1, 2 * length)
    assert bool((ring(length).edges.weight == 1).all())


def test_one_graph_serves_the_batch() -> None:
    domain = RingTransfer().batch().domain
    assert domain is not None
    assert domain.per_sample() == {}


def reach(task: RingTransfer, batch: Batch, layers: int) -> Tensor:
    """The best that so many layers of message passing can do: the largest label in sight."""
    assert isinstance(batch.domain, Graph)
    sees = batch.domain.edges.dense(batch.inputs.shape[1])[0].float() + torch.eye(batch.inputs.shape[1])
    carried = batch.inputs[..., : task.classes] * batch.inputs[..., task.classes :][..., :1]
    for _ in range(layers):
        carried = sees @ carried
    return carried


def test_as_many_layers_as_the_distance_are_needed() -> None:
    task = RingTransfer(distance=3)
    batch = task.batch("train", size=4000)
    assert task.score(reach(task, batch, 3), batch)[0] == 1 == task.ceiling
    # Nothing in sight: class 0 is guessed. Five standard deviations of a share of 1/5 in 4000.
    assert task.score(reach(task, batch, 2), batch)[0] == pytest.approx(task.chance, abs=0.032)


def test_lengths_leave_room_for_the_distance() -> None:
    assert RingTransfer().lengths == (16, 32, 64)
    assert RingTransfer(distance=20).lengths == (40, 64)
    for task in (RingTransfer(), RingTransfer(distance=20)):
        for split in ("train", "validation", "test"):
            for length in task.lengths:
                assert len(task.batch(split, length=length, size=8)) == 8


def test_short_rings_and_senseless_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 8 points with these settings, got length=7"):
        RingTransfer(distance=4).batch(length=7)
    with pytest.raises(ValueError, match="distance >= 1 must hold, got classes=5, distance=0"):
        RingTransfer(distance=0)
    with pytest.raises(ValueError, match="classes >= 2"):
        RingTransfer(classes=1)
