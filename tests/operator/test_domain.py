"""Domains: positions, weights, offsets and edges against their definitions."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from itnas import Cloud, Graph, Grid, Sequence, Set
from itnas.operator.domain import Lattice

CPU = torch.device("cpu")


@given(st.lists(st.tuples(st.integers(1, 6), st.floats(0.1, 4)), min_size=1, max_size=3))
def test_lattice_codes_find_every_offset(axes: list[tuple[int, float]]) -> None:
    lattice = Lattice(tuple(n for n, _ in axes), tuple(step for _, step in axes))
    positions = Grid(lattice.shape, lattice.spacing).geometry(1, len(lattice.code(CPU)), CPU).positions[0]
    code, offsets = lattice.code(CPU), lattice.offsets(CPU)
    found = offsets[code[:, None] - code[None, :] + lattice.centre]
    torch.testing.assert_close(found, positions[:, None] - positions[None, :], rtol=1e-12, atol=1e-12)
    assert offsets.shape == (lattice.size, len(axes))
    assert not offsets[lattice.centre].any()


def test_grid_points_are_cell_midpoints_and_weigh_the_cell() -> None:
    geometry = Grid((2, 3), (0.5, 4.0)).geometry(1, 6, CPU)
    assert geometry.positions[0].tolist() == [[0.25, 2], [0.25, 6], [0.25, 10], [0.75, 2], [0.75, 6], [0.75, 10]]
    assert geometry.weights.tolist() == [[2.0] * 6]
    assert Grid((2, 3)).geometry(1, 6, CPU).weights is None
    assert Grid(8, 0.125).geometry(1, 8, CPU).weights.sum() == 1


def test_sequences_count_points_unless_times_are_given() -> None:
    assert Sequence().geometry(2, 3, CPU).positions.flatten().tolist() == [0, 1, 2]
    times = torch.tensor([[0.0, 0.5, 7.0], [1.0, 1.0, 2.0]])
    geometry = Sequence(times).geometry(2, 3, CPU)
    assert geometry.positions.squeeze(-1).tolist() == times.tolist()
    assert geometry.lattice is None
    with pytest.raises(ValueError, match="must not decrease"):
        Sequence(torch.tensor([1.0, 0.0]))


def test_graph_edges_run_from_row_0_to_row_1() -> None:
    """Target i sees source j; parallel edges add up; the weight is the mask's entry."""
    graph = Graph(torch.tensor([[0, 0, 2, 2], [1, 1, 0, 2]]), 3, torch.tensor([1.0, 2.0, 5.0, 7.0]))
    mask = graph.geometry(1, 3, CPU).edges.dense(3)[0]
    assert mask.tolist() == [[0, 0, 5], [3, 0, 0], [0, 0, 7]]


def test_graph_normalisation_is_kipf_and_wellings() -> None:
    edges = torch.tensor([[0, 1, 1, 2, 3], [1, 0, 2, 1, 3]])
    adjacency = torch.zeros(5, 5, dtype=torch.float64)
    adjacency[edges[1], edges[0]] = 1
    adjacency += torch.eye(5)
    degree = adjacency.sum(1)
    mask = Graph(edges, 5, self_loops=True, normalise="symmetric").geometry(1, 5, CPU).edges.dense(5)[0]
    torch.testing.assert_close(mask, adjacency / (degree[:, None] * degree[None, :]).sqrt())
    rows = Graph(edges, 5, normalise="row").geometry(1, 5, CPU).edges.dense(5)[0].sum(1)
    assert rows.tolist() == [1, 1, 1, 1, 0]  # the last node has no edges


def test_degrees_of_zero_divide_by_one_at_either_end() -> None:
    """All edges run into node 0, whose degree is 4; nothing runs into the others."""
    star = Graph(torch.tensor([[1, 2, 3, 4], [0, 0, 0, 0]]), 5, normalise="symmetric")
    assert star.edges.weight.flatten().tolist() == [0.5] * 4


def test_a_batch_of_graphs_is_padded() -> None:
    small, large = Graph(torch.tensor([[0], [1]]), 2), Graph(torch.tensor([[0, 1, 2], [2, 2, 1]]), 3)
    joint = Graph.batch([small, large])
    geometry = joint.geometry(2, 3, CPU)
    assert geometry.valid.tolist() == [[True, True, False], [True, True, True]]
    assert geometry.edges.dense(3)[0].tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 0]]
    assert torch.equal(geometry.edges.dense(3)[1], large.geometry(1, 3, CPU).edges.dense(3)[0])
    with pytest.raises(ValueError, match="holds 2 graphs, but the input has 3"):
        joint.geometry(3, 3, CPU)


def test_what_differs_from_sample_to_sample_can_be_taken_out_and_put_back() -> None:
    """For replicas and parts of a batch: the geometry of some samples is that part of the geometry of all."""
    graphs = [Graph(torch.randint(0, 5, (2, edges)), 5) for edges in (3, 6, 4)]
    valid = torch.rand(3, 5) < 0.7
    domains = [
        Cloud(torch.randn(3, 5, 2), torch.rand(3, 5), valid=valid),
        Cloud(torch.randn(5, 2), torch.rand(3, 5)),
        Sequence(torch.rand(3, 5).sort().values, weights=torch.rand(5)),
        Set(torch.rand(3, 5)),
        Grid(5, valid=valid),
        Graph.batch(graphs),
        graphs[0],
    ]
    index = torch.tensor([2, 0])
    for domain in domains:
        whole, some = domain.geometry(3, 5, CPU), domain.samples(index).geometry(2, 5, CPU)
        for name in ("positions", "weights", "valid"):
            part = getattr(whole, name)
            expected = part[index] if part is not None and part.shape[0] == 3 else part
            assert (expected is None and getattr(some, name) is None) or torch.equal(getattr(some, name), expected)
        if whole.edges is not None:
            dense = whole.edges.dense(5)
            assert torch.equal(some.edges.dense(5), dense[index] if len(dense) == 3 else dense)
        again = domain.with_per_sample({name: part + 0 for name, part in domain.per_sample().items()})
        assert type(again) is type(domain)
    assert set(domains[1].per_sample()) == {"weights"}
    assert domains[-1].per_sample() == {}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Graph(torch.zeros(3, 4)), r"edge_index must be \[2, E\]"),
        (lambda: Graph(torch.tensor([[0], [5]]), 3), "names node 5, but nodes are 0 to"),
        (lambda: Graph(torch.tensor([[0], [1]]), 2, torch.ones(3)), r"edge_weight must be \[1\]"),
        (lambda: Graph(torch.tensor([[0], [1]]), normalise="sym"), "normalise must be"),
        (
            lambda: Graph(torch.tensor([[0, 1], [1, 0]]), 2, torch.tensor([-1.0, 1.0]), normalise="symmetric"),
            "takes roots of degrees, and that of node 1 is -1",
        ),
        (lambda: Graph.batch([]), "at least one graph"),
        (lambda: Grid((2, 2, 2, 2)), "1 to 3 axes"),
        (lambda: Grid((2, 2), (1, 1, 1)), "one per axis"),
        (lambda: Grid(4, 0), "must be positive"),
        (lambda: Cloud(torch.zeros(3)), r"must be \[N, P\]"),
        (lambda: Set(torch.ones(4)).geometry(1, 3, CPU), "Set weights has shape"),
        (lambda: Graph(torch.tensor([[0], [1]])).geometry(1, 5, CPU), "has 2 nodes, but the input has 5"),
    ],
)
def test_bad_domains_are_refused_in_one_sentence(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
