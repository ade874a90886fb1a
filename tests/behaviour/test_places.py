"""Which pairs of points look alike: those that the domain's symmetries move onto each other."""

from __future__ import annotations

import itertools
from collections import defaultdict

import pytest
import torch
from torch import Tensor

from itnas.behaviour.places import Places, places_of
from itnas.operator.domain import Cloud, Domain, Graph, Grid, Sequence, Set

CPU = torch.device("cpu")


def places(domain: Domain, length: int, batch: int = 1) -> Places:
    return places_of(domain.geometry(batch, length, CPU))


def assert_sound(found: Places, length: int) -> None:
    """Classes are numbered, a point with itself has its own, and stands nearest to itself."""
    own = torch.eye(length, dtype=torch.bool)
    assert found.length == length
    assert found.classes.dtype == torch.long
    assert int(found.classes.min()) >= 0
    assert int(found.classes.max()) < found.count
    assert bool((found.classes[:, own] == found.centre).all())
    assert bool((found.classes[:, ~own] != found.centre).all())
    if found.reach is not None:
        assert bool((found.reach[:, own] == 0).all())
        assert bool((found.reach[:, ~own] > 0).all())


def index_of(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    return list(itertools.product(*map(range, shape)))


GRIDS: dict[str, tuple[Domain, tuple[int, ...]]] = {
    "sequence": (Sequence(), (9,)),
    "padded sequence": (Sequence(valid=torch.arange(9) < 6), (9,)),
    "line": (Grid(9, 0.5), (9,)),
    "square": (Grid((4, 5)), (4, 5)),
    "one row": (Grid((1, 6)), (1, 6)),
    "box": (Grid((2, 3, 4), (1.0, 0.5, 2.0)), (2, 3, 4)),
}


@pytest.mark.parametrize("name", GRIDS)
def test_on_grids_pairs_are_alike_exactly_where_one_can_be_moved_onto_the_other(name: str) -> None:
    domain, shape = GRIDS[name]
    points = index_of(shape)
    found = places(domain, len(points))
    assert_sound(found, len(points))
    assert found.classes.shape[0] == 1
    by_offset = defaultdict(set)
    for (i, here), (j, there) in itertools.product(enumerate(points), repeat=2):
        by_offset[tuple(a - b for a, b in zip(here, there, strict=True))].add(int(found.classes[0, i, j]))
    assert all(len(classes) == 1 for classes in by_offset.values())
    assert len(set().union(*by_offset.values())) == len(by_offset) == found.count


@pytest.mark.parametrize("name", GRIDS)
def test_on_grids_reach_counts_steps(name: str) -> None:
    domain, shape = GRIDS[name]
    points = index_of(shape)
    found = places(domain, len(points))
    assert found.reach is not None
    steps = [[max(abs(a - b) for a, b in zip(i, j, strict=True)) for j in points] for i in points]
    assert found.reach[0].tolist() == steps
    assert found.ordered == (len(shape) == 1)


@pytest.mark.parametrize("name", ["sequence", "line"])
def test_offsets_name_the_classes_of_a_line(name: str) -> None:
    found = places(GRIDS[name][0], 9)
    assert found.offsets is not None
    for i, j in itertools.product(range(9), repeat=2):
        assert int(found.offsets[found.classes[0, i, j]]) == i - j
    assert places(Grid((4, 5)), 20).offsets is None


def turned(positions: Tensor) -> Tensor:
    """Turned about the first two axes, mirrored, and moved."""
    angle = torch.tensor(0.7, dtype=torch.float64)
    c, s = angle.cos(), angle.sin()
    first = positions[..., :2] @ torch.stack([torch.stack([c, -s]), torch.stack([-s, -c])])
    return torch.cat([first, positions[..., 2:]], -1) + 3.0


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("batch", [1, 4])
def test_a_cloud_may_be_turned_and_moved(axes: int, batch: int) -> None:
    positions = torch.rand(batch, 15, axes, dtype=torch.float64)
    own, moved = places(Cloud(positions), 15, batch), places(Cloud(turned(positions)), 15, batch)
    assert_sound(own, 15)
    assert own.classes.shape == (batch, 15, 15)
    # A distance that is the border of its class may round across it.
    assert (own.classes == moved.classes).double().mean() > 0.99
    assert torch.equal(own.classes, own.classes.mT)
    assert own.reach is not None
    assert moved.reach is not None
    assert torch.equal(own.reach, moved.reach)
    assert not own.ordered
    assert own.offsets is None


def test_a_shared_cloud_has_one_set_of_classes() -> None:
    assert places(Cloud(torch.rand(15, 2)), 15, batch=4).classes.shape == (1, 15, 15)


def test_distances_of_a_class_lie_together_and_classes_are_equally_large() -> None:
    positions = torch.rand(1, 40, 2, dtype=torch.float64)
    found = places(Cloud(positions), 40)
    distance = torch.cdist(positions, positions)
    ends = sorted(
        (float(own.min()), float(own.max()), len(own))
        for own in (distance[found.classes == each] for each in range(found.count) if each != found.centre)
    )
    assert all(early[1] <= late[0] for early, late in itertools.pairwise(ends))
    assert max(end[2] for end in ends) <= 1.2 * min(end[2] for end in ends)


def test_on_a_cloud_reach_counts_the_points_that_are_nearer() -> None:
    positions = torch.rand(3, 12, 2, dtype=torch.float64)
    found = places(Cloud(positions), 12, 3)
    assert found.reach is not None
    distance = torch.cdist(positions, positions)
    nearer = (distance.unsqueeze(-2) < distance.unsqueeze(-1)).sum(-1)
    assert torch.equal(found.reach.long(), nearer)


def test_points_in_the_same_place_are_two_points() -> None:
    positions = torch.rand(12, 2, dtype=torch.float64)
    positions[5] = positions[2]
    positions[9] = positions[2]
    assert_sound(places(Cloud(positions), 12), 12)


def test_padding_is_nobodys_neighbour() -> None:
    """Where padding stands, wherever that is, it moves no other point further off, nor into another class."""
    positions, valid = torch.rand(12, 2, dtype=torch.float64), torch.arange(12) < 8
    positions[8:] = positions[0]
    padded, alone = places(Cloud(positions, valid=valid), 12), places(Cloud(positions[:8]), 8)
    assert padded.reach is not None
    assert alone.reach is not None
    assert torch.equal(padded.reach[:, :8, :8], alone.reach)
    for one, other in ((padded.classes[0, :8, :8], alone.classes[0]), (alone.classes[0], padded.classes[0, :8, :8])):
        for each in one.unique():
            assert len(other[one == each].unique()) == 1


def test_irregular_times_are_ordered_and_may_be_shifted() -> None:
    times = torch.rand(3, 20, dtype=torch.float64).cumsum(1)
    found, later = places(Sequence(times), 20, 3), places(Sequence(times + 5), 20, 3)
    assert_sound(found, 20)
    assert found.ordered
    assert (found.classes == later.classes).double().mean() > 0.99
    # Forward is not backward.
    before, after = found.classes.tril(-1), found.classes.triu(1)
    assert not set(before[before > 0].tolist()) & set(after[after > 0].tolist()) - {found.centre}
    assert found.reach is not None
    index = torch.arange(20)
    assert torch.equal(found.reach[0], (index.unsqueeze(1) - index).abs().float())


@pytest.mark.parametrize("steps", [torch.ones(20), torch.tensor([1.0, 2.0] * 10)])
def test_equal_offsets_in_time_are_alike(steps: Tensor) -> None:
    times = steps.double().cumsum(0)
    found = places(Sequence(times), 20)
    delta = (times.unsqueeze(1) - times).round(decimals=6)
    for each in delta.unique():
        assert len(found.classes[0][delta == each].unique()) == 1


def test_in_a_set_all_others_are_alike() -> None:
    found = places(Set(torch.rand(7)), 7, 3)
    assert_sound(found, 7)
    assert found.count == 2
    assert found.reach is None
    assert not found.ordered
    order = torch.randperm(7)
    assert torch.equal(found.classes[0][order][:, order], found.classes[0])


def test_a_graphs_nodes_may_be_renamed() -> None:
    edges = torch.tensor([[0, 1, 2, 3, 4, 0], [1, 2, 3, 4, 0, 2]])
    weights, order = torch.rand(6), torch.randperm(5)
    own = places(Graph(edges, 5, weights, self_loops=True), 5, 2)
    renamed = places(Graph(order[edges], 5, weights, self_loops=True), 5, 2)
    assert_sound(own, 5)
    assert own.reach is None
    assert not own.ordered
    assert own.edges is not None
    assert renamed.edges is not None
    torch.testing.assert_close(renamed.edges[0][order][:, order], own.edges[0])
    for source, target, weight in zip(*edges.tolist(), weights.tolist(), strict=True):
        assert float(own.edges[0, target, source]) == pytest.approx(weight)
    assert torch.equal(renamed.classes, own.classes)


def test_each_graph_of_a_batch_has_its_edges() -> None:
    pair, path = torch.tensor([[0], [1]]), torch.tensor([[0, 1, 2], [1, 2, 3]])
    found = places(Graph.batch([Graph(pair, 2), Graph(path, 4)]), 4, 2)
    assert found.edges is not None
    assert found.edges.sum((1, 2)).tolist() == [1, 3]
    assert found.classes.shape[0] in (1, 2)
