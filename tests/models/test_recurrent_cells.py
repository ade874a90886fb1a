"""Own cells against torch's: same weights, same numbers."""

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck

from itnas import genes
from itnas.models.mixers import MIXERS, Placement, gru, lstm
from itnas.models.mixers.recurrence import Recurrence, Stacked

TORCH = {"gru": nn.GRU, "lstm": nn.LSTM}
GENES = {"gru": genes.Gru(), "lstm": genes.Lstm()}
NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
kinds = pytest.mark.parametrize("kind", list(TORCH))


def pair(kind: str, width: int, causal: bool, dtype: torch.dtype) -> tuple[Recurrence, nn.RNNBase]:
    """A mixer, and torch's module with its weights; of even width, because torch's directions are of one size."""
    mixer = MIXERS[kind](GENES[kind], Placement(width, causal, 1)).to(dtype)
    assert isinstance(mixer, Recurrence)
    size = width if causal else width // 2
    other = TORCH[kind](width, size, batch_first=True, bidirectional=not causal, dtype=dtype)
    with torch.no_grad():
        for cell, suffix in zip(mixer.cells, ("_l0", "_l0_reverse"), strict=False):
            for name in NAMES:
                getattr(other, name + suffix).copy_(getattr(cell, name))
    return mixer, other


@kinds
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("length", [1, 2, 5, 63, 64, 100])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-12)])
def test_values_and_gradients_are_torchs(
    kind: str, causal: bool, length: int, dtype: torch.dtype, tolerance: float
) -> None:
    mixer, other = pair(kind, 6, causal, dtype)
    u = torch.randn(3, length, 6, dtype=dtype, requires_grad=True)
    copied = u.detach().clone().requires_grad_()
    found, expected = mixer(u), mixer.out(other(copied)[0])
    torch.testing.assert_close(found, expected, rtol=0, atol=tolerance)
    towards = torch.randn_like(found)
    own = torch.autograd.grad(found, [u, *mixer.cells.parameters()], towards)
    theirs = torch.autograd.grad(expected, [copied, *other.parameters()], towards)
    for ours, torchs in zip(own, theirs, strict=True):
        size = float(torchs.abs().max()) + 1
        torch.testing.assert_close(ours, torchs, rtol=0, atol=tolerance * size)


@kinds
@pytest.mark.parametrize("causal", [True, False])
def test_without_gradients_the_bits_are_the_same(kind: str, causal: bool) -> None:
    """Else a score would depend on who asks for it."""
    mixer, _ = pair(kind, 6, causal, torch.float32)
    u = torch.randn(40, 33, 6)
    expected = mixer(u)
    with torch.no_grad():
        assert torch.equal(mixer(u), expected)


@kinds
@pytest.mark.parametrize("width", [1, 5])
def test_odd_widths_walk_one_more_forward(kind: str, width: int) -> None:
    mixer = MIXERS[kind](GENES[kind], Placement(width, False, 1))
    assert [cell.weight_hh.shape[1] for cell in mixer.cells] == [(width + 1) // 2, max(width // 2, 1)]
    u = torch.randn(2, 7, width)
    forward = walked(kind, width, mixer.cells[0], u)
    backward = walked(kind, width, mixer.cells[1], u.flip(1)).flip(1)
    torch.testing.assert_close(mixer(u), mixer.out(torch.cat([forward, backward], -1)), rtol=0, atol=1e-6)


def walked(kind: str, width: int, cell: nn.Module, u: Tensor) -> Tensor:
    other = TORCH[kind](width, cell.weight_hh.shape[1], batch_first=True)
    other.load_state_dict({f"{name}_l0": getattr(cell, name) for name in NAMES})
    return other(u)[0].detach()


@pytest.mark.parametrize("length", [1, 2, 4])
def test_gradients_by_hand_are_gradients(length: int) -> None:
    def numbers(*shape: int) -> Tensor:
        return torch.randn(shape, dtype=torch.float64, requires_grad=True)

    groups, batch, size = 2, 3, 2
    weights = numbers(groups, 3 * size, size), numbers(groups, 3 * size), numbers(groups, 3 * size)
    assert check(gru._Scan, numbers(groups, length, batch, 3 * size), *weights)
    weights = numbers(groups, 4 * size, size), numbers(groups, 4 * size)
    assert check(lstm._Scan, numbers(groups, length, batch, 4 * size), *weights)


def check(function: type[Stacked], *inputs: Tensor) -> bool:
    """Of the states alone; a function whose only use they are is never asked for an undefined gradient."""
    return gradcheck(lambda *parts: function.of(*parts)[0], inputs, check_undefined_grad=False)


def test_a_fresh_memory_keeps() -> None:
    cell = MIXERS["lstm"](genes.Lstm(), Placement(8, True, 1)).cells[0]
    assert cell.weight_hh.abs().max() <= 8**-0.5
    torch.testing.assert_close(cell.bias_ih[8:16] + cell.bias_hh[8:16], torch.ones(8))
    assert (cell.bias_ih[:8] + cell.bias_hh[:8] < 0.8).all()
