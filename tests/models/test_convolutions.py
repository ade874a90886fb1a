"""Both convolutions against torch's."""

from itertools import product

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck
from torch.nn import functional as F

from itnas import genes
from itnas.models.mixers import MIXERS, Placement
from itnas.models.mixers.convolution import Convolution
from itnas.models.mixers.gated_convolution import depthwise
from itnas.operator import Domain
from itnas.operator.domain import Cloud, Graph, Grid, Sequence, Set

CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
LINES: list[tuple[int, ...]] = [(1,), (2,), (5,), (63,), (100,)]
GRIDS: list[tuple[int, ...]] = [(1, 1), (4, 7), (2, 3, 4)]


def padded(x: Tensor, taps: int, causal: bool, axes: int) -> Tensor:
    """Zeros around [B, C, *shape]: of an even number of centred taps the last looks furthest ahead."""
    left = taps - 1 if causal else (taps - 1) // 2
    return F.pad(x, (left, taps - 1 - left) * axes)


def assert_same(found: Tensor, expected: Tensor, inputs: list[Tensor]) -> None:
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    towards = torch.randn_like(found)
    ours, theirs = (torch.autograd.grad(y, inputs, towards) for y in (found, expected))
    for own, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(own, other, rtol=0, atol=1e-11)


@pytest.mark.parametrize(("shape", "causal"), [*product(LINES, (True, False)), *product(GRIDS, (False,))])
@pytest.mark.parametrize("taps", [1, 2, 3, 4, 7])
def test_convolution_equals_torchs(shape: tuple[int, ...], taps: int, causal: bool) -> None:
    axes, width = len(shape), 3
    mixer = MIXERS["convolution"](genes.Convolution(taps=taps), Placement(width, causal, axes)).double()
    assert isinstance(mixer, Convolution)
    u = torch.randn(2, *shape, width, dtype=torch.float64).flatten(1, -2).requires_grad_()
    x = padded(u.transpose(1, 2).unflatten(2, shape), taps, causal, axes)
    expected = CONVOLUTIONS[axes](x, mixer.weight, mixer.bias).flatten(2).transpose(1, 2)
    assert_same(mixer(u, Grid(shape)), expected, [u, mixer.weight, mixer.bias])


@pytest.mark.parametrize("length", [1, 2, 5, 63, 64, 100])
@pytest.mark.parametrize("taps", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("causal", [True, False])
def test_depthwise_equals_torchs(length: int, taps: int, causal: bool) -> None:
    x = torch.randn(2, length, 5, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(5, taps, dtype=torch.float64, requires_grad=True)
    wide = padded(x.transpose(1, 2), taps, causal, 1)
    expected = F.conv1d(wide, weight.unsqueeze(1), groups=5).transpose(1, 2)
    assert_same(depthwise(x, weight, causal), expected, [x, weight])


def test_gradients_by_hand_are_gradients() -> None:
    x, weight = (torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in ((2, 4, 3), (3, 2)))
    assert gradcheck(lambda *parts: depthwise(*parts, False), (x, weight))
    mixer = MIXERS["convolution"](genes.Convolution(taps=2), Placement(3, False, 1)).double()
    parts = mixer.weight.detach().requires_grad_(), mixer.bias.detach().requires_grad_()
    names = ("weight", "bias")
    assert gradcheck(
        lambda u, *own: torch.func.functional_call(mixer, dict(zip(names, own, strict=True)), u), (x, *parts)
    )


def test_gated_convolution_is_two_gates_around_a_depthwise_one() -> None:
    mixer = MIXERS["gated-convolution"](genes.GatedConvolution(taps=3), Placement(5, True, 1)).double()
    u = torch.randn(2, 11, 5, dtype=torch.float64)
    before, after, x = (u @ mixer.project.weight.t()).split(5, -1)
    inner, mixed = before * x, torch.zeros_like(x)
    for i in range(11):
        for back in range(min(i + 1, 3)):
            mixed[:, i] += mixer.taps[:, 2 - back] * inner[:, i - back]
    torch.testing.assert_close(mixer(u), mixer.out(after * mixed), rtol=0, atol=1e-13)


PLACES = torch.rand(6, 2, dtype=torch.float64)
REFUSED = {
    "Cloud": Cloud(PLACES),
    "Set": Set(),
    "Graph": Graph(torch.tensor([[0, 1], [1, 5]])),
    "Sequence": Sequence(torch.arange(6).double()),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_convolution_refuses_points_off_a_grid(name: str) -> None:
    mixer = MIXERS["convolution"](genes.Convolution(), Placement(3, False, 1))
    with pytest.raises(ValueError, match=f"needs points on a regular line or grid, which this {name} is not"):
        mixer(torch.randn(1, 6, 3), REFUSED[name])


@pytest.mark.parametrize(("axes", "domain"), [(1, Grid((2, 3))), (2, None), (2, Grid((1, 2, 3))), (3, Grid(6))])
def test_convolution_refuses_another_number_of_axes(axes: int, domain: Domain | None) -> None:
    mixer = MIXERS["convolution"](genes.Convolution(), Placement(3, False, axes))
    with pytest.raises(ValueError, match=f"built for {axes} ax(is|es), but"):
        mixer(torch.randn(1, 6, 3), domain)


def test_convolution_refuses_what_it_cannot_be_built_for() -> None:
    with pytest.raises(ValueError, match="these have 2 axes"):
        MIXERS["convolution"](genes.Convolution(), Placement(3, True, 2))
    with pytest.raises(ValueError, match="no places"):
        MIXERS["convolution"](genes.Convolution(), Placement(3, False, 0))
