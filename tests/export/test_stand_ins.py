"""Classical layers that stand in for discovered ones: beside slow twins, and exact where a layer is one already."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import itnas
from itnas import genes
from itnas.export.native.crystallise import Effort, crystallise
from itnas.export.native.verdicts import Became
from itnas.export.plain.content_attention import ContentAttention, WindowAttention
from itnas.export.plain.gated_recurrence import GatedRecurrence, scanned
from itnas.export.plain.points import Points
from itnas.export.plain.stand_in import StandIn
from itnas.export.plain.taps import TapConvolution
from itnas.genome import Genome

LENGTHS = (1, 2, 5, 17, 64)


def _drawn(piece: StandIn) -> StandIn:
    torch.manual_seed(3)
    for part in piece.parameters():
        nn.init.normal_(part, std=0.5)
    return piece.double()


def _inputs(length: int, width: int = 6) -> Tensor:
    return torch.randn(2, length, width, dtype=torch.float64, generator=torch.Generator().manual_seed(length))


def _heads(part: nn.Linear, u: Tensor, heads: int) -> Tensor:
    return part(u).unflatten(-1, (heads, -1))


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=5, unique=True), st.sampled_from(LENGTHS))
@settings(max_examples=40, deadline=None)
def test_taps_wherever_they_are(offsets: list[int], length: int) -> None:
    piece, u = _drawn(TapConvolution(width=6, offsets=offsets)), _inputs(length)
    weight = piece.convolution.weight
    taps = weight.unbind(-1) if piece.even else weight.squeeze(-1).split(6, 1)
    wanted = piece.convolution.bias.expand_as(u).clone()
    for (offset, tap), point in itertools.product(zip(piece.offsets, taps, strict=True), range(length)):
        if 0 <= point - offset < length:
            wanted[:, point] += u[:, point - offset] @ tap.T
    torch.testing.assert_close(piece(u, Points()), wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_scan_is_the_loop_it_stands_for(length: int) -> None:
    fading, gain = torch.rand(2, length, 3, 2, 1).double(), torch.randn(2, length, 3, 2, 4).double()
    state, wanted = torch.zeros(2, 3, 2, 4).double(), []
    for step in range(length):
        state = torch.exp(-fading[:, step]) * state + gain[:, step]
        wanted.append(state)
    torch.testing.assert_close(scanned(fading, gain), torch.stack(wanted, 1), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("timed", "both"), list(itertools.product([False, True], repeat=2)))
def test_a_recurrence_is_a_sum_over_pairs(timed: bool, both: bool) -> None:
    piece = _drawn(GatedRecurrence(width=6, heads=2, states=3, value_dim=4, timed=timed, both=both))
    u = _inputs(17)
    value, total = _heads(piece.value, u, 2), 0.0
    for gates, backwards in zip(piece.gates, (False, True), strict=False):
        fading, gain, reading = gates(u)
        gain = gain * gates.time(u) if timed else gain
        for i, j in itertools.product(range(17), repeat=2):
            if (j > i) if backwards else (j <= i):
                between = fading[:, min(i, j) + 1 : max(i, j) + 1]
                kernel = (reading[:, i] * torch.exp(-between.sum(1)) * gain[:, j]).sum(-1, keepdim=True)
                share = torch.zeros_like(value)
                share[:, i] = kernel * value[:, j]
                total = total + share
    torch.testing.assert_close(piece(u, Points()), piece.out(total.flatten(2)), rtol=0, atol=1e-10)


def test_an_exported_recurrence_is_the_same() -> None:
    piece = _drawn(GatedRecurrence(width=6, heads=2, states=2, value_dim=4, both=True))
    u = _inputs(17)
    program = torch.export.export(piece, (u, Points()), strict=False)
    torch.testing.assert_close(program.module()(u, Points()), piece(u, Points()), rtol=0, atol=1e-12)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("length", [1, 5, 17])
def test_attention_with_slopes_and_padding(length: int, causal: bool) -> None:
    piece = _drawn(ContentAttention(width=6, heads=2, key_dim=3, value_dim=5, causal=causal, slopes=causal))
    u, valid = _inputs(length), torch.rand(2, length) > 0.3
    for points in (Points(), Points(valid=valid)):
        v = u if points.valid is None else u * valid.unsqueeze(-1)
        query, key, value = (_heads(part, v, 2).transpose(1, 2) for part in (piece.query, piece.key, piece.value))
        logits = query @ key.mT / 3**0.5
        if piece.slope is not None:
            step = torch.arange(length)
            logits = logits - piece.slope.view(2, 1, 1) * (step.unsqueeze(1) - step)
        sees = torch.ones(length, length, dtype=torch.bool).tril(0 if causal else length)
        sees = sees if points.valid is None else sees & valid[:, None, None]
        weights = logits.masked_fill(~sees, -torch.inf).softmax(-1).nan_to_num(0.0)
        wanted = piece.out((weights @ value).transpose(1, 2).flatten(2))
        torch.testing.assert_close(piece(u, points), wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("length", "reach"), [(1, 3), (5, 1), (17, 4), (3, 9)])
def test_a_window_is_attention_that_is_cut(length: int, reach: int, causal: bool) -> None:
    piece = _drawn(WindowAttention(width=6, heads=2, key_dim=3, value_dim=5, reach=reach, causal=causal))
    u = _inputs(length)
    query, key, value = (_heads(part, u, 2).transpose(1, 2) for part in (piece.query, piece.key, piece.value))
    logits = (query @ key.mT / 3**0.5).clone()
    sees = torch.zeros(length, length, dtype=torch.bool)
    for number, offset in enumerate(piece.offsets):
        for i in range(length):
            if 0 <= i - offset < length:
                logits[:, :, i, i - offset] += piece.bias[:, number]
                sees[i, i - offset] = True
    weights = logits.masked_fill(~sees, -torch.inf).softmax(-1)
    wanted = piece.out((weights @ value).transpose(1, 2).flatten(2))
    torch.testing.assert_close(piece(u, Points()), wanted, rtol=0, atol=1e-12)


ATTENTION = genes.Integral(
    kernel=genes.MlpKernel(features=("product", "content"), layers=0, products=2, product_dim=3), normaliser="softmax"
)
SCAN = genes.Integral(kernel=genes.FactorisedKernel(rank=3, decay="clock"), measure="clock")
FADING = genes.Integral(kernel=genes.FactorisedKernel(rank=2, decay="position"))
BACK_AND_FORTH = genes.Integral(kernel=genes.FactorisedKernel(rank=2, decay="clock"))
SUM = genes.Integral(kernel=genes.FactorisedKernel(rank=2, learned_rank=True), measure="uniform", rms_norm=False)
CONVOLUTION = genes.Integral(
    kernel=genes.MlpKernel(features=("offset", "fourier")), quadrature=genes.Window(width=3.0), pointwise=False
)


@pytest.mark.parametrize(
    ("gene", "became"),
    [
        (ATTENTION, Became("attention")),
        (SCAN, Became("recurrence", states=3)),
        (FADING, Became("recurrence", states=2)),
        (BACK_AND_FORTH, Became("recurrence", states=2)),
        (SUM, Became("recurrence", states=2)),
        (CONVOLUTION, Became("convolution", 3, offsets=(0, 1, 2))),
    ],
    ids=["attention", "scan", "fading", "back and forth", "sum", "convolution"],
)
@pytest.mark.parametrize("causal", [None, True])
def test_layers_that_are_classical_by_construction_become_so_exactly(
    gene: genes.Integral, became: Became, causal: bool | None
) -> None:
    """Without a single step of learning. `recall` is causal, `local-pattern` looks both ways unless it may not."""
    genome = Genome(width=12, depth=2, layers=(gene,), causal=causal)
    task = itnas.task("local-pattern/length=24")
    if gene is CONVOLUTION and causal is None:
        became = Became("convolution", 5, offsets=(-2, -1, 0, 1, 2))
    network = itnas.build(genome, task, seed=1).eval()
    outcome = crystallise(network, task, {0: [became], 1: [became]}, Effort(distil_steps=0, tune_steps=0, least=-10.0))
    assert all(each.replaced for each in outcome.layers)
    batch = task.batch("validation", size=8, length=17)
    with torch.no_grad():
        torch.testing.assert_close(outcome.network(batch.inputs), network(batch.inputs), rtol=0, atol=2e-5)
    assert [each.agrees for each in outcome.layers] == pytest.approx([1.0, 1.0], abs=1e-6)


def test_too_little_is_kept_so_layers_stay() -> None:
    task = itnas.task("local-pattern/length=16")
    network = itnas.train(Genome(width=16), task, replicas=1, budget=60).network(0).eval()
    wrong = {block: [Became("none")] for block in range(2)}
    outcome = crystallise(network, task, wrong, Effort(distil_steps=0, tune_steps=0, least=1.0))
    assert outcome.kept >= 1.0
    stayed = [each for each in outcome.layers if not each.replaced]
    assert stayed
    assert all("cost too much score" in each.why for each in stayed)


@pytest.mark.parametrize(
    ("genome", "became", "why"),
    [
        (Genome(width=12, layers=(genes.Gru(),)), Became("recurrence"), "a classical layer already"),
        (Genome(width=12), Became("mixed"), "no classical layer is mixed"),
        (Genome(width=12, layers=(genes.Integral(iterate=2),)), Became("attention"), "applied 2 times"),
        (Genome(width=12, depth=2, tied=True), Became("attention"), "applied 2 times"),
    ],
)
def test_why_a_layer_stays(genome: Genome, became: Became, why: str) -> None:
    task = itnas.task("flip-flop/length=16")
    network = itnas.build(genome, task).eval()
    times = genome.depth // len(network.blocks) * getattr(network.blocks[0].mixer, "iterate", 1)
    outcome = crystallise(network, task, {0: [became] * times}, Effort(distil_steps=0, tune_steps=0))
    assert not outcome.layers[0].replaced
    assert why in outcome.layers[0].why


def test_points_without_a_line_have_no_offsets() -> None:
    task = itnas.task("shape-clouds")
    network = itnas.build(Genome(width=12), task).eval()
    found = {0: [Became("convolution", 2)], 1: [Became("recurrence", states=1)]}
    outcome = crystallise(network, task, found, Effort(distil_steps=0, tune_steps=0))
    assert [each.replaced for each in outcome.layers] == [False, False]
    assert "not those of a line" in outcome.layers[0].why
