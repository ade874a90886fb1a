"""Graph convolution, graph attention and Deep Sets against dense formulae."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import leaky_relu

from itnas import Graph, Set, recover
from tests.recover.agreement import DTYPES, assert_agrees, assert_parameters_learn, largest, seeds
from tests.shapes import unchecked

NODES = 7


def edges(count: int) -> Tensor:
    """Edges with repetitions, among all nodes but the last, which stays alone."""
    return torch.randint(0, NODES - 1, (2, count))


def adjacency(edge_index: Tensor, dtype: torch.dtype, self_loops: bool) -> Tensor:
    """A[i, j] = how many edges run from j to i, plus the identity."""
    A = torch.zeros(NODES, NODES, dtype=dtype)
    for source, target in edge_index.T.tolist():
        A[target, source] += 1
    return A + torch.eye(NODES, dtype=dtype) if self_loops else A


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=12)
@given(seed=seeds, count=st.integers(0, 25), dim=st.integers(1, 4), out=st.integers(1, 4))
def test_graph_convolution(dtype: torch.dtype, seed: int, count: int, dim: int, out: int) -> None:
    torch.manual_seed(seed)
    edge_index = edges(count)
    W, b = torch.randn(out, dim, dtype=dtype), torch.randn(out, dtype=dtype)
    A = adjacency(edge_index, dtype, self_loops=True)
    degree = A.sum(1)
    normalised = A / (degree.unsqueeze(1) * degree).sqrt()
    graph = Graph(edge_index, NODES, self_loops=True, normalise="symmetric")
    layer, u = recover.graph_convolution(W, b), torch.randn(2, NODES, dim, dtype=dtype)
    assert_agrees(lambda u: layer(u, graph), lambda u: normalised @ (u @ W.T) + b, u)


@pytest.mark.parametrize("self_loops", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=12)
@given(seed=seeds, count=st.integers(0, 25), heads=st.integers(1, 3), width=st.integers(1, 3))
def test_graph_attention(dtype: torch.dtype, self_loops: bool, seed: int, count: int, heads: int, width: int) -> None:
    torch.manual_seed(seed)
    edge_index, dim = edges(count), 4
    W = torch.randn(heads * width, dim, dtype=dtype)
    a_src, a_dst = torch.randn(2, heads, width, dtype=dtype)
    A = adjacency(edge_index, dtype, self_loops)

    def expected(u: Tensor) -> Tensor:
        features = (u @ W.T).unflatten(-1, (heads, width)).transpose(1, 2)  # [B, H, N, F]
        scores = torch.einsum("bhnf,hf->bhn", features, a_dst).unsqueeze(-1)
        scores = scores + torch.einsum("bhnf,hf->bhn", features, a_src).unsqueeze(-2)
        weights = A * torch.exp(leaky_relu(scores, 0.3))
        total = weights.sum(-1, keepdim=True)
        weights = weights / torch.where(total > 0, total, 1.0)
        return (weights @ features).transpose(1, 2).flatten(2)

    graph = Graph(edge_index, NODES, self_loops=self_loops)
    layer, u = recover.graph_attention(W, a_src, a_dst, 0.3), torch.randn(2, NODES, dim, dtype=dtype)
    assert_agrees(lambda u: layer(u, graph), expected, u)


def test_a_node_alone_gets_zero_and_the_bias() -> None:
    W, a, b = torch.randn(3, 2), torch.randn(3), torch.randn(3)
    layer = recover.graph_attention(W, a, a, b=b)
    out = layer(torch.randn(1, NODES, 2), Graph(edges(20), NODES))
    assert largest(out[:, -1] - b) == 0


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=8)
@given(seed=seeds, n=st.integers(1, 9), dim=st.integers(1, 4), out=st.integers(1, 4), bias=st.booleans())
def test_deep_sets(seed: int, dtype: torch.dtype, n: int, dim: int, out: int, bias: bool) -> None:
    torch.manual_seed(seed)
    phi = torch.nn.Linear(dim, out, bias=bias).to(dtype)
    layer, u = recover.deep_sets(phi.weight, phi.bias), torch.randn(2, n, dim, dtype=dtype)
    assert_agrees(lambda u: layer(u, Set()), lambda u: phi(u).mean(1, keepdim=True).expand(-1, n, -1), u)


def test_deep_sets_leaves_padding_out() -> None:
    W, u = torch.randn(3, 2), torch.randn(2, 5, 2)
    valid = torch.tensor([True, True, False, True, False])
    out = recover.deep_sets(W)(u, Set(valid=valid))
    assert largest(out[:, 0] - (u[:, valid] @ W.T).mean(1)) < 1e-6


def test_parameters_learn() -> None:
    graph, u = Graph(edges(20), NODES, self_loops=True), torch.randn(2, NODES, 4)
    assert_parameters_learn(recover.graph_convolution(torch.randn(3, 4)), u, graph)
    assert_parameters_learn(recover.graph_attention(torch.randn(6, 4), *torch.randn(2, 2, 3)), u, graph)
    assert_parameters_learn(recover.deep_sets(torch.randn(3, 4), torch.randn(3)), u, Set())


def test_shapes_are_checked() -> None:
    with unchecked(), pytest.raises(ValueError, match=r"the weight must be \[out, dim\]"):
        recover.graph_convolution(torch.randn(3, 4), torch.randn(4))
    with unchecked(), pytest.raises(ValueError, match=r"W \[heads \* width, dim\]"):
        recover.graph_attention(torch.randn(5, 4), torch.randn(2, 3), torch.randn(2, 3))
