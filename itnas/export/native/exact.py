"""Layers that are attention or a recurrence by construction: their queries and keys, or gates, from their weights."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from itnas.export.plain.gated_recurrence import Gates
from itnas.operator import Full, IntegralTransform
from itnas.operator.kernel import FactorisedKernelModule, MLPKernelModule


def exact_keys(mixer: nn.Module, *, alike: bool) -> Tensor | None:
    """[2, H, d, C + 1]: queries and keys, with their biases, whose scaled product is the layer's logit but for what a
    row shares; None: the kernel is another function. `alike`: whether all points weigh the same."""
    if not (isinstance(mixer, IntegralTransform) and isinstance(mixer.kernel_module, MLPKernelModule)):
        return None
    kernel = mixer.kernel_module
    even = mixer.measure == "uniform" or (mixer.measure == "domain" and alike)
    own = kernel.features <= {"product", "content"} and "product" in kernel.features and kernel.spec.layers == 0
    if not (own and even and mixer.normaliser.name == "softmax" and isinstance(mixer.quadrature, Full)):
        return None
    assert kernel.query is not None
    assert kernel.key is not None
    assert kernel.query_bias is not None
    assert kernel.key_bias is not None
    assert kernel.product is not None
    heads, products = mixer.heads, kernel.spec.products
    sides = [
        torch.cat([weight.data, bias.data.unsqueeze(-1)], -1)
        for weight, bias in ((kernel.query, kernel.query_bias), (kernel.key, kernel.key_bias))
    ]
    scale = kernel.product.data.expand(heads, -1, -1)[..., 0].repeat_interleave(kernel.spec.product_dim, 1)  # [H, P d]
    assert scale.shape == (heads, products * kernel.spec.product_dim)
    query, key = sides[0] * scale.unsqueeze(-1), sides[1]
    if kernel.content_col is not None:
        # One more channel, in which every query is 1 and a key is what its point says by itself.
        one = torch.zeros_like(query[:, :1])
        one[..., -1] = 1.0
        query = torch.cat([query, one], 1)
        key = torch.cat([key, torch.cat([kernel.content_col.data, torch.zeros(heads, 1, 1)], -1)], 1)
    return torch.stack([query * query.shape[1] ** 0.5, key])


def split(keys: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Weights [H d, C] and biases [H d] of queries and of keys."""
    return [(side[..., :-1].flatten(0, 1), side[..., -1].flatten()) for side in keys]


class Exact(NamedTuple):
    """The gates of a factorised kernel whose factors are linear."""

    phi: Tensor  # [H, R, C + 1], weights and biases
    psi: Tensor
    rate: Tensor  # [H, R]
    clock: Tensor | None  # [H, C + 1]; None: time passes evenly
    timed: bool

    def give(self, gates: Gates) -> None:
        """Set the weights of a recurrence's gates."""
        heads, states = self.rate.shape
        for name, part in (("reading", self.phi), ("gain", self.psi)):
            _set(getattr(gates, name), part.flatten(0, 1))
        gates.rate.data.copy_(self.rate)
        if self.clock is None:
            gates.clock.weight.data.zero_()
            gates.clock.bias.data.fill_(math.log(math.expm1(1.0)))
        else:
            _set(gates.clock, self.clock.unsqueeze(1).expand(heads, states, -1).flatten(0, 1))


def _set(part: nn.Linear, weights: Tensor) -> None:
    part.weight.data.copy_(weights[:, :-1])
    part.bias.data.copy_(weights[:, -1])


def exact_gates(mixer: nn.Module, *, alike: bool) -> Exact | None:
    """The recurrence that a layer is by construction, where it is one."""
    if not (isinstance(mixer, IntegralTransform) and isinstance(mixer.kernel_module, FactorisedKernelModule)):
        return None
    kernel = mixer.kernel_module
    linear = not kernel.spec.layers and kernel.spec.outputs == ("identity", "identity")
    even, full = mixer.measure != "domain" or alike, isinstance(mixer.quadrature, Full)
    if not (linear and even and full and mixer.normaliser.name == "none" and kernel.spec.inputs == ("content",)):
        return None
    if mixer.measure == "clock" and kernel.spec.decay == "position":
        return None  # two times at once
    if kernel.spec.decay == "position" and not alike:
        return None  # places may be any distance apart
    if mixer.measure == "clock" and mixer.clock is None:
        return None
    phi, psi = (_factor(factor) for factor in (kernel.phi, kernel.psi))
    if kernel.gates is not None:
        phi = phi * kernel.gates.values().detach().unsqueeze(-1)
    rate = torch.zeros(phi.shape[:2]) if kernel.rate is None else kernel.rate.data.abs()
    clock = None
    if mixer.clock is not None:
        clock = torch.cat([mixer.clock.weight.data, mixer.clock.bias.data.unsqueeze(-1)], -1)
    return Exact(phi, psi, rate, clock, mixer.measure == "clock")


def _factor(factor: Any) -> Tensor:
    """Weights and biases [H, R, C + 1] of a linear factor."""
    return torch.cat([factor.content.data, factor.biases[0].data.unsqueeze(-1)], -1)
