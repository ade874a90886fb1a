"""Attention against torch's and against a twin in plain loops."""

import cmath
import itertools
import math

import pytest
import torch
from torch import Tensor, nn

from itnas import genes
from itnas.models.mixers import MIXERS, Placement
from itnas.models.mixers.attention import Attention
from itnas.operator import Domain
from itnas.operator.domain import Cloud, Graph, Grid, Sequence, Set


def build(width: int, heads: int, *, rotary: bool = True, causal: bool = False) -> Attention:
    mixer = MIXERS["attention"](genes.Attention(heads=heads, rotary=rotary), Placement(width, causal, 1)).double()
    assert isinstance(mixer, Attention)
    return mixer


@pytest.mark.parametrize("length", [1, 2, 5, 63, 64, 100])
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(("width", "heads"), [(1, 1), (5, 1), (32, 4)])
def test_without_rotation_it_is_torchs(length: int, causal: bool, width: int, heads: int) -> None:
    mixer = build(width, heads, rotary=False, causal=causal)
    other = nn.MultiheadAttention(width, heads, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        other.in_proj_weight.copy_(mixer.project.weight)
        other.out_proj.weight.copy_(mixer.out.weight)
        other.out_proj.bias.copy_(mixer.out.bias)
    u = torch.randn(2, length, width, dtype=torch.float64, requires_grad=True)
    hidden = torch.ones(length, length, dtype=torch.bool).triu(1) if causal else None
    found, expected = mixer(u), other(u, u, u, attn_mask=hidden, need_weights=False)[0]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)
    towards = torch.randn_like(found)
    ours = torch.autograd.grad(found, [u, mixer.project.weight, mixer.out.weight], towards)
    theirs = torch.autograd.grad(expected, [u, other.in_proj_weight, other.out_proj.weight], towards)
    for own, torchs in zip(ours, theirs, strict=True):
        torch.testing.assert_close(own, torchs, rtol=0, atol=1e-11)


@torch.no_grad()
def naive(mixer: Attention, u: Tensor, shape: tuple[int, ...], sees: Tensor) -> Tensor:
    """One head of one sample, each pair of channels a complex number that turns along its axis."""
    width, axes = u.shape[-1], len(shape)
    pairs, cells = width // 2, list(itertools.product(*map(range, shape)))
    query, key, value = (u @ mixer.project.weight.t()).split(width, -1)
    of_axis = [list(range(axis, pairs, axes)) for axis in range(axes)]
    slots = [(axis, place, len(own)) for axis, own in enumerate(of_axis) for place in range(len(own))]
    outputs = torch.zeros_like(u)
    for i, j in itertools.product(range(len(u)), repeat=2):
        if j == 0:
            logits = torch.full((len(u),), -math.inf, dtype=torch.float64)
        total = sum(float(query[i, c] * key[j, c]) for c in range(2 * pairs, width))
        for pair, (axis, place, share) in enumerate(slots):
            angle = (cells[i][axis] - cells[j][axis]) * 10_000 ** (-place / share)
            q = complex(query[i, pair], query[i, pair + pairs]) * cmath.exp(1j * angle)
            total += (q * complex(key[j, pair], -key[j, pair + pairs])).real
        if sees[i, j]:
            logits[j] = total / math.sqrt(width)
        if j == len(u) - 1 and sees[i].any():
            outputs[i] = logits.softmax(0) @ value
    return mixer.out(outputs)


@pytest.mark.parametrize("shape", [(7,), (3, 2), (1, 2, 3)])
@pytest.mark.parametrize("width", [6, 9])
def test_rotation_turns_pairs_along_their_axes(shape: tuple[int, ...], width: int) -> None:
    mixer, length = build(width, 1), math.prod(shape)
    u = torch.randn(1, length, width, dtype=torch.float64)
    expected = naive(mixer, u[0], shape, torch.ones(length, length, dtype=torch.bool))
    torch.testing.assert_close(mixer(u, Grid(shape, spacing=0.1))[0], expected, rtol=0, atol=1e-12)


def test_causal_attention_with_rotation_and_holes() -> None:
    mixer, valid = build(6, 1, causal=True), torch.tensor([False, True, True, False, True])
    u = torch.randn(1, 5, 6, dtype=torch.float64)
    sees = torch.ones(5, 5, dtype=torch.bool).tril() & valid
    expected = naive(mixer, u[0] * valid[:, None], (5,), sees)
    torch.testing.assert_close(mixer(u, Sequence(valid=valid))[0], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("shift", [1, 40, 1000])
def test_only_offsets_count_at_any_length(shift: int) -> None:
    mixer, u = build(8, 2), torch.randn(1, 6, 8, dtype=torch.float64)
    later = torch.cat([torch.zeros(1, shift, 8, dtype=torch.float64), u], 1)
    y = mixer(later, Sequence(valid=torch.arange(shift + 6) >= shift))
    torch.testing.assert_close(y[:, shift:], mixer(u), rtol=0, atol=1e-9)


POINTS = 6
PLACES = torch.rand(POINTS, 2, dtype=torch.float64)
PLACELESS: list[Domain] = [Set(), Cloud(PLACES), Sequence(torch.arange(POINTS).double())]


@pytest.mark.parametrize("domain", PLACELESS, ids=["Set", "Cloud", "times"])
def test_without_a_lattice_nothing_turns(domain: Domain) -> None:
    mixer, u = build(4, 1), torch.randn(2, POINTS, 4, dtype=torch.float64)
    found = mixer(u, domain)
    mixer.rotary = False
    assert torch.equal(found, mixer(u))


def test_a_graph_is_seen_along_its_edges() -> None:
    """Edges 0 -> 1, 2 -> 1 and 1 -> 2, whatever they weigh; no edge points at 0, and 3 is alone."""
    mixer, u = build(4, 1), torch.randn(1, 4, 4, dtype=torch.float64)
    edges = torch.tensor([[0, 2, 1], [1, 1, 2]])
    found = mixer(u, Graph(edges, 4, torch.tensor([1.0, 0.5, -2.0])))[0]
    query, key, value = (u[0] @ mixer.project.weight.t()).split(4, -1)
    weights = (key[[0, 2]] @ query[1] / 2).softmax(0)
    rows = torch.stack([0 * value[0], weights @ value[[0, 2]], value[1], 0 * value[0]])
    torch.testing.assert_close(found, mixer.out(rows), rtol=0, atol=1e-13)


def test_edges_of_padded_graphs_lead_nowhere() -> None:
    mixer, u = build(4, 1), torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    small, large = Graph(torch.tensor([[0], [1]]), 2), Graph(torch.tensor([[0, 1, 2], [1, 2, 0]]), 3)
    y = mixer(u, Graph.batch([small, large]))
    torch.testing.assert_close(y[:1, :2], mixer(u[:1, :2], small), rtol=0, atol=1e-14)
    torch.testing.assert_close(y[1:], mixer(u[1:], large), rtol=0, atol=1e-14)
    (du,) = torch.autograd.grad(y[0, :2].sum(), u)
    assert torch.isfinite(du).all()
    assert (du[0, 2] == 0).all()


@pytest.mark.parametrize("domain", [Set(), Cloud(PLACES), Grid((2, 3))], ids=["Set", "Cloud", "Grid"])
def test_causal_attention_refuses_points_without_an_order(domain: Domain) -> None:
    with pytest.raises(ValueError, match="causal attention needs points in order"):
        build(4, 1, causal=True)(torch.randn(1, POINTS, 4, dtype=torch.float64), domain)


def test_heads_that_are_too_narrow_or_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="two channels per head and axis, but 2 stand for 2 axes"):
        build(4, 2)(torch.randn(1, POINTS, 4, dtype=torch.float64), Grid((2, 3)))
    with pytest.raises(ValueError, match="width=5 must be a multiple of heads=2"):
        build(5, 2)
