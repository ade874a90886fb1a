"""S4D and the selective scan against their recurrences, written out."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import softplus

from itnas import IntegralTransform, recover
from tests.recover.agreement import DTYPES, assert_agrees, assert_parameters_learn, largest, seeds
from tests.shapes import unchecked


def s4d_weights(channels: int, state: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """S4D-Lin's poles, jittered, with steps over two decades."""
    rates = 0.5 + torch.rand(channels, state)
    A = torch.complex(-rates, torch.pi * torch.arange(state) * (0.5 + torch.rand(channels, state)))
    B, C = torch.randn(2, channels, state, dtype=torch.complex64)
    A, B, C = (part.to(dtype.to_complex()) for part in (A, B, C))
    return A, B, C, torch.randn(channels, dtype=dtype), torch.logspace(-2.5, -0.5, channels, dtype=dtype)


def s4d_loop(A: Tensor, B: Tensor, C: Tensor, D: Tensor, dt: Tensor, u: Tensor) -> Tensor:
    """x_t = exp(dt A) x_(t-1) + (exp(dt A) - 1) / A B u_t, in double precision."""
    A, B, C = (part.to(torch.complex128) for part in (A, B, C))
    step = torch.exp(dt.double().unsqueeze(1) * A)
    x, outputs = torch.zeros(u.shape[0], *A.shape, dtype=torch.complex128), []
    for point in u.double().unbind(1):
        x = step * x + (step - 1) / A * B * point.unsqueeze(-1)
        outputs.append((C * x).sum(-1).real + D * point)
    return torch.stack(outputs, 1).to(u.dtype)


def scan_weights(
    channels: int, state: int, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    A = -torch.arange(1, state + 1, dtype=dtype).repeat(channels, 1) * (0.5 + torch.rand(channels, 1, dtype=dtype))
    W_delta = torch.randn(channels, channels, dtype=dtype) / channels**0.5
    W_B, W_C = torch.randn(2, state, channels, dtype=dtype) / channels**0.5
    return A, W_delta, torch.randn(channels, dtype=dtype) - 1, W_B, W_C, torch.randn(channels, dtype=dtype)


def scan_loop(A: Tensor, W_delta: Tensor, b_delta: Tensor, W_B: Tensor, W_C: Tensor, D: Tensor, u: Tensor) -> Tensor:
    """h_t = exp(Delta_t A) h_(t-1) + Delta_t B_t u_t and y_t = C_t . h_t + D u_t."""
    h, outputs = u.new_zeros(u.shape[0], *A.shape), []
    for point in u.unbind(1):
        delta = softplus(point @ W_delta.T + b_delta).unsqueeze(-1)
        h = torch.exp(delta * A) * h + delta * (point @ W_B.T).unsqueeze(1) * point.unsqueeze(-1)
        outputs.append((h * (point @ W_C.T).unsqueeze(1)).sum(-1) + D * point)
    return torch.stack(outputs, 1)


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=10)
@given(seed=seeds, channels=st.integers(1, 5), state=st.integers(1, 6), n=st.integers(1, 60))
def test_s4d(seed: int, dtype: torch.dtype, channels: int, state: int, n: int) -> None:
    torch.manual_seed(seed)
    weights = s4d_weights(channels, state, dtype)
    u = torch.randn(2, n, channels, dtype=dtype)
    assert_agrees(recover.s4d(*weights), lambda u: s4d_loop(*weights, u), u)


def test_s4d_with_steps_so_small_that_the_discretisation_cancels() -> None:
    """exp(dt A) - 1 keeps no digit of float32 here; the layer must not compute it in float32."""
    A, B, C, D, _ = s4d_weights(3, 4, torch.float32)
    weights = (A, B, C, D, torch.full((3,), 1e-6))
    layer, u = recover.s4d(*weights), torch.randn(2, 40, 3)
    exact = s4d_loop(*weights, u.double()) - (D * u).double()
    assert largest(layer(u) - D * u - exact) <= 1e-5 * largest(exact) + 1e-6 * largest(D * u)


def test_s4d_without_a_pole_integrates() -> None:
    """A = 0: x_t = x_(t-1) + dt B u_t."""
    zero, one = torch.zeros(1, 1, dtype=torch.complex128), torch.ones(1, 1, dtype=torch.complex128)
    layer = recover.s4d(zero, one, one, torch.zeros(1).double(), torch.full((1,), 0.1, dtype=torch.float64))
    u = torch.randn(2, 15, 1, dtype=torch.float64)
    assert largest(layer(u) - 0.1 * u.cumsum(1)) < 1e-12


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=10)
@given(seed=seeds, channels=st.integers(1, 5), state=st.integers(1, 6), n=st.integers(1, 60))
def test_selective_scan(seed: int, dtype: torch.dtype, channels: int, state: int, n: int) -> None:
    torch.manual_seed(seed)
    weights = scan_weights(channels, state, dtype)
    u = torch.randn(2, n, channels, dtype=dtype)
    assert_agrees(recover.selective_scan(*weights), lambda u: scan_loop(*weights, u), u)


LAYERS: dict[str, Callable[[], IntegralTransform]] = {
    "s4d": lambda: recover.s4d(*s4d_weights(3, 4, torch.float64)),
    "selective-scan": lambda: recover.selective_scan(*scan_weights(3, 4, torch.float64)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_they_look_back_only(name: str) -> None:
    layer, u = LAYERS[name](), torch.randn(1, 12, 3, dtype=torch.float64)
    moved = u.clone()
    moved[:, 7:] += 1
    assert torch.equal(layer(u)[:, :7], layer(moved)[:, :7])
    assert largest(layer(u)[:, 7:] - layer(moved)[:, 7:]) > 0.1


@pytest.mark.parametrize("name", LAYERS)
def test_the_kernel_times_the_input_is_the_output(name: str) -> None:
    """One head per channel with V = identity: y_c = K_c u_c + D_c u_c."""
    layer, u = LAYERS[name](), torch.randn(2, 12, 3, dtype=torch.float64)
    assert layer.pointwise is not None
    carried = (layer.kernel(u) @ u.mT.unsqueeze(-1)).squeeze(-1).mT
    assert largest(carried + layer.pointwise(u) - layer(u)) < 1e-12


@pytest.mark.parametrize("name", LAYERS)
def test_parameters_learn(name: str) -> None:
    assert_parameters_learn(LAYERS[name](), torch.randn(2, 9, 3, dtype=torch.float64))


def test_what_does_not_decay_is_refused() -> None:
    A, B, C, D, dt = s4d_weights(2, 3, torch.float64)
    with pytest.raises(ValueError, match=r"Re\(A\) must not be positive"):
        recover.s4d(-A, B, C, D, dt)
    with pytest.raises(ValueError, match="dt must be positive"):
        recover.s4d(A, B, C, D, 0 * dt)
    with pytest.raises(ValueError, match="A must be negative"):
        recover.selective_scan(*(-part for part in scan_weights(2, 3, torch.float64)))


def test_shapes_are_checked() -> None:
    A, B, C, D, dt = s4d_weights(2, 3, torch.float64)
    with unchecked(), pytest.raises(ValueError, match=r"dt must have shape \(2,\)"):
        recover.s4d(A, B, C, D, dt[:1])
    with unchecked(), pytest.raises(ValueError, match=r"C must have shape \(2, 3\)"):
        recover.s4d(A, B, C[:, :2], D, dt)
    weights = list(scan_weights(2, 3, torch.float64))
    weights[3] = weights[3].T
    with unchecked(), pytest.raises(ValueError, match=r"W_B must have shape \(3, 2\)"):
        recover.selective_scan(*weights)
