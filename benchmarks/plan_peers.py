"""The plans sdpa, fourier and scan against the same layers written by hand in torch, forward and backward.

Every pair computes the same function from the same weights, which is checked before anything is timed. The peers use
what torch does best: fused attention on packed heads, one real FFT per channel laid out along the points, and chunks of
the size that suits them.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from itnas.operator import FactorisedKernel, IntegralTransform, MLPKernel
from itnas.operator.kernel import FactorisedKernelModule, MLPKernelModule

from .measuring import Run, side_by_side

Pair = tuple[Run, Run, str]


def sdpa_pair(batch: int = 8, length: int = 256, dim: int = 128, heads: int = 4) -> Pair:
    """Causal multi-head attention."""
    torch.manual_seed(0)
    kernel = MLPKernel(layers=0, features=("product",), product_dim=dim // heads)
    layer = IntegralTransform(
        dim, heads=heads, kernel=kernel, normaliser="softmax", causal=True, pointwise=False, plan="sdpa"
    )
    module = layer.kernel_module
    assert isinstance(module, MLPKernelModule)
    assert module.product is not None
    assert module.query is not None
    assert module.key is not None
    query, key, value, out = (nn.Linear(dim, dim) for _ in range(4))
    with torch.no_grad():
        module.product.fill_((dim // heads) ** -0.5)
        value.bias.zero_()
        for linear, weight in ((query, module.query), (key, module.key), (value, layer.value)):
            linear.weight.copy_(weight.reshape(dim, dim))
        for linear in (query, key):
            linear.bias.zero_()
    out.load_state_dict(layer.out.state_dict())

    def peer(u: Tensor) -> Tensor:
        q, k, v = (part(u).unflatten(-1, (heads, -1)).transpose(1, 2) for part in (query, key, value))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        mixed: Tensor = out(y.transpose(1, 2).flatten(2))
        return mixed

    size = f"B {batch} N {length} dim {dim} heads {heads}"
    return _pair(layer, peer, batch, length, dim, f"causal attention, {size}: plan sdpa against torch's attention")


def fourier_pair(batch: int = 8, length: int = 1024, dim: int = 64, heads: int = 4) -> Pair:
    """A causal long convolution. The peer is given the kernel as a parameter; ours evaluates its MLP, too."""
    torch.manual_seed(0)
    kernel = MLPKernel(features=("offset", "fourier"))
    layer = IntegralTransform(dim, heads=heads, kernel=kernel, causal=True, pointwise=False, plan="fourier")
    value, out = nn.Linear(dim, dim, bias=False), nn.Linear(dim, dim)
    out.load_state_dict(layer.out.state_dict())
    with torch.no_grad():
        value.weight.copy_(layer.value)
        taps = nn.Parameter(layer.kernel(torch.zeros(1, length, dim))[0, :, :, 0].clone())  # [H, N]: row i, column 0

    def peer(u: Tensor) -> Tensor:
        v = value(u).unflatten(-1, (heads, -1)).permute(0, 2, 3, 1)  # [B, H, D, N]
        spectrum = torch.fft.rfft(v, 2 * length) * torch.fft.rfft(taps, 2 * length).unsqueeze(1)
        y = torch.fft.irfft(spectrum, 2 * length)[..., :length]
        mixed: Tensor = out(y.permute(0, 3, 1, 2).flatten(2))
        return mixed

    size = f"B {batch} N {length} dim {dim} heads {heads}"
    return _pair(layer, peer, batch, length, dim, f"long convolution, {size}: plan fourier against torch.fft")


def scan_pair(batch: int = 8, length: int = 1024, dim: int = 64, heads: int = 4, rank: int = 16) -> Pair:
    """A selective state space with one decay per head. The peer is chunked state-space duality, all in float32."""
    torch.manual_seed(0)
    kernel = FactorisedKernel(rank=rank, decay="clock")
    layer = IntegralTransform(
        dim, heads=heads, kernel=kernel, measure="clock", causal=True, pointwise=False, plan="scan"
    )
    module, clock = layer.kernel_module, layer.clock
    assert isinstance(module, FactorisedKernelModule)
    assert module.phi.content is not None
    assert module.psi.content is not None
    assert clock is not None
    module.rate = nn.Parameter(4.0 ** -torch.arange(heads, dtype=torch.float32).unsqueeze(1))
    rate = nn.Parameter(module.rate.detach().squeeze(1))
    read, write, value, step, out = (nn.Linear(dim, width) for width in (heads * rank, heads * rank, dim, heads, dim))
    with torch.no_grad():
        for linear, factor in ((read, module.phi), (write, module.psi)):
            assert factor.content is not None
            linear.weight.copy_(factor.content.reshape(heads * rank, dim))
            linear.bias.copy_(factor.biases[0].reshape(-1))
        value.weight.copy_(layer.value)
        value.bias.zero_()
    step.load_state_dict(clock.state_dict())
    out.load_state_dict(layer.out.state_dict())
    chunk = 32
    count = length // chunk
    above, on_or_above = (torch.ones(n, n, dtype=torch.bool).triu(d) for n, d in ((chunk, 1), (count, 0)))

    def chunks(part: Tensor) -> Tensor:
        """[B, N, H X] -> [B, H, count, c, X]."""
        return part.view(batch, count, chunk, heads, -1).permute(0, 3, 1, 2, 4)

    def peer(u: Tensor) -> Tensor:
        delta = chunks(F.softplus(step(u))).squeeze(-1)  # [B, H, count, c]
        c, b = chunks(read(u)).contiguous(), chunks(write(u)).contiguous()
        x = chunks(value(u)) * delta.unsqueeze(-1)
        log_decay = -(delta * rate.view(heads, 1, 1)).cumsum(-1)
        inside = (log_decay.unsqueeze(-1) - log_decay.unsqueeze(-2)).masked_fill(above, -torch.inf).exp()
        y = ((c @ b.transpose(-1, -2)) * inside) @ x
        total = log_decay[..., -1:]
        states = (b * (total - log_decay).exp().unsqueeze(-1)).transpose(-1, -2) @ x  # [B, H, count, R, D]
        end = total.squeeze(-1).cumsum(-1)
        between = F.pad(end[..., :-1], (1, 0)).unsqueeze(-1) - end.unsqueeze(-2)
        between = between.masked_fill(on_or_above, -torch.inf).exp()
        states = (between @ states.flatten(3)).unflatten(-1, states.shape[3:])
        y = y + (c * log_decay.exp().unsqueeze(-1)) @ states
        mixed: Tensor = out(y.permute(0, 2, 3, 1, 4).reshape(batch, length, -1))
        return mixed

    size = f"B {batch} N {length} dim {dim} heads {heads} state {rank}"
    return _pair(layer, peer, batch, length, dim, f"one decay per head, {size}: plan scan against chunked SSD")


def _pair(
    ours: Callable[[Tensor], Tensor], peer: Callable[[Tensor], Tensor], batch: int, length: int, dim: int, title: str
) -> Pair:
    """Both as steps of one forward and backward pass, once they agree in value and in the input's gradient."""
    u = torch.randn(batch, length, dim, requires_grad=True)
    grad = torch.randn(batch, length, dim)
    found = []
    for layer in (ours, peer):
        y = layer(u)
        found.append((y, *torch.autograd.grad(y, u, grad)))
    for got, expected in zip(*found, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4 * float(expected.detach().abs().max()))

    def step(layer: Callable[[Tensor], Tensor]) -> Run:
        return lambda: layer(u).backward(grad)

    return step(ours), step(peer), title


if __name__ == "__main__":
    for mine, theirs, what in (
        sdpa_pair(),
        fourier_pair(),
        fourier_pair(length=4096),
        scan_pair(),
        scan_pair(length=4096),
    ):
        taken = side_by_side({"ours": mine, "peer": theirs}, seconds=10.0)
        ratio = taken["ours"] / taken["peer"]
        print(f"{what}: {taken['ours']:.2f} ms, {taken['peer']:.2f} ms, ratio {ratio:.2f}")
