"""The chunked scan and the whole layer against one step after the other, written down anew."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from itnas import genes
from itnas.models.mixers import MIXERS, Placement
from itnas.models.mixers.selective_ssm import Scan, scan, silu

LENGTHS = pytest.mark.parametrize("length", [1, 2, 15, 16, 17, 63, 64, 65, 200])


def naive_scan(x: Tensor, log_decay: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """s_t = exp(l_t) s_(t-1) + x_t B_t^T, y_t = s_t C_t."""
    state, outputs = torch.zeros(x.shape[0], *x.shape[2:], b.shape[-1], dtype=x.dtype), []
    for t in range(x.shape[1]):
        gained = torch.einsum("bhp,bs->bhps", x[:, t], b[:, t])
        state = log_decay[:, t, :, None, None].exp() * state + gained
        outputs.append(torch.einsum("bhps,bs->bhp", state, c[:, t]))
    return torch.stack(outputs, 1)


def naive_layer(own: Scan, u: Tensor) -> Tensor:
    """Mamba-2 forward in time, step by step, with torch's own activations and norm."""
    inner, state = own.inner, own.state
    taps = own.taps.shape[1]
    mixed = F.pad(u @ own.value.weight.t(), (0, 0, taps - 1, 0))
    mixed = F.conv1d(mixed.transpose(1, 2), own.taps.unsqueeze(1), own.tap_bias, groups=len(own.taps)).transpose(1, 2)
    x, b, c = F.silu(mixed).split([inner, state, state], -1)
    x = x.unflatten(-1, (own.heads, -1))
    delta = F.softplus(u @ own.delta.weight.t() + own.delta_bias)
    y = naive_scan(delta[..., None] * x, -delta * own.log_rate.exp(), b, c) + own.skip[:, None] * x
    gated = y.flatten(2) * F.silu(u @ own.gate.weight.t())
    return F.rms_norm(gated, (inner,), own.norm, eps=1e-5) @ own.out.weight.t()


def agree(found: Tensor, expected: Tensor, inputs: list[Tensor], tolerance: float) -> None:
    """Values and all gradients."""
    torch.testing.assert_close(found, expected, rtol=0, atol=tolerance * (1 + float(expected.detach().abs().max())))
    towards = torch.randn_like(found)
    ours = torch.autograd.grad(found, inputs, towards, allow_unused=True, materialize_grads=True)
    theirs = torch.autograd.grad(expected, inputs, towards, allow_unused=True, materialize_grads=True)
    for own, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(own, other, rtol=0, atol=tolerance * (1 + float(other.abs().max())))


@LENGTHS
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_chunks_equal_steps(length: int, dtype: torch.dtype, tolerance: float) -> None:
    parts = [torch.randn(2, length, *rest, dtype=dtype) for rest in ((3, 2), (3,), (4,), (4,))]
    x, rates, b, c = (part.requires_grad_() for part in parts)
    found, expected = scan(x, -rates.abs(), b, c), naive_scan(x, -rates.abs(), b, c)
    agree(found, expected, [x, rates, b, c], tolerance)


def test_fast_forgetting_overflows_nowhere() -> None:
    x, b, c = (torch.randn(1, 40, *rest, requires_grad=True) for rest in ((1, 2), (3,), (3,)))
    log_decay = torch.full((1, 40, 1), -1e4, requires_grad=True)
    y = scan(x, log_decay, b, c)
    torch.testing.assert_close(y[:, :, 0], x[:, :, 0] * (b * c).sum(-1, keepdim=True))
    for part in torch.autograd.grad(y.sum(), [x, log_decay, b, c]):
        assert torch.isfinite(part).all()


@LENGTHS
@pytest.mark.parametrize("causal", [True, False])
def test_the_layer_equals_its_steps(length: int, causal: bool) -> None:
    mixer = MIXERS["selective-ssm"](genes.SelectiveSsm(heads=2, state=3), Placement(6, causal, 1)).double()
    with torch.no_grad():
        for part in mixer.parameters():
            part.add_(0.3 * torch.randn_like(part))
    u = torch.randn(2, length, 6, dtype=torch.float64, requires_grad=True)
    expected = naive_layer(mixer.scans[0], u)
    if not causal:
        expected = expected + naive_layer(mixer.scans[1], u.flip(1)).flip(1)
    agree(mixer(u), expected, [u, *mixer.parameters()], 1e-11)


@pytest.mark.parametrize("heads", [1, 4])
def test_heads_remember_one_to_a_hundred_points(heads: int) -> None:
    own = MIXERS["selective-ssm"](genes.SelectiveSsm(heads=heads), Placement(32, True, 1)).scans[0]
    delta = F.softplus(own.delta_bias)
    assert (own.log_rate == 0).all()
    edges = 0.01 ** (torch.arange(heads + 1) / heads)
    assert (delta <= edges[:-1] * 1.0001).all()
    assert (delta >= edges[1:] * 0.9999).all()


def test_heads_divide_the_channels_of_each_direction() -> None:
    mixer = MIXERS["selective-ssm"](genes.SelectiveSsm(heads=4, expand=1), Placement(20, False, 1))
    assert [own.heads for own in mixer.scans] == [2, 2]
    assert mixer(torch.randn(1, 5, 20)).shape == (1, 5, 20)


def test_silu_by_tanh_is_silu() -> None:
    x = torch.cat([torch.randn(3, 5, dtype=torch.float64), torch.tensor([[-800.0, -20, 0, 20, 800]]).double()])
    x.requires_grad_()
    agree(silu(x), F.silu(x), [x], 1e-14)
