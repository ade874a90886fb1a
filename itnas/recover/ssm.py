"""State space models: S4D, whose kernel reads the offset, and the selective scan, whose clock reads the content."""

from __future__ import annotations

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from itnas.operator import FactorisedKernel, IntegralTransform, MLPKernel
from itnas.recover.weights import factorised_kernel, mlp_kernel, write, write_identity_out


def s4d(
    A: Complex[Tensor, "channels state"],
    B: Complex[Tensor, "channels state"],
    C: Complex[Tensor, "channels state"],
    D: Float[Tensor, " channels"],
    dt: Float[Tensor, " channels"],
) -> IntegralTransform:
    """The diagonal state space model, one per channel: x_t = exp(dt A) x_(t-1) + B' u_t, y = Re(sum_n C_n x_n) + D u.

    B' = (exp(dt A) - 1) / A B (zero-order hold). With g = C B' and dt A = -a + i w its kernel is, for l = i - j >= 0,
    k(l) = sum_n exp(-a_n l) (Re g_n cos(w_n l) - Im g_n sin(w_n l)): damped Fourier features of the offset, linear
    in them. From [B, N, channels] to the same. (Gu et al., arXiv 2206.11893.)
    """
    channels, state = _shape(A, "A")
    _same_shape({"B": B, "C": C}, (channels, state))
    _same_shape({"D": D, "dt": dt}, (channels,))
    if bool((A.real > 0).any()):
        raise ValueError(f"Re(A) must not be positive (the state would grow), got up to {A.real.max().item():.3g}")
    if bool((dt <= 0).any()):
        raise ValueError(f"dt must be positive, got {dt.min().item():.3g}")
    layer = IntegralTransform(
        channels,
        heads=channels,
        kernel=MLPKernel(
            layers=0, features=("fourier",), fourier="learned", damped=True, frequencies=state, position_dim=1
        ),
        value_dim=1,
        causal=True,
        bias=False,
    ).to(D.device, A.real.dtype)
    # exp(dt A) - 1 loses all its digits for small steps in float32, hence float64 and sinh.
    pole = A.detach().to(torch.complex128) * dt.detach().double().unsqueeze(1)
    held = torch.where(
        pole == 0, 1.0, 2 * torch.exp(pole / 2) * torch.sinh(pole / 2) / torch.where(pole == 0, 1.0, pole)
    )
    gain = C.detach() * B.detach() * held * dt.detach().double().unsqueeze(1)
    kernel = mlp_kernel(layer)
    write(kernel.bias, 0.0)
    write(kernel.frequency, pole.imag.unsqueeze(1))
    write(kernel.damping, -pole.real.unsqueeze(1))
    write(kernel.waves, torch.stack([-gain.imag, gain.real], -1).view(channels, 1, 1, state, 2))
    _one_value_per_channel(layer, D)
    return layer


def selective_scan(
    A: Float[Tensor, "channels state"],
    W_delta: Float[Tensor, "channels channels"],
    b_delta: Float[Tensor, " channels"],
    W_B: Float[Tensor, "state channels"],
    W_C: Float[Tensor, "state channels"],
    D: Float[Tensor, " channels"],
) -> IntegralTransform:
    """Mamba's scan: h_t = exp(Delta_t A) h_(t-1) + Delta_t B_t u_t, y_t = C_t . h_t + D u_t, one h per channel.

    Delta = softplus(W_delta u + b_delta) per channel, B_t = W_B u_t and C_t = W_C u_t for all channels. With the clock
    S_t = Delta_1 + ... + Delta_t its kernel is sum_n C_tn exp(A_n (S_t - S_s)) B_sn, and Delta_s is the measure: a
    factorised kernel of rank `state` that decays with the clock. From [B, N, channels] to the same. (arXiv 2312.00752.)
    """
    channels, state = _shape(A, "A")
    _same_shape({"W_delta": W_delta}, (channels, channels))
    _same_shape({"W_B": W_B, "W_C": W_C}, (state, channels))
    _same_shape({"b_delta": b_delta, "D": D}, (channels,))
    if bool((A >= 0).any()):
        raise ValueError(f"A must be negative (the state must decay), got up to {A.max().item():.3g}")
    layer = IntegralTransform(
        channels,
        heads=channels,
        kernel=FactorisedKernel(rank=state, layers=0, decay="clock"),
        measure="clock",
        value_dim=1,
        causal=True,
        bias=False,
    ).to(A.device, A.dtype)
    kernel = factorised_kernel(layer)
    for factor, weight in ((kernel.phi, W_C), (kernel.psi, W_B)):
        write(factor.content, weight.detach().expand(channels, state, channels))
        write(factor.biases[0], 0.0)
    write(kernel.rate, -A.detach())
    assert layer.clock is not None
    write(layer.clock.weight, W_delta.detach())
    write(layer.clock.bias, b_delta.detach())
    _one_value_per_channel(layer, D)
    return layer


def _one_value_per_channel(layer: IntegralTransform, skip: Tensor) -> None:
    """Head c transforms channel c; D u is the pointwise term."""
    write(layer.value, torch.eye(layer.dim))
    write_identity_out(layer)
    assert layer.pointwise is not None
    write(layer.pointwise.weight, torch.diag(skip.detach()))


def _shape(values: Tensor, name: str) -> tuple[int, int]:
    if values.dim() != 2:
        raise ValueError(f"{name} must be [channels, state], got shape {tuple(values.shape)}")
    return values.shape[0], values.shape[1]


def _same_shape(given: dict[str, Tensor], expected: tuple[int, ...]) -> None:
    for name, values in given.items():
        if values.shape != expected:
            raise ValueError(f"{name} must have shape {expected} to go with A, got {tuple(values.shape)}")
